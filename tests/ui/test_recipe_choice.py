"""The form follows the data: the recipe that suits it, the columns of that recipe, and which weights will be new."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from backend.models import ModelShelf
from backend.settings import Settings
from backend.training.queue import RunQueue
from tests.ui.test_finetune_tab import untouched
from ui.finetune import cards, choosing, form, kept
from ui.finetune.filled import Filled
from ui.visitor import Services

NOTHING: Any = None


@pytest.fixture
def acts(settings: Settings) -> Iterator[choosing.Choosing]:
    """The form and its handlers."""
    shelf = ModelShelf(settings)
    queue = RunQueue(settings, shelf)
    with gr.Blocks():
        acts = choosing.Choosing(form.build(), Services(settings, shelf, queue), gr.State(), gr.State(), gr.State())
    yield acts
    queue.close()


def test_scored_pairs_suggest_a_regression_with_both_texts_and_the_score(acts: choosing.Choosing) -> None:
    page = acts.guess("sample:sentence_pairs_en", "", NOTHING, "single-label-classification", NOTHING)
    shown = {role: page[widget].value for role, widget in acts.form.columns.items() if page[widget].visible}
    assert page[acts.form.recipe] == "sentence-pair-regression"
    assert shown == {"text": "sentence1", "text_pair": "sentence2", "score": "score"}


def test_reviews_suggest_one_label_a_text(acts: choosing.Choosing) -> None:
    page = acts.guess("sample:reviews_en", "", NOTHING, "single-label-classification", NOTHING)
    assert page[acts.form.recipe] == "single-label-classification"
    assert not page[acts.form.columns["text_pair"]].visible and page[acts.form.columns["label"]].value == "label"


def test_another_recipe_shows_its_own_columns_and_says_what_it_is_for(acts: choosing.Choosing) -> None:
    page = acts.change_recipe("sample:sentence_pairs_en", "sentence-pair-classification", NOTHING)
    visible = {role for role, widget in acts.form.columns.items() if page[widget].visible}
    assert visible == {"text", "text_pair", "label"}
    assert page[acts.form.recipe] == "sentence-pair-classification" and "two texts" in page[acts.form.glue.note]


def test_a_model_without_a_head_is_said_to_get_one(acts: choosing.Choosing, tiny_encoder: Path) -> None:
    page = acts.know_model("", NOTHING, **untouched(tiny_encoder))
    assert "gets a new last layer" in page[acts.form.head]


def test_a_model_with_the_very_labels_is_scored_as_it_is(acts: choosing.Choosing, tiny_classifier: Path) -> None:
    page = acts.know_model("", NOTHING, **untouched(tiny_classifier))
    assert "first scores it as it is" in page[acts.form.head]


@pytest.mark.parametrize("typed", ["sentence-transformers/no-such-model", "/no/such/folder", "run:gone"])
def test_a_model_that_is_not_there_is_told_under_its_box_and_nothing_else_changes(
    acts: choosing.Choosing, tiny_encoder: Path, typed: str
) -> None:
    values = untouched(tiny_encoder) | {"model": typed}
    page = acts.making(("know_model", "refill_preset", "retitle"))({}, "", "", NOTHING, NOTHING, **values)
    assert "finding-error" in page[acts.form.head] and page[acts.form.known_model] == typed
    assert not set(acts.form.arguments.values()) & set(page)
    assert "error-card" not in page[acts.form.card]


def test_a_form_that_was_kept_before_it_had_any_data_fills_nothing_in(acts: choosing.Choosing) -> None:
    assert kept.filled_in(acts.form, acts.services, {"data": None}, NOTHING) == {}


def test_a_column_of_lists_is_shown_without_brackets() -> None:
    assert cards._cut(["joy", "anger"]) == "joy, anger"


def test_a_glue_task_takes_the_sample_that_stands_in_and_says_so(acts: choosing.Choosing) -> None:
    data = acts.take_task("stsb", "sample:reviews_en", NOTHING).value
    page = acts.guess(data, "stsb", NOTHING, "single-label-classification", NOTHING)
    assert data == "sample:sentence_pairs_en" and page[acts.form.recipe] == "sentence-pair-regression"
    assert "stands in" in page[acts.form.glue.note] and "Pearson" in page[acts.form.glue.note]


def test_the_score_of_a_glue_task_chooses_the_best_state(acts: choosing.Choosing, tiny_encoder: Path) -> None:
    values = untouched(tiny_encoder) | {"glue": "cola"}
    filled = Filled(acts.services, acts.services.workspace(NOTHING), values)
    assert filled.preset("quick").metric_for_best_model == "matthews_correlation"
    other = Filled(acts.services, acts.services.workspace(NOTHING), values | {"glue": "stsb"})
    assert other.preset("quick").metric_for_best_model == ""


def test_who_chooses_other_data_has_left_the_glue_task(acts: choosing.Choosing) -> None:
    page = acts.guess("sample:news_en", "stsb", NOTHING, "single-label-classification", NOTHING)
    assert page[acts.form.glue.task] == "" and "stands in" not in page[acts.form.glue.note]
    assert page[acts.form.recipe] == "single-label-classification"
