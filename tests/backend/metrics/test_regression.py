"""Metrics of scores against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from backend.metrics.regression import regression_scores

TRUE = np.array([1.0, 2.0, 3.0, 4.0])


def test_scores_are_as_worked_out_by_hand() -> None:
    # Off by 0, 0, 1, 3: squares 0, 0, 1, 9.
    scores = regression_scores(np.array([1.0, 2.0, 2.0, 1.0]), TRUE)
    assert scores["mse"] == 2.5 and scores["rmse"] == pytest.approx(2.5**0.5) and scores["mae"] == 1.0
    # Both are centred on 1.5: the products of the deviations cancel.
    assert scores["pearson"] == pytest.approx(0.0, abs=1e-9)


def test_a_perfect_line_correlates_whatever_its_slope() -> None:
    scores = regression_scores(10 * TRUE - 3, TRUE)
    assert scores["pearson"] == pytest.approx(1.0) and scores["spearman"] == pytest.approx(1.0)


@pytest.mark.parametrize("given", [np.full(4, 2.5), 2.5 + 1e-8 * np.arange(4)])
def test_a_constant_answer_correlates_with_nothing(given: np.ndarray) -> None:
    scores = regression_scores(given, TRUE)
    assert scores["pearson"] == scores["spearman"] == 0.0 and scores["mae"] == 1.0
