"""Recipe: one text, any number of labels: several topics at once, mixed feelings, or none of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from backend.errors import UserError
from backend.recipes import presets
from backend.recipes.base import AnswersInDetail, ColumnRole, Finding, Preset, TrainArguments
from backend.recipes.columns import (
    LABEL_NAMES,
    MOST_LABELS,
    guess_label,
    has_fractions,
    natural_order,
    quoted,
    read_column,
    require,
)
from backend.recipes.label_sets import LabelSet, guess_label_sets, known_labels, label_sets
from backend.recipes.sequence import SequenceRecipe
from backend.recipes.text_columns import empty_finding, refuse_few, refuse_swapped, text_findings

if TYPE_CHECKING:
    import numpy as np

    from backend.data.version import DataVersion
    from backend.models import ModelFacts

# Below this many rows of a label, a model hardly learns it.
FEW_ROWS = 10
NOTHING = "–"
"""What is shown in place of labels where there is none."""


class MultiLabelClassification(SequenceRecipe):
    """Each label is a yes or no of its own. Which probability is a yes is chosen for each on the validation split.

    A row whose list of labels is empty has none of them; a row whose cell is empty is not used.
    """

    name = "multi-label-classification"
    problem = "multi_label_classification"
    roles = (ColumnRole("text", ("text",)), ColumnRole("labels", ("list", "text", "integer", "boolean")))
    best_metric = "f1_micro"
    shown_metrics = ("f1_micro", "f1_macro")
    metric_names = ("f1_micro", "f1_macro", "subset_accuracy", "precision_micro", "recall_micro")

    def fit(self, version: DataVersion) -> float:
        sets = guess_label_sets(version)
        if not sets:
            return 0.1
        # Keywords beside a label are most likely not what the model is to learn.
        named = sets.casefold().strip() in LABEL_NAMES
        return 0.7 if named or not guess_label(version, taken=(sets,)) else 0.4

    def guess_columns(self, version: DataVersion) -> dict[str, str]:
        column = guess_label_sets(version) or guess_label(version)
        return self.guess_texts(version, taken=(column,)) | ({"labels": column} if column else {})

    def check(self, version: DataVersion, columns: Mapping[str, str]) -> list[Finding]:
        import numpy as np

        texts = self.texts_present(version, columns)
        sets = self._sets(version, columns)
        column = columns["labels"]
        kept = [one for one, present in zip(sets, texts, strict=True) if one is not None and present]
        used = Counter(name for one in kept for name in one)
        self._refuse(version, columns, used, len(kept))
        per_row = sum(map(len, kept)) / len(kept)
        values: dict[str, Any] = {"rows": len(kept), "labels": len(used), "per_row": round(per_row, 2)}
        findings = [Finding("ok", "recipes.finding.sets", values)]
        empty = sum(one is None for one in sets)
        if empty:
            findings.append(empty_finding(len(sets), empty, column, "labels"))
        none = sum(not one for one in kept)
        if none:
            findings.append(Finding("ok", "recipes.finding.no_labels", {"count": none, "column": column}))
        findings += text_findings(version, columns, self.text_roles)
        if max(map(len, kept)) < 2:
            findings.append(Finding("warning", "recipes.finding.one_label_each", {"column": column}))
        few = sorted((name for name, count in used.items() if count < FEW_ROWS), key=lambda name: used[name])
        if few:
            values = {"labels": quoted(few[:5]), "count": len(few), "least": used[few[0]], "wanted": FEW_ROWS}
            findings.append(Finding("warning", "recipes.finding.few_rows", values))
        everywhere = [name for name, count in used.items() if count > np.ceil(0.95 * len(kept))]
        if everywhere:
            values = {"label": everywhere[0], "share": used[everywhere[0]] / len(kept)}
            findings.append(Finding("warning", "recipes.finding.everywhere", values))
        return findings

    def _refuse(self, version: DataVersion, columns: Mapping[str, str], used: Counter[str], rows: int) -> None:
        column = columns["labels"]
        refuse_swapped(version, columns, self.text_roles, "labels", set(used))
        if not rows or not used:
            raise UserError("recipes.no_rows", text=columns["text"], label=column)
        refuse_few(rows)
        if len(used) == 1:
            raise UserError("recipes.one_label", column=column, label=next(iter(used)))
        if len(used) > MOST_LABELS:
            raise UserError("recipes.too_many_labels", column=column, labels=len(used), most=MOST_LABELS)
        if max(used.values()) == 1:
            raise UserError("recipes.all_labels_differ", column=column, labels=len(used))

    def _sets(self, version: DataVersion, columns: Mapping[str, str]) -> list[LabelSet | None]:
        text = columns.get("text", "")
        column = require(version, columns, "labels", guess_label_sets(version, taken=(text,)))
        numbers = read_column(version, column.name).to_pylist() if column.kind == "number" else []
        if column.kind not in ("list", "text", "integer", "boolean", "number") or has_fractions(numbers):
            likely = guess_label_sets(version, taken=(text, column.name))
            raise UserError(
                "recipes.not_sets.likely" if likely else "recipes.not_sets", column=column.name, likely=likely
            )
        return label_sets(version, column)

    def usable(self, version: DataVersion, columns: Mapping[str, str]) -> np.ndarray:
        import numpy as np

        filled = np.asarray([one is not None for one in self._sets(version, columns)], bool)
        usable: np.ndarray = filled & self.texts_present(version, columns)
        return usable

    def labels(self, version: DataVersion, columns: Mapping[str, str]) -> tuple[str, ...]:
        texts = self.texts_present(version, columns)
        kept = zip(self._sets(version, columns), texts, strict=True)
        return natural_order(name for one, present in kept if one and present for name in one)

    def targets(self, version: DataVersion, columns: Mapping[str, str], labels: Sequence[str]) -> np.ndarray:
        import numpy as np

        ids = {label: index for index, label in enumerate(labels)}
        sets = self._sets(version, columns)
        targets = np.zeros((len(sets), len(labels)), np.float32)
        for row, one in enumerate(sets):
            targets[row, [ids[name] for name in one or () if name in ids]] = 1
        return targets

    def answer_keys(self, targets: np.ndarray) -> np.ndarray:
        import numpy as np

        # Up to a thousand labels as bytes, so that a set of them is one value.
        packed = np.packbits(targets.astype(bool), axis=1)
        whole = np.ascontiguousarray(packed).view(np.dtype((np.void, packed.shape[1]))).ravel()
        keys: np.ndarray = np.unique(whole, return_inverse=True)[1].astype(np.float64)
        return keys

    def answers(self, values: Sequence[Any], labels: Sequence[str]) -> list[Any]:
        import numpy as np

        ids = {label: index for index, label in enumerate(labels)}
        answers = np.zeros((len(values), len(labels)), np.float32)
        for row, value in enumerate(values):
            answers[row, known_labels(value, ids)] = 1
        return list(answers)

    def preset(self, preset: Preset, facts: ModelFacts, train_rows: int, device: str) -> TrainArguments:
        """Higher rates and more epochs than for one label: the loss is a mean over all labels, of which most are a no,
        so each step moves a label less. With the usual ones 300 rows of nine labels hardly leave "none of them"."""
        usual = super().preset(preset, facts, train_rows, device)
        epochs = usual.num_train_epochs * (2 if train_rows < presets.FEW_ROWS else 1)
        return replace(usual, learning_rate=2.5 * usual.learning_rate, num_train_epochs=epochs)

    def settle(self, logits: np.ndarray, targets: np.ndarray, labels: Sequence[str]) -> dict[str, Any]:
        """{"thresholds": {label: probability}}: from where on a label is a yes."""
        from backend.metrics.multi_label import best_thresholds

        found = best_thresholds(_probabilities(logits), targets.astype(bool))
        return {"thresholds": dict(zip(labels, found.tolist(), strict=True))}

    def metrics(
        self, logits: np.ndarray, targets: np.ndarray, labels: Sequence[str], settled: Mapping[str, Any] | None = None
    ) -> dict[str, float]:
        from backend.metrics.multi_label import multi_label_scores

        return multi_label_scores(_probabilities(logits) >= _thresholds(labels, settled), targets)

    def in_detail(
        self, logits: np.ndarray, targets: np.ndarray, labels: Sequence[str], settled: Mapping[str, Any]
    ) -> AnswersInDetail:
        """mistakes: rows with a wrong set, first the one whose most confident wrong yes or no is the most confident."""
        import numpy as np

        from backend.metrics.multi_label import per_label

        probabilities, thresholds = _probabilities(logits), _thresholds(labels, settled)
        true, answers = targets.astype(bool), probabilities >= thresholds
        sure = np.where(answers, probabilities, 1 - probabilities)
        wrong = np.where(answers != true, sure, 0.0).max(axis=1)
        mistakes = np.flatnonzero((answers != true).any(axis=1))

        def names(row: np.ndarray) -> str:
            return ", ".join(labels[place] for place in np.flatnonzero(row).tolist()) or NOTHING

        return AnswersInDetail(
            mistakes=mistakes[np.argsort(-wrong[mistakes], kind="stable")],
            shown=lambda place: (names(true[place]), names(answers[place]), float(wrong[place])),
            per_label=per_label(answers, true, labels, thresholds),
        )

    def baseline(
        self, train_targets: np.ndarray, targets: np.ndarray, labels: Sequence[str]
    ) -> tuple[str, dict[str, float]]:
        """For every row the labels that over half of the rows have; where there is none such, the most frequent one."""
        import numpy as np

        from backend.metrics.multi_label import counted

        shares = train_targets.mean(axis=0)
        guess = shares > 0.5 if (shares > 0.5).any() else np.arange(len(labels)) == shares.argmax()
        given = np.broadcast_to(guess, targets.shape)
        return ", ".join(labels[place] for place in np.flatnonzero(guess).tolist()), counted(given, targets)


def _probabilities(logits: np.ndarray) -> np.ndarray:
    """Sigmoid of each logit; clipped, since exp of a large number has no float."""
    import numpy as np

    probabilities: np.ndarray = 1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -50, 50)))
    return probabilities


def _thresholds(labels: Sequence[str], settled: Mapping[str, Any] | None) -> np.ndarray:
    """float64 (labels,): the settled ones, or one half for each."""
    import numpy as np

    from backend.metrics.multi_label import EVEN

    chosen = (settled or {}).get("thresholds", {})
    return np.asarray([chosen.get(label, EVEN) for label in labels], np.float64)
