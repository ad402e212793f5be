"""Run again with changes: the form filled in with everything of a run, and held so while a person changes a thing."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from backend.data.library import open_data
from backend.data.version import DataVersion
from backend.errors import UserError
from backend.recipes import all_recipes
from backend.recipes.base import Finding
from backend.training.from_nothing import shape_of_new
from backend.training.spec import RunSpec
from ui import pickers
from ui.errors import shown
from ui.finetune import cards
from ui.finetune.filled import plain_arguments
from ui.text import i18n, say
from ui.visitor import Services, locale_of

if TYPE_CHECKING:
    from ui.finetune.choosing import Follow
    from ui.finetune.form import Form

Updates = dict[Any, Any]
NAME_LETTERS = 80


@dataclass(frozen=True, slots=True)
class Parts:
    """Widgets at the head of the form."""

    note: gr.HTML
    let_go: gr.Button
    held: gr.State
    """What is not to be guessed anew: {"run", "model", "columns", "arguments": whether these, too}; None: nothing.

    With "once" only until what follows from the data has been filled in."""


def build() -> Parts:
    """What stands above the form once it was filled in from a run."""
    note = gr.HTML("", visible=False, apply_default_css=False, elem_id="again-note")
    let_go = gr.Button(i18n("again.let_go"), visible=False, elem_classes="inline-button", elem_id="again-let-go")
    return Parts(note, let_go, gr.State(None))


def held_columns(held: Mapping[str, Any], version: DataVersion, guessed: Mapping[str, str]) -> dict[str, str]:
    """The run's columns where the data have such, else the guessed ones."""
    return {**guessed, **{role: name for role, name in held["columns"].items() if version.column(name)}}


def next_name(name: str, taken: set[str]) -> str:
    """A name that is not taken, with the next number behind it: "reviews", "reviews-2", "reviews-3"."""
    found = re.fullmatch(r"(.+?)([ _-])(\d{1,4})", name)
    stem, join = (found[1], found[2]) if found else (name, "-")
    number = int(found[3]) + 1 if found else 2
    while (wanted := f"{stem[: NAME_LETTERS - 6]}{join}{number}") in taken:
        number += 1
    return wanted


