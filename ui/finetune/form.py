"""The form that starts a run: data and columns, model, preset, split, settings; the forecast card beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from backend.data.repeats import LEAVABLE
from backend.data.split import SplitPlan
from backend.recipes import all_recipes
from backend.recipes.base import PRESETS
from ui.finetune import again, anatomy, checks, first_answer, fit, glue, how_it_runs, inside, pushing, settings
from ui.finetune.filled import ARGUMENT, COLUMN, SPLIT
from ui.text import i18n


@dataclass(frozen=True, slots=True)
class Form:
    """Widgets of the form. What a draft is made of is in `inputs`, by name."""

    view: gr.Column
    live_link: gr.Button
    recipe: gr.Dropdown
    glue: glue.Parts
    data: gr.Dropdown
    columns: dict[str, gr.Dropdown]
    proof: gr.HTML
    findings: gr.HTML
    model: gr.Dropdown
    head: gr.HTML
    """Which weights of the model will be new."""
    unknown: gr.HTML
    switch_model: gr.Button
    preset: gr.Radio
    name: gr.Textbox
    split_fold: gr.Accordion
    split: dict[str, Any]
    settings: settings.Settings
    how: how_it_runs.Parts
    push: pushing.Parts
    card: gr.HTML
    rows: gr.HTML
    forecast: gr.Button
    start: gr.Button
    first_answer: gr.Button
    anatomy: anatomy.Parts
    inside: inside.Parts
    checks: checks.Parts
    again: again.Parts
    fit: fit.Parts
    known_model: gr.State
    """The model whose facts are on show."""
    settled: gr.State
    """Changes when everything that follows from a choice has been filled in. Who looks at the whole form listens to
    this and to .input of the widgets: a .change of each would fire dozens of times in every filling-in."""

    @property
    def arguments(self) -> dict[str, Any]:
        """The widget of each training argument."""
        return self.settings.arguments

    @property
    def inputs(self) -> dict[str, gr.blocks.Block]:
        """Everything a draft needs, by the name it has in the handlers' values."""
        return {
            "recipe": self.recipe,
            "glue": self.glue.task,
            "data": self.data,
            "model": self.model,
            "preset": self.preset,
            "name": self.name,
            **self.how.inputs,
            **self.push.inputs,
            **self.anatomy.inputs,
            **{COLUMN + role: widget for role, widget in self.columns.items()},
            **{SPLIT + name: widget for name, widget in self.split.items()},
            **{ARGUMENT + name: widget for name, widget in self.arguments.items()},
        }


def build() -> Form:
    """Lay the form out: choices at the left, what they will cost at the right."""
    with gr.Column(elem_classes="finetune-form") as view:
        with gr.Row(elem_classes="run-top"):
            gr.HTML(i18n("finetune.title"), elem_classes="page-title", apply_default_css=False)
            live_link = gr.Button(i18n("finetune.show_live"), visible=False, elem_classes="live-link")
        again_parts = again.build()
        with gr.Row(elem_classes="finetune-columns"):
            with gr.Column(scale=7, min_width=300, elem_classes="choices"):
                data, recipe, glue_parts, columns, proof, findings = _data()
                model, head, unknown, switch_model = _model()
                with gr.Column(elem_classes="folds"):
                    anatomy_parts = anatomy.build()
                preset = gr.Radio(
                    [(i18n(f"phrases.preset.{preset}"), preset) for preset in PRESETS],
                    value="balanced", **_words("finetune.preset"),
                    elem_classes="cards", elem_id="finetune-presets", interactive=True,
                )  # fmt: skip
                name = gr.Textbox(**_words("finetune.name"), max_lines=1, max_length=80)
                with gr.Column(elem_classes="folds"):
                    split_fold, split = _split()
                    settings_parts = settings.build()
                    how, push = how_it_runs.build(), pushing.build()
                    inside_parts = inside.build()
                    with gr.Accordion(i18n("finetune.steps"), open=False, elem_classes="fold"):
                        gr.Markdown(i18n("finetune.steps.text"))
            with gr.Column(scale=4, min_width=300, elem_classes="launch-side"):
                with gr.Column(elem_classes="card forecast-card"):
                    card = gr.HTML("", apply_default_css=False, elem_classes="forecast")
                    fit_parts = fit.build()
                    rows = gr.HTML("", apply_default_css=False, elem_classes="forecast-rows")
                    with gr.Row(elem_classes="start-bar"):
                        forecast = gr.Button(i18n("finetune.forecast"), elem_id="finetune-forecast", min_width=110)
                        start = gr.Button(
                            i18n("finetune.start"), variant="primary", elem_id="start-training", min_width=140
                        )
                    first = first_answer.build()
                checks_parts = checks.build()
    return Form(
        view, live_link, recipe, glue_parts, data, columns, proof, findings, model, head, unknown, switch_model, preset,
        name, split_fold, split, settings_parts, how, push, card, rows, forecast, start, first, anatomy_parts,
        inside_parts, checks_parts, again_parts, fit_parts,
        gr.State("", render=False), gr.State("", render=False),
    )  # fmt: skip


