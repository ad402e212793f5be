"""Recipe: two texts, one number for how much of something is between them, such as how close they are in meaning."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from backend.data.describe import evenly
from backend.errors import UserError
from backend.recipes.base import AnswersInDetail, ColumnRole, Finding
from backend.recipes.columns import (
    distinct_values,
    guess_pair,
    guess_score,
    has_fractions,
    label_text,
    label_texts,
    read_column,
    require,
)
from backend.recipes.hidden_answers import hidden_answers, hidden_findings
from backend.recipes.sequence import SequenceRecipe
from backend.recipes.text_columns import empty_finding, refuse_few, refuse_swapped, text_findings

if TYPE_CHECKING:
    import numpy as np

    from backend.data.version import DataVersion

SCATTER_POINTS = 2000
# An answer is counted among the mistakes when it is off by more than this part of the range of the scores.
OFF_SHARE = 0.1
EXAMPLE_LETTERS = 40
# Scores much wider than the 0 to 5 of the usual sets take long to reach from a head that starts at their mean.
WIDE = 20.0
# A number beyond that is no score but a mistake; the squares of much larger ones are no float32 any more.
LARGEST = 1e9


class SentencePairRegression(SequenceRecipe):
    """How similar two sentences are, as a number: the score is the model's one output."""

    name = "sentence-pair-regression"
    problem = "regression"
    roles = (
        ColumnRole("text", ("text",)),
        ColumnRole("text_pair", ("text",)),
        ColumnRole("score", ("number", "integer", "text")),
    )
    best_metric = "pearson"
    shown_metrics = ("pearson", "spearman")
    metric_names = ("pearson", "spearman", "mse", "rmse", "mae")
    apart = OFF_SHARE

    def fit(self, version: DataVersion) -> float:
        score = guess_score(version)
        if not score or not all(guess_pair(version, (score,))):
            return 0.1
        values = read_column(version, score).slice(0, 5000).to_pylist()
        graded = len(set(values)) > 3 and score.casefold() in ("score", "similarity", "relatedness", "相似度", "分数")
        return 0.9 if has_fractions(values) or graded else 0.3

    def guess_columns(self, version: DataVersion) -> dict[str, str]:
        score = guess_score(version)
        return self.guess_texts(version, taken=(score,)) | ({"score": score} if score else {})

    def check(self, version: DataVersion, columns: Mapping[str, str]) -> list[Finding]:
        import numpy as np

        texts = self.texts_present(version, columns)
        self._refuse_other_than_scores(version, columns)
        scores = self._scores(version, columns)
        found = scores[texts & ~np.isnan(scores)]
        column = columns["score"]
        if not len(found):
            raise UserError("recipes.no_scored_rows", text=columns["text"], score=column)
        refuse_few(len(found))
        low, high = float(found.min()), float(found.max())
        if low == high:
            raise UserError("recipes.one_score", column=column, score=f"{low:g}", rows=len(found))
        values = {"rows": len(found), "low": f"{low:g}", "high": f"{high:g}"}
        findings = [Finding("ok", "recipes.finding.scored_rows", values)]
        findings += self._left_out(version, column)
        findings += hidden_findings(version, column)
        findings += text_findings(version, columns, self.text_roles)
        if set(found.tolist()) <= {0.0, 1.0}:
            findings.append(Finding("warning", "recipes.finding.two_scores", {"column": column}))
        if max(abs(low), abs(high)) > WIDE:
            findings.append(Finding("warning", "recipes.finding.wide_scores", {"column": column} | values))
        return findings

    def _refuse_other_than_scores(self, version: DataVersion, columns: Mapping[str, str]) -> None:
        import numpy as np

        texts = [columns.get(role, "") for role in self.text_roles]
        column = require(version, columns, "score", guess_score(version, taken=texts))
        fitting = column.kind in self.roles[-1].kinds
        values, rows = distinct_values(read_column(version, column.name)) if fitting else ([], np.empty(0, np.int64))
        names = np.asarray(label_texts(values), dtype=object)
        if column.kind == "text":
            refuse_swapped(version, columns, self.text_roles, "score", {name for name in names if name})
        # Of the rows with anything in them, not of the different values: two scores may stand in nearly all rows.
        filled = np.asarray([bool(name) for name in names], bool)
        words = filled & np.asarray([column.kind == "text" and math.isnan(number(name)) for name in names], bool)
        if not fitting or 2 * int(words[rows].sum()) > int(filled[rows].sum()):
            likely = guess_score(version, taken=(*texts, column.name))
            key = "recipes.not_scores.likely" if likely else "recipes.not_scores"
            example = min(names[words])[:EXAMPLE_LETTERS] if words.any() else column.kind
            raise UserError(key, column=column.name, example=example, likely=likely)

    def _left_out(self, version: DataVersion, column: str) -> list[Finding]:
        """Cells that are no score: empty ones, words, and numbers beyond all bounds."""
        import numpy as np

        values, rows = distinct_values(read_column(version, column))
        kinds = np.asarray([_kind(value) for value in values])[rows]
        findings = []
        for kind in ("empty", "no_number", "beyond"):
            found = np.flatnonzero(kinds == kind)
            if len(found) and kind == "empty":
                findings.append(empty_finding(version.rows, len(found), column, "score"))
            elif len(found):
                # As a person counts rows.
                example = {"example": str(values[rows[found[0]]])[:EXAMPLE_LETTERS], "row": int(found[0]) + 1}
                words = {"column": column, "count": len(found), "most": int(LARGEST)} | example
                findings.append(Finding("warning", f"recipes.finding.{kind}", words))
        return findings

    def _scores(self, version: DataVersion, columns: Mapping[str, str]) -> np.ndarray:
        import numpy as np

        column = require(version, columns, "score", guess_score(version))
        values, rows = distinct_values(read_column(version, column.name))
        scores: np.ndarray = np.asarray([number(value) for value in values], np.float32)[rows]
        scores[hidden_answers(version, column)] = np.nan
        return scores

    def usable(self, version: DataVersion, columns: Mapping[str, str]) -> np.ndarray:
        import numpy as np

        texts = self.texts_present(version, columns)
        self._refuse_other_than_scores(version, columns)
        usable: np.ndarray = texts & ~np.isnan(self._scores(version, columns))
        return usable

    def labels(self, version: DataVersion, columns: Mapping[str, str]) -> tuple[str, ...]:
        return ()

    def targets(self, version: DataVersion, columns: Mapping[str, str], labels: Sequence[str]) -> np.ndarray:
        return self._scores(version, columns)

    def begin(self, model: Any, targets: np.ndarray) -> None:
        """Let a new head begin at the mean score: from 0, all layers would first be bent until they give it."""
        for name, parameter in model.named_parameters():
            # The one output's bias: 0 where it is new, hardly ever where it was trained.
            if name.endswith("bias") and parameter.shape == (1,) and not parameter.any():
                parameter.data.fill_(float(targets.mean()))

    def answers(self, values: Sequence[Any], labels: Sequence[str]) -> list[float]:
        return [number(value) for value in values]

    def metrics(
        self, logits: np.ndarray, targets: np.ndarray, labels: Sequence[str], settled: Mapping[str, Any] | None = None
    ) -> dict[str, float]:
        from backend.metrics.regression import regression_scores

        return regression_scores(logits[:, 0], targets)

    def settle(self, logits: np.ndarray, targets: np.ndarray, labels: Sequence[str]) -> dict[str, Any]:
        """{"score_range": [least, largest]}: the scale on which an answer is to be read."""
        return {"score_range": [float(targets.min()), float(targets.max())]}

    def in_detail(
        self, logits: np.ndarray, targets: np.ndarray, labels: Sequence[str], settled: Mapping[str, Any]
    ) -> AnswersInDetail:
        """mistakes: answers off by more than a tenth of the range of the true scores, farthest first."""
        import numpy as np

        answers = logits[:, 0]
        off = np.abs(answers - targets)
        order = np.argsort(-off, kind="stable")
        chosen = evenly(len(targets), SCATTER_POINTS)
        return AnswersInDetail(
            mistakes=order[off[order] > OFF_SHARE * np.ptp(targets)],
            shown=lambda place: (f"{targets[place]:.2f}", f"{answers[place]:.2f}", None),
            scatter=[[round(float(targets[at]), 4), round(float(answers[at]), 4)] for at in chosen],
        )

    def baseline(
        self, train_targets: np.ndarray, targets: np.ndarray, labels: Sequence[str]
    ) -> tuple[str, dict[str, float]]:
        """The mean score for every pair: right on average, and of no use to tell pairs apart."""
        import numpy as np

        from backend.metrics.regression import errors

        mean = float(np.mean(train_targets))
        return f"{mean:.2f}", {"pearson": 0.0, "spearman": 0.0} | errors(np.full(len(targets), mean), targets)


def number(value: Any) -> float:
    """A cell as a score; NaN for what is none, numbers beyond LARGEST and infinities among them."""
    found = _spelt(value)
    return found if abs(found) <= LARGEST else math.nan


def _spelt(value: Any) -> float:
    """The number that a cell spells, of whatever size; NaN where it spells none."""
    try:
        return float(str(value).strip().replace(",", ".")) if value is not None else math.nan
    except ValueError:
        return math.nan


def _kind(value: Any) -> str:
    """What a cell is to a score: "", empty, no_number or beyond."""
    if not label_text(value):
        return "empty"
    found = _spelt(value)
    return "no_number" if math.isnan(found) else "" if abs(found) <= LARGEST else "beyond"
