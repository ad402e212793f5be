"""What if: switches below the steps of an answer, each of which asks again with one thing changed."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from backend import answering
from backend.tasks import all_tasks
from backend.tasks.base import Task
from backend.tasks.whatif import CHANGED, SWITCHES, WhatIf
from backend.texts import catalogue
from ui import phrases
from ui.errors import error_card, shown
from ui.text import i18n, say
from ui.visitor import Services, locale_of

Asked = tuple[str, str, Mapping[str, Any], Any]
_QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


@dataclass(frozen=True, slots=True)
class WhatIfParts:
    """Widgets of the switches."""

    place: gr.Column
    switch: gr.Radio
    view: gr.HTML

    @property
    def told(self) -> list[gr.blocks.Block]:
        """What put_back changes. A widget that put_back made while a form is drawn would stand in that form."""
        return [self.place, self.switch, self.view]


def build() -> WhatIfParts:
    """Lay them out; there is nothing to ask again before the first answer."""
    with gr.Column(visible=False, elem_classes="whatif") as place:
        switch = gr.Radio(
            [(i18n(f"whatif.{key}"), key) for key in SWITCHES],
            label=i18n("whatif.title"),
            info=i18n("whatif.title.help"),
            interactive=True,
            elem_id="whatif",
        )
        view = gr.HTML(apply_default_css=False, elem_id="whatif-view")
    return WhatIfParts(place, switch, view)


def put_back(parts: WhatIfParts, task: Task) -> dict[Any, Any]:
    """The switches that there will be for an answer of this task, all off. They are about the last answer: a new
    question puts them back."""
    choices = [(i18n(f"whatif.{key}"), key) for key in task.what_ifs]
    return {
        parts.place: gr.Column(visible=False),
        parts.switch: gr.Radio(choices, value=None),  # type: ignore[arg-type]
        parts.view: "",
    }


def wire(parts: WhatIfParts, asked: gr.State, services: Services) -> None:
    """A switch asks the last question again."""

    def ask_again(key: str | None, asked: Asked | None, request: gr.Request) -> str:
        if not key or not asked:
            return ""
        locale = locale_of(request)
        name, ref, values, params = asked
        workspace = services.workspace(request)
        try:
            found = answering.asked_again(services.shelf, workspace, all_tasks()[name], ref, values, params, key)
        except Exception as error:  # noqa: BLE001 - stands where the numbers would; error_card logs ours
            return error_card(error, locale)
        return render(found, locale)

    parts.switch.input(shown(ask_again), [parts.switch, asked], parts.view, **_QUIET)


def render(found: WhatIf, locale: str) -> str:
    """What happened in a sentence, the numbers before and after in a table, and the line of Python that did it."""
    heads = ["", *(say(f"whatif.column.{name}", locale) for name in found.columns)]
    rows = [
        [_name(name, locale), *(f"<code>{html.escape(cell)}</code>" for cell in cells)] for name, *cells in found.rows
    ]
    if found.change is None:
        words = _say(f"whatif.{found.key}.words", locale)
    else:
        how = "changed" if found.change >= CHANGED else "same"
        words = _say(f"whatif.{found.key}.{how}", locale, change=f"{found.change:.2g}")
    return (
        f'<p class="whatif-words">{words}</p>{phrases.table(heads, rows, kind="whatif-table")}'
        f'<p class="whatif-code"><code>{html.escape(found.code)}</code></p>'
    )


def _name(name: str, locale: str) -> str:
    # A token may begin so, too.
    if name.startswith("=") and f"whatif.row.{name[1:]}" in catalogue("en"):
        return _say(f"whatif.row.{name[1:]}", locale)
    return f"<b>{html.escape(name)}</b>"


def _say(key: str, locale: str, **values: object) -> str:
    return html.escape(say(key, locale, **values))
