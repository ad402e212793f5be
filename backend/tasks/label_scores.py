"""What the numbers of a classification model mean: shares, separate yes and no, or a score on a scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

Function = Literal["softmax", "sigmoid", "none"]
EVEN = 0.5


def thresholds(config: Any, labels: Sequence[str]) -> tuple[float, ...]:
    """From which score on each label is given: as the model's training settled it, else from one half on."""
    settled = getattr(config, "thresholds", None)
    if not isinstance(settled, Mapping):
        settled = {}
    return tuple(float(settled.get(label, EVEN)) for label in labels)


def score_range(config: Any) -> tuple[float, float] | None:
    """Least and largest score that a model of scores was trained on, where its training kept them."""
    found = getattr(config, "score_range", None)
    if not isinstance(found, Sequence) or len(found) != 2 or not found[0] < found[1]:
        return None
    return float(found[0]), float(found[1])


def table_row(config: Any, function: Function, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One text's answer as a table row. rows: label and score, best first."""
    if function == "none" and len(rows) == 1:
        return {"score": rows[0]["score"]}
    places = {label: place for place, label in (config.id2label or {}).items()}
    # The same columns in the same order for every text, whatever its best label is.
    by_label = sorted(rows, key=lambda row: places.get(row["label"], 0))
    scores = {f"score_{row['label']}": row["score"] for row in by_label}
    if function == "sigmoid" and len(places) > 1:
        least = thresholds(config, [row["label"] for row in rows])
        given = [row["label"] for row, wanted in zip(rows, least, strict=True) if row["score"] >= wanted]
        return {"label": ", ".join(given), "score": rows[0]["score"], **scores}
    return {"label": rows[0]["label"], "score": rows[0]["score"], **scores}


def function_of(config: Any, chosen: str) -> Function:
    """The function that turns logits into scores: the chosen one, else what the pipeline itself would take."""
    if chosen != "auto":
        return chosen  # type: ignore[return-value]
    if config.problem_type == "regression":
        return "none"
    return "sigmoid" if config.problem_type == "multi_label_classification" or config.num_labels == 1 else "softmax"
