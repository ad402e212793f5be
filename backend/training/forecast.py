"""What a run will take, from a few measured steps on its own data."""

from __future__ import annotations

from pathlib import Path

from backend.training.spec import Forecast, RunSpec


def known_forecast(spec: RunSpec) -> Forecast | None:
    """The forecast made before for such a run, if any."""
    return None


def measure(folder: Path) -> None:
    """Measure."""
