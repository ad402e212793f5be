"""What follows from a choice in the form: columns, proof, findings, the fitting model, a preset's settings."""

from __future__ import annotations

import html
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from backend.data.describe import UNKNOWN_LIMIT
from backend.data.library import open_data
from backend.data.version import DataVersion
from backend.errors import UserError
from backend.recipes import all_recipes, suggest_recipe
from backend.recipes.base import TrainArguments
from backend.recipes.glue import glue_data
from backend.training.suggest import ENGLISH, suggest_model
from ui import pickers
from ui.errors import shown
from ui.finetune import cards, glue, kept
from ui.finetune.again import held_columns
from ui.finetune.filled import SPLIT, Filled, plain_arguments, run_name
from ui.finetune.form import Form
from ui.text import say
from ui.visitor import PageState, Services, locale_of

Updates = dict[Any, Any]
Held = dict[str, Any] | None
"""again.Parts.held: what the form was filled in from, and so does not choose anew."""


@dataclass(frozen=True, slots=True)
class Choosing:
    """The handlers, and the two things they remember between choices."""

    form: Form
    services: Services
    filled: gr.State
    """The arguments that a preset filled in: as long as they stand, another model or data set may refill them."""
    suggested: gr.State
    """Ref of the model that fits the language of the data."""
    measured: gr.State
    """What the forecast on show was made for (Filled.costs)."""

    def fill(self, data: str | None, model: str | None, typed: dict[str, str], request: gr.Request) -> Updates:
        """A page was opened: what data sets and models there are, the first of each chosen; titles in its language.

        What stood in the form before the page was loaded anew stands there again.
        """
        locale = locale_of(request)
        values = {} if data else kept.read(typed.get("finetune-form", ""), self.form)
        before = kept.filled_in(self.form, self.services, values, request) if values else {}
        updates: Updates = {
            self.form.data: self._offer(pickers.data_choices(self.services, request), data),
            # A starter until the data says what fits: a run made before is seldom what the next one should start from.
            self.form.model: self._offer(pickers.model_choices(self.services, request), model or ENGLISH),
            self.form.preset: gr.Radio(choices=cards.preset_choices({}, locale)),
            self.form.settings.fold: gr.Accordion(
                label=cards.settings_title(plain_arguments(TrainArguments()), locale)
            ),
            self.form.card: cards.unmeasured(locale),
        }
        if before:
            choices = cards.preset_choices({}, locale)
            updates[self.form.preset] = gr.Radio(choices=choices, value=before.pop(self.form.preset))
        return updates | before

    def refresh_data(self, request: gr.Request) -> Any:
        """The data sets there are now. What is chosen is left alone: a person may be choosing meanwhile."""
        return gr.Dropdown(choices=pickers.data_choices(self.services, request))

    def refresh_models(self, request: gr.Request) -> Any:
        """The models there are now, in the same way."""
        return gr.Dropdown(choices=pickers.model_choices(self.services, request))

    def guess(self, data: str | None, task: str | None, held: Held, recipe_name: str, request: gr.Request) -> Updates:
        """Data was chosen: the recipe that suits it, and which of its columns plays which role.

        task: the GLUE task chosen; it decides as long as its data are. held: then the recipe stays.
        """
        if not data:
            return {self.form.data: gr.skip()}
        locale, workspace = locale_of(request), self.services.workspace(request)
        chosen = glue.chosen(task)
        if chosen and (there := glue.found(workspace, chosen, data)):
            updates = self.roles(there.version, chosen.recipe, locale, there.columns)
            return updates | {self.form.glue.note: glue.note(chosen, there, locale)}
        version = open_data(workspace, data)
        if held:
            columns = held_columns(held, version, all_recipes()[recipe_name].guess_columns(version))
            return self.roles(version, recipe_name, locale, columns) | {self.form.glue.task: glue.NONE}
        return self.roles(version, suggest_recipe(version), locale) | {self.form.glue.task: glue.NONE}

    def take_task(self, task: str | None, data: str | None, request: gr.Request) -> Any:
        """A GLUE task was chosen: its data, or what stands in for them."""
        chosen = glue.chosen(task)
        if chosen is None:
            return data
        there = glue_data(self.services.workspace(request), chosen)
        return gr.Dropdown(pickers.data_choices(self.services, request), value=there.version.ref)

    def change_recipe(self, data: str | None, recipe_name: str, request: gr.Request) -> Updates:
        """Another recipe was chosen: its roles, and which column plays which."""
        locale = locale_of(request)
        if not data:
            roles = {role.name for role in all_recipes()[recipe_name].roles}
            shown = {widget: gr.Dropdown(visible=role in roles) for role, widget in self.form.columns.items()}
            return shown | {self.form.recipe: recipe_name, **self._help(recipe_name, locale)}
        return self.roles(open_data(self.services.workspace(request), data), recipe_name, locale)

    def roles(
        self, version: DataVersion, recipe_name: str, locale: str, known: Mapping[str, str] | None = None
    ) -> Updates:
        """A recipe with its columns, guessed unless they are known by role."""
        recipe = all_recipes()[recipe_name]
        guessed = recipe.guess_columns(version) if known is None else known
        names = [column.name for column in version.columns]
        roles = {role.name for role in recipe.roles}
        updates: Updates = {
            widget: gr.Dropdown(choices=names, value=guessed.get(role), visible=role in roles)
            for role, widget in self.form.columns.items()
        }
        # What was found in other data, or for another recipe, must not stand beside these.
        return updates | {self.form.recipe: recipe_name, self.form.checks.view: "", **self._help(recipe_name, locale)}

    def _help(self, recipe_name: str, locale: str) -> Updates:
        return {self.form.glue.note: html.escape(say(f"recipes.{recipe_name}.help", locale))}

    def suggest(self, held: Held, request: gr.Request, **values: Any) -> Updates:
        """The model that fits the language of the data. held: then the one that is chosen stays."""
        form = Filled.of(self.services, request, values)
        if not form.has_data:
            return {self.form.model: gr.skip()}
        ref = suggest_model(self.services.shelf, form.workspace, form.version(), form.text_column)
        if held:
            return {self.suggested: ref}
        return {self.form.model: self._offer(pickers.model_choices(self.services, request), ref), self.suggested: ref}

    def look(self, request: gr.Request, **values: Any) -> Updates:
        """Columns or split were chosen: three rows as proof, what is to know of the data, how many rows go where."""
        locale, form = locale_of(request), Filled.of(self.services, request, values)
        if not values["data"]:
            return {self.form.proof: ""}
        version, counts, left_out = form.version(), None, 0
        try:
            findings = cards.findings(form.recipe.check(version, form.columns), locale)
            counts, left_out = form.split_counts(), form.left_out()
        except UserError as error:
            findings = cards.finding_error(error, locale)
        given = bool(version.given_split_column and values[SPLIT + "use_given"])
        return {
            self.form.proof: cards.proof(version, form.columns, locale),
            self.form.findings: findings,
            self.form.rows: cards.split_line(counts, locale, left_out) if counts else "",
            self.form.split_fold: gr.Accordion(label=cards.split_title(counts, given, locale)),
        }

    def know_model(self, suggested: str, request: gr.Request, **values: Any) -> Updates:
        """A model was chosen: its facts, whether it knows the language of the data, a name for the run."""
        locale, form = locale_of(request), Filled.of(self.services, request, values)
        hide: Updates = {self.form.unknown: gr.HTML(visible=False), self.form.switch_model: gr.Button(visible=False)}
        hide |= {self.form.head: "", self.form.known_model: values["model"]}
        if not values["model"]:
            return hide
        try:
            facts = form.model()
        except UserError as error:
            # What can be known of it already is said where it was typed.
            return hide | {self.form.head: cards.finding_error(error, locale)}
        updates = hide | {self.form.model: gr.Dropdown(info=pickers.facts_line(facts, locale))}
        if form.has_data:
            updates[self.form.head] = cards.head_note(form.head(), facts.labels, locale)
            updates[self.form.name] = gr.Textbox(placeholder=run_name(form.version().title, facts.title))
        share = form.unknown_share()
        if share <= UNKNOWN_LIMIT:
            return updates
        updates[self.form.unknown] = gr.HTML(cards.unknown_warning(share, facts.title, locale), visible=True)
        if suggested and suggested != facts.ref:
            title = self.services.shelf.facts(form.workspace, suggested).title
            updates[self.form.switch_model] = gr.Button(
                say("finetune.switch_model_to", locale, model=title), visible=True
            )
        return updates

    def fill_preset(self, request: gr.Request, **values: Any) -> Updates:
        """A preset was chosen: its arguments for this model and data."""
        form = Filled.of(self.services, request, values)
        if not form.has_model or not values["data"]:
            return {self.filled: gr.skip()}
        arguments = plain_arguments(form.preset(values["preset"]))
        return {self.form.arguments[name]: value for name, value in arguments.items()} | {self.filled: arguments}

    def take_over(self, held: Held, request: gr.Request) -> Updates:
        """A preset is chosen by hand: from now on the arguments follow it."""
        return {self.form.again.held: {**held, "arguments": False}} if held else {}

    def refill_preset(self, filled: dict[str, Any] | None, held: Held, request: gr.Request, **values: Any) -> Updates:
        """Model or data changed: the preset's arguments again, but for those that the person has changed by hand."""
        if held and held["arguments"]:
            return self._release(request, values) if held.get("once") else {}
        typed = Filled.of(self.services, request, values).typed(filled)
        updates = self.fill_preset(request, **values)
        # What stands already is not written again: a person may be typing there by now.
        stands = {self.form.arguments[name]: value for name, value in (filled or {}).items()}
        left = {self.form.arguments[name] for name in typed}
        return {
            widget: value
            for widget, value in updates.items()
            if widget not in left and (widget not in stands or stands[widget] != value)
        }

    def _release(self, request: gr.Request, values: Mapping[str, Any]) -> Updates:
        """What was kept stands there: the form chooses by itself again, all but what differs from the preset."""
        form = Filled.of(self.services, request, values)
        if not form.has_model or not values["data"]:
            return {self.form.again.held: None}
        return {self.filled: plain_arguments(form.preset(values["preset"])), self.form.again.held: None}

    def retitle(self, measured: str, request: gr.Request, **values: Any) -> Updates:
        """Something that the forecast depends on changed: the fold's title says the settings, the card asks again."""
        locale, form = locale_of(request), Filled.of(self.services, request, values)
        title: Updates = {
            self.form.settings.fold: gr.Accordion(label=cards.settings_title(form.arguments_now(), locale))
        }
        refused = self._refusal(form)
        if measured == form.costs() and not refused:
            return title
        card = cards.refusal(refused, locale) if refused else cards.unmeasured(locale)
        choices = gr.Radio(choices=cards.preset_choices({}, locale))
        return title | {self.form.card: card, self.form.preset: choices, self.measured: ""}

    def _refusal(self, form: Filled) -> UserError | None:
        """Why Start would refuse the settings as they are; what is wrong with columns or model is said under these."""
        if not form.has_data:
            return None
        try:
            if any(one.level == "error" for one in form.recipe.check(form.version(), form.columns)):
                return None
            self.services.queue.refuse(form.workspace, form.draft())
        except UserError as error:
            return error if form.has_model else None
        return None

    def making(self, steps: Sequence[str]) -> Callable[..., Updates]:
        """One handler of several, by name: each takes the form as those before it leave it."""

        def made(
            filled: dict[str, Any] | None,
            suggested: str,
            measured: str,
            held: Held,
            request: gr.Request,
            **values: Any,
        ) -> Updates:
            names = {widget: name for name, widget in self.form.inputs.items()}
            updates: Updates = {}
            for step in steps:
                ref = updates.get(self.suggested, suggested)
                given: dict[str, tuple[Any, ...]] = {
                    "guess": (values["data"], values["glue"], held, values["recipe"]),
                    "suggest": (held,),
                    "take_over": (held,),
                    "change_recipe": (values["data"], values["recipe"]),
                    "know_model": (ref,),
                    "refill_preset": (filled, held),
                    "retitle": (measured,),
                }
                rest = {} if step in ("guess", "change_recipe", "take_over", "settle") else values
                for widget, update in getattr(self, step)(*given.get(step, ()), request, **rest).items():
                    new, has_value, value = _joined(updates.get(widget), update)
                    updates[widget] = new
                    if has_value and widget in names:
                        values[names[widget]] = value
            return updates

        return made

    def settle(self, request: gr.Request) -> Updates:
        """Everything is filled in."""
        return {self.form.settled: str(time.time())}

    def _offer(self, choices: list[tuple[str, str]], value: str | None) -> Any:
        """The choices, with what is chosen or typed kept, else the first."""
        return gr.Dropdown(choices=choices, value=value or (choices[0][1] if choices else None))


