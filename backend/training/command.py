"""The `accelerate launch` command that trains a run: as the launcher starts it, and as a person types it."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
RUN_DIR = "RUN_DIR"
"""Stands in a command for the folder of a run that is still to be made."""


def accelerate_command(processes: int, device: str, rest: Sequence[str], program: Sequence[str] = ()) -> list[str]:
    """The words of the command, to be started in the product's folder.

    device: where the run trains. rest: the run's folder and flags of `python -m backend.training`. program: how
    accelerate is called, unless by this Python.
    """
    words = list(program) or [sys.executable, "-m", "accelerate.commands.accelerate_cli"]
    words += ["launch", "--num_processes", str(processes), "--num_machines", "1"]
    if processes > 1:
        # On processors, too: it means several processes on this machine. Port 0: one that is free.
        words += ["--multi_gpu", "--main_process_port", "0"]
    elif device == "cpu":
        words += ["--cpu"]
    threads = max(1, (os.cpu_count() or 1) // max(1, processes))
    # What is not said, accelerate takes from a file that `accelerate config` may have left, or warns.
    words += ["--mixed_precision", "no", "--dynamo_backend", "no", "--num_cpu_threads_per_process", str(threads)]
    return [*words, "-m", "backend.training", *rest]


def typed_command(processes: int, device: str, run_dir: Path | None = None, *, public: bool = False) -> str:
    """What a person pastes into a terminal. run_dir: None for a run still to be made. public: names no local path."""
    beside = Path(sys.executable).with_name("accelerate")
    program = [str(beside)] if beside.exists() and not public else ["accelerate"]
    folder = RUN_DIR if run_dir is None or public else str(run_dir.resolve())
    command = shlex.join(accelerate_command(processes, device, [folder], program))
    return command if public else f"cd {shlex.quote(str(ROOT))} && {command}"


def native_loop_source() -> str:
    """The file of the native loop, for reading; importing it would take torch."""
    return Path(__file__).with_name("native_loop.py").read_text(encoding="utf-8")
