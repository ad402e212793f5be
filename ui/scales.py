"""What a metric's numbers are: shares of 1, correlations or errors; how they are written, which end is better."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

Scale = Literal["share", "correlation", "error"]
"""share: 0 to 1, read as percent; correlation: -1 to 1; error: from 0 upwards, less is better."""

_CORRELATIONS = frozenset(("pearson", "spearman", "spearmanr", "matthews_correlation"))
_ERRORS = frozenset(("loss", "mse", "rmse", "mae"))


def scale(metric: str) -> Scale:
    """The scale of a metric's values; an unknown metric is taken for a share."""
    return "correlation" if metric in _CORRELATIONS else "error" if metric in _ERRORS else "share"


def less_is_better(metric: str) -> bool:
    """Whether the smallest value is the best."""
    return scale(metric) == "error"


def best(metric: str, values: Iterable[float]) -> float | None:
    """The best of some values; None for none."""
    return (min if less_is_better(metric) else max)(values, default=None)


def common(metrics: Iterable[str]) -> tuple[Scale, list[str]]:
    """The scale of one chart for several metrics, and those of them that fit on it: errors stand apart from scores."""
    names = list(metrics)
    kinds = [scale(name) for name in names]
    if kinds and all(kind == "error" for kind in kinds):
        return "error", names
    shown = [name for name, kind in zip(names, kinds, strict=True) if kind != "error"]
    return ("correlation" if "correlation" in kinds else "share"), shown


def written(metric: str, value: float) -> str:
    """A metric's value: 88.4% for a share, 0.87 for a correlation, 0.312 for an error."""
    return number(scale(metric), value)


def number(kind: Scale, value: float) -> str:
    """A value on a scale."""
    if kind == "share" and -1e-9 <= value <= 1 + 1e-9:
        return f"{value:.1%}"
    return f"{value:.2f}" if kind == "correlation" else f"{value:.3f}" if abs(value) < 100 else f"{value:,.0f}"
