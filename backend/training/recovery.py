"""What became of a run whose process is gone."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from backend.errors import UserError
from backend.training.run_folder import RunFolder
from backend.training.spec import RunState, RunStatus

if TYPE_CHECKING:
    import psutil

SAME_SECONDS = 0.05
log = logging.getLogger(__name__)


def process_of(status: RunStatus) -> psutil.Process | None:
    """The process that a status names, if it still lives."""
    return process_at(status.pid, status.pid_created)


def process_at(pid: int, since: float) -> psutil.Process | None:
    """The process of this number, if it still lives; since: when it was `born`, for another may have its number now."""
    import psutil

    try:
        process = psutil.Process(pid)
        if pid > 0 and abs(born(process) - since) < SAME_SECONDS:
            return None if process.status() == psutil.STATUS_ZOMBIE else process
    except (psutil.Error, ValueError):
        pass
    return None


def born(process: psutil.Process) -> float:
    """When a process was started, in seconds since the machine was: whoever sets the clock does not change that."""
    import psutil

    return process.create_time() - psutil.boot_time()


def settle(folder: RunFolder) -> RunStatus:
    """The status of a run nobody here looks after: interrupted, and kept so, when its process is gone."""
    status = folder.status()
    if status.state is not RunState.RUNNING or process_of(status):
        return status
    if folder.report():
        # Its last word was said, only its status was not written any more.
        return ended_well(folder)
    cause = UserError("training.interrupted").to_json()
    status = replace(
        status, state=RunState.INTERRUPTED, error=cause, ended=status.heartbeat or time.time(), seconds_left=None
    )
    return _kept(folder, status)


def ended_well(folder: RunFolder) -> RunStatus:
    """The status of a run that was cut off after its report was written; it is kept so."""
    from backend.training.resuming import forget_checkpoints

    report = folder.report()
    facts = report.facts if report else {}
    error = facts.get("ended_by")
    state = RunState.FAILED if error else RunState.STOPPED if facts.get("stopped") else RunState.DONE
    status = folder.status()
    status = replace(status, state=state, error=error, ended=status.heartbeat or time.time(), seconds_left=None)
    forget_checkpoints(folder)
    return _kept(folder, status)


def _kept(folder: RunFolder, status: RunStatus) -> RunStatus:
    """The status, written down where that is possible; where it is not, it is true all the same."""
    try:
        if folder.path.is_dir():
            folder.write_last_status(status)
    except UserError as error:
        log.warning("run %s: its status cannot be written: %s", folder.run_id, error)
    return status
