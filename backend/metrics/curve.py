"""What a run's curves say, in one word: learning, finished, flat, overfitting, noisy, diverging, or too early to tell.

Covers: the loss of the training rows, and loss and score of the rows that are checked.
Does not cover: runs without checks between their start and their end; scores that nothing tells from chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import fmean, median

from backend.training.spec import MetricPoint

FEWEST_LOSSES = 12
LAST_LOSSES = 5
BLOWN_UP = 3.0
LEAST_LOSS = 1.0
"""A first loss below this counts as this: one easy batch says little of where a run began. Nats, or squared scores."""
RECOVERING = 0.9
BACK = 1.2

FEWEST_CHECKS = 4
"""That of the untrained model among them."""
EARLY_SHARE = 0.15
"""Of the planned steps: a run that goes on may still be warming up."""
# Of how far the loss on unseen rows fell, and of that loss: by how much it has risen again.
RISE_OF_FALL, RISE = 0.1, 0.05
# Parts of the loss on unseen rows.
JITTER, JITTER_OF_BOTH, FALL = 0.08, 0.045, 0.015
FALL_OF_FALL = 0.04
"""Of how far that loss fell in all: what it still falls lately where the model goes on learning."""
LEARNT_OF_LOSS = 0.05
LEARNT_FALL = 0.2
"""Of the training loss since unseen rows were best: what the model goes on to learn of its own rows."""
GAIN = 0.13
"""Of what lies between the simplest guess and 1: a score that much better is no chance on eighty rows."""
STILL = 0.07
"""A score that rose by so much of 1 lately is still rising."""
SLOW = 0.03
"""The same where the loss falls at each check."""
HIGH_RATE, LOW_RATE = 5e-4, 2e-5
USUAL_RATE = 3e-5


class Kind(StrEnum):
    """What a person would say of the curves. Texts `curve.{kind}`."""

    EARLY = "early"
    LEARNING = "learning"
    FINISHED = "finished"
    FLAT = "flat"
    OVERFITTING = "overfitting"
    NOISY = "noisy"
    DIVERGING = "diverging"


@dataclass(frozen=True, slots=True)
class Reading:
    """step: since when; 0 where the whole curve is meant. values: for the text: step, best, rate, try."""

    kind: Kind
    step: int = 0
    values: Mapping[str, float] = field(default_factory=dict)
    cause: str = ""
    """high or low: the learning rate that is to blame; nothing: what is learnt by heart is of no use for unseen rows;
    else empty. Text `curve.{kind}.{cause}`."""


@dataclass(frozen=True, slots=True)
class _Checks:
    """What was seen on unseen rows: steps, losses, and scores of which more is better; the untrained model's first."""

    steps: list[int]
    losses: list[float]
    scores: list[float]

    @property
    def low(self) -> int:
        """Where the loss is lowest."""
        return self.losses.index(min(self.losses))

    @property
    def end(self) -> float:
        """The loss of late."""
        return fmean(self.losses[-2:])

    @property
    def third(self) -> int:
        """Where the last third begins, or the last two."""
        return len(self.steps) - max(2, len(self.steps) // 3)

    @property
    def fallen(self) -> float:
        """How far the loss came down at best."""
        return self.losses[0] - min(self.losses)

    @property
    def jitter(self) -> float:
        """Of the second half of the losses: see `_jitter`."""
        return _jitter(self.losses[len(self.losses) // 2 - 1 :])

    @property
    def noisy(self) -> bool:
        """Loss, or loss and score, jump from check to check until the end."""
        jumps = self.jitter / max(median(self.losses[1:]), self.fallen)
        both = min(jumps, _jitter(self.scores[len(self.scores) // 2 - 1 :]))
        return jumps > JITTER or (both > JITTER_OF_BOTH and self.low < len(self.steps) - 2)


def _jitter(values: Sequence[float]) -> float:
    """How far a value lies from the middle between its neighbours, on average."""
    rows = zip(values, values[1:], values[2:], strict=False)
    return fmean([abs(now - (before + after) / 2) for before, now, after in rows] or [0.0])


def read_curve(
    points: Sequence[MetricPoint],
    metric: str,
    less_is_better: bool,
    total_steps: int = 0,
    baseline: float | None = None,
    lives: bool = False,
) -> Reading:
    """What the points of a run say. metric: the one that chooses the best state. baseline: its value for the simplest
    guess. lives: whether more points may come."""
    losses = [(point.step, point.values["loss"]) for point in points if "loss" in point.values]
    checks = _checks(points, metric, less_is_better)
    rates = [point.values["learning_rate"] for point in points if "learning_rate" in point.values]
    rate = max(rates, default=0.0)
    if _blew_up([loss for _, loss in losses]):
        return Reading(Kind.DIVERGING, values={"rate": rate, "try": _gentler(rate)}, cause="high")
    done = max(losses[-1][0] if losses else 0, checks.steps[-1] if checks.steps else 0)
    if len(checks.steps) < FEWEST_CHECKS or not losses or (lives and done < EARLY_SHARE * total_steps):
        return Reading(Kind.EARLY)
    kind = _kind(checks, losses, baseline, less_is_better)
    if kind is Kind.FLAT and _memorizes(checks, losses):
        return Reading(kind, values={"rate": rate}, cause="nothing")
    best = max(range(1, len(checks.steps)), key=lambda place: (checks.scores[place], -checks.losses[place]))
    values = {"rate": rate, "best": checks.steps[best], "step": checks.steps[max(1, checks.low)]}
    if kind in (Kind.FLAT, Kind.NOISY):
        cause = _to_blame(checks, rate) if kind is Kind.FLAT else "high"
        values["try"] = _bolder(rate) if cause == "low" else _gentler(rate)
        return Reading(kind, values=values, cause=cause)
    return Reading(kind, int(values["step"]) if kind is Kind.OVERFITTING else 0, values)


def diverging(losses: Sequence[float]) -> bool:
    """Whether training has blown up and does not come back. losses: all logged so far, the first one of step 1.

    A spike, noise, a collapse to the baseline and a loss that comes down again are none of it.
    """
    last = losses[-2 * LAST_LOSSES :]
    if len(losses) < FEWEST_LOSSES or not _is_high(losses):
        return False
    return sum(last[-LAST_LOSSES:]) >= RECOVERING * sum(last[:LAST_LOSSES])


def _is_high(losses: Sequence[float]) -> bool:
    """The losses of late are far above the first one."""
    return median(losses[-2 * LAST_LOSSES :]) > BLOWN_UP * max(losses[0], LEAST_LOSS)


def _blew_up(losses: Sequence[float]) -> bool:
    """It diverged at some time, and has not come back to where it began."""
    away = len(losses) >= FEWEST_LOSSES and median(losses[-2 * LAST_LOSSES :]) > BACK * losses[0]
    return away and any(diverging(losses[:count]) for count in range(FEWEST_LOSSES, len(losses) + 1))


def _checks(points: Sequence[MetricPoint], metric: str, less_is_better: bool) -> _Checks:
    name, sign = f"eval_{metric}", -1 if less_is_better else 1
    found = [point for point in points if "eval_loss" in point.values and name in point.values]
    return _Checks(
        [point.step for point in found],
        [point.values["eval_loss"] for point in found],
        [sign * point.values[name] for point in found],
    )


def _kind(checks: _Checks, losses: Sequence[tuple[int, float]], baseline: float | None, less_is_better: bool) -> Kind:
    level = median(checks.losses[1:])
    rising = _score_rises(checks)
    if not rising and _overfits(checks, losses):
        return Kind.OVERFITTING
    if checks.noisy:
        return Kind.NOISY
    learnt = _learnt(checks, baseline, less_is_better)
    if rising or _loss_falls(checks, level, learnt):
        return Kind.LEARNING
    return Kind.FINISHED if learnt else Kind.FLAT


def _overfits(checks: _Checks, losses: Sequence[tuple[int, float]]) -> bool:
    """Unseen rows were better earlier, while the loss of the training rows went on falling."""
    low, count = checks.low, len(checks.steps)
    lowest = checks.losses[low]
    risen = checks.end - lowest
    if low >= count - 2 or risen < max(RISE_OF_FALL * checks.fallen, RISE * abs(lowest), checks.jitter):
        return False
    width = checks.steps[-1] / count
    then = [loss for step, loss in losses if abs(step - checks.steps[low]) <= width]
    late = [loss for step, loss in losses if step > checks.steps[-1] - width]
    return bool(then and late) and fmean(late) < (1 - LEARNT_FALL) * fmean(then)


def _memorizes(checks: _Checks, losses: Sequence[tuple[int, float]]) -> bool:
    """The loss of the training rows has fallen well below where it began, and below that of unseen rows."""
    count = min(LAST_LOSSES, len(losses) // 2)
    first, late = (fmean(loss for _, loss in part) for part in (losses[:count], losses[-count:]))
    return late < (1 - LEARNT_FALL) * min(first, checks.end)


def _score_rises(checks: _Checks) -> bool:
    """The score is at its best, and was clearly lower before the last third."""
    scores = checks.scores
    before = max(scores[: checks.third])
    return fmean(scores[-2:]) > before + STILL / 2 and max(scores[-2:]) > before + STILL


def _loss_falls(checks: _Checks, level: float, learnt: bool) -> bool:
    """The loss is at its lowest: it fell clearly of late, or a little at each check while the score rose a little."""
    if checks.low < len(checks.steps) - 2:
        return False
    fallen = fmean(checks.losses[checks.third - 1 : checks.third + 1]) - checks.end
    if fallen > max(FALL * level, FALL_OF_FALL * checks.fallen):
        return True
    last = checks.losses[checks.third - 1 :]
    steadily = all(now < before for before, now in zip(last, last[1:], strict=False))
    return learnt and steadily and checks.scores[-1] - checks.scores[checks.third - 1] > SLOW


def _learnt(checks: _Checks, baseline: float | None, less_is_better: bool) -> bool:
    """The loss came down, and the score is clearly above that of the simplest guess and of the untrained model."""
    if checks.fallen < LEARNT_OF_LOSS * checks.losses[0]:
        return False
    pairs = [fmean(pair) for pair in zip(checks.scores[1:], checks.scores[2:], strict=False)]
    first = checks.scores[0]
    if less_is_better:
        guess = first if baseline is None else max(first, -baseline)
        return max(pairs) > guess + GAIN * abs(guess)
    guess = first if baseline is None else max(first, baseline)
    return max(pairs) > guess + GAIN * (1 - guess)


def _to_blame(checks: _Checks, rate: float) -> str:
    """Whether the learning rate is too low, so that nothing moves, or too high, so that nothing stays."""
    moved = max(checks.losses) - min(checks.losses)
    if rate <= LOW_RATE or (moved < FALL * median(checks.losses) and rate < HIGH_RATE):
        return "low"
    return "high" if rate >= HIGH_RATE else ""


def _gentler(rate: float) -> float:
    return USUAL_RATE if rate > 20 * USUAL_RATE else float(f"{rate / 5:.0e}")


def _bolder(rate: float) -> float:
    return USUAL_RATE if rate < USUAL_RATE / 5 else float(f"{rate * 5:.0e}")
