"""How well sets of labels were guessed: an evaluate.Metric class that needs no network, and the detail behind it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import evaluate
    import numpy as np

MULTI_LABEL_METRICS = ("f1_micro", "f1_macro", "subset_accuracy", "precision_micro", "recall_micro")
# Thresholds tried for each label; the even one is taken unless another is better.
THRESHOLDS = tuple(round(step / 20, 2) for step in range(1, 20))
EVEN = 0.5
PASSES = 20


@cache
def multi_label_metric() -> evaluate.Metric:
    """f1_micro, precision_micro, recall_micro: over all answers (row, label) alike; f1_macro: the mean over labels that
    occur; subset_accuracy: share of rows whose set is exactly right. 0 to 1, 0 where undefined."""
    import datasets
    import evaluate
    import numpy as np

    class MultiLabel(evaluate.Metric):  # type: ignore[misc]
        def _info(self) -> evaluate.MetricInfo:
            sets = datasets.Sequence(datasets.Value("int8"))
            return evaluate.MetricInfo(
                description="multi-label",
                citation="",
                features=datasets.Features({"predictions": sets, "references": sets}),
            )

        def _compute(self, predictions: Sequence[Any], references: Sequence[Any]) -> dict[str, float]:
            return counted(np.asarray(predictions, bool), np.asarray(references, bool))

    return MultiLabel(keep_in_memory=True)


def multi_label_scores(predictions: np.ndarray, references: np.ndarray) -> dict[str, float]:
    """MULTI_LABEL_METRICS of two bool arrays (rows, labels)."""
    import numpy as np

    scores: dict[str, float] = multi_label_metric().compute(
        predictions=predictions.astype(np.int8), references=references.astype(np.int8)
    )
    return scores


def counted(given: np.ndarray, wanted: np.ndarray) -> dict[str, float]:
    """The same by counting, in numpy alone: the page asks for them of the simplest guess."""
    import numpy as np

    hits, guessed, true = _counts(given, wanted)
    occur = (guessed + true) > 0
    by_label = _f1(hits, guessed, true)
    return {
        "f1_micro": float(_f1(hits.sum(), guessed.sum(), true.sum())),
        "f1_macro": float(by_label[occur].mean()) if occur.any() else 0.0,
        "subset_accuracy": float(np.mean((given == wanted).all(axis=1))),
        "precision_micro": float(_share(hits.sum(), guessed.sum())),
        "recall_micro": float(_share(hits.sum(), true.sum())),
    }


def best_thresholds(probabilities: np.ndarray, references: np.ndarray) -> np.ndarray:
    """float64 (labels,): a threshold for each label which together give the best micro F1 on these rows, of several the
    one nearest to 0.5; 0.5 for a label that no row has. probabilities: (rows, labels); references: bool (rows, labels).

    Not the best F1 of each label alone: a label that the model has not learnt scores best alone when every row gets it.
    """
    import numpy as np

    tried = sorted(THRESHOLDS, key=lambda threshold: abs(threshold - EVEN))
    counts = [_counts(probabilities >= threshold, references) for threshold in tried]
    hits, guessed = np.stack([one[0] for one in counts]), np.stack([one[1] for one in counts])
    true, labels = references.sum(), np.arange(references.shape[1])
    # Of one threshold for all the best; then one label after the other, until none moves.
    chosen = np.full(len(labels), _f1(hits.sum(axis=1), guessed.sum(axis=1), true).argmax())
    for _ in range(PASSES):
        before = chosen.copy()
        for label in labels:
            others_hit = hits[chosen, labels].sum() - hits[chosen[label], label]
            others_guessed = guessed[chosen, labels].sum() - guessed[chosen[label], label]
            chosen[label] = _f1(others_hit + hits[:, label], others_guessed + guessed[:, label], true).argmax()
        if (chosen == before).all():
            break
    return np.where(references.any(axis=0), np.asarray(tried)[chosen], EVEN)


def per_label(
    predictions: np.ndarray, references: np.ndarray, labels: Sequence[str], thresholds: np.ndarray
) -> list[dict[str, Any]]:
    """One dict a label in id order: label, precision, recall, f1 (0 where undefined), rows (that truly have it),
    threshold."""
    hits, guessed, true = _counts(predictions, references)
    columns = (_share(hits, guessed), _share(hits, true), _f1(hits, guessed, true), true, thresholds)
    return [
        {
            "label": label,
            "precision": float(p),
            "recall": float(r),
            "f1": float(f),
            "rows": int(n),
            "threshold": float(t),
        }
        for label, p, r, f, n, t in zip(labels, *columns, strict=True)
    ]


def _counts(given: np.ndarray, wanted: np.ndarray) -> tuple[Any, Any, Any]:
    """For each label: rows rightly given it, rows given it, rows that have it."""
    given, wanted = given.astype(bool), wanted.astype(bool)
    return (given & wanted).sum(axis=0), given.sum(axis=0), wanted.sum(axis=0)


def _f1(hits: Any, guessed: Any, true: Any) -> Any:
    return _share(2 * hits, guessed + true)


def _share(part: Any, whole: Any) -> Any:
    import numpy as np

    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
