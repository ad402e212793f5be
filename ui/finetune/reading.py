"""One line under a run's sentence: what its curves say, and what to try."""

from __future__ import annotations

import html
from collections.abc import Sequence

from backend.metrics.curve import Kind, Reading, read_curve
from backend.texts import catalogue
from backend.training.spec import MetricPoint, RunSpec, RunStatus
from ui import scales
from ui.finetune import live
from ui.finetune.cards import rate
from ui.text import say


def line(
    spec: RunSpec,
    status: RunStatus,
    points: Sequence[MetricPoint],
    metric: str,
    guess: float | None,
    label: str,
    locale: str,
) -> str:
    """The line as HTML; "" for a run that has nothing to read yet. metric: the one that chooses the best state. guess
    and label: what the simplest guess scores, and what it always answers."""
    lives = status.state.lives
    # What ended a run early says why itself.
    if spec.loop == "head" or not points or not status.total_steps or status.error:
        return ""
    found = read_curve(points, metric, scales.less_is_better(metric), status.total_steps, guess, lives)
    if found.kind is Kind.EARLY and not lives:
        return ""
    if found.kind is Kind.LEARNING and not lives and _full(points, metric):
        return f'<p class="muted curve-line">{say("curve.full.ended", locale)}</p>'
    values = _values(found) | ({"best": f"{status.best_step:,}"} if status.best_step else {})
    text = say(_key(found, lives, label), locale, **values, label=html.escape(label))
    return f'<p class="muted curve-line curve-{found.kind}">{text}</p>'


def _full(points: Sequence[MetricPoint], metric: str) -> bool:
    """Whether the score at the last check is the highest there is."""
    checks = live.line(points, live.EVAL + metric)[1]
    return bool(checks) and scales.scale(metric) == "share" and checks[-1] == 1


def _key(found: Reading, lives: bool, label: str) -> str:
    """The text that says most: by cause, for a run that has ended, with the answer that is always given."""
    key = f"curve.{found.kind}" + (f".{found.cause}" if found.cause else "")
    for ending in (".label" if label else "", "" if lives else ".ended"):
        if ending and key + ending in catalogue("en"):
            return key + ending
    return key


def _values(found: Reading) -> dict[str, str]:
    rates = {name: _rate(found.values[name]) for name in ("rate", "try") if name in found.values}
    steps = {name: f"{int(found.values[name]):,}" for name in ("step", "best") if name in found.values}
    return rates | steps


def _rate(value: float) -> str:
    """0.1 and 0.005, but 3e-5."""
    return f"{value:.1g}" if value >= 1e-3 else rate(value)
