"""The mirror of a run in trackio, rebuilt from its record."""

from __future__ import annotations

from pathlib import Path


def mirror(run_dir: Path) -> None:
    """Mirror."""
