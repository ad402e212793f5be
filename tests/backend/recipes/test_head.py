"""Whether a model's head fits is told from its files alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from backend.models import ModelFacts
from backend.recipes.head import head_state


def model(architecture: str, labels: Sequence[str] = ()) -> ModelFacts:
    """A model on this machine."""
    return ModelFacts(
        ref="folder:/m", title="m", source="folder", path=Path("/m"), architecture=architecture, labels=tuple(labels)
    )


@pytest.mark.parametrize(
    ("found", "wanted", "state"),
    [
        (model("BertModel"), ("no", "yes"), "new"),
        (model("BertForTokenClassification", ("no", "yes")), ("no", "yes"), "new"),
        (model("BertForSequenceClassification", ("a", "b", "c")), ("no", "yes"), "other_size"),
        (model("BertForSequenceClassification", ("a", "b")), ("no", "yes"), "other_labels"),
        (model("BertForSequenceClassification", ("NO", "YES")), ("no", "yes"), "fits"),
        (model("BertForSequenceClassification", ("score",)), (), "fits"),
        (model("BertForSequenceClassification", ("no", "yes")), (), "other_size"),
    ],
)
def test_the_head_is_compared_with_the_answers_wanted(found: ModelFacts, wanted: Sequence[str], state: str) -> None:
    assert head_state(found, wanted) == state


def test_nothing_is_said_of_a_model_of_which_nothing_is_known() -> None:
    unknown = ModelFacts(ref="hub:o/n", title="n", source="hub", path=None)
    assert head_state(unknown, ("no", "yes")) is None


def test_a_loaded_model_knows_which_of_its_weights_are_new(tiny_encoder: Path, tiny_classifier: Path) -> None:
    from backend.recipes.base import TrainArguments
    from backend.recipes.starting_model import sequence_model

    def new_weights(path: Path, *labels: str) -> list[str]:
        loaded = sequence_model(str(path), labels, "single_label_classification", TrainArguments())
        return list(loaded.new_weights)

    head = ["classifier.bias", "classifier.weight"]
    assert new_weights(tiny_encoder, "a", "b") == head
    assert new_weights(tiny_classifier, "a", "b", "c") == head
    assert new_weights(tiny_classifier, "a", "b") == []
