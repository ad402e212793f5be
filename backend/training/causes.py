"""Why a run ended: an exception, or the way its process died, as a UserError."""

from __future__ import annotations

import errno
import signal
from pathlib import Path

from backend.errors import UserError

_MEMORY_WORDS = ("out of memory", "can't allocate memory", "cannot allocate memory", "defaultcpuallocator")
_DISK_WORDS = ("no space left", "disk quota exceeded")


def explain(error: BaseException, folder: Path) -> UserError:
    """What an exception that ended a run means to a person."""
    if isinstance(error, UserError):
        # Whatever could not be written, for the run it is the same: the disk is full.
        return UserError("training.disk_full", folder=folder) if error.key == "workspace.disk_full" else error
    words = str(error).casefold()
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    if full or any(word in words for word in _DISK_WORDS):
        return UserError("training.disk_full", folder=folder)
    if isinstance(error, MemoryError) or any(word in words for word in _MEMORY_WORDS):
        return UserError("training.out_of_memory")
    first_line = str(error).strip().splitlines()[0][:300] if str(error).strip() else ""
    return UserError("training.unexpected", reason=f"{type(error).__name__}: {first_line}")


def explain_exit(code: int) -> UserError:
    """What it means that a training process ended without a final status. code: negative for a signal."""
    if code == -signal.SIGKILL:
        # The kernel's out-of-memory killer leaves no other trace than this signal.
        return UserError("training.killed")
    if code < 0:
        return UserError("training.signal", signal=signal.Signals(-code).name)
    return UserError("training.exited", code=code)
