"""Checks before Start: made when the form has settled, without anybody waiting; a press on one mends what it found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import gradio as gr

from backend.errors import UserError
from backend.recipes import all_recipes
from backend.recipes.base import TrainArguments
from backend.recipes.checks import Check, Fix, row_checks
from backend.recipes.column_checks import carried_over, column_checks
from backend.training.token_checks import read_tokens, token_checks
from ui import pickers
from ui.errors import shown
from ui.finetune import checks_view
from ui.finetune.checks_view import Line
from ui.finetune.filled import ARGUMENT, COLUMN, SHAPE, SPLIT, Filled
from ui.text import say
from ui.visitor import Services, locale_of

if TYPE_CHECKING:
    from ui.finetune.choosing import Follow
    from ui.finetune.form import Form

Updates = dict[Any, Any]
# From so many rows on a person is told that they are being looked through.
MANY_ROWS = 20_000
# What a model reads where nothing says how much.
LONGEST = 512


@dataclass(frozen=True, slots=True)
class Parts:
    """Widgets of the list."""

    view: gr.HTML
    changed: gr.State
    """list of dicts, one for each change made here: {"id", "name", "fix", "values", "old", "new"}, old and new by the
    names of Form.inputs."""
    shown_for: gr.State
    """The data, columns and split of the checks on show."""


def build() -> Parts:
    """Lay the list out."""
    view = gr.HTML("", apply_default_css=False, js_on_load=checks_view.EVENTS, elem_id="data-checks")
    return Parts(view, gr.State([]), gr.State(""))


@dataclass(frozen=True, slots=True)
class Checking:
    """The handlers."""

    form: Form
    services: Services
    follow: Follow

    def look(
        self, changed: list[dict[str, Any]], shown_for: str, request: gr.Request, **values: Any
    ) -> Iterator[Updates]:
        """Make the checks: those of the rows first, then those that need the tokenizer."""
        parts, locale, filled = self.form.checks, locale_of(request), Filled.of(self.services, request, values)
        if not values["data"]:
            yield {parts.view: "", parts.shown_for: ""}
            return
        seen = repr([values[name] for name in sorted(values) if name in ("data", "recipe") or name.startswith(COLUMN)])
        rows = filled.version().rows
        if seen != shown_for and rows >= MANY_ROWS:
            yield {parts.view: checks_view.busy(rows, locale), parts.shown_for: ""}
        found = self.of_rows(filled)
        if seen != shown_for:
            yield {parts.view: self._page(filled, found, changed, locale, waiting=True), parts.shown_for: seen}
        found += self.of_tokens(filled)
        yield {parts.view: self._page(filled, found, changed, locale), parts.shown_for: seen}

    def of_rows(self, filled: Filled) -> list[Check]:
        """What the columns and rows say."""
        version = filled.version()
        found = column_checks(filled.recipe, version, filled.columns)
        if any(check.level == "error" for check in found):
            return found
        try:
            plan, arguments = filled.plan(), filled.arguments_now()
            return found + row_checks(filled.recipe, version, filled.columns, plan, arguments)
        except UserError:
            # A split that cannot be made is told where it is chosen.
            return found

    def of_tokens(self, filled: Filled) -> list[Check]:
        """What the model's tokenizer says, once it is on this computer."""
        length = filled.values[f"{ARGUMENT}max_length"]
        try:
            facts = filled.model()
            if facts.path is None or not filled.has_data or not length:
                return []
            ref = filled.tokenizer_ref or facts.ref
            tokenizer = self.services.shelf.tokenizer(filled.workspace, ref)
            name = f"{ref} {facts.path}"
            read = read_tokens(filled.recipe, filled.version(), filled.columns, tokenizer, name)
        except UserError:
            # Of the model or the columns; it is told where they are chosen.
            return []
        longest = filled.values[f"{SHAPE}longest"] if filled.from_nothing else facts.max_length
        return token_checks(read, int(length), int(longest or LONGEST), ref)

    def press(self, changed: list[dict[str, Any]], event: gr.EventData, request: gr.Request, **values: Any) -> Updates:
        """A button of the list: make the change, or take it back."""
        filled, locale = Filled.of(self.services, request, values), locale_of(request)
        act, wanted = str(event._data["act"]), str(event._data["check"])
        found = self.of_rows(filled) + self.of_tokens(filled)
        check = next((one for id_, one in _named(found) if id_ == wanted), None)
        made = next((one for one in changed if one["id"] == wanted), None)
        if act == "fix" and check and check.fix:
            new = self._change(filled, check.fix)
            old = {name: values[name] for name in new}
            entry = {"id": wanted, "name": check.name, "fix": check.fix, "values": dict(check.values)}
            stays = [one for one in changed if one["id"] != wanted]
            changed = [*stays, entry | {"old": old, "new": new, "data": values["data"]}]
        elif act == "undo" and (fix := made["fix"] if made else check.fix if check else None):
            new = made["old"] if made and fix.part != "leave_out" else self._take_back(filled, fix)
            changed = [one for one in changed if one["id"] != wanted]
        else:
            # The form has changed since the list was drawn.
            new = {}
        filled = replace(filled, values={**values, **new})
        found = self.of_rows(filled) + self.of_tokens(filled)
        page = self._page(filled, found, changed, locale)
        return self._widgets(filled, new, request) | {self.form.checks.view: page, self.form.checks.changed: changed}

    def _change(self, filled: Filled, fix: Fix) -> dict[str, Any]:
        """The form's values that a fix changes."""
        if fix.part == "leave_out":
            return {f"{SPLIT}leave_out": [*(filled.values[f"{SPLIT}leave_out"] or []), fix.value]}
        if fix.part == "recipe":
            wanted = all_recipes()[fix.value]
            columns = carried_over(filled.recipe, wanted, filled.version(), filled.columns)
            chosen = {COLUMN + role: columns.get(role) for role in self.form.columns}
            return {"recipe": fix.value, **chosen}
        if fix.part == "model":
            return {"model": fix.value}
        prefix = ARGUMENT if fix.part == "arguments" else COLUMN
        return {prefix + name: value for name, value in fix.value.items()}

    def _take_back(self, filled: Filled, fix: Fix) -> dict[str, Any]:
        """The same for taking back a fix that was made elsewhere, such as in the run that the form was filled from."""
        if fix.part == "leave_out":
            return {f"{SPLIT}leave_out": [name for name in filled.values[f"{SPLIT}leave_out"] if name != fix.value]}
        usual = {field.name: field.default for field in fields(TrainArguments)}
        return {ARGUMENT + name: usual[name] for name in fix.value} if fix.part == "arguments" else {}

    def _widgets(self, filled: Filled, new: Mapping[str, Any], request: gr.Request) -> Updates:
        """The updates of the form's widgets for new values by name."""
        updates: Updates = {}
        if "recipe" in new:
            known = {role: new[COLUMN + role] for role in self.form.columns if new[COLUMN + role]}
            updates = self.follow.acts.roles(filled.version(), new["recipe"], locale_of(request), known)
        inputs = self.form.inputs
        for name, value in new.items():
            updates.setdefault(inputs[name], value)
        if "model" in new:
            updates[self.form.model] = gr.Dropdown(
                choices=pickers.model_choices(self.services, request), value=new["model"]
            )
        return updates

    def _page(
        self, filled: Filled, found: list[Check], changed: list[dict[str, Any]], locale: str, waiting: bool = False
    ) -> str:
        lines = []
        for id_, check in _named(found):
            if check.level == "ok":
                continue
            sentence, act, button = say(check.key, locale, **check.values), "", ""
            if check.fix and check.level == "fixed":
                act, button = "undo", say("checks.undo", locale)
            elif check.fix:
                act, button = "fix", checks_view.fix_word(check, self._titles(filled, check.fix, locale), locale)
            lines.append(Line(id_, check, sentence, act, button))
        for made in changed:
            # What was changed by hand since is no change of ours any more.
            stands = made["data"] == filled.values["data"] and all(
                filled.values[name] == value for name, value in made["new"].items()
            )
            if stands and not any(line.id == made["id"] for line in lines) and made["fix"].part != "leave_out":
                words = self._titles(filled, made["fix"], locale)
                sentence = checks_view.fixed_word(made["fix"], made["values"], words, locale)
                check = Check(name=made["name"], level="fixed", key="", fix=made["fix"])
                lines.append(Line(made["id"], check, sentence, "undo", say("checks.undo", locale)))
        names = {line.check.name for line in lines}
        clear = [check.name for check in found if check.level == "ok" and check.name not in names]
        return checks_view.page(lines, clear, locale, waiting)

    def _titles(self, filled: Filled, fix: Fix, locale: str) -> dict[str, str]:
        """What a fix chooses, as a person calls it."""
        if fix.part == "model":
            return {"model": self.services.shelf.facts(filled.workspace, fix.value).title}
        if fix.part == "recipe":
            return {"recipe": say(f"recipes.{fix.value}", locale)}
        return {"columns": ", ".join(fix.value.values())} if fix.part == "columns" else {}


