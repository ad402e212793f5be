"""Metrics of sets of labels against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from backend.metrics.multi_label import MULTI_LABEL_METRICS, multi_label_scores


def test_scores_are_those_of_scikit_learn() -> None:
    from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

    random = np.random.default_rng(0)
    given, true = random.random((50, 6)) > 0.5, random.random((50, 6)) > 0.6
    expected = {
        "f1_micro": f1_score(true, given, average="micro"),
        "f1_macro": f1_score(true, given, average="macro"),
        "subset_accuracy": accuracy_score(true, given),
        "precision_micro": precision_score(true, given, average="micro"),
        "recall_micro": recall_score(true, given, average="micro"),
    }
    assert multi_label_scores(given, true) == pytest.approx(expected)
    assert set(expected) == set(MULTI_LABEL_METRICS)


def test_a_model_that_gives_no_label_scores_zero_without_a_warning() -> None:
    scores = multi_label_scores(np.zeros((4, 3), bool), np.ones((4, 3), bool))
    assert set(scores.values()) == {0.0}
