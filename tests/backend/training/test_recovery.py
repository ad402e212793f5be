"""Runs that were cut off: killed, diverged, out of disk, or left behind by an app that is gone."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from io import FileIO
from pathlib import Path
from typing import Any

import psutil
import pytest

from backend.errors import UserError
from backend.models import ModelShelf
from backend.training.causes import explain, explain_exit
from backend.training.queue import RunQueue
from backend.training.recovery import born
from backend.training.run_folder import RunFolder
from backend.training.spec import RunState, RunStatus
from tests.backend.training.conftest import ENDLESS, Desk, make_desk


def test_a_killed_child_is_reported_with_its_cause_and_keeps_its_points(desk: Desk) -> None:
    run_id = desk.queue.submit(desk.workspace, replace(desk.draft, arguments=ENDLESS))
    running = desk.wait(run_id, lambda status: status.step > 5)
    assert running.status.pid != os.getpid()
    os.kill(running.status.pid, signal.SIGKILL)
    began = time.monotonic()
    run = desk.ended(run_id)
    assert time.monotonic() - began < 5
    assert run.status.state is RunState.FAILED and run.status.error is not None
    assert run.status.error["key"] == "training.killed"
    assert desk.queue.points(desk.workspace, run_id)
    # And the queue goes on.
    assert desk.ended(desk.queue.submit(desk.workspace, desk.draft)).status.state is RunState.DONE


def test_a_loss_that_is_no_number_fails_the_run_and_says_to_lower_the_rate(desk: Desk, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    source = Path(desk.draft.model_ref.removeprefix("folder:"))
    broken = shutil.copytree(source, tmp_path / "broken")
    weights = load_file(broken / "model.safetensors")
    name = next(name for name in weights if name.endswith("attention.self.query.weight"))
    weights[name] = weights[name] * float("inf")
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    run = desk.ended(desk.queue.submit(desk.workspace, replace(desk.draft, model_ref=f"folder:{broken}")))
    assert run.status.state is RunState.FAILED and run.status.error is not None
    error = UserError.from_json(run.status.error)
    assert error.key == "training.diverged" and "learning rate" in error.todo()


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounts a small disk")
def test_a_disk_that_fills_pauses_the_run_and_damages_nothing(tmp_path: Path, tiny_encoder: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        desk = make_desk(disk, tiny_encoder, trackio=False)
        filler = disk / "filler"
        filler.write_bytes(b"0" * (shutil.disk_usage(disk).free - 90_000))
        with pytest.raises(UserError, match="disk"):
            desk.queue.submit(desk.workspace, desk.draft)
        filler.unlink()
        arguments = replace(desk.draft.arguments, num_train_epochs=40, save_steps=7)
        draft = replace(desk.draft, arguments=arguments, checkpoint_seconds=0.0)
        run_id = desk.queue.submit(desk.workspace, draft)
        folder = RunFolder(desk.workspace.folder("runs", run_id))
        # With so many bytes left, different writes are the first to fail.
        for left in (0, 30_000, 90_000):
            steps = folder.status().step
            desk.wait(run_id, lambda status, steps=steps: status.step > steps + 5)  # type: ignore[misc]
            with filler.open("ab", buffering=0) as filling:

                def full(status: RunStatus, filling: FileIO = filling, left: int = left) -> bool:
                    # Again and again: what a write replaces gives its room back.
                    with contextlib.suppress(OSError):
                        filling.write(b"0" * max(0, shutil.disk_usage(disk).free - left))
                    return not status.state.lives

                run = desk.wait(run_id, full)
            assert run.status.state is RunState.PAUSED and run.status.error is not None, run
            assert run.status.error["key"] == "training.disk_full"
            assert folder.spec() and desk.queue.points(desk.workspace, run_id)
            filler.unlink()
            desk.queue.resume(desk.workspace, run_id)
        ended = desk.ended(run_id).status
        assert ended.state is RunState.DONE and [one["key"] for one in ended.remarks] == ["training.went_on"]
        steps = [point.step for point in desk.queue.points(desk.workspace, run_id) if "loss" in point.values]
        assert steps == sorted(set(steps)) and steps[-1] == ended.total_steps
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounts a folder read-only")
def test_a_run_in_a_read_only_folder_refuses_to_go_on_and_stops_nobody(desk: Desk) -> None:
    paused = desk.queue.submit(desk.workspace, replace(desk.draft, arguments=ENDLESS))
    desk.wait(paused, lambda status: status.step > 2)
    desk.queue.pause(desk.workspace, paused)
    desk.ended(paused)
    folder = desk.workspace.folder("runs", paused)
    if subprocess.run(["mount", "--bind", str(folder), str(folder)], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
        for act in (desk.queue.resume, desk.queue.remove):
            with pytest.raises(UserError, match=re.escape(str(folder))):
                act(desk.workspace, paused)
        again = RunQueue(desk.settings, ModelShelf(desk.settings))
        assert [run.status.state for run in again.runs(desk.workspace)] == [RunState.PAUSED]
        assert desk.ended(desk.queue.submit(desk.workspace, desk.draft)).status.state is RunState.DONE
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
    desk.queue.remove(desk.workspace, paused)
    assert not folder.exists()


APP = """
import sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.backend.training.conftest import ENDLESS, make_desk
from dataclasses import replace
desk = make_desk(Path({folder!r}), Path({model!r}))
run_id = desk.queue.submit(desk.workspace, replace(desk.draft, arguments=ENDLESS))
second = desk.queue.submit(desk.workspace, desk.draft)
desk.wait(run_id, lambda status: status.step > 5)
print(run_id, second, flush=True)
time.sleep(600)
"""


def test_after_the_app_is_killed_its_run_is_interrupted_and_the_waiting_one_runs(
    tmp_path: Path, tiny_encoder: Path
) -> None:
    root = str(Path(__file__).resolve().parents[3])
    script = APP.format(root=root, folder=str(tmp_path), model=str(tiny_encoder))
    with subprocess.Popen([sys.executable, "-c", script], cwd=root, stdout=subprocess.PIPE, text=True) as app:
        assert app.stdout is not None
        cut, waiting = app.stdout.readline().split()
        child = RunFolder(tmp_path / "workspace" / "runs" / cut).status().pid
        app.kill()
    desk = make_desk(tmp_path / "again", tiny_encoder)
    settings = replace(desk.settings, workspace=tmp_path / "workspace")
    workspace = replace(desk.workspace, root=tmp_path / "workspace")
    again = Desk(settings, workspace, RunQueue(settings, ModelShelf(settings)), desk.draft)
    run = again.wait(cut, lambda status: status.state is RunState.INTERRUPTED, seconds=10)
    assert run.status.error is not None and run.status.error["key"] in ("training.app_gone", "training.interrupted")
    assert again.queue.points(workspace, cut)
    assert again.ended(waiting).status.state is RunState.DONE
    # Where nobody collects orphans, an ended one stays in the table of processes as a zombie.
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_a_run_renamed_while_it_trains_ends_and_goes_on_under_its_new_name(desk: Desk) -> None:
    draft = replace(desk.draft, arguments=replace(ENDLESS, num_train_epochs=12), checkpoint_seconds=0.3)
    run_id = desk.queue.submit(desk.workspace, draft)
    desk.wait(run_id, lambda status: status.step > 5)
    old, new = desk.workspace.folder("runs", run_id), desk.workspace.folder("runs", "renamed")
    old.rename(new)
    run = desk.wait("renamed", lambda status: not status.state.lives, seconds=30)
    assert run.status.can_go_on and not old.exists()
    desk.queue.resume(desk.workspace, "renamed")
    assert desk.ended("renamed").status.state is RunState.DONE


def test_stop_pressed_twenty_times_stops_once(desk: Desk) -> None:
    run_id = desk.queue.submit(desk.workspace, replace(desk.draft, arguments=ENDLESS))
    desk.wait(run_id, lambda status: status.step > 2)
    for _ in range(20):
        desk.queue.stop(desk.workspace, run_id)
    assert desk.ended(run_id).status.state is RunState.STOPPED
    desk.queue.stop(desk.workspace, run_id)
    assert desk.queue.run(desk.workspace, run_id).status.state is RunState.STOPPED


def test_a_running_run_whose_process_is_gone_is_interrupted(desk: Desk) -> None:
    folder = RunFolder(desk.workspace.folder("runs", "old"))
    folder.write_spec(replace(desk.draft, run_id="old"))
    folder.write_status(RunStatus(state=RunState.RUNNING, pid=os.getpid(), pid_created=1.0, step=7, heartbeat=99.0))
    run = desk.queue.run(desk.workspace, "old")
    assert run.status.state is RunState.INTERRUPTED and run.status.step == 7 and run.status.ended == 99.0


def test_a_run_of_another_living_app_is_left_alone(desk: Desk) -> None:
    folder = RunFolder(desk.workspace.folder("runs", "theirs"))
    folder.write_spec(replace(desk.draft, run_id="theirs"))
    parent = psutil.Process(os.getppid())
    theirs = RunStatus(state=RunState.RUNNING, pid=parent.pid, pid_created=born(parent))
    folder.write_status(theirs)
    assert desk.queue.run(desk.workspace, "theirs").status == theirs


@pytest.mark.parametrize(
    ("error", "key"),
    [
        (MemoryError(), "training.out_of_memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "training.out_of_memory"),
        (OSError(28, "No space left on device"), "training.disk_full"),
        (RuntimeError("I/O error: No space left on device (os error 28)"), "training.disk_full"),
        (UserError("workspace.disk_full", folder="x"), "training.disk_full"),
        (ValueError("what"), "training.unexpected"),
    ],
)
def test_exceptions_become_causes(error: Any, key: str, tmp_path: Path) -> None:
    cause = explain(error, tmp_path)
    assert cause.key == key
    for locale in ("en", "zh-CN"):
        assert cause.what(locale) and cause.todo(locale)


@pytest.mark.parametrize(("code", "key"), [(-9, "training.killed"), (-15, "training.signal"), (1, "training.exited")])
def test_exit_codes_become_causes(code: int, key: str) -> None:
    assert explain_exit(code).key == key and explain_exit(code).what("zh-CN")
