"""Why a run ended: an exception, or the way its process died, as a UserError."""

from __future__ import annotations

import errno
import signal
from collections.abc import Sequence
from pathlib import Path

from backend.errors import UserError

_MEMORY_WORDS = (
    "out of memory",
    "can't allocate memory",
    "cannot allocate memory",
    "defaultcpuallocator",
    "start new thread",
)
_DISK_WORDS = ("no space left", "disk quota exceeded")
# Where Linux counts the processes that it killed for want of memory: of this container, and of the machine.
_MEMORY_KILLS = (Path("/sys/fs/cgroup/memory.events"), Path("/proc/vmstat"))


def explain(error: BaseException, folder: Path) -> UserError:
    """What an exception that ended a run means to a person."""
    if isinstance(error, UserError):
        # Whatever could not be written, for the run it is the same: the disk is full.
        return UserError("training.disk_full", folder=folder) if error.key == "workspace.disk_full" else error
    words = str(error).casefold()
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    if full or any(word in words for word in _DISK_WORDS):
        return UserError("training.disk_full", folder=folder)
    if is_memory(error):
        return UserError("training.out_of_memory")
    first_line = str(error).strip().splitlines()[0][:300] if str(error).strip() else ""
    return UserError("training.unexpected", reason=f"{type(error).__name__}: {first_line}")


def is_memory(error: BaseException) -> bool:
    """Whether an exception says that memory did not suffice."""
    return isinstance(error, MemoryError) or any(word in str(error).casefold() for word in _MEMORY_WORDS)


def explain_exit(code: int) -> UserError:
    """What it means that a training process ended without a final status. code: negative for a signal."""
    if code == -signal.SIGKILL:
        # The kernel's out-of-memory killer leaves no other trace than this signal.
        return UserError("training.killed")
    if code < 0:
        return UserError("training.signal", signal=signal.Signals(-code).name)
    return UserError("training.exited", code=code)


def memory_kills(counters: Sequence[Path] = _MEMORY_KILLS) -> int:
    """How many processes the system has killed so far for want of memory; 0 where it does not say."""
    killed = 0
    for path in counters:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except OSError:
            continue
        killed += sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))
    return killed