@dataclass(frozen=True, slots=True)
class Follow:
    """What follows from a choice, as keywords of events: `look` shows the data; then `know`, what needs a tokenizer.
    `guess` and `suggest` are these for other data: the columns and the model are chosen, too."""

    acts: Choosing
    filled: gr.events.Dependency
    """The page was opened, and the form filled in."""
    look: dict[str, Any]
    know: dict[str, Any]
    guess: dict[str, Any]
    suggest: dict[str, Any]


def wire(form: Form, services: Services, state: PageState, measured: gr.State) -> Follow:
    """Connect the choices of the form with what follows from them."""
    acts = Choosing(form, services, gr.State(None), gr.State(""), measured)
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    follow: dict[str, Any] = {"trigger_mode": "always_last", "inputs_kwargs": form.inputs, **quiet}
    columns, arguments = list(form.columns.values()), list(form.arguments.values())
    filled = state.arrived.change(
        shown(acts.fill),
        [form.data, form.model, state.typed],
        [*form.inputs.values(), form.settings.fold, form.card, form.again.held],
        **quiet,
    )
    kept.wire(form)
    form.data.focus(shown(acts.refresh_data), None, [form.data], queue=False, **quiet)
    form.model.focus(shown(acts.refresh_models), None, [form.model], queue=False, **quiet)
    # Each event costs the browser a round over the whole page: what follows from a choice is made in two, first what
    # shows the data, then what needs a tokenizer, which may take seconds the first time.
    roles = [form.recipe, *columns]
    data_parts = [form.proof, form.findings, form.rows, form.split_fold]
    model_parts = [form.name, form.head, form.unknown, form.switch_model, form.known_model]
    title_parts = [form.settings.fold, form.card, form.preset, measured]
    remembered = [acts.filled, acts.suggested, measured, form.again.held]

    def made_of(steps: tuple[str, ...], outputs: list[Any]) -> dict[str, Any]:
        return {"fn": shown(acts.making(steps)), "inputs": remembered, "outputs": outputs, **follow}

    guess = made_of(("guess", "look"), [*roles, form.glue.task, form.glue.note, form.checks.view, *data_parts])
    turn = made_of(("change_recipe", "look"), [*roles, form.glue.note, form.checks.view, *data_parts])
    look = made_of(("look",), data_parts)
    filled_in = [
        form.model,
        acts.suggested,
        *model_parts,
        *arguments,
        acts.filled,
        form.again.held,
        *title_parts,
        form.settled,
    ]
    suggest = made_of(("suggest", "know_model", "refill_preset", "retitle", "settle"), filled_in)
    know = made_of(("know_model", "refill_preset", "retitle", "settle"), filled_in)
    chosen = [*arguments, acts.filled, form.again.held, *title_parts, form.settled]
    preset = made_of(("take_over", "fill_preset", "retitle", "settle"), chosen)
    settle = made_of(("retitle", "settle"), [*title_parts, form.settled])
    form.data.change(**guess).then(**suggest)
    # Its data may be those that are chosen already: then nothing changes, and the guess is made all the same.
    taken = form.glue.task.input(shown(acts.take_task), [form.glue.task, form.data], [form.data], **quiet)
    taken.then(**guess).then(**suggest)
    # The model stays: the language of the data is what it was.
    form.recipe.input(**turn).then(**know)
    gr.on([widget.input for widget in columns], **look).then(**know)
    # What is pasted into a Textbox fires no .input; and nobody but the person changes it.
    parts = form.split.values()
    divided = [part.change if isinstance(part, gr.Textbox) else part.input for part in parts]
    gr.on(divided, **look).then(**settle)
    form.model.input(**know)
    form.switch_model.click(lambda ref: ref, [acts.suggested], [form.model], **quiet).then(**know)
    gr.on([form.anatomy.from_nothing.input, form.anatomy.tokenizer.input], **know)
    form.preset.input(**preset)
    priced = [form.how.launcher, form.how.processes, *arguments, *form.anatomy.inputs.values()]
    # As above, but these are filled in by presets, too: leaving one tells of what was pasted.
    left = [widget.blur for widget in priced if isinstance(widget, gr.Textbox)]
    gr.on([*(widget.input for widget in priced), *left], **made_of(("retitle",), title_parts))
    return Follow(acts, filled, look, know, guess, suggest)


def _joined(old: Any, new: Any) -> tuple[Any, bool, Any]:
    """(an update and a later one of the same widget as one, whether the later one sets the value, that value)."""
    if isinstance(new, gr.blocks.Block):
        given = new.constructor_args
        if isinstance(old, gr.blocks.Block):
            new = type(new)(**old.constructor_args | given)
        return new, "value" in given, given.get("value")
    if isinstance(new, dict) and new.get("__type__") == "update":
        return (new if old is None else old), False, None
    return new, True, new
