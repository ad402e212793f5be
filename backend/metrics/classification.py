"""How well labels were guessed: evaluate.Metric classes that need no network, and the detail behind them.

`evaluate.load` fetches code from the Hub at run time, so these wrap scikit-learn themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import evaluate
    import numpy as np


@cache
def accuracy_metric() -> evaluate.Metric:
    """accuracy: share of rows whose label was guessed, 0 to 1."""
    from sklearn.metrics import accuracy_score

    return _metric("accuracy", lambda predictions, references: accuracy_score(references, predictions))


@cache
def average_metric(kind: str, average: str) -> evaluate.Metric:
    """kind: f1, precision or recall. average: macro, each label that occurs among references or predictions with equal
    weight; micro, each answer with equal weight. Named f1_macro and so on; 0 to 1, 0 where undefined."""
    import sklearn.metrics

    score = getattr(sklearn.metrics, f"{kind}_score")
    return _metric(
        f"{kind}_{average}",
        lambda predictions, references: score(references, predictions, average=average, zero_division=0),
    )


@cache
def matthews_metric() -> evaluate.Metric:
    """matthews_correlation: -1 to 1; 0 for guessing, and for one label given to all rows, however common it is."""
    from sklearn.metrics import matthews_corrcoef

    return _metric("matthews_correlation", lambda predictions, references: matthews_corrcoef(references, predictions))


@cache
def positive_f1_metric(positive: int) -> evaluate.Metric:
    """f1: of the one label that is looked for, by its id; 0 to 1, 0 where undefined."""
    from sklearn.metrics import f1_score

    return _metric(
        "f1",
        lambda predictions, references: f1_score(
            references, predictions, labels=[positive], average="macro", zero_division=0
        ),
    )


def _metric(name: str, score: Any) -> evaluate.Metric:
    import datasets
    import evaluate

    class Classification(evaluate.Metric):  # type: ignore[misc]
        def _info(self) -> evaluate.MetricInfo:
            return evaluate.MetricInfo(
                description=name,
                citation="",
                features=datasets.Features(
                    {"predictions": datasets.Value("int64"), "references": datasets.Value("int64")}
                ),
            )

        def _compute(self, predictions: Sequence[int], references: Sequence[int]) -> dict[str, float]:
            return {name: float(score(predictions, references))}

    # In memory: no cache files, and no lock between two runs that score at once.
    return Classification(keep_in_memory=True)


def classification_scores(predictions: np.ndarray, references: np.ndarray) -> dict[str, float]:
    """accuracy, f1_macro, f1_micro, precision_macro, recall_macro, matthews_correlation of two int arrays (rows,)."""
    averages = (("f1", "macro"), ("f1", "micro"), ("precision", "macro"), ("recall", "macro"))
    scores: dict[str, float] = {}
    averaged = (average_metric(kind, average) for kind, average in averages)
    for metric in (accuracy_metric(), *averaged, matthews_metric()):
        scores |= metric.compute(predictions=predictions, references=references)
    return scores


def per_label(predictions: np.ndarray, references: np.ndarray, labels: Sequence[str]) -> list[dict[str, Any]]:
    """One dict a label in id order: label, precision, recall, f1 (0 where undefined), rows (that truly have it)."""
    from sklearn.metrics import precision_recall_fscore_support

    precision, recall, f1, rows = precision_recall_fscore_support(
        references, predictions, labels=range(len(labels)), zero_division=0
    )
    return [
        {"label": label, "precision": float(p), "recall": float(r), "f1": float(f), "rows": int(n)}
        for label, p, r, f, n in zip(labels, precision, recall, f1, rows, strict=True)
    ]


def confusion(predictions: np.ndarray, references: np.ndarray, labels: int) -> list[list[int]]:
    """(labels, labels) counts: row the true label, column the guessed one."""
    from sklearn.metrics import confusion_matrix

    return confusion_matrix(references, predictions, labels=range(labels)).tolist()  # type: ignore[no-any-return]
