"""The report of a finished run: scores of every split beside the simplest guess, the confusions, the worst mistakes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from backend.data.version import DataVersion
from backend.recipes.base import AnswersInDetail, Recipe, Report
from backend.training.prepared import Prepared, Split
from backend.training.scoring import Scores
from backend.training.spec import RunSpec

WRONG_KEPT = 100
TEXT_KEPT = 2000


def build_report(
    recipe: Recipe,
    prepared: Prepared,
    spec: RunSpec,
    scored: Mapping[str, tuple[Split, Scores]],
    facts: Mapping[str, Any],
) -> Report:
    """scored: split name to its rows and the model's answers. The headline split is test where there is one."""
    labels = prepared.labels
    headline = "test" if "test" in scored else "validation"
    settled = recipe.settle(*_answers(scored["validation"]), labels) if "validation" in scored else {}
    train_targets = prepared.splits["train"].targets
    splits, baselines, baseline_label = {}, {}, ""
    for name, (split, scores) in scored.items():
        values = recipe.metrics(scores.logits, scores.targets, labels, settled)
        splits[name] = values | {"loss": scores.loss, "rows": len(split)}
        baseline_label, baselines[name] = recipe.baseline(train_targets, scores.targets, labels)
    split = scored[headline][0]
    detail = recipe.in_detail(*_answers(scored[headline]), labels, settled)
    return Report(
        headline_split=headline,
        # A loss says little to a person, and the simplest guess has none to compare with.
        headline_metric=recipe.best_metric if spec.best_metric(recipe) == "loss" else spec.best_metric(recipe),
        splits=splits,
        baseline=baselines,
        baseline_label=baseline_label,
        labels=list(labels),
        per_label=detail.per_label,
        confusion=detail.confusion,
        scatter=detail.scatter,
        settled=settled,
        wrong=wrong_rows(
            prepared.version, {role: spec.columns[role] for role in recipe.text_roles}, split.row_ids, detail
        ),
        wrong_count=len(detail.mistakes),
        facts=facts,
    )


def _answers(scored: tuple[Split, Scores]) -> tuple[np.ndarray, np.ndarray]:
    return scored[1].logits, scored[1].targets


def wrong_rows(
    version: DataVersion, columns: Mapping[str, str], row_ids: np.ndarray, detail: AnswersInDetail
) -> list[dict[str, Any]]:
    """Report.wrong. columns: of the texts, by role; row_ids: of the rows that were answered, (rows,)."""
    mistakes = detail.mistakes[:WRONG_KEPT]
    rows = version.load().select_columns([*columns.values()]).select(row_ids[mistakes])
    wrong = []
    for place, row in zip(mistakes.tolist(), rows, strict=True):
        true, answer, confidence = detail.shown(place)
        texts = {role: str(row[column])[:TEXT_KEPT] for role, column in columns.items()}
        kept = {"row_id": int(row_ids[place]), "true": true, "answer": answer, "confidence": confidence}
        wrong.append(kept | texts)
    return wrong
