"""A task of the GLUE benchmark as a starting point: it fills in data, recipe, columns and the score that counts."""

from __future__ import annotations

import html
from dataclasses import dataclass

import gradio as gr

from backend.data.library import title_of
from backend.recipes.glue import TASKS, GlueData, GlueTask, glue_data
from backend.workspace import Workspace
from ui.text import i18n, say

NONE = ""
"""No task: the data are what a person chose."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The dropdown, and the line that says what is learnt: the recipe's help, or what the task filled in."""

    task: gr.Dropdown
    note: gr.HTML


def build() -> gr.Dropdown:
    """The dropdown."""
    choices = [(i18n("recipe_form.glue.none"), NONE), *((i18n(f"recipes.glue.{name}"), name) for name in TASKS)]
    return gr.Dropdown(
        choices, value=NONE, label=i18n("recipe_form.glue"), info=i18n("recipe_form.glue.help"), scale=4,
        min_width=180, interactive=True, elem_id="finetune-glue",
    )  # fmt: skip


def chosen(name: str | None) -> GlueTask | None:
    """The task of that name; None for none."""
    return TASKS.get(name or NONE)


def found(workspace: Workspace, task: GlueTask, data: str | None) -> GlueData | None:
    """The task's data if those are what is chosen: who chooses other data has left the task."""
    there = glue_data(workspace, task)
    return there if there.version.ref == data else None


def note(task: GlueTask, there: GlueData, locale: str) -> str:
    """What the task is, what it will be trained on here, and which score counts."""
    title, data = task.name.upper(), title_of(there.version, locale)
    lines = [
        say(f"recipes.glue.{task.name}.help", locale),
        say(f"recipes.glue.{there.source}", locale, task=title, data=data),
    ]
    join = "" if locale.startswith("zh") else " "
    return html.escape(join.join(lines))
