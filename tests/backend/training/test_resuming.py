"""Runs that are cut off or paused, and go on: they end where an unbroken one ends."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from backend.errors import UserError
from backend.metrics.record import Recorder, read_points
from backend.recipes.base import TrainArguments
from backend.training.causes import memory_kills
from backend.training.recovery import settle
from backend.training.resuming import halve
from backend.training.run_folder import RunFolder
from backend.training.spec import MetricPoint, RunSpec, RunState
from tests.backend.training.conftest import ENDLESS, Desk, make_desk

# 12 steps an epoch, 48 in all, in batches that are accumulated; dropout is the tiny model's own.
ARGUMENTS = TrainArguments(
    learning_rate=3e-3, num_train_epochs=4, per_device_train_batch_size=4, gradient_accumulation_steps=2,
    evaluations=4, logging_steps=5,
)  # fmt: skip


def curve(desk: Desk, run_id: str) -> list[tuple[int, dict[str, float]]]:
    """The points of a run, less what the clock decides."""
    points = desk.queue.points(desk.workspace, run_id)
    timed = ("samples_per_second",)
    return [(p.step, {name: value for name, value in p.values.items() if name not in timed}) for p in points]


def slow(desk: Desk, **changes: Any) -> RunSpec:
    """A run that writes its state after every step."""
    return replace(desk.draft, arguments=ARGUMENTS, checkpoint_seconds=0.0, **changes)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> dict[str, Any]:
    """The curve of each loop when nothing happens."""
    desk = make_desk(tmp_path_factory.mktemp("unbroken"), tiny_encoder)
    curves = {}
    for loop in ("trainer", "native"):
        run_id = desk.queue.submit(desk.workspace, replace(slow(desk), loop=loop))  # type: ignore[arg-type]
        assert desk.ended(run_id).status.state is RunState.DONE
        curves[loop] = curve(desk, run_id), desk.queue.report(desk.workspace, run_id)
    return curves


@pytest.mark.parametrize("loop", ["trainer", "native"])
def test_a_run_killed_and_paused_on_the_way_ends_as_an_unbroken_one(
    desk: Desk, unbroken: dict[str, Any], loop: Any
) -> None:
    run_id = desk.queue.submit(desk.workspace, replace(slow(desk), loop=loop))
    at_work = desk.wait(run_id, lambda status: status.step >= 7)
    os.kill(at_work.status.pid, signal.SIGKILL)
    assert desk.ended(run_id).status.state is RunState.FAILED
    desk.queue.resume(desk.workspace, run_id)
    desk.wait(run_id, lambda status: status.step >= 20)
    desk.queue.pause(desk.workspace, run_id)
    paused = desk.ended(run_id)
    assert paused.status.state is RunState.PAUSED and 20 <= paused.status.step < 48
    assert paused.status.earlier_seconds
    desk.queue.resume(desk.workspace, run_id)
    ended = desk.ended(run_id)
    assert ended.status.state is RunState.DONE, desk.queue.log_tail(desk.workspace, run_id)
    wanted, report = unbroken[loop]
    assert curve(desk, run_id) == wanted
    got = desk.queue.report(desk.workspace, run_id)
    assert got is not None and got.splits == report.splits and got.facts["best_step"] == report.facts["best_step"]
    assert not RunFolder(desk.workspace.folder("runs", run_id)).checkpoints.exists()


def test_a_run_whose_checkpoint_is_cut_short_begins_anew_and_says_so(desk: Desk, unbroken: dict[str, Any]) -> None:
    run_id = desk.queue.submit(desk.workspace, slow(desk))
    desk.wait(run_id, lambda status: status.step >= 12)
    desk.queue.pause(desk.workspace, run_id)
    desk.ended(run_id)
    state = RunFolder(desk.workspace.folder("runs", run_id)).state_file
    state.write_bytes(state.read_bytes()[:5000])
    desk.queue.resume(desk.workspace, run_id)
    ended = desk.ended(run_id)
    assert ended.status.state is RunState.DONE
    assert [remark["key"] for remark in ended.status.remarks] == ["training.began_anew"]
    assert curve(desk, run_id) == unbroken["trainer"][0]


def test_a_run_whose_best_model_is_cut_short_goes_on_all_the_same(
    desk: Desk, unbroken: dict[str, tuple[list[MetricPoint], Path]]
) -> None:
    run_id = desk.queue.submit(desk.workspace, slow(desk))
    desk.wait(run_id, lambda status: status.best_step > 0 and status.step > status.best_step)
    desk.queue.pause(desk.workspace, run_id)
    status = desk.ended(run_id).status
    folder = RunFolder(desk.workspace.folder("runs", run_id))
    model = folder.best(status.best_step) / "learnt.safetensors"
    model.write_bytes(model.read_bytes()[:1000])
    desk.queue.resume(desk.workspace, run_id)
    ended = desk.ended(run_id)
    assert ended.status.state is RunState.DONE and ended.status.best_step > status.best_step
    assert [remark["key"] for remark in ended.status.remarks] == ["training.best_lost", "training.went_on"]
    assert curve(desk, run_id) == unbroken["trainer"][0]


def test_a_run_that_has_ended_cannot_go_on(trained: tuple[Desk, str]) -> None:
    desk, run_id = trained
    with pytest.raises(UserError, match="cannot go on"):
        desk.queue.resume(desk.workspace, run_id)


def test_a_run_cut_off_after_its_report_is_whole(desk: Desk) -> None:
    run_id = desk.queue.submit(desk.workspace, desk.draft)
    status = desk.ended(run_id).status
    folder = RunFolder(desk.workspace.folder("runs", run_id))
    folder.write_status(replace(status, state=RunState.RUNNING, pid=os.getpid(), pid_created=1.0))
    assert settle(folder).state is RunState.DONE and folder.status().state is RunState.DONE


def test_points_are_cut_back_to_the_byte_when_nothing_is_written_in_between(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    first = Recorder(path)
    first.add(MetricPoint(1, 0.1, {"loss": 1.0}))
    kept = first.sync()
    first.add(MetricPoint(2, 0.2, {"loss": 0.9}))
    first.close()
    again = Recorder(path, kept)
    assert again.sync() == kept
    again.close()
    assert [point.step for point in read_points(path)] == [1]


def test_a_batch_is_halved_into_parts_that_make_the_same_step(desk: Desk) -> None:
    folder = RunFolder(desk.workspace.folder("runs", "halved"))
    for before, after in ((16, 8), (15, 5), (7, 1)):
        folder.write_spec(replace(desk.draft, arguments=replace(ARGUMENTS, per_device_train_batch_size=before)))
        assert halve(folder)
        chosen = folder.spec().arguments
        assert chosen.per_device_train_batch_size == after
        assert after * chosen.gradient_accumulation_steps == before * ARGUMENTS.gradient_accumulation_steps
    folder.write_spec(replace(desk.draft, loop="head"))
    assert halve(folder) is None


def test_a_run_with_a_state_that_is_taken_out_of_the_queue_can_still_go_on(desk: Desk) -> None:
    first = desk.queue.submit(desk.workspace, slow(desk))
    desk.wait(first, lambda status: status.step >= 3)
    desk.queue.pause(desk.workspace, first)
    assert desk.ended(first).status.state is RunState.PAUSED
    other = desk.queue.submit(desk.workspace, replace(desk.draft, arguments=ENDLESS))
    desk.wait(other, lambda status: status.step > 0)
    desk.queue.resume(desk.workspace, first)
    desk.queue.stop(desk.workspace, first)
    assert desk.queue.run(desk.workspace, first).status.state is RunState.PAUSED
    desk.queue.stop(desk.workspace, other)
    desk.ended(other)


@pytest.mark.skipif(not hasattr(psutil, "RLIMIT_AS"), reason="limits a process's memory as Linux does")
def test_too_little_memory_makes_the_batch_smaller_and_the_run_goes_on(desk: Desk) -> None:
    text = "great film " * 200
    from backend.data.library import add_files

    file = desk.workspace.root / "long.csv"
    file.write_text("text,label\n" + "".join(f"{text},{'good' if row % 2 else 'bad'}\n" for row in range(640)))
    version = add_files(desk.workspace, desk.settings, [file])
    arguments = replace(ARGUMENTS, warmup_ratio=0.0, per_device_train_batch_size=512, max_length=128)
    arguments = replace(
        arguments, gradient_accumulation_steps=1, per_device_eval_batch_size=8, evaluations=1, num_train_epochs=2
    )
    draft = replace(slow(desk), data_ref=version.ref, data_version=version.version, arguments=arguments)
    desk.queue.nursery.warm()
    assert desk.queue.nursery.ready.wait(60)
    nursery = psutil.Process(desk.queue.nursery.pid)
    # What a child has at its beginning and a little: the batch of 512 needs some 1 GB more.
    before = nursery.rlimit(psutil.RLIMIT_AS)
    nursery.rlimit(psutil.RLIMIT_AS, (nursery.memory_info().vms + ROOM, before[1]))
    try:
        run_id = desk.queue.submit(desk.workspace, draft)
        ended = desk.ended(run_id)
    finally:
        nursery.rlimit(psutil.RLIMIT_AS, before)
    log = desk.queue.log_tail(desk.workspace, run_id)
    assert ended.status.state is RunState.DONE, log
    assert "training.halved" in [remark["key"] for remark in ended.status.remarks]
    spec = RunFolder(desk.workspace.folder("runs", run_id)).spec()
    chosen = spec.arguments
    assert chosen.per_device_train_batch_size < 512
    assert chosen.per_device_train_batch_size * chosen.gradient_accumulation_steps == 512


ROOM = 600 * 2**20


def test_kills_for_want_of_memory_are_counted_where_linux_says_so(tmp_path: Path) -> None:
    events = tmp_path / "memory.events"
    events.write_text("low 0\noom 3\noom_kill 2\n")
    assert memory_kills([events, tmp_path / "missing"]) == 2
