"""Where models run, and how much memory there is for them."""

from __future__ import annotations

import ctypes
import gc
import sys
from functools import cache
from pathlib import Path

from backend.errors import UserError
from backend.settings import Settings

# Of Nvidia, AMD, and either of them beneath Windows.
_GPU_NODES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
# A container's own limit, in both versions of control groups: what the machine has free is not ours then.
_CGROUP_FILES = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory.stat"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
        "/sys/fs/cgroup/memory/memory.stat",
    ),
)


@cache
def device_name(settings: Settings) -> str:
    """The torch device that models run on: cpu, cuda or mps. Imports torch only where there may be a GPU."""
    if settings.device != "auto":
        return settings.device
    # The page's first answer asks this, and torch takes seconds to import.
    if sys.platform == "linux" and not any(Path(node).exists() for node in _GPU_NODES):
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def checked_device(device: str, title: str) -> str:
    """A torch device that somebody chose. Raises UserError models.no_device where this machine has none of the kind."""
    if device != "cpu":
        import torch

        there = torch.cuda.is_available() if device == "cuda" else torch.backends.mps.is_available()
        if device not in ("cuda", "mps") or not there:
            raise UserError("models.no_device", device=device, model=title)
    return device


def available_bytes(device: str = "cpu") -> int:
    """Bytes still to be had: of the GPU's memory, or of the machine's, or of the container's if that is less."""
    if device == "cuda":
        import torch

        return int(torch.cuda.mem_get_info()[0])
    import psutil

    free = int(psutil.virtual_memory().available)
    for limit, usage, statistics in _CGROUP_FILES:
        try:
            left = int(Path(limit).read_text()) - int(Path(usage).read_text()) + _reclaimable(Path(statistics))
        except (OSError, ValueError):
            continue
        free = min(free, max(left, 0))
    return free


def _reclaimable(statistics: Path) -> int:
    """Bytes of cached files, which the kernel counts as used and gives back when asked."""
    for line in statistics.read_text().splitlines():
        name, _, value = line.partition(" ")
        if name in ("inactive_file", "total_inactive_file"):
            return int(value)
    return 0


def give_back(device: str) -> None:
    """Hand what dropped models held back to the system, which the allocators otherwise keep for later."""
    gc.collect()
    if device == "cuda":
        import torch

        torch.cuda.empty_cache()
    elif sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)