def _data() -> tuple[gr.Dropdown, gr.Dropdown, glue.Parts, dict[str, gr.Dropdown], gr.HTML, gr.HTML]:
    recipes = all_recipes()
    first = next(iter(recipes))
    with gr.Row(elem_classes="data-row"):
        data = gr.Dropdown(
            [], **_words("finetune.data"), scale=5, min_width=200, interactive=True, elem_id="finetune-data"
        )
        recipe = gr.Dropdown(
            [(i18n(f"recipes.{name}"), name) for name in recipes], value=first, label=i18n("finetune.recipe"),
            info=i18n("finetune.recipe.help"), scale=5, min_width=200, interactive=True, filterable=False,
            visible=len(recipes) > 1, elem_id="finetune-recipe",
        )  # fmt: skip
        task = glue.build()
    note = gr.HTML(i18n(f"recipes.{first}.help"), apply_default_css=False, elem_classes="muted small head-note")
    glue_parts = glue.Parts(task, note)
    with gr.Row(elem_id="finetune-columns", elem_classes="data-row"):
        # Texts first, as the model reads them, then the answers.
        roles = dict.fromkeys(name for one in recipes.values() for name in one.text_roles)
        roles |= dict.fromkeys(role.name for one in recipes.values() for role in one.roles)
        columns = {
            role: gr.Dropdown(
                [], label=i18n(f"recipes.role.{role}"), info=i18n("finetune.guessed"), scale=3, min_width=120,
                interactive=True, visible=role in {r.name for r in recipes[first].roles},
                # A choice made while other data come in is told in words that name the columns.
                allow_custom_value=True,
            )
            for role in roles
        }  # fmt: skip
    proof, findings = gr.HTML("", apply_default_css=False), gr.HTML("", apply_default_css=False)
    return data, recipe, glue_parts, columns, proof, findings


def _model() -> tuple[gr.Dropdown, gr.HTML, gr.HTML, gr.Button]:
    model = gr.Dropdown(
        [], **_words("finetune.model"), allow_custom_value=True, interactive=True,
        elem_id="finetune-model",
    )  # fmt: skip
    head, unknown = gr.HTML("", apply_default_css=False), gr.HTML("", apply_default_css=False, visible=False)
    return model, head, unknown, gr.Button(i18n("finetune.switch_model"), visible=False, elem_classes="inline-button")


def _split() -> tuple[gr.Accordion, dict[str, Any]]:
    default = SplitPlan()
    with gr.Accordion(i18n("finetune.split"), open=False, elem_classes="fold") as fold:
        with gr.Row(equal_height=False, elem_classes="split-row"):
            use_given = _check("split.use_given", default.use_given)
            stratify = _check("split.stratify", default.stratify)
        with gr.Row(equal_height=False, elem_classes="split-row"):
            shares = [
                gr.Slider(0, 0.5, value, step=0.01, **_words(f"finetune.split.{name}"), interactive=True)
                for name, value in (("validation_share", default.validation_share), ("test_share", default.test_share))
            ]  # fmt: skip
        with gr.Row(equal_height=False, elem_classes="split-row"):
            rows = gr.Textbox(
                **_words("finetune.split.train_rows"),
                max_lines=1,
                placeholder="[:2000]",
            )
            seed = gr.Number(
                default.seed,
                precision=0,
                **_words("finetune.split.seed"),
                interactive=True,
            )
        # What a check of the data left out is seen and taken back here, too.
        leave_out = gr.CheckboxGroup(
            [(i18n(f"checks.leave_out.{name}"), name) for name in LEAVABLE], value=[], **_words("checks.leave_out"),
            interactive=True, elem_id="leave-out",
        )  # fmt: skip
    widgets = {
        "use_given": use_given, "validation_share": shares[0], "test_share": shares[1], "stratify": stratify,
        "seed": seed, "train_rows": rows, "leave_out": leave_out,
    }  # fmt: skip
    return fold, widgets


def _check(name: str, value: bool) -> gr.Checkbox:
    return gr.Checkbox(value, **_words(f"finetune.{name}"), interactive=True)


def _words(key: str) -> dict[str, Any]:
    """Label and help of a control."""
    return {"label": i18n(key), "info": i18n(f"{key}.help")}
