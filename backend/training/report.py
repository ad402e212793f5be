"""The report of a finished run: scores of every split beside the simplest guess, the confusions, the worst mistakes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from backend.metrics.classification import confusion, per_label
from backend.recipes.base import Recipe, Report
from backend.training.prepared import Prepared, Split
from backend.training.scoring import Scores

WRONG_KEPT = 100
TEXT_KEPT = 2000


def build_report(
    recipe: Recipe,
    prepared: Prepared,
    text_column: str,
    scored: Mapping[str, tuple[Split, Scores]],
    facts: Mapping[str, Any],
) -> Report:
    """scored: split name to its rows and the model's answers. The headline split is test where there is one."""
    labels = prepared.labels
    headline = "test" if "test" in scored else "validation"
    train_targets = prepared.splits["train"].targets
    splits, baselines, baseline_label = {}, {}, ""
    for name, (split, scores) in scored.items():
        values = recipe.metrics(scores.logits, scores.targets, labels)
        splits[name] = values | {"loss": scores.loss, "rows": len(split)}
        baseline_label, baselines[name] = recipe.baseline(train_targets, scores.targets, labels)
    split, scores = scored[headline]
    answers = scores.logits.argmax(axis=-1)
    return Report(
        headline_split=headline,
        headline_metric=recipe.best_metric,
        splits=splits,
        baseline=baselines,
        baseline_label=baseline_label,
        labels=list(labels),
        per_label=per_label(answers, scores.targets, labels),
        confusion=confusion(answers, scores.targets, len(labels)),
        wrong=_wrong(prepared, text_column, split, scores),
        wrong_count=int((answers != scores.targets).sum()),
        facts=facts,
    )


def _wrong(prepared: Prepared, text_column: str, split: Split, scores: Scores) -> list[dict[str, Any]]:
    shifted = np.exp(scores.logits - scores.logits.max(axis=-1, keepdims=True))
    confidence = shifted.max(axis=-1) / shifted.sum(axis=-1)
    answers = scores.logits.argmax(axis=-1)
    mistakes = np.flatnonzero(answers != scores.targets)
    mistakes = mistakes[np.argsort(-confidence[mistakes], kind="stable")][:WRONG_KEPT]
    rows = prepared.version.load().select_columns([text_column]).select(split.row_ids[mistakes])
    return [
        {
            "row_id": int(split.row_ids[place]),
            "text": str(row[text_column])[:TEXT_KEPT],
            "true": prepared.labels[scores.targets[place]],
            "answer": prepared.labels[answers[place]],
            "confidence": float(confidence[place]),
        }
        for place, row in zip(mistakes, rows, strict=True)
    ]
