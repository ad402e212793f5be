"""The settings fold: every argument in one group, explained, with its name in code; what follows from some of them."""

from __future__ import annotations

from dataclasses import fields, replace

import gradio as gr
import pytest

from backend.recipes.base import TrainArguments
from backend.texts import LOCALES, lookup
from backend.training.spec import RunState, RunStatus
from tests.ui.run_folders import report as report_of_a_run
from ui.finetune import report, settings
from ui.finetune.cards import settings_title
from ui.finetune.filled import plain_arguments

NAMES = [field.name for field in fields(TrainArguments)]


def test_every_argument_stands_in_one_group() -> None:
    assert sorted(name for names in settings.GROUPS.values() for name in names) == sorted(NAMES)


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("name", NAMES)
def test_every_argument_is_explained_with_its_name_in_code(name: str, locale: str) -> None:
    told = lookup(f"arguments.{name}.help", locale)
    assert told.endswith(f"`{name}`") and len(told) > len(name) + 8


def test_loras_own_settings_are_out_of_sight_until_it_is_on() -> None:
    with gr.Blocks():
        widgets = settings.build().arguments
    assert [name for name, widget in widgets.items() if not widget.visible] == list(settings.LORA)
    assert TrainArguments().lora_rank == 0


def test_the_title_counts_steps_where_steps_end_the_run() -> None:
    title = settings_title(plain_arguments(TrainArguments(max_steps=120)), "en")
    assert title == "Settings: 120 steps, learning rate 5e-5, batch 16"


def test_a_run_that_ended_by_itself_says_at_which_step_and_why() -> None:
    ended = replace(report_of_a_run(), facts={"ended_early": True, "steps": 40, "planned_steps": 400, "best_step": 20})
    told = report.sentence(ended, RunStatus(state=RunState.DONE), "en")
    assert "at step 40 of 400" in told and "after step 20" in told
