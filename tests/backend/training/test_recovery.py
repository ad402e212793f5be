"""Runs that were cut off: killed, diverged, out of disk, or left behind by an app that is gone."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from backend.errors import UserError
from backend.models import ModelShelf
from backend.training.causes import explain, explain_exit
from backend.training.queue import RunQueue
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
def test_a_full_disk_fails_the_run_readably(tmp_path: Path, tiny_encoder: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        desk = make_desk(disk, tiny_encoder, trackio=False)
        (disk / "filler").write_bytes(b"0" * (shutil.disk_usage(disk).free - 90_000))
        run = desk.ended(desk.queue.submit(desk.workspace, desk.draft))
        assert run.status.state is RunState.FAILED and run.status.error is not None, run
        assert run.status.error["key"] == "training.disk_full"
        (disk / "filler").unlink()
        assert desk.ended(desk.queue.submit(desk.workspace, desk.draft)).status.state is RunState.DONE
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


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
    theirs = RunStatus(state=RunState.RUNNING, pid=parent.pid, pid_created=parent.create_time())
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
