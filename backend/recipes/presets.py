"""What Quick look, Balanced and Thorough stand for, by kind and size of model, rows and device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backend.recipes.base import Preset, TrainArguments

if TYPE_CHECKING:
    from backend.models import ModelFacts


def classification(preset: Preset, facts: ModelFacts, train_rows: int, device: str) -> TrainArguments:
    """Arguments to fine-tune an encoder (or, slower, a decoder) as a classifier."""
    return TrainArguments()
