"""The queue: runs wait their turn, stop when asked, and belong to one workspace."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backend.data.library import add_files, remove
from backend.errors import UserError
from backend.models import ModelFacts, ModelShelf
from backend.models.facts import Progress
from backend.training.queue import RunQueue
from backend.training.run_folder import RunFolder
from backend.training.spec import RunState, SplitPlan
from backend.workspace import Workspace
from tests.backend.training.conftest import ENDLESS, Desk, make_desk


def test_a_second_start_waits_its_turn_and_then_runs(desk: Desk) -> None:
    first = desk.queue.submit(desk.workspace, replace(desk.draft, arguments=ENDLESS))
    second = desk.queue.submit(desk.workspace, desk.draft)
    third = desk.queue.submit(desk.workspace, desk.draft)
    desk.wait(first, lambda status: status.step > 0)
    runs = {run.run_id: run for run in desk.queue.runs(desk.workspace)}
    assert [runs[name].position for name in (first, second, third)] == [0, 1, 2]
    assert runs[second].status.state is RunState.QUEUED and desk.queue.lives(desk.workspace)
    desk.queue.stop(desk.workspace, third)
    desk.queue.stop(desk.workspace, first)
    assert desk.ended(first).status.state is RunState.STOPPED
    assert desk.ended(second).status.state is RunState.DONE
    assert desk.ended(third).status.state is RunState.STOPPED and not desk.queue.lives(desk.workspace)


def test_stop_keeps_the_last_state_and_the_best_both_scored(desk: Desk) -> None:
    # Scored twice in 24,000 steps: the stop comes between.
    endless = replace(ENDLESS, evaluations=200)
    run_id = desk.queue.submit(desk.workspace, replace(desk.draft, arguments=endless))
    desk.wait(run_id, lambda status: status.best_step > 0 and status.step > status.best_step)
    desk.queue.stop(desk.workspace, run_id)
    run = desk.ended(run_id)
    folder = RunFolder(desk.workspace.folder("runs", run_id))
    assert run.status.state is RunState.STOPPED, folder.log_tail()
    best, last = folder.report(), folder.last_report()
    assert best is not None and best.facts["stopped"] and best.facts["steps"] == run.status.step
    assert (folder.model / "config.json").exists()
    if best.facts["best_step"] != run.status.step:
        assert last is not None and last.splits["test"]["rows"] == 12
        assert (folder.model_last / "tokenizer.json").exists() and (folder.model_last / "model.safetensors").exists()


class SlowShelf(ModelShelf):
    """Its downloads never come to an end."""

    def resolve(self, workspace: Workspace, ref: str, progress: Progress | None = None) -> ModelFacts:
        assert progress is not None
        while True:
            progress("download", 3 << 20, 10 << 20)


def test_stop_ends_a_run_whose_model_is_still_being_downloaded(desk: Desk) -> None:
    desk.queue = RunQueue(desk.settings, desk.queue.shelf)
    desk.queue.supervisor.shelf = SlowShelf(desk.settings)
    run_id = desk.queue.submit(desk.workspace, desk.draft)
    desk.wait(run_id, lambda _: "3 of 10 MiB" in desk.queue.log_tail(desk.workspace, run_id), 10)
    second = desk.queue.submit(desk.workspace, desk.draft)
    desk.queue.stop(desk.workspace, run_id)
    run = desk.wait(run_id, lambda status: not status.state.lives, 10)
    assert run.status.state is RunState.STOPPED and run.status.error is None and not run.status.started
    desk.queue.stop(desk.workspace, second)
    assert desk.wait(second, lambda status: not status.state.lives, 10).status.state is RunState.STOPPED


def test_a_waiting_run_never_trains_on_another_data_set_of_the_same_name(desk: Desk, tmp_path: Path) -> None:
    first = desk.queue.submit(desk.workspace, replace(desk.draft, arguments=ENDLESS))
    second = desk.queue.submit(desk.workspace, desk.draft)
    remove(desk.workspace, desk.draft.data_ref)
    add_files(desk.workspace, desk.settings, [tmp_path / "opinions.csv"])
    desk.queue.stop(desk.workspace, first)
    run = desk.ended(second)
    assert run.status.state is RunState.FAILED and run.status.error is not None
    assert run.status.error["key"] == "data.missing" and run.status.error["values"]["name"] == "opinions"


def test_a_name_with_slashes_becomes_a_folder_of_this_workspace(desk: Desk) -> None:
    run_id = desk.queue.submit(desk.workspace, replace(desk.draft, name="../my/run 1"))
    assert run_id == "my-run-1"
    assert desk.ended(run_id).spec.name == "../my/run 1"  # type: ignore[union-attr]


def test_a_chinese_name_is_kept(desk: Desk) -> None:
    run_id = desk.queue.submit(desk.workspace, replace(desk.draft, name="影评 第一次"))
    desk.queue.stop(desk.workspace, run_id)
    assert run_id == "影评-第一次"


def test_start_refuses_what_can_be_known_before_and_leaves_no_run(desk: Desk) -> None:
    with pytest.raises(UserError) as raised:
        desk.queue.submit(desk.workspace, replace(desk.draft, columns={"text": "text", "label": "mood"}))
    assert raised.value.key == "recipes.missing_label_column.likely"
    assert desk.queue.runs(desk.workspace) == []


def test_start_refuses_a_model_that_is_not_there(desk: Desk) -> None:
    with pytest.raises(UserError):
        desk.queue.submit(desk.workspace, replace(desk.draft, model_ref="folder:/nowhere/at/all"))
    assert desk.queue.runs(desk.workspace) == []


def test_a_stranger_reaches_no_run(trained: tuple[Desk, str]) -> None:
    desk, run_id = trained
    stranger = Workspace(desk.workspace.root.parent / "stranger", public=True)
    assert desk.queue.runs(stranger) == [] and not desk.queue.lives(stranger)
    for ask in (
        desk.queue.run,
        desk.queue.points,
        desk.queue.report,
        desk.queue.log_tail,
        desk.queue.stop,
        desk.queue.remove,
    ):
        for name in (run_id, f"../../{desk.workspace.name}/runs/{run_id}", str(desk.workspace.folder("runs", run_id))):
            with pytest.raises(UserError):
                ask(stranger, name)
    assert desk.queue.report(desk.workspace, run_id) is not None


def test_a_threaded_run_ends_as_a_child_does(tmp_path: Path, trained: tuple[Desk, str], tiny_encoder: Path) -> None:
    threaded = make_desk(tmp_path, tiny_encoder, launcher="thread")
    run = threaded.ended(threaded.queue.submit(threaded.workspace, threaded.draft))
    assert run.status.state is RunState.DONE and run.status.launcher == "thread"
    desk, run_id = trained
    losses = [
        [point.values["eval_loss"] for point in points if "eval_loss" in point.values]
        for points in (threaded.queue.points(threaded.workspace, run.run_id), desk.queue.points(desk.workspace, run_id))
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_the_fingerprint_changes_with_a_run_and_rests_without(desk: Desk) -> None:
    before = desk.queue.fingerprint(desk.workspace)
    assert desk.queue.fingerprint(desk.workspace) == before
    run_id = desk.queue.submit(desk.workspace, desk.draft)
    assert desk.queue.fingerprint(desk.workspace) != before
    desk.ended(run_id)
    after = desk.queue.fingerprint(desk.workspace)
    assert desk.queue.fingerprint(desk.workspace) == after


def test_the_fingerprint_changes_when_a_waiting_run_moves_up_behind_another_visitors(desk: Desk) -> None:
    other = replace(desk.workspace, root=desk.workspace.root.with_name("other"))
    first = desk.queue.submit(desk.workspace, replace(desk.draft, arguments=ENDLESS))
    second = desk.queue.submit(desk.workspace, desk.draft)
    waiting = desk.queue.submit(other, replace(desk.draft, data_ref="sample:reviews_en", data_version=1))
    desk.wait(first, lambda status: status.state is RunState.RUNNING)
    before = desk.queue.fingerprint(other)
    desk.queue.stop(desk.workspace, second)
    assert desk.queue.fingerprint(other) != before
    assert desk.queue.run(other, waiting).position == 1
    desk.queue.stop(other, waiting)
    desk.queue.stop(desk.workspace, first)
    desk.ended(first)


def test_a_run_that_cannot_be_read_is_listed_with_its_error_beside_the_others(desk: Desk) -> None:
    whole = desk.queue.submit(desk.workspace, desk.draft)
    desk.queue.stop(desk.workspace, whole)
    broken = desk.workspace.folder("runs", "broken")
    broken.mkdir(parents=True)
    (broken / "spec.json").write_text('{"spec_version": 1, "na')
    runs = {run.run_id: run for run in desk.queue.runs(desk.workspace)}
    assert set(runs) == {whole, "broken"}
    assert runs["broken"].error is not None and runs["broken"].error.key == "training.bad_spec"


def test_a_living_run_cannot_be_removed_and_an_ended_one_can(desk: Desk) -> None:
    run_id = desk.queue.submit(desk.workspace, replace(desk.draft, arguments=ENDLESS))
    with pytest.raises(UserError, match="Stop it first"):
        desk.queue.remove(desk.workspace, run_id)
    desk.queue.stop(desk.workspace, run_id)
    desk.ended(run_id)
    desk.queue.remove(desk.workspace, run_id)
    assert desk.queue.runs(desk.workspace) == []


def test_part_of_the_rows_can_be_trained_on(desk: Desk) -> None:
    draft = replace(desk.draft, split=SplitPlan(train_rows="[:16]"))
    run = desk.ended(desk.queue.submit(desk.workspace, draft))
    report = desk.queue.report(desk.workspace, run.run_id)
    # The first 16 rows, of which a tenth each is held back.
    assert report is not None and sum(split["rows"] for split in report.splits.values()) == 16
