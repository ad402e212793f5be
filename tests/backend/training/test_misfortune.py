"""What goes wrong on the way: numbers that are none, a stop before there is anything to keep, an app that is gone."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification

from backend.errors import UserError
from backend.training.recovery import settle
from backend.training.refusals import matrices
from backend.training.run import train
from backend.training.run_folder import RunFolder
from backend.training.spec import RunSpec, RunState, RunStatus
from backend.training.supervisor import _lacks_memory
from backend.training.watch import Watch
from tests.backend.training.conftest import ARGUMENTS, Desk

Began = Callable[..., RunFolder]


@pytest.fixture
def began(desk: Desk, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> Began:
    """The folder of a run as a launcher finds it: submitted, and left to the test to train in its own process."""
    monkeypatch.setattr(desk.queue, "_enqueue", lambda *place: None)

    def begin(**changes: Any) -> RunFolder:
        draft = replace(desk.draft, **changes)
        folder = RunFolder(desk.workspace.folder("runs", desk.queue.submit(desk.workspace, draft)))
        folder.write_spec(replace(folder.spec(), model_path=str(tiny_encoder)))
        return folder

    return begin


@pytest.mark.parametrize("loop", ["trainer", "native"])
def test_a_loss_that_goes_wrong_after_a_good_state_ends_the_run_and_keeps_that_state(
    began: Began, loop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Watch.log

    def log(watch: Watch, loss: float, *rest: Any) -> None:
        whole(watch, math.nan if watch.step > 30 else loss, *rest)

    monkeypatch.setattr(Watch, "log", log)
    folder = began(loop=loop)
    assert train(folder.path) is RunState.FAILED
    status, report = folder.status(), folder.report()
    assert status.error and status.error["key"] == "training.diverged" and 0 < status.best_step <= 30
    assert report and report.facts["best_step"] == status.best_step and report.facts["ended_by"] == status.error
    weights = AutoModelForSequenceClassification.from_pretrained(folder.model).state_dict().values()
    assert all(bool(torch.isfinite(one).all()) for one in weights)
    assert not folder.state_file.exists() and not status.can_go_on
    # Cut off between its report and its last word, it is still a run that failed.
    folder.write_status(replace(status, state=RunState.RUNNING, error=None, pid=1, pid_created=-1.0))
    settled = settle(folder)
    assert settled.state is RunState.FAILED and settled.error == status.error


def test_weights_that_are_no_numbers_are_never_the_best(began: Began, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Watch.after_step

    def after_step(watch: Watch, step: int, epoch: float) -> None:
        whole(watch, step, epoch)
        with torch.no_grad():
            next(watch._moving.model.parameters()).fill_(math.nan)

    monkeypatch.setattr(Watch, "after_step", after_step)
    # No loss is looked at before the first check.
    folder = began(arguments=replace(ARGUMENTS, logging_steps=1000))
    assert train(folder.path) is RunState.FAILED
    status = folder.status()
    assert status.error and status.error["key"] == "training.diverged"
    assert not status.best_step and not folder.model.exists()


def test_in_half_precision_a_gradient_that_runs_over_is_no_end() -> None:
    watch = object.__new__(Watch)
    watch.step, watch.rows, watch.train_seconds, watch._logged, watch._losses = 1, 8, 1.0, (0, 0.0), []
    recorded: list[dict[str, float]] = []
    watch._record = recorded.append  # type: ignore[method-assign]
    watch.spec = SimpleNamespace(arguments=SimpleNamespace(learning_rate=1e-4, precision="fp16"))  # type: ignore[assignment]
    watch.log(0.7, 1e-4, math.inf)
    assert recorded[0]["loss"] == 0.7 and "grad_norm" not in recorded[0]
    with pytest.raises(UserError, match="infinite"):
        watch.log(math.nan, 1e-4, 1.0)
    watch.spec.arguments.precision = "fp32"
    with pytest.raises(UserError, match="infinite"):
        watch.log(0.7, 1e-4, math.inf)


@pytest.mark.parametrize(("asked", "state"), [("stop", RunState.STOPPED), ("pause", RunState.PAUSED)])
def test_who_asks_before_the_first_step_waits_for_none(began: Began, asked: Any, state: RunState) -> None:
    folder = began()
    folder.request(asked)
    assert train(folder.path) is state
    status = folder.status()
    assert status.step == 0 and not status.started and not folder.model.exists() and not folder.points()


@pytest.mark.parametrize(
    ("state", "key", "killed", "less"),
    [
        (RunState.RUNNING, "training.killed", True, True),
        # Killed by a person: nobody lacked memory.
        (RunState.RUNNING, "training.killed", False, False),
        # Another process on the machine was killed meanwhile.
        (RunState.FAILED, "training.diverged", True, False),
        (RunState.FAILED, "training.unexpected", True, False),
        (RunState.FAILED, "launch.process_lost", True, True),
        (RunState.DONE, "", True, False),
    ],
)
def test_only_a_run_that_lacked_memory_goes_on_with_less(state: RunState, key: str, killed: bool, less: bool) -> None:
    spec = RunSpec(name="", recipe="single-label-classification", model_ref="", data_ref="", data_version=1, columns={})
    assert _lacks_memory(RunStatus(state=state), spec, key, killed) is less


def test_a_run_that_waited_in_an_app_that_is_gone_can_be_taken_up_or_deleted(began: Began, desk: Desk) -> None:
    folder = began()
    # Recovered before, as by an app that has long been open on this workspace.
    desk.queue.runs(desk.workspace)
    folder.write_status(replace(folder.status(), pid=1, pid_created=-1.0))
    status = desk.queue.run(desk.workspace, folder.run_id).status
    assert status.state is RunState.INTERRUPTED and status.can_go_on and status.error
    desk.queue.remove(desk.workspace, folder.run_id)
    assert not folder.path.exists()


def test_a_disk_that_is_full_at_a_restart_leaves_nobody_waiting_for_ever(
    began: Began, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = began()
    folder.write_status(replace(folder.status(), pid=1, pid_created=-1.0))
    whole, full = RunFolder.write_status, [True]

    def write_status(self: RunFolder, status: RunStatus) -> None:
        if full[0]:
            raise UserError("workspace.disk_full", folder=self.path)
        whole(self, status)

    monkeypatch.setattr(RunFolder, "write_status", write_status)
    desk.queue.recover(desk.workspace)
    full[0] = False
    enqueued: list[Any] = []
    monkeypatch.setattr(desk.queue, "_enqueue", lambda *place: enqueued.append(place))
    desk.queue.runs(desk.workspace)
    assert enqueued == [(desk.workspace, folder.run_id)]


def test_a_run_of_a_kind_that_is_not_known_says_so(began: Began, desk: Desk) -> None:
    folder = began()
    folder.write_spec(replace(folder.spec(), recipe="one-of-next-year"))
    run = desk.queue.run(desk.workspace, folder.run_id)
    assert run.spec is None and run.error and "one-of-next-year" in run.error.what("en")


def test_a_damaged_model_is_told_when_its_layers_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{")
    with pytest.raises(UserError) as raised:
        matrices(tmp_path)
    assert raised.value.key == "models.broken_weights"
