"""The form as it stood when the page was loaded anew or its language changed: kept by the browser, filled in again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import gradio as gr

from backend.data.library import open_data
from backend.errors import UserError
from backend.recipes import all_recipes
from ui import pickers
from ui.finetune.filled import COLUMN, SHAPE
from ui.finetune.how_it_runs import ACCELERATE
from ui.text import say
from ui.visitor import Services, locale_of

if TYPE_CHECKING:
    from ui.finetune.form import Form

Updates = dict[Any, Any]


def wire(form: Form) -> None:
    """The browser notes the form, for this tab of its own, whenever something in it changed. The server has no part."""
    widgets = form.inputs
    # What is pasted into a Textbox fires no .input.
    changed = [part.change if isinstance(part, gr.Textbox) else part.input for part in widgets.values()]  # type: ignore[attr-defined]
    gr.on(
        [form.settled.change, *changed], None, list(widgets.values()),
        js=f"(...values) => {{ workbench.keepForm({json.dumps(list(widgets))}, values); }}",
        show_progress="hidden", api_visibility="private",
    )  # fmt: skip


def read(words: str, form: Form) -> dict[str, Any]:
    """The values by the names of Form.inputs. Empty where none were kept, or by a page with another form."""
    try:
        found = json.loads(words or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) and found.keys() == form.inputs.keys() else {}


def filled_in(form: Form, services: Services, values: dict[str, Any], request: gr.Request) -> Updates:
    """The updates that fill the form in with values that were kept; none where their data are gone.

    They are held until everything that follows from the data has been filled in: then the form chooses by itself again.
    """
    try:
        version = open_data(services.workspace(request), values["data"] or "")
        roles = {role.name for role in all_recipes()[values["recipe"]].roles}
    except (UserError, KeyError):
        return {}
    names = [column.name for column in version.columns]
    columns = {role: values[COLUMN + role] for role in form.columns}
    own = [(say("anatomy.same_tokenizer", locale_of(request)), "")]
    tokenizers = own + pickers.tokenizer_choices(services, request)
    known = values["tokenizer"] in {ref for _, ref in tokenizers}
    special: Updates = {
        form.data: gr.Dropdown(choices=pickers.data_choices(services, request), value=values["data"]),
        form.model: gr.Dropdown(choices=pickers.model_choices(services, request), value=values["model"]),
        form.anatomy.tokenizer: gr.Dropdown(choices=tokenizers, value=values["tokenizer"] if known else ""),
        form.how.processes: gr.Number(values["processes"], visible=values["launcher"] == ACCELERATE),
    }
    for role, widget in form.columns.items():
        special[widget] = gr.Dropdown(choices=names, value=columns[role], visible=role in roles)
    for name, widget in form.anatomy.shape.items():
        size = values[SHAPE + name]
        special[widget] = gr.Number(size, visible=not values["from_nothing"] or size is not None)
    held = {"run": "", "model": values["model"], "columns": columns, "arguments": True, "once": True}
    plain = {widget: values[name] for name, widget in form.inputs.items()}
    return plain | special | {form.again.held: held}
