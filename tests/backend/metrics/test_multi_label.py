"""Metrics of sets of labels against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from backend.metrics.multi_label import EVEN, MULTI_LABEL_METRICS, best_thresholds, counted, multi_label_scores


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


def test_thresholds_lift_micro_f1_and_do_not_give_every_row_what_was_not_learnt() -> None:
    random = np.random.default_rng(0)
    true = random.random((400, 4)) < (0.4, 0.2, 0.05, 0.05)
    learnt = np.clip(0.35 * true + 0.25 * random.random(true.shape), 0, 1)
    # The last label's probabilities say nothing.
    learnt[:, 3] = 0.06
    found = best_thresholds(learnt, true)
    assert counted(learnt >= found, true)["f1_micro"] > 0.95 > 0.6 > counted(learnt >= 0.5, true)["f1_micro"]
    assert not (learnt >= found)[:, 3].any()


def test_a_label_that_no_row_has_keeps_the_even_threshold() -> None:
    true = np.asarray([[True, False], [False, False]])
    assert best_thresholds(np.asarray([[0.3, 0.9], [0.2, 0.9]]), true).tolist() == [0.3, EVEN]
