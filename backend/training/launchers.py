"""The ways to start train(run_dir): a thread of this process or a child; accelerate will be the third."""

from __future__ import annotations

import ctypes
import gc
import sys
import threading
from pathlib import Path
from typing import Protocol

from backend.errors import UserError
from backend.training.causes import explain_exit
from backend.training.nursery import Job, Nursery
from backend.training.spec import Launcher
from backend.warm import libraries


class Launched(Protocol):
    """A run under way, whoever runs it."""

    def wait(self, timeout: float) -> bool:
        """Whether it has ended, after at most so many seconds."""

    def cause(self) -> UserError:
        """Why it ended without saying so in its status."""


def launch(kind: Launcher, run_dir: Path, nursery: Nursery) -> Launched:
    """Start train(run_dir). Returns at once."""
    if kind == "thread":
        return ThreadRun(run_dir)
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
