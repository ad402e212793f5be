"""Classification metrics against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from backend.metrics.classification import classification_scores, confusion, per_label

TRUE = np.array([0, 0, 0, 1])
GUESSED = np.array([0, 0, 1, 1])


def test_scores_are_averaged_over_labels_and_over_rows() -> None:
    # F1 of label 0 is 0.8 (precision 1, recall 2/3), of label 1 it is 2/3 (precision 1/2, recall 1).
    assert classification_scores(GUESSED, TRUE) == pytest.approx(
        {
            "accuracy": 0.75,
            "f1_macro": (0.8 + 2 / 3) / 2,
            "f1_micro": 0.75,
            "precision_macro": 0.75,
            "recall_macro": (2 / 3 + 1) / 2,
            # (1 * 2 - 1 * 0) / sqrt(2 * 1 * 3 * 2) of hits, misses and false alarms for label 1.
            "matthews_correlation": 2 / 12**0.5,
        }
    )


def test_a_label_never_seen_counts_as_zero_in_its_own_row_only() -> None:
    rows = per_label(GUESSED, TRUE, ("a", "b", "c"))
    assert [row["rows"] for row in rows] == [3, 1, 0] and rows[2]["f1"] == 0


def test_rows_of_the_confusion_matrix_are_the_true_labels() -> None:
    assert confusion(GUESSED, TRUE, 3) == [[2, 1, 0], [0, 1, 0], [0, 0, 0]]


def test_the_metrics_are_evaluate_metrics() -> None:
    import evaluate

    from backend.metrics.classification import accuracy_metric

    metric = accuracy_metric()
    metric.add_batch(predictions=[1, 0], references=[1, 1])
    assert isinstance(metric, evaluate.Metric) and metric.compute() == {"accuracy": 0.5}
