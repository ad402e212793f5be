"""The status of a run as it is written while it lives: changes at once, and a heartbeat every second."""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
from dataclasses import replace
from typing import Any

from backend.errors import UserError
from backend.training.recovery import born
from backend.training.run_folder import RunFolder
from backend.training.spec import Phase, RunState, RunStatus

BEAT_SECONDS = 1.0
WRITING = threading.Lock()
"""Held while a status is written. Who holds it for good has the last word of this process."""
log = logging.getLogger(__name__)


class Board:
    """Owned by whoever runs train(); one thread beats, any thread may change. The last word is `end`."""

    def __init__(self, folder: RunFolder, launcher: str) -> None:
        import psutil

        self.folder = folder
        self._process = psutil.Process()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self.peak_memory_mib = 0.0
        self.gone = False
        """Somebody has deleted or renamed the run's folder: there is nothing to train for."""
        now, before = time.time(), folder.status()
        self.status = RunStatus(
            state=RunState.RUNNING,
            phase=Phase.STARTING,
            started=before.started or now,
            earlier_seconds=before.earlier_seconds,
            heartbeat=now,
            pid=os.getpid(),
            pid_created=born(self._process),
            launcher=launcher,
            remarks=before.remarks,
        )
        self._written = False
        self._write()
        self._written = True
        self._thread = threading.Thread(target=self._beat, name=f"beat-{folder.run_id}", daemon=True)
        self._thread.start()

    def update(self, **changes: Any) -> None:
        """Change fields; the next beat writes them, or at once when the phase changes."""
        with self._lock:
            new_phase = changes.get("phase", self.status.phase) is not self.status.phase
            self.status = replace(self.status, **changes)
        if new_phase:
            self._write()

    def remark(self, said: UserError) -> None:
        """See RunStatus.remarked."""
        with self._lock:
            self.status = self.status.remarked(said)

    def say(self, line: str) -> None:
        """A line of log.txt."""
        self.folder.say(line)

    def end(self, state: RunState, error: UserError | None = None) -> None:
        """Write how the run ended and stop beating."""
        self._ended.set()
        self._thread.join()
        now = time.time()
        self.status = replace(
            self.status, state=state, ended=now, seconds_left=None, error=error.to_json() if error else None
        )
        if self._is_gone():
            # What was written meanwhile into a folder of the old name is of no use to anybody; another run's is.
            if not (self.folder.path / "spec.json").exists():
                shutil.rmtree(self.folder.path, ignore_errors=True)
            return
        try:
            with WRITING:
                self.folder.write_last_status(self.status)
        except UserError as unwritten:
            log.error("run %s: the end of it cannot be written: %s", self.folder.run_id, unwritten)

    def _is_gone(self) -> bool:
        """Whether the folder that had a status has none any more: a deleted run is not brought back."""
        self.gone = self.gone or (self._written and not self.folder.status_file.exists())
        return self.gone

    def _beat(self) -> None:
        while not self._ended.wait(BEAT_SECONDS):
            self._write()

    def _write(self) -> None:
        with self._lock:
            memory = self._process.memory_info().rss / 2**20
            self.peak_memory_mib = max(self.peak_memory_mib, memory)
            self.status = replace(self.status, heartbeat=time.time(), memory_mib=round(memory, 1))
            if self._is_gone():
                return
            try:
                with WRITING:
                    self.folder.write_status(self.status)
            except UserError as error:
                # A full disk must not end a run that may still finish; what cannot be saved says so itself.
                log.warning("run %s: status.json: %s", self.folder.run_id, error)