@dataclass(frozen=True, slots=True)
class Again:
    """The handlers."""

    form: Form
    services: Services
    shown_run: gr.State

    def fill(self, run_id: str, request: gr.Request) -> Updates:
        """Show the form, filled in with everything of a run. What is gone meanwhile is said; the rest is filled in."""
        workspace, locale, form = self.services.workspace(request), locale_of(request), self.form
        run = self.services.queue.run(workspace, run_id)
        if run.spec is None:
            raise run.error or UserError("training.bad_spec", reason="spec.json")
        spec, troubles = run.spec, list[Finding]()
        if spec.recipe not in all_recipes():
            raise UserError("again.no_recipe", recipe=spec.recipe)
        taken = {one.spec.name for one in self.services.queue.runs(workspace) if one.spec}
        name = next_name(spec.name or run_id, taken | set(workspace.names("runs")))
        updates: Updates = {form.name: name, form.recipe: spec.recipe}
        updates |= self._data(spec, request, troubles) | self._model(spec, request, troubles)
        first = spec.loop == "head"
        if first:
            troubles.append(_trouble("again.first_answer"))
        else:
            updates |= {form.arguments[name]: value for name, value in plain_arguments(spec.arguments).items()}
            updates |= {form.how.loop: spec.loop, form.how.launcher: spec.launcher}
            updates |= {form.how.processes: gr.Number(max(2, spec.processes), visible=spec.launcher == "accelerate")}
        updates |= {form.preset: spec.preset, form.glue.task: ""}
        held = {"run": run_id, "model": spec.model_ref, "columns": spec.columns, "arguments": not first}
        return updates | {
            form.again.note: gr.HTML(_note(spec.name or run_id, troubles, locale), visible=True),
            form.again.let_go: gr.Button(visible=True),
            form.again.held: held,
            self.shown_run: "",
        }

    def let_go(self) -> tuple[Any, Any, None]:
        """The form may choose by itself again."""
        return gr.HTML(visible=False), gr.Button(visible=False), None

    def _data(self, spec: RunSpec, request: gr.Request, troubles: list[Finding]) -> Updates:
        """Data, columns and split."""
        form, locale, workspace = self.form, locale_of(request), self.services.workspace(request)
        split = asdict(spec.split) | {"leave_out": list(spec.split.leave_out)}
        updates: Updates = {form.split[name]: value for name, value in split.items() if name in form.split}
        names, columns, chosen = list(spec.columns.values()), dict(spec.columns), spec.data_ref
        try:
            version = open_data(workspace, spec.data_ref)
            names = [column.name for column in version.columns]
            lost = [name for name in columns.values() if name not in names]
            columns = held_columns({"columns": spec.columns}, version, {})
            title = pickers.data_of_run(spec, locale)
            if lost:
                troubles.append(_trouble("again.no_column", data=title, columns=", ".join(lost)))
            if version.version != spec.data_version:
                known = {"old": spec.data_version, "new": version.version}
                troubles.append(_trouble("again.newer_data", data=title, **known))
        except UserError:
            chosen = ""
            troubles.append(_trouble("again.no_data", data=pickers.data_of_run(spec, locale)))
        choices = pickers.data_choices(self.services, request)
        roles = {role.name for role in all_recipes()[spec.recipe].roles}
        updates[form.data] = gr.Dropdown(choices=choices, value=chosen or None)
        for role, widget in form.columns.items():
            updates[widget] = gr.Dropdown(choices=names, value=columns.get(role), visible=role in roles)
        return updates

    def _model(self, spec: RunSpec, request: gr.Request, troubles: list[Finding]) -> Updates:
        """The model; for a new one its shape and tokenizer."""
        form, locale, workspace = self.form, locale_of(request), self.services.workspace(request)
        choices = pickers.model_choices(self.services, request)
        new = bool(spec.new_model)
        updates: Updates = {form.anatomy.from_nothing: new, form.anatomy.tokenizer: ""}
        try:
            facts = self.services.shelf.facts(workspace, spec.model_ref)
            if new:
                updates |= self._shape(spec, request, troubles)
        except UserError:
            troubles.append(_trouble("again.no_model", model=pickers.model_of_run(spec, locale)))
            return updates | {form.model: gr.Dropdown(choices=choices, value=None)}
        return updates | {form.model: gr.Dropdown(choices=choices, value=facts.ref, allow_custom_value=True)}

    def _shape(self, spec: RunSpec, request: gr.Request, troubles: list[Finding]) -> Updates:
        form, shelf, workspace = self.form, self.services.shelf, self.services.workspace(request)
        shape = shape_of_new(shelf, workspace, shelf.facts(workspace, spec.model_ref), spec.new_model)
        own = [(say("anatomy.same_tokenizer", locale_of(request)), "")]
        choices = own + pickers.tokenizer_choices(self.services, request)
        words = spec.tokenizer_ref
        if words and words not in {ref for _, ref in choices}:
            troubles.append(_trouble("again.no_tokenizer", tokenizer=words))
            words = ""
        sizes = {
            widget: gr.Number(getattr(shape, name), visible=getattr(shape, name) is not None)
            for name, widget in form.anatomy.shape.items()
        }
        return sizes | {form.anatomy.tokenizer: gr.Dropdown(choices=choices, value=words)}


def wire(button: gr.Button, form: Form, services: Services, follow: Follow, shown_run: gr.State) -> None:
    """Connect the run view's button with the form, and the form's own button that lets go again."""
    acts, parts = Again(form, services, shown_run), form.again
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    filled: list[Any] = [*form.inputs.values(), parts.note, parts.let_go, parts.held, shown_run]
    pressed = button.click(shown(acts.fill), [shown_run], filled, trigger_mode="once", **quiet)
    # The data may be those that were chosen before: then nothing else says that there is something to look at.
    pressed.then(**follow.look).then(**follow.know)
    freed = parts.let_go.click(shown(acts.let_go), None, [parts.note, parts.let_go, parts.held], **quiet)
    freed.then(**follow.guess).then(**follow.suggest)


def _note(run: str, troubles: list[Finding], locale: str) -> str:
    words = say("again.filled", locale, run=f"<b>{html.escape(run)}</b>")
    return f'<p role="status">{words}</p>{cards.findings(troubles, locale)}'


def _trouble(key: str, **values: Any) -> Finding:
    return Finding("warning", key, values)
