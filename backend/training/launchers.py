"""The ways to start train(run_dir): a thread of this process, a child, or several children by `accelerate launch`."""

from __future__ import annotations

import ctypes
import gc
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Protocol

from backend.errors import UserError
from backend.training.causes import explain_exit
from backend.training.command import accelerate_command
from backend.training.group import leave_trouble, take_trouble
from backend.training.nursery import ROOT, Job, Nursery
from backend.training.recovery import process_of
from backend.training.run_folder import RunFolder
from backend.training.spec import Launcher
from backend.warm import libraries

# How torch says, once all are down, in which way the first process went.
EXIT_CODE = re.compile(r"exitcode\s*: (-?\d+)")


class Launched(Protocol):
    """A run under way, whoever runs it."""

    def wait(self, timeout: float) -> bool:
        """Whether it has ended, after at most so many seconds."""

    def cause(self) -> UserError:
        """Why it ended without saying so in its status."""

    def end(self) -> None:
        """The app is ending: what it started goes, too, if it would not by itself."""


def launch(kind: Launcher, run_dir: Path, nursery: Nursery) -> Launched:
    """Start train(run_dir). Returns at once."""
    if kind == "thread":
        return ThreadRun(run_dir)
    if kind == "accelerate":
        return AccelerateRun(RunFolder(run_dir))
    return ProcessRun(nursery.start("train", run_dir))


class ThreadRun:
    """train(run_dir) in a thread: no start-up, but memory and the torch generator are shared with the page."""

    def __init__(self, run_dir: Path) -> None:
        self._thread = threading.Thread(target=self._run, args=(run_dir,), name=f"run-{run_dir.name}", daemon=True)
        self._thread.start()

    def wait(self, timeout: float) -> bool:
        """Whether it has ended, after at most so many seconds."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def cause(self) -> UserError:
        """A thread writes its status itself; that it did not is a bug."""
        return UserError("training.unexpected", reason="the training thread ended without a word")

    def end(self) -> None:
        """A thread goes with its process."""

    def _run(self, run_dir: Path) -> None:
        libraries()
        from backend.training.run import train

        try:
            train(run_dir, "thread")
        finally:
            give_memory_back()


class ProcessRun:
    """train(run_dir) in a child: when it dies, the page and its visitors live on."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def wait(self, timeout: float) -> bool:
        """Whether it has ended, after at most so many seconds."""
        return self._job.wait(timeout) is not None

    def cause(self) -> UserError:
        """What its exit code means."""
        return explain_exit(self._job.code or 0)

    def end(self) -> None:
        """The nursery takes its children along."""


class AccelerateRun:
    """train(run_dir) in as many processes as the spec says, started by `accelerate launch`; log.txt is their output.

    They are children of that command. When it or this process is gone, they see it within a second and leave.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        spec = folder.spec()
        # What an earlier attempt left is none of this one's trouble.
        take_trouble(folder.path)
        flags = ("--with-parent", "--with-app", str(os.getpid()))
        with folder.log.open("ab") as log:
            self._process = subprocess.Popen(
                accelerate_command(spec.processes, spec.device, [str(folder.path), *flags]),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl+C in the terminal is for the app; what it started ends with it, and says so.
                start_new_session=True,
            )

    def wait(self, timeout: float) -> bool:
        """Whether all of it has ended, after at most so many seconds."""
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        # Where the command itself was killed, the main process still has its last word to say.
        return process_of(self._folder.status()) is None or self._is_ours()

    def cause(self) -> UserError:
        """What a process left behind, else what the first exit code means."""
        return explain_launch(self._folder, self._process.returncode or 0)

    def end(self) -> None:
        """Kill the command; its children say that the run was cut off, and by what."""
        leave_trouble(self._folder.path, UserError("training.app_gone"))
        self._process.kill()
        self._process.wait()

    def _is_ours(self) -> bool:
        """Whether the status still names the app, since no process came as far as to train."""
        return self._folder.status().pid in (0, os.getpid())


def explain_launch(folder: RunFolder, code: int) -> UserError:
    """Why several processes ended: what one of them left behind, else how the first went. code: of the command."""
    codes = EXIT_CODE.findall(folder.log_tail())
    return take_trouble(folder.path) or explain_exit(int(codes[-1]) if codes else code)


def give_memory_back() -> None:
    """Undo what a run leaves in this process: freed memory the C library holds on to, and Accelerate's global state."""
    gc.collect()
    if "accelerate.state" in sys.modules:
        from accelerate.state import AcceleratorState

        # A second run of another precision would be refused otherwise.
        AcceleratorState._reset_state(True)
    if sys.platform.startswith("linux"):
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
