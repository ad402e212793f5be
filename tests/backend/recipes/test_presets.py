"""What the presets choose, by size of model, device and number of texts."""

from __future__ import annotations

from typing import Any

import pytest

from backend.models import ModelFacts
from backend.recipes.base import PRESETS
from backend.recipes.presets import classification


def model(**known: Any) -> ModelFacts:
    """A model of which this is known."""
    return ModelFacts(ref="hub:a/b", title="b", source="hub", path=None, **known)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_processor_computes_whole_numbers_and_a_gpu_halves(preset: Any) -> None:
    found = {device: classification(preset, model(), 5000, device) for device in ("cpu", "mps", "cuda")}
    assert {device: one.precision for device, one in found.items()} == {"cpu": "fp32", "mps": "fp32", "cuda": "bf16"}
    assert not found["cuda"].freeze_embeddings


def test_a_processor_leaves_the_embeddings_as_they_are_unless_time_is_no_matter() -> None:
    frozen = [classification(preset, model(), 5000, "cpu").freeze_embeddings for preset in PRESETS]
    assert frozen == [True, True, False]


def test_only_a_model_too_large_for_the_device_gets_lora_with_larger_steps() -> None:
    small, large = (classification("balanced", model(parameters=size), 5000, "cuda") for size in (10**8, 3 * 10**9))
    assert (small.lora_rank, large.lora_rank) == (0, 8)
    assert large.learning_rate == pytest.approx(10 * small.learning_rate)
    assert large.gradient_checkpointing and not small.gradient_checkpointing
    assert classification("balanced", model(parameters=10**9), 5000, "cpu").lora_rank == 8


def test_two_texts_get_more_room_than_one_but_never_more_than_the_model_reads() -> None:
    one, two = (classification("balanced", model(), 5000, "cpu", texts).max_length for texts in (1, 2))
    assert one < two
    assert classification("balanced", model(max_length=100), 5000, "cpu", 2).max_length == 100


def test_pairs_are_seen_more_often_than_as_many_single_texts_and_without_dropout() -> None:
    one, two = (classification("balanced", model(), 3000, "cpu", texts) for texts in (1, 2))
    assert (one.num_train_epochs, two.num_train_epochs) == (3, 5)
    assert (one.dropout, two.dropout) == (None, 0.0)
    assert classification("thorough", model(), 3000, "cpu", 2).dropout is None
