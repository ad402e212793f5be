"""The curve reader: what a person would say of a run's curves."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from backend.metrics.curve import Kind, Reading, diverging, read_curve
from backend.training.spec import MetricPoint
from benchmarks.curves import read, recorded


def read_made(
    unseen: Sequence[float], scores: Sequence[float], train: Sequence[float], rate: float = 5e-5, lives: bool = False
) -> Reading:
    """The reading of a curve of 100 steps with these values, evenly spaced; the simplest guess scores 0.5."""
    points = []
    for place, (loss, score) in enumerate(zip(unseen, scores, strict=True)):
        step = round(100 * place / (len(unseen) - 1))
        points.append(MetricPoint(step, 0.0, {"eval_loss": loss, "eval_accuracy": score}))
    for place, loss in enumerate(train):
        step = 1 + round(99 * place / (len(train) - 1))
        points.append(MetricPoint(step, 0.0, {"loss": loss, "learning_rate": rate}))
    return read_curve(sorted(points, key=lambda point: point.step), "accuracy", False, 100, 0.5, lives)


def test_a_loss_that_climbs_and_stays_high_diverges() -> None:
    assert diverging([0.7, 0.8, 1.5, 4, 6, 9, 12, 15, 14, 18, 17, 21, 25])


def test_a_loss_high_above_where_it_began_diverges_without_growing_further() -> None:
    assert diverging([0.7] * 3 + [6.0, 6.4, 5.8] * 4)


@pytest.mark.parametrize(
    "losses",
    [
        [0.7 * math.exp(-step / 20) for step in range(100)],
        # A spike while the rate is at its peak.
        [0.7, 0.8, 9.0, 7.0, 3.0, 1.2, 0.9, 0.8, 0.7, 0.7, 0.6, 0.6, 0.5],
        # Blown up, and on its way back.
        [0.7, 40, 38, 34, 30, 26, 22, 18, 15, 12, 10, 8, 6, 5],
        # One easy batch first.
        [0.02, 0.7, 0.5, 0.9, 0.4, 0.6, 0.8, 0.7, 0.5, 0.6, 0.7, 0.6, 0.6],
        # Collapsed to the baseline.
        [0.3] * 5 + [0.7] * 20,
        # Noise of batches of one row.
        [0.1, 3.2, 0.4, 2.5, 0.2, 4.0, 0.3, 0.1, 5.0, 0.2, 3.5, 0.6, 2.2, 4.1],
        # Too early to tell.
        [0.7, 9, 12, 15, 20],
        [],
    ],
)
def test_no_other_curve_diverges(losses: list[float]) -> None:
    assert not diverging(losses)


FALLING = [0.7 - 0.006 * step for step in range(100)]


def test_two_checks_are_too_early_to_tell() -> None:
    assert read_made([0.7, 0.6, 0.5], [0.5, 0.6, 0.7], FALLING).kind is Kind.EARLY
    assert read_curve([], "accuracy", False).kind is Kind.EARLY


def test_a_score_that_still_rises_is_still_learning() -> None:
    losses = [0.7 - 0.05 * place for place in range(9)]
    assert read_made(losses, [0.5 + 0.04 * place for place in range(9)], FALLING).kind is Kind.LEARNING


def test_overfitting_names_since_when_and_the_best_checkpoint() -> None:
    losses = [0.7, 0.5, 0.4, 0.42, 0.5, 0.6, 0.7, 0.8, 0.9]
    found = read_made(losses, [0.5, 0.7, 0.8, 0.82, 0.8, 0.8, 0.79, 0.79, 0.79], FALLING)
    assert found.kind is Kind.OVERFITTING and found.step == 25 and found.values["best"] == 38


@pytest.mark.parametrize(("rate", "cause", "wanted"), [(1e-7, "low", 3e-5), (0.1, "high", 3e-5), (5e-3, "high", 3e-5)])
def test_a_flat_curve_names_a_learning_rate_to_try(rate: float, cause: str, wanted: float) -> None:
    found = read_made([0.69] * 9, [0.5] * 9, [0.69] * 50, rate)
    assert (found.kind, found.cause, found.values["try"]) == (Kind.FLAT, cause, wanted)


def test_nine_of_ten_recorded_curves_are_read_as_a_person_reads_them() -> None:
    curves = recorded(held_back=False) | recorded(held_back=True)
    wrong = {name: read(kept).kind for name, kept in curves.items() if read(kept).kind != kept["kind"]}
    assert len(curves) >= 40 and len(wrong) <= 0.1 * len(curves), wrong


def test_no_recorded_curve_is_ended_for_diverging_that_did_not_diverge() -> None:
    curves = recorded(held_back=False) | recorded(held_back=True)
    for name, kept in curves.items():
        losses = [point[1] for point in kept["points"]["train"]]
        ended = any(diverging(losses[:count]) for count in range(len(losses) + 1))
        assert not ended or kept["kind"] == "diverging", name
