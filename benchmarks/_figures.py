"""Figures of a benchmark: printed as a table, kept as results/NAME.json."""

from __future__ import annotations

import datetime
import json
import os
import platform
import statistics
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True, slots=True)
class Figure:
    """goal: the bound as written, "<= 1.25"; empty: only told. spread: smallest and largest seen."""

    value: float
    unit: str
    goal: str = ""
    spread: tuple[float, float] | None = None

    @property
    def holds(self) -> bool | None:
        """Whether the value keeps to the goal; None without one."""
        if not self.goal:
            return None
        sign, bound = self.goal.split()
        return self.value <= float(bound) if sign == "<=" else self.value >= float(bound)


def machine() -> str:
    """Processor, cores and memory in a line."""
    import psutil

    return f"{platform.machine()}, {os.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB"


def write(name: str, figures: dict[str, Figure]) -> None:
    """Print the table and write results/NAME.json; figures of an earlier run that this one lacks are kept."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    path = RESULTS / f"{name}.json"
    kept = json.loads(path.read_text())["figures"] if path.exists() else {}
    for figure_name, figure in figures.items():
        kept[figure_name] = asdict(figure) | {"holds": figure.holds}
    data = {
        "commit": commit,
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "figures": kept,
    }
    RESULTS.mkdir(exist_ok=True)
    path.write_text(json.dumps(data, indent=1, ensure_ascii=False) + "\n")
    print(f"\n{name} ({data['machine']}, {commit})")
    for figure_name, figure in figures.items():
        spread = f"  ({figure.spread[0]:.3g} to {figure.spread[1]:.3g})" if figure.spread else ""
        verdict = {True: "holds", False: "MISSED", None: ""}[figure.holds]
        print(f"  {figure_name:58} {figure.value:10.4g} {figure.unit:12}{figure.goal:9}{verdict}{spread}")


def paired_ratio(
    ours: Callable[[], float], theirs: Callable[[], float], pairs: int = 5
) -> tuple[Figure, list[float], list[float]]:
    """Median and spread of ours/theirs over interleaved pairs (A B A B ...), with both series."""
    a, b = [], []
    for _ in range(pairs):
        a.append(ours())
        b.append(theirs())
    ratios = [x / y for x, y in zip(a, b, strict=True)]
    return Figure(statistics.median(ratios), "ratio", spread=(min(ratios), max(ratios))), a, b


def median(values: Sequence[float], unit: str) -> Figure:
    """Median and spread of a series."""
    return Figure(statistics.median(values), unit, spread=(min(values), max(values)))
