"""What became of a run whose process is gone."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from backend.errors import UserError
from backend.training.run_folder import RunFolder
from backend.training.spec import RunState, RunStatus

if TYPE_CHECKING:
    import psutil


def process_of(status: RunStatus) -> psutil.Process | None:
    """The process that a status names, if it still lives; a pid that another has got since does not count."""
    import psutil

    try:
        process = psutil.Process(status.pid)
        if status.pid > 0 and abs(process.create_time() - status.pid_created) < 1.0:
            return None if process.status() == psutil.STATUS_ZOMBIE else process
    except (psutil.Error, ValueError):
        pass
    return None


def settle(folder: RunFolder) -> RunStatus:
    """The status of a run nobody here looks after: interrupted, and kept so, when its process is gone."""
    status = folder.status()
    if status.state is not RunState.RUNNING or process_of(status):
        return status
    cause = UserError("training.interrupted").to_json()
    status = replace(
        status, state=RunState.INTERRUPTED, error=cause, ended=status.heartbeat or time.time(), seconds_left=None
    )
    if folder.path.is_dir():
        folder.write_last_status(status)
    return status