def wire(form: Form, services: Services, follow: Follow) -> None:
    """Connect the list: it is made anew once everything that follows from a choice has been filled in."""
    acts, parts = Checking(form, services, follow), form.checks
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "inputs_kwargs": form.inputs}
    heeded = [form.arguments[name] for name in ("max_length", "class_weights", "metric_for_best_model")]
    looked = gr.on(
        [form.settled.change, *(widget.input for widget in heeded)],
        shown(acts.look), [parts.changed, parts.shown_for], [parts.view, parts.shown_for],
        # Not always_last: see ui.finetune.anatomy.
        trigger_mode="multiple", **quiet,
    )  # fmt: skip
    mended = [form.recipe, *form.columns.values(), form.glue.note, form.model, form.split["leave_out"], *heeded]
    # What is still being looked at is the form before the press.
    pressed = parts.view.click(
        shown(acts.press), [parts.changed], [*mended, parts.view, parts.changed],
        trigger_mode="once", cancels=[looked], **quiet,
    )  # fmt: skip
    pressed.then(**follow.look).then(**follow.know)


def _named(found: list[Check]) -> list[tuple[str, Check]]:
    """Each check with an id of its own: its name, and of several with one name their place among them."""
    names: list[str] = []
    named = []
    for check in found:
        names.append(check.name)
        count = names.count(check.name)
        named.append((check.name if count == 1 else f"{check.name}-{count}", check))
    return named
