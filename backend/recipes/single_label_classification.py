"""Recipe: one text, one label out of several. The trained model answers text-classification."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from backend.data.kinds import NO_LABEL
from backend.errors import UserError
from backend.recipes.base import AnswersInDetail, ColumnRole, Finding
from backend.recipes.columns import (
    MOST_LABELS,
    distinct_values,
    guess_label,
    has_fractions,
    label_texts,
    natural_order,
    quoted,
    read_column,
    require,
)
from backend.recipes.hidden_answers import hidden_answers, hidden_findings
from backend.recipes.sequence import SequenceRecipe
from backend.recipes.text_columns import empty_finding, refuse_few, refuse_swapped, text_findings

if TYPE_CHECKING:
    import numpy as np

    from backend.data.split import SplitPlan
    from backend.data.version import DataVersion

# Below this many rows of a label, a model hardly learns it and a split of one in ten may not hold it.
FEW_ROWS = 10
MAJORITY_SHARE = 0.8
FEWEST_LABELS = 2


class SingleLabelClassification(SequenceRecipe):
    """Sentiment, topic, intent: each text belongs to exactly one class."""

    name = "single-label-classification"
    problem = "single_label_classification"
    roles: ClassVar[tuple[ColumnRole, ...]] = (
        ColumnRole("text", ("text",)),
        ColumnRole("label", ("text", "integer", "boolean", "number")),
    )
    best_metric = "accuracy"
    shown_metrics = ("accuracy", "f1_macro")
    metric_names: ClassVar[tuple[str, ...]] = (
        "accuracy",
        "f1_macro",
        "f1_micro",
        "precision_macro",
        "recall_macro",
        "matthews_correlation",
    )
    score_refusal: ClassVar[str] = "recipes.score_column"
    """What is said of a label column with fractions; with `.likely` where another column could be the label."""

    def fit(self, version: DataVersion) -> float:
        return 0.5

    def guess_columns(self, version: DataVersion) -> dict[str, str]:
        label = guess_label(version)
        texts = self.guess_texts(version, taken=(label,))
        if not texts and label and version.column(label) and version.column(label).kind == "text":  # type: ignore[union-attr]
            # One text column only: it is the text, and there is nothing to learn from it yet.
            return {self.text_roles[0]: label}
        return texts | ({"label": label} if label else {})

    def check(self, version: DataVersion, columns: Mapping[str, str]) -> list[Finding]:
        names = self._label_names(version, columns)
        texts = self.texts_present(version, columns)
        used = Counter(name for name, present in zip(names, texts, strict=True) if name and present)
        rows = sum(used.values())
        refuse_swapped(version, columns, self.text_roles, "label", set(used))
        self._refuse(used, columns)
        findings = [Finding("ok", "recipes.finding.rows", {"rows": rows, "labels": len(used)})]
        empty = names.count("")
        if empty:
            findings.append(empty_finding(len(names), empty, columns["label"], "label"))
        findings += hidden_findings(version, columns["label"])
        findings += text_findings(version, columns, self.text_roles)
        few = sorted((name for name, count in used.items() if count < FEW_ROWS), key=lambda name: used[name])
        if few:
            values = {"labels": quoted(few[:5]), "count": len(few), "least": used[few[0]], "wanted": FEW_ROWS}
            findings.append(Finding("warning", "recipes.finding.few_rows", values))
        label, most = used.most_common(1)[0]
        if most > MAJORITY_SHARE * rows:
            findings.append(Finding("warning", "recipes.finding.majority", {"label": label, "share": most / rows}))
        return findings

    def _refuse(self, used: Counter[str], columns: Mapping[str, str]) -> None:
        column, rows = columns["label"], sum(used.values())
        if not rows:
            raise UserError("recipes.no_rows", text=columns[self.text_roles[0]], label=column)
        refuse_few(rows)
        if len(used) == 1:
            raise UserError("recipes.one_class", column=column, label=next(iter(used)), rows=rows)
        if len(used) == rows:
            raise UserError("recipes.all_labels_differ", column=column, labels=len(used))
        if len(used) > MOST_LABELS:
            raise UserError("recipes.too_many_labels", column=column, labels=len(used), most=MOST_LABELS)

    def usable(self, version: DataVersion, columns: Mapping[str, str]) -> np.ndarray:
        import numpy as np

        names = self._label_names(version, columns)
        usable: np.ndarray = np.asarray([bool(name) for name in names]) & self.texts_present(version, columns)
        return usable

    def labels(self, version: DataVersion, columns: Mapping[str, str]) -> tuple[str, ...]:
        texts = self.texts_present(version, columns)
        names = self._label_names(version, columns)
        return natural_order(name for name, present in zip(names, texts, strict=True) if name and present)

    def targets(self, version: DataVersion, columns: Mapping[str, str], labels: Sequence[str]) -> np.ndarray:
        import numpy as np

        ids = {label: index for index, label in enumerate(labels)}
        return np.asarray([ids.get(name, -1) for name in self._label_names(version, columns)], dtype=np.int64)

    def unlabelled(self, version: DataVersion, columns: Mapping[str, str]) -> np.ndarray:
        import numpy as np

        return np.asarray([name.casefold() in NO_LABEL for name in self._label_names(version, columns)], bool)

    def learnt_labels(self, version: DataVersion, columns: Mapping[str, str], plan: SplitPlan) -> tuple[str, ...]:
        labels = self.labels(version, columns)
        if "unlabelled" not in plan.leave_out:
            return labels
        learnt = tuple(label for label in labels if label.casefold() not in NO_LABEL)
        if len(learnt) < FEWEST_LABELS:
            raise UserError("checks.one_label_left", column=columns["label"], labels=quoted(learnt))
        return learnt

    def stratified_by(self, columns: Mapping[str, str]) -> str:
        return columns.get("label", "")

    def refuse_training_rows(self, version: DataVersion, columns: Mapping[str, str], rows: np.ndarray) -> None:
        # Rows in the order of their labels are common: the first thousand may all say the same.
        names = self._label_names(version, columns)
        found = {names[row] for row in rows.tolist()}
        if len(found) == 1:
            raise UserError("recipes.one_class_left", label=found.pop(), rows=len(rows))

    def _label_names(self, version: DataVersion, columns: Mapping[str, str]) -> list[str]:
        import numpy as np

        texts = [columns.get(role, "") for role in self.text_roles]
        column = require(version, columns, "label", guess_label(version, taken=texts))
        fitting = column.kind in self.roles[-1].kinds
        values, rows = distinct_values(read_column(version, column.name)) if fitting else ([], None)
        if rows is None or has_fractions(values):
            likely = guess_label(version, taken=(*texts, column.name))
            key = self.score_refusal if column.kind in ("number", "text") else "recipes.label_not_values"
            raise UserError(f"{key}.likely" if likely else key, column=column.name, likely=likely)
        names = np.array(label_texts(values), dtype=object)[rows]
        names[hidden_answers(version, column)] = ""
        return names.tolist()  # type: ignore[no-any-return]

    def answers(self, values: Sequence[Any], labels: Sequence[str]) -> list[int]:
        ids = {label: index for index, label in enumerate(labels)}
        return [ids[name] for name in label_texts(values)]

    def metrics(
        self, logits: np.ndarray, targets: np.ndarray, labels: Sequence[str], settled: Mapping[str, Any] | None = None
    ) -> dict[str, float]:
        from backend.metrics.classification import classification_scores

        return classification_scores(logits.argmax(axis=-1), targets)

    def in_detail(
        self, logits: np.ndarray, targets: np.ndarray, labels: Sequence[str], settled: Mapping[str, Any]
    ) -> AnswersInDetail:
        import numpy as np

        from backend.metrics.classification import confusion, per_label

        answers = logits.argmax(axis=-1)
        shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
        confidence = shifted.max(axis=-1) / shifted.sum(axis=-1)
        mistakes = np.flatnonzero(answers != targets)
        return AnswersInDetail(
            mistakes=mistakes[np.argsort(-confidence[mistakes], kind="stable")],
            shown=lambda place: (labels[targets[place]], labels[answers[place]], float(confidence[place])),
            per_label=per_label(answers, targets, labels),
            confusion=confusion(answers, targets, len(labels)),
        )

    def baseline(
        self, train_targets: np.ndarray, targets: np.ndarray, labels: Sequence[str]
    ) -> tuple[str, dict[str, float]]:
        import numpy as np

        # By hand, since the forecast asks in the process of the page, which is to stay free of scikit-learn.
        majority = int(np.bincount(train_targets, minlength=len(labels)).argmax())
        share = float((targets == majority).mean())
        seen = len({majority, *np.unique(targets).tolist()})
        scores = {"accuracy": share, "f1_micro": share, "f1_macro": 2 * share / (1 + share) / seen}
        scores |= {"precision_macro": share / seen, "recall_macro": float(share > 0) / seen}
        # One answer for all rows says nothing of any of them.
        return labels[majority], scores | {"matthews_correlation": 0.0}
