"""What the numbers of a classification model mean: shares, separate yes and no, or a score on a scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from backend.tasks.base import Step

if TYPE_CHECKING:
    import torch

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


def label_steps(config: Any, function: Function, scores: torch.Tensor) -> tuple[Step, ...]:
    """Which labels the scores, (labels,), give by their places in `id2label`; none of a model of one score."""
    if function == "none" and len(scores) < 2:
        return ()
    names = [str(config.id2label[place]) for place in range(len(scores))]
    if function != "sigmoid":
        best = int(scores.argmax())
        return (Step("label", label_lines(names, [best]), "", "label = model.config.id2label[int(scores.argmax())]"),)
    least = thresholds(config, names)
    pairs = zip(scores.tolist(), least, strict=True)
    places = [place for place, (score, wanted) in enumerate(pairs) if score >= wanted]
    bound = f"model.config.thresholds.get(name, {EVEN})" if getattr(config, "thresholds", None) else f"{EVEN}"
    code = f"labels = [name for place, name in model.config.id2label.items() if scores[place] >= {bound}]"
    return (Step("labels_given", label_lines(names, places), f"{len(places)}", code),)


def label_lines(names: Sequence[str], places: Sequence[int]) -> tuple[str, ...]:
    """Each place and the label that stands there, for a step; a dash for none."""
    return tuple(f"{place} → {names[place]}" for place in places) or ("—",)
