"""The folds that look inside: a model taken apart and shaped anew, and one step of its training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from backend.errors import UserError
from backend.models.anatomy import Anatomy, Block
from backend.training.from_nothing import LEARNING_RATE
from backend.training.inside import Batch, BatchRow, BlockStep, Example, Inside, Padding, Step
from ui.finetune import anatomy, anatomy_view, form, inside_view
from ui.finetune.filled import Filled
from ui.visitor import Services

NOTHING: Any = None
"""No request: the English page of the shared workspace."""
LAYERS = [Block("layer", layer=number, part="attention", parameters=10, trained=10) for number in (1, 2, 3)]
FOUND = Anatomy(
    architecture="BertForSequenceClassification", settings=[("layers", "num_hidden_layers", 3)],
    rest=[("hidden_act", "<gelu>")], blocks=[Block("embeddings", parameters=70), *LAYERS], parameters=100, trained=30,
    bytes=400,
)  # fmt: skip
STEP = Step(
    loss=0.70, before=0.694, after=0.681, gradient=15.06, clipped_to=1.0, learning_rate=5e-5, first_rate=0.0,
    forward_seconds=0.2, backward_seconds=0.3, optimizer_seconds=0.01,
    blocks=[
        BlockStep(block=Block("embeddings", parameters=70), gradient=0.0, weight=0.0, moved=0.0),
        BlockStep(block=Block("head", parameters=30, trained=30), gradient=0.5, weight=0.02, moved=5e-5),
    ],
)  # fmt: skip
INSIDE = Inside(
    batch=Batch(
        rows=[BatchRow(tokens=["[CLS]", "<b>", "[SEP]"], special=[0, 2], length=3, answer="good")],
        row_count=2, width=5, tokens=8, tensors={"input_ids": [2, 5]},
    ),
    padding=Padding(rows=10, tokens=80, grouped=100, shuffled=160, fixed=320, max_length=32),
    example=Example(
        problem="single_label_classification", texts=["<b>"], tokens=["[CLS]", "<b>"], special=[0],
        labels=["bad", "good"], logits=[0.0, 0.0], shares=[0.5, 0.5], targets=[0, 1], loss=0.6931,
    ),
    step=STEP, steps=24,
)  # fmt: skip


@pytest.fixture
def values(tiny_encoder: Path) -> dict[str, Any]:
    """The form with data and model chosen, and a new model of another shape asked for."""
    with gr.Blocks():
        widgets = form.build().inputs
    chosen = {name: getattr(widget, "value", None) for name, widget in widgets.items()}
    return chosen | {
        "data": "sample:reviews_en", "model": f"folder:{tiny_encoder}", "column_text": "text", "column_label": "label",
        "from_nothing": True, "shape_layers": 2, "shape_heads": 4, "shape_width": 32, "shape_longest": 128,
    }  # fmt: skip


def filled(services: Services, values: dict[str, Any]) -> Filled:
    return Filled(services, services.workspace(NOTHING), values)


def test_a_form_that_asks_for_a_new_model_is_a_draft_of_one(services: Services, values: dict[str, Any]) -> None:
    draft = filled(services, values).draft()
    assert draft.new_model["num_hidden_layers"] == 2 and draft.new_model["hidden_size"] == 32
    # An emptied box leaves a size as the model has it.
    assert "intermediate_size" not in draft.new_model and draft.new_model["vocab_size"] > 100


def test_a_form_that_does_not_ask_for_one_keeps_the_model(services: Services, values: dict[str, Any]) -> None:
    draft = filled(services, values | {"from_nothing": False, "tokenizer": "starter:all-MiniLM-L6-v2"}).draft()
    assert (draft.new_model, draft.tokenizer_ref) == ({}, "")


def test_the_parameters_of_the_edited_model_are_counted_before_it_exists(
    services: Services, values: dict[str, Any]
) -> None:
    small = filled(services, values).anatomy()
    large = filled(services, values | {"shape_layers": 4}).anatomy()
    assert large.parameters > small.parameters
    assert sum(block.kind == "layer" and block.part == "attention" for block in large.blocks) == 4


def test_a_preset_for_a_new_model_learns_faster_and_longer(services: Services, values: dict[str, Any]) -> None:
    new = filled(services, values).preset("balanced")
    old = filled(services, values | {"from_nothing": False}).preset("balanced")
    assert new.learning_rate == LEARNING_RATE > old.learning_rate
    assert new.num_train_epochs > old.num_train_epochs and not new.freeze_embeddings


def test_a_size_that_cannot_be_is_said_where_the_model_stands(services: Services, values: dict[str, Any]) -> None:
    with gr.Blocks():
        looking = anatomy.Looking(anatomy.build(), services)
    shown = looking.look(True, NOTHING, **values | {"shape_layers": 0})[looking.parts.view]
    assert "error-card" in shown and "Layers" in shown
    with pytest.raises(UserError):
        filled(services, values | {"shape_layers": 0}).draft()


def test_opening_the_fold_fills_in_the_sizes_that_the_model_has(services: Services, values: dict[str, Any]) -> None:
    with gr.Blocks():
        looking = anatomy.Looking(anatomy.build(), services)
    updates = looking.open(NOTHING, **values | {"from_nothing": False})
    assert updates[looking.parts.shape["width"]].value == 16
    assert "BertForSequenceClassification" in updates[looking.parts.view]


def test_a_closed_fold_does_not_look(services: Services, values: dict[str, Any]) -> None:
    with gr.Blocks():
        looking = anatomy.Looking(anatomy.build(), services)
    assert looking.parts.view not in looking.look(False, NOTHING, **values)


def test_equal_layers_stand_in_one_line() -> None:
    other = replace(LAYERS[2], layer=4, trained=0)
    assert [len(run) for run in anatomy_view.runs([*FOUND.blocks, other])] == [1, 3, 1]
    page = anatomy_view.anatomy(FOUND, False, "en")
    assert "Layers 1–3" in page and "3 × 10" in page and "&lt;gelu&gt;" in page


def test_a_batch_shows_its_padding_and_its_special_tokens() -> None:
    page = inside_view.inside(INSIDE, "en")
    assert page.count('class="token pad"') == 2
    assert page.count('<span class="token token-special"><bdi>[CLS]') == 2
    # Two of ten tokens.
    assert "20.0% of this batch" in page and "&lt;b&gt;" in page


def test_the_tokens_wasted_are_those_beyond_the_texts() -> None:
    page = inside_view.inside(INSIDE, "en")
    assert all(f"<td class=number>{wasted}</td>" in page for wasted in (20, 80, 240))
    assert "20%</span>" in page and "50%</span>" in page and "75%</span>" in page


def test_the_loss_of_an_example_is_shown_as_it_is_reckoned() -> None:
    assert "−log(0.5) = <b>0.693</b>" in inside_view.inside(INSIDE, "en")


def test_a_step_says_what_was_clipped_what_is_frozen_and_what_moved() -> None:
    page = inside_view.inside(INSIDE, "en")
    assert "loss 0.694 → 0.681" in page and "to 1 together" in page
    assert "frozen" in page and "0.00005" in page and "0.25%" in page
    assert "the loss rose" not in page


def test_a_step_after_which_the_loss_is_larger_says_so() -> None:
    assert "the loss rose" in inside_view.inside(replace(INSIDE, step=replace(STEP, after=0.8)), "en")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.718, "0.718"),
        (5e-5, "0.00005"),
        (4.98e-5, "0.0000498"),
        (15.06, "15.1"),
        (1.0, "1"),
        (0.0, "0"),
        (-0.5, "-0.5"),
    ],
)
def test_numbers_have_at_most_three_digits_that_count(value: float, written: str) -> None:
    assert inside_view.number(value) == written


@pytest.mark.parametrize("locale", ["en", "zh-CN"])
@pytest.mark.parametrize("problem", ["multi_label_classification", "regression"])
def test_every_kind_of_answer_has_its_own_words(problem: Any, locale: str) -> None:
    example = replace(INSIDE.example, problem=problem)
    if problem == "regression":
        example = replace(example, labels=[], logits=[3.0], shares=[], targets=[4.5], loss=2.25)
    page = inside_view.inside(replace(INSIDE, example=example), locale)
    assert ("(3 − 4.5)² = <b>2.25</b>" in page) == (problem == "regression")
    assert ("sigmoid" in page) == (problem != "regression")
