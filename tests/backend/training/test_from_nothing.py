"""A run from random weights: what is refused of it before Start, and that its model is one like any other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backend.errors import UserError
from backend.models.shape import Shape
from backend.recipes.base import TrainArguments
from backend.training.forecast import forecast
from backend.training.from_nothing import gentle, new_model, shape_at
from backend.training.spec import RunSpec, RunState
from tests.backend.training.conftest import ARGUMENTS, Desk

SHAPE = Shape(layers=2, heads=4, width=32, feed_forward=48, longest=40, dropout=0.0)


def drafted(desk: Desk, tokenizer_ref: str = "", shape: Shape = SHAPE) -> RunSpec:
    """The desk's draft with a new model in the place of the one there."""
    shelf = desk.queue.shelf
    facts = shelf.facts(desk.workspace, desk.draft.model_ref)
    changed = new_model(shelf, desk.workspace, facts, shape, tokenizer_ref)
    arguments = replace(ARGUMENTS, max_length=32)
    return replace(desk.draft, new_model=changed, tokenizer_ref=tokenizer_ref, arguments=arguments)


def test_a_new_model_with_another_tokenizer_is_trained_saved_and_answers(desk: Desk, tiny_generator: Path) -> None:
    from transformers import pipeline

    draft = drafted(desk, f"folder:{tiny_generator}")
    forecasted = forecast(desk.settings, desk.queue.shelf, desk.workspace, draft)
    run_id = desk.queue.submit(desk.workspace, draft)
    ended = desk.ended(run_id)
    assert ended.status.state is RunState.DONE, ended.status.error
    assert forecasted.steps == ended.status.total_steps
    report = desk.queue.report(desk.workspace, run_id)
    assert report is not None and report.splits["test"]["accuracy"] > 0.9
    facts = desk.queue.shelf.facts(desk.workspace, f"run:{run_id}")
    classify = pipeline("text-classification", model=str(facts.path))
    assert (classify.model.config.num_hidden_layers, classify.model.config.hidden_size) == (2, 32)
    assert classify.tokenizer.get_vocab().keys() >= {"<|im_end|>"}
    # Longer than it can read: cut, not broken.
    assert classify("it was a great film and we love it " * 40, truncation=True)[0]["label"] == "good"


def test_it_begins_with_random_weights_that_the_seed_decides(desk: Desk, tiny_encoder: Path) -> None:
    import torch

    from backend.recipes import all_recipes

    draft, recipe = drafted(desk), all_recipes()[desk.draft.recipe]

    def embeddings(seed: int) -> torch.Tensor:
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = recipe.load_model(str(tiny_encoder), ("bad", "good"), draft.arguments, draft.new_model)
        return model.get_input_embeddings().weight.detach()

    assert torch.equal(embeddings(1), embeddings(1)) and not torch.equal(embeddings(1), embeddings(2))


def test_a_longest_input_below_the_maximum_length_is_refused(desk: Desk) -> None:
    draft = drafted(desk)
    with pytest.raises(UserError) as caught:
        desk.queue.submit(desk.workspace, replace(draft, arguments=TrainArguments(max_length=64)))
    assert (caught.value.key, caught.value.values["longest"]) == ("anatomy.too_short", 40)


def test_a_model_larger_than_the_memory_is_refused_before_anything_is_built(desk: Desk) -> None:
    huge = replace(SHAPE, layers=96, width=16384, feed_forward=65536)
    with pytest.raises(UserError) as caught:
        desk.queue.submit(desk.workspace, drafted(desk, shape=huge))
    assert caught.value.key == "anatomy.too_large"
    assert desk.queue.runs(desk.workspace) == []


def test_trained_weights_are_not_given_another_tokenizer(desk: Desk, tiny_generator: Path) -> None:
    with pytest.raises(UserError) as caught:
        desk.queue.submit(desk.workspace, replace(desk.draft, tokenizer_ref=f"folder:{tiny_generator}"))
    assert caught.value.key == "anatomy.foreign_tokenizer"


def test_dropout_among_the_settings_is_heard_before_that_of_the_shape(desk: Desk) -> None:
    shelf = desk.queue.shelf
    facts = shelf.facts(desk.workspace, desk.draft.model_ref)
    assert "hidden_dropout_prob" in new_model(shelf, desk.workspace, facts, SHAPE, "")
    assert "hidden_dropout_prob" not in new_model(shelf, desk.workspace, facts, SHAPE, "", dropout=False)


def test_the_form_begins_with_the_shape_that_the_model_has(desk: Desk) -> None:
    shelf = desk.queue.shelf
    found = shape_at(shelf, desk.workspace, shelf.facts(desk.workspace, desk.draft.model_ref))
    assert found == Shape(layers=1, heads=2, width=16, feed_forward=32, longest=128, dropout=0.1)


def test_a_preset_for_random_weights_freezes_nothing_and_steps_wider() -> None:
    usual = TrainArguments(num_train_epochs=3, freeze_embeddings=True, max_length=128)
    found = gentle(usual, longest=64)
    assert not found.freeze_embeddings and found.learning_rate > usual.learning_rate
    assert (found.num_train_epochs, found.max_length) == (9, 64)
