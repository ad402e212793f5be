"""Children for runs and forecasts that need not import torch again: a nursery imports once and forks one child a job.

The nursery is `python -m backend.training --nursery`: jobs come in on its stdin, one JSON line each, and news go out on
its stdout. A child writes to its own log and never to a pipe. When this process is gone, the nursery ends,
and each child with it.
Where there is no fork (Windows, macOS), each job is a fresh process instead.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).resolve().parent.parent.parent
JobKind = Literal["train", "forecast", "inside", "evaluate", "mirror"]
# Forking after frameworks of macOS have started threads of their own crashes there.
CAN_FORK = sys.platform.startswith("linux")
log = logging.getLogger(__name__)


class Job:
    """A child at work. code: its exit code once it ended, negative for a signal."""

    def __init__(self) -> None:
        self.pid = 0
        self.code: int | None = None
        self._ended = threading.Event()

    def wait(self, timeout: float | None = None) -> int | None:
        """Its exit code, or None when it is still at work after so many seconds."""
        self._ended.wait(timeout)
        return self.code

    def kill(self) -> None:
        """End it, if it is still at work."""
        if self.pid and self.code is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)

    def end(self, code: int) -> None:
        """Called by whoever sees the child end."""
        self.code = code
        self._ended.set()


class Nursery:
    """Starts jobs; any thread may call. `warm()` brings it up ahead of the first one, `close()` ends it for now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._jobs: dict[str, Job] = {}
        self._named = count()
        self.ready = threading.Event()
        """Set once the libraries are imported."""

    @property
    def pid(self) -> int:
        """Of the nursery itself; 0 when there is none."""
        return self._process.pid if self._process and self._process.poll() is None else 0

    def warm(self) -> None:
        """Bring the nursery up, without waiting for it."""
        if CAN_FORK:
            with self._lock:
                self._alive()

    def start(self, kind: JobKind, folder: Path) -> Job:
        """Start a job on a folder and return at once. While the libraries are still being imported, the job waits."""
        job = Job()
        if not CAN_FORK:
            return self._start_alone(kind, folder, job)
        with self._lock:
            process = self._alive()
            # A folder may have two jobs at once: a mirror of a run that is under way, and the one of its end.
            name = f"{next(self._named)} {kind} {folder}"
            self._jobs[name] = job
            assert process.stdin is not None
            process.stdin.write(json.dumps({"job": kind, "folder": str(folder), "name": name}) + "\n")
            process.stdin.flush()
        return job

    def close(self) -> None:
        """End the nursery, and every child with it."""
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            _close_quietly(process.stdin)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _alive(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self.ready.clear()
            # Those of a nursery that has died are its listener's to end.
            self._jobs = {}
            self._process = subprocess.Popen(
                [sys.executable, "-m", "backend.training", "--nursery"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                # Ctrl+C in the terminal is for the app; what it started ends with it, and says so.
                start_new_session=True,
            )
            listener = threading.Thread(
                target=self._listen, args=(self._process, self._jobs), name="nursery", daemon=True
            )
            listener.start()
        return self._process

    def _listen(self, process: subprocess.Popen[str], jobs: dict[str, Job]) -> None:
        assert process.stdout is not None
        with process.stdout as news:
            for line in news:
                self._hear(json.loads(line), jobs)
        process.wait()
        with self._lock:
            _close_quietly(process.stdin)
            lost = dict(jobs)
        for name, job in lost.items():
            log.info("nursery %d is gone, and with it: %s", process.pid, name)
            job.end(-signal.SIGKILL)

    def _hear(self, news: dict[str, Any], jobs: dict[str, Job]) -> None:
        if news["news"] == "ready":
            self.ready.set()
        elif news["news"] == "started":
            jobs[news["name"]].pid = news["pid"]
        elif news["news"] == "ended":
            with self._lock:
                job = jobs.pop(news["name"])
            job.end(news["code"])

    def _start_alone(self, kind: JobKind, folder: Path, job: Job) -> Job:
        process = subprocess.Popen(
            [sys.executable, "-m", "backend.training", kind, str(folder), "--with-parent"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        job.pid = process.pid
        watch: Callable[[], None] = lambda: job.end(process.wait())  # noqa: E731
        threading.Thread(target=watch, name=f"{kind}-{process.pid}", daemon=True).start()
        return job


@cache
def shared_nursery() -> Nursery:
    """The one of this process: runs and forecasts share it."""
    return Nursery()


def _close_quietly(pipe: Any) -> None:
    try:
        pipe.close()
    except OSError:
        # A last line that was never read; nobody is left to read it.
        pass
