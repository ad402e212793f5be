"""Runs that `accelerate launch` starts: several processes make the run that one makes, and go when they must."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.data.library import open_data
from backend.errors import UserError
from backend.recipes.base import TrainArguments
from backend.training.again import unused
from backend.training.command import typed_command
from backend.training.group import leave_trouble
from backend.training.launchers import explain_launch
from backend.training.processes import refuse_processes
from backend.training.run_folder import RunFolder
from backend.training.spec import RunState
from tests.backend.training.conftest import Desk, make_desk


@pytest.fixture
def desk(tmp_path: Path, tiny_encoder: Path) -> Desk:
    """A desk whose runs say themselves how they start."""
    return make_desk(tmp_path, tiny_encoder, launcher="auto")


def test_two_processes_make_the_run_of_one_with_twice_the_batch(desk: Desk) -> None:
    curves, reports = [], []
    # 96 rows in steps of 14: the last one of an epoch has 12.
    for processes, size in ((1, 14), (2, 7)):
        draft = replace(
            desk.draft,
            loop="native",
            launcher="accelerate" if processes > 1 else "process",
            processes=processes,
            arguments=replace(desk.draft.arguments, per_device_train_batch_size=size, dropout=0.0),
        )
        run_id = desk.queue.submit(desk.workspace, draft)
        status = desk.ended(run_id).status
        assert status.state is RunState.DONE, desk.queue.log_tail(desk.workspace, run_id)
        assert status.launcher == draft.launcher
        points = desk.queue.points(desk.workspace, run_id)
        curves.append([(point.step, point.values["loss"]) for point in points if "loss" in point.values])
        reports.append(RunFolder(desk.workspace.folder("runs", run_id)).report())
    alone, together = curves
    assert [step for step, _ in alone] == [step for step, _ in together]
    assert [loss for _, loss in alone] == pytest.approx([loss for _, loss in together], rel=1e-3)
    assert reports[0] and reports[1]
    assert reports[0].splits["validation"]["accuracy"] == reports[1].splits["validation"]["accuracy"]


@pytest.mark.parametrize(
    ("processes", "batch", "knobs", "key"),
    [
        (0, 8, {}, "launch.few_processes"),
        (1000, 8, {}, "launch.many_processes"),
        (2, 8, {"public": True}, "launch.public"),
        (2, 8, {"device": "mps"}, "launch.no_group"),
        (2, 49, {}, "launch.few_rows"),
        (2, 48, {}, ""),
    ],
)
def test_processes_that_cannot_train_here_are_refused_before_start(
    desk: Desk, processes: int, batch: int, knobs: dict[str, Any], key: str
) -> None:
    arguments = TrainArguments(per_device_train_batch_size=batch)
    draft = replace(desk.draft, launcher="accelerate", processes=processes, arguments=arguments)
    version = open_data(desk.workspace, draft.data_ref)
    settings = replace(desk.settings, **knobs)
    if not key:
        refuse_processes(draft, settings, version)
        return
    with pytest.raises(UserError) as refused:
        refuse_processes(draft, settings, version)
    assert refused.value.key == key and refused.value.what("zh-CN") and refused.value.todo("en")


def test_the_command_is_read_by_accelerate_as_it_is_meant(tmp_path: Path) -> None:
    from accelerate.commands.launch import launch_command_parser

    folder = tmp_path / "runs" / "two words"
    words = shlex.split(typed_command(2, "cpu", folder).partition(" && ")[2])
    assert Path(words[0]).name == "accelerate" and words[1] == "launch"
    read = launch_command_parser().parse_args(words[2:])
    assert (read.num_processes, read.multi_gpu, read.module) == (2, True, True)
    assert (read.training_script, read.training_script_args) == ("backend.training", [str(folder)])


def test_a_public_page_shows_a_command_without_local_paths(tmp_path: Path) -> None:
    words = shlex.split(typed_command(1, "cpu", tmp_path, public=True))
    assert words[0] == "accelerate" and words[-1] == "RUN_DIR" and "/" not in "".join(words)


def test_a_run_that_has_trained_is_trained_again_beside_itself(trained: tuple[Desk, str]) -> None:
    trained_desk, run_id = trained
    first = trained_desk.workspace.folder("runs", run_id)
    again = unused(first)
    assert again.name == f"{run_id}-2" and unused(again) == again
    assert RunFolder(again).spec().arguments == RunFolder(first).spec().arguments
    trained_desk.queue.remove(trained_desk.workspace, again.name)


def test_what_a_process_left_behind_is_the_cause(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.say("  exitcode  : -9 (pid: 5)")
    assert explain_launch(folder, 1).key == "training.killed"
    leave_trouble(tmp_path, UserError("training.out_of_memory"))
    assert explain_launch(folder, 1).key == "training.out_of_memory"
