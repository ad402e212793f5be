"""Where models run is known without importing torch on a machine that has no GPU."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from backend.models import available_bytes, device_name
from backend.settings import Settings


def test_the_chosen_device_is_taken() -> None:
    assert device_name(Settings(device="mps")) == "mps"


@pytest.mark.skipif(
    sys.platform != "linux" or Path("/dev/nvidiactl").exists() or Path("/dev/kfd").exists(), reason="may have a GPU"
)
def test_a_machine_without_gpu_is_known_by_its_devices_alone() -> None:
    code = """
import sys
from backend.models import device_name
from backend.settings import Settings
assert device_name(Settings()) == "cpu" and "torch" not in sys.modules
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_free_memory_is_some_and_no_more_than_the_machine_has() -> None:
    import psutil

    assert 0 < available_bytes() <= psutil.virtual_memory().total
