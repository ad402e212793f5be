"""Whether a model already has the last layer that a recipe needs, as far as its files say without loading it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from backend.models import ModelFacts

HeadState = Literal["new", "other_size", "other_labels", "fits"]
"""new: it has none for whole texts; other_size: one with another number of outputs, made anew, too; other_labels: as
many outputs under other names, kept as a start; fits: the very labels wanted, or one score."""


def head_state(facts: ModelFacts, labels: Sequence[str]) -> HeadState | None:
    """labels: those wanted, in id order; none: one score. None for a model of which nothing is known yet."""
    if not facts.architecture and facts.path is None:
        return None
    if not facts.architecture.endswith("ForSequenceClassification"):
        return "new"
    if len(facts.labels) != max(1, len(labels)):
        return "other_size"
    same = not labels or [name.casefold() for name in facts.labels] == [name.casefold() for name in labels]
    return "fits" if same else "other_labels"
