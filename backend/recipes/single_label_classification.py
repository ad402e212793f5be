"""Recipe: one text, one label out of several. The trained model answers text-classification."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from backend.errors import UserError
from backend.recipes import presets
from backend.recipes.base import ColumnRole, Finding, Preset, Recipe, TrainArguments
from backend.recipes.columns import (
    MOST_LABELS,
    distinct_values,
    guess_label,
    guess_text,
    has_fractions,
    has_text,
    label_texts,
    natural_order,
    read_column,
    require,
)

if TYPE_CHECKING:
    import numpy as np

    from backend.data.version import DataVersion
    from backend.models import ModelFacts

# Below this many rows of a label, a model hardly learns it and a split of one in ten may not hold it.
FEW_ROWS = 10
EMPTY_SHARE = 0.05
MAJORITY_SHARE = 0.8


class SingleLabelClassification(Recipe):
    """Sentiment, topic, intent: each text belongs to exactly one class."""

    name = "single-label-classification"
    task = "text-classification"
    roles = (ColumnRole("text", ("text",)), ColumnRole("label", ("text", "integer", "boolean", "number")))
    best_metric = "accuracy"
    shown_metrics = ("accuracy", "f1_macro")

    def guess_columns(self, version: DataVersion) -> dict[str, str]:
        label = guess_label(version)
        text = guess_text(version, taken=(label,))
        if not text and label and version.column(label) and version.column(label).kind == "text":  # type: ignore[union-attr]
            # One text column only: it is the text, and there is nothing to learn from it yet.
            text, label = label, ""
        return {role: column for role, column in (("text", text), ("label", label)) if column}

    def check(self, version: DataVersion, columns: Mapping[str, str]) -> list[Finding]:
        names = self._label_names(version, columns)
        texts = self._texts_present(version, columns)
        used = Counter(name for name, present in zip(names, texts, strict=True) if name and present)
        total, rows = len(names), sum(used.values())
        self._refuse(used, columns)
        findings = [Finding("ok", "recipes.finding.rows", {"rows": rows, "labels": len(used)})]
        for role, empty in (("label", names.count("")), ("text", len(texts) - int(texts.sum()))):
            if empty:
                level = "warning" if empty > EMPTY_SHARE * total else "ok"
                values = {"empty": empty, "rows": total, "share": empty / total, "column": columns[role]}
                findings.append(Finding(level, f"recipes.finding.empty_{role}", values))  # type: ignore[arg-type]
        few = sorted((name for name, count in used.items() if count < FEW_ROWS), key=lambda name: used[name])
        if few:
            values = {"labels": ", ".join(few[:5]), "count": len(few), "least": used[few[0]], "wanted": FEW_ROWS}
            findings.append(Finding("warning", "recipes.finding.few_rows", values))
        label, most = used.most_common(1)[0]
        if most > MAJORITY_SHARE * rows:
            findings.append(Finding("warning", "recipes.finding.majority", {"label": label, "share": most / rows}))
        return findings

    def _refuse(self, used: Counter[str], columns: Mapping[str, str]) -> None:
        column, rows = columns["label"], sum(used.values())
        if not rows:
            raise UserError("recipes.no_rows", text=columns["text"], label=column)
        if len(used) == 1:
            raise UserError("recipes.one_class", column=column, label=next(iter(used)), rows=rows)
        if len(used) == rows:
            raise UserError("recipes.all_labels_differ", column=column, labels=len(used))
        if len(used) > MOST_LABELS:
            raise UserError("recipes.too_many_labels", column=column, labels=len(used), most=MOST_LABELS)

    def usable(self, version: DataVersion, columns: Mapping[str, str]) -> np.ndarray:
        import numpy as np

        names = self._label_names(version, columns)
        usable: np.ndarray = np.asarray([bool(name) for name in names]) & self._texts_present(version, columns)
        return usable

    def labels(self, version: DataVersion, columns: Mapping[str, str]) -> tuple[str, ...]:
        texts = self._texts_present(version, columns)
        names = self._label_names(version, columns)
        return natural_order(name for name, present in zip(names, texts, strict=True) if name and present)

    def _label_names(self, version: DataVersion, columns: Mapping[str, str]) -> list[str]:
        import numpy as np

        column = require(version, columns, "label", guess_label(version, taken=(columns.get("text", ""),)))
        fitting = column.kind in self.roles[1].kinds
        values, rows = distinct_values(read_column(version, column.name)) if fitting else ([], None)
        if rows is None or has_fractions(values):
            likely = guess_label(version, taken=(columns.get("text", ""), column.name))
            key = "recipes.score_column" if column.kind in ("number", "text") else "recipes.label_not_values"
            raise UserError(f"{key}.likely" if likely else key, column=column.name, likely=likely)
        return np.array(label_texts(values), dtype=object)[rows].tolist()  # type: ignore[no-any-return]

    def _texts_present(self, version: DataVersion, columns: Mapping[str, str]) -> np.ndarray:
        import numpy as np

        column = require(version, columns, "text", guess_text(version, taken=(columns.get("label", ""),)))
        if column.name == columns.get("label"):
            raise UserError("recipes.same_column", column=column.name)
        cells = read_column(version, column.name)
        if column.kind == "text":
            return has_text(cells)
        values = cells.to_pylist()
        return np.asarray([bool(str(value).strip()) if value is not None else False for value in values], dtype=bool)

    def preset(self, preset: Preset, facts: ModelFacts, train_rows: int, device: str) -> TrainArguments:
        return presets.classification(preset, facts, train_rows, device)

    def load_model(self, path: str, labels: Sequence[str], arguments: TrainArguments) -> Any:
        import torch
        from transformers import AutoConfig, AutoModelForSequenceClassification

        config = AutoConfig.from_pretrained(path, local_files_only=True, trust_remote_code=False)
        config.id2label = dict(enumerate(labels))
        config.label2id = {label: index for index, label in enumerate(labels)}
        config.problem_type = "single_label_classification"
        if arguments.dropout is not None:
            set_dropout(config, arguments.dropout)
        model = AutoModelForSequenceClassification.from_pretrained(
            path, config=config, dtype=torch.float32, ignore_mismatched_sizes=True, local_files_only=True
        )
        if arguments.freeze_embeddings:
            freeze_embeddings(model)
        return model

    def preprocess(
        self, tokenizer: Any, rows: Any, columns: Mapping[str, str], labels: Sequence[str], max_length: int
    ) -> Any:
        from datasets import Dataset

        texts = [str(text) for text in rows[columns["text"]]]
        ids = {label: index for index, label in enumerate(labels)}
        encoded = tokenizer(texts, truncation=True, max_length=max_length, return_token_type_ids=False)
        features = {
            "input_ids": encoded["input_ids"],
            "labels": [ids[name] for name in label_texts(rows[columns["label"]])],
            "row_id": list(rows["row_id"]),
        }
        return Dataset.from_dict(features)

    def metrics(self, logits: np.ndarray, targets: np.ndarray, labels: Sequence[str]) -> dict[str, float]:
        from backend.metrics.classification import classification_scores

        return classification_scores(logits.argmax(axis=-1), targets)

    def baseline(
        self, train_targets: np.ndarray, targets: np.ndarray, labels: Sequence[str]
    ) -> tuple[str, dict[str, float]]:
        import numpy as np

        # By hand, since the forecast asks in the process of the page, which is to stay free of scikit-learn.
        majority = int(np.bincount(train_targets, minlength=len(labels)).argmax())
        share = float((targets == majority).mean())
        seen = len({majority, *np.unique(targets).tolist()})
        return labels[majority], {"accuracy": share, "f1_macro": 2 * share / (1 + share) / seen}


# What models call their dropout rates.
_DROPOUTS = (
    "hidden_dropout_prob attention_probs_dropout_prob classifier_dropout dropout attention_dropout activation_dropout "
    "seq_classif_dropout embd_pdrop resid_pdrop attn_pdrop summary_first_dropout embedding_dropout mlp_dropout "
    "hidden_dropout classifier_dropout_prob pooler_dropout"
).split()


def set_dropout(config: Any, rate: float) -> None:
    """Set every dropout rate that a model's configuration has."""
    for name in _DROPOUTS:
        if isinstance(getattr(config, name, None), (int, float)):
            setattr(config, name, rate)


def freeze_embeddings(model: Any) -> None:
    """Exclude token embeddings, and position embeddings where they stand with them, from training."""
    embeddings = getattr(model.base_model, "embeddings", None) or model.get_input_embeddings()
    for parameter in embeddings.parameters():
        parameter.requires_grad = False
