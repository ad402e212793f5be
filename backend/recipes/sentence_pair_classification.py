"""Recipe: two texts, one label for what is between them: a paraphrase or not, entailed or not, an answer or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from backend.recipes.base import ColumnRole
from backend.recipes.columns import guess_label, guess_pair
from backend.recipes.single_label_classification import SingleLabelClassification

if TYPE_CHECKING:
    import numpy as np

    from backend.data.version import DataVersion

# Of two labels the one that is looked for, by what people call it; else the second one, as in most data sets.
POSITIVE = set(
    "1 true yes positive paraphrase same duplicate equivalent entailment entailed match similar related answer "
    "relevant 是 正 相同 相似 重复 等价 蕴含 匹配 相关".split()
)


class SentencePairClassification(SingleLabelClassification):
    """Paraphrases, entailment, questions and their answers: each pair belongs to exactly one class."""

    name = "sentence-pair-classification"
    roles = (
        ColumnRole("text", ("text",)),
        ColumnRole("text_pair", ("text",)),
        ColumnRole("label", ("text", "integer", "boolean", "number")),
    )
    shown_metrics = ("accuracy", "f1")
    metric_names = (*SingleLabelClassification.metric_names, "f1")
    score_refusal = "recipes.score_column_pair"

    def fit(self, version: DataVersion) -> float:
        label = guess_label(version)
        return 0.8 if label and all(guess_pair(version, (label,))) else 0.1

    def metrics(
        self, logits: np.ndarray, targets: np.ndarray, labels: Sequence[str], settled: Mapping[str, Any] | None = None
    ) -> dict[str, float]:
        """Beside those for one text: f1 of the label that is looked for; of more than two labels their macro mean."""
        from backend.metrics.classification import positive_f1_metric

        scores = super().metrics(logits, targets, labels, settled)
        if len(labels) != 2:
            return scores | {"f1": scores["f1_macro"]}
        metric = positive_f1_metric(positive_label(labels))
        scores |= metric.compute(predictions=logits.argmax(axis=-1), references=targets)
        return scores

    def baseline(
        self, train_targets: np.ndarray, targets: np.ndarray, labels: Sequence[str]
    ) -> tuple[str, dict[str, float]]:
        label, scores = super().baseline(train_targets, targets, labels)
        if len(labels) != 2:
            return label, scores | {"f1": scores["f1_macro"]}
        share = scores["accuracy"] if label == labels[positive_label(labels)] else 0.0
        return label, scores | {"f1": 2 * share / (1 + share)}


def positive_label(labels: Sequence[str]) -> int:
    """The id of the one of two labels that is looked for."""
    named = [place for place, label in enumerate(labels) if label.casefold().strip() in POSITIVE]
    return named[0] if len(named) == 1 else 1
