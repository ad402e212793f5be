"""Taking an answer along: an address that fills in its task, model and input again, and its code as a notebook."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import gradio as gr

from backend.errors import UserError
from backend.exports.notebook import notebook
from backend.tasks import all_tasks
from backend.tasks.base import Task
from ui.errors import error_card, shown
from ui.playground.asking import source_of
from ui.playground.parts import PlaygroundTab
from ui.text import say
from ui.visitor import Services, locale_of

MOST = 2_000
"""Characters of an input that an address takes; a longer one is left out."""
MOST_BYTES = 7_000
"""Bytes of the whole query: servers and proxies take 8 KB of a request's first line. A Chinese character is nine."""
Asked = tuple[str, str, Mapping[str, Any], Any]
"""Task, ref, values and params of the last answer."""
_QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


@dataclass(frozen=True, slots=True)
class Link:
    """What an address asks for."""

    task: str
    model: str | None
    """A ref; None: the one that the page would choose."""
    given: Mapping[str, str]
    """By the names of Form.by_name."""


def query_of(task: Task, ref: str, values: Mapping[str, Any]) -> tuple[str, bool]:
    """The query of an address, and whether an input was too long for it. Of a chat, what was said last."""
    kept, left_out = {"task": task.name, "model": ref}, False
    for one in task.inputs:
        text = values.get(one.name) or ""
        if not isinstance(text, str):
            text = str(text[-1]["content"])
        longer = kept | {one.name: text}
        if len(text) > MOST or len(_encoded(longer)) > MOST_BYTES:
            left_out = True
        elif text:
            kept = longer
    return _encoded(kept), left_out


def address_of(task: Task, ref: str, values: Mapping[str, Any]) -> str:
    """The query alone."""
    return query_of(task, ref, values)[0]


def read(query: str, services: Services) -> Link | None:
    """What the address of the page asks for; None for no task or an unknown one. What cannot be a model is none."""
    try:
        named = dict(parse_qsl(query.removeprefix("?"), max_num_fields=50))
    except ValueError:
        return None
    task = all_tasks().get(named.get("task", ""))
    if task is None:
        return None
    try:
        model = services.shelf.parse(named["model"]) if "model" in named else None
    except UserError:
        model = None
    return Link(task.name, model, {f"inputs.{one.name}": named[one.name] for one in task.inputs if one.name in named})


def missing(link: Link, services: Services, request: gr.Request) -> str:
    """What the answer card says where the model of a link cannot be had here; else nothing."""
    if link.model is None:
        return ""
    try:
        services.shelf.facts(services.workspace(request), link.model)
    except UserError as error:
        return error_card(error, locale_of(request))
    return ""


def wire(tab: PlaygroundTab, services: Services) -> None:
    """The address follows what is asked; one button copies it, another takes the code along."""

    def tell(copied: str, asked: Asked | None, request: gr.Request) -> str:
        locale = locale_of(request)
        words = [say("sharing.copied" if copied else "sharing.not_copied", locale)]
        if asked and query_of(all_tasks()[asked[0]], asked[1], asked[2])[1]:
            words.append(say("sharing.left_out", locale))
        return f'<p class="muted" role="status">{("" if locale.startswith("zh") else " ").join(words)}</p>'

    def write(asked: Asked | None, code: str, request: gr.Request) -> str:
        if not asked:
            raise UserError("notebook.nothing")
        name, locale = asked[0], locale_of(request)
        source = source_of(services.shelf.facts(services.workspace(request), asked[1]))
        words = notebook(say(f"tasks.{name}", locale), say(f"tasks.{name}.help", locale), source, code, locale)
        # The time makes the same notebook taken twice a change, too.
        return json.dumps({"name": f"{name}.ipynb", "text": words, "at": time.time()})

    tab.address.change(None, tab.address, None, js="query => workbench.address.write(query)", **_QUIET)
    tab.model.input(None, tab.model, None, js="model => workbench.address.choose({ model })", **_QUIET)
    copy = "async () => [await workbench.address.copy(), null]"
    tab.copy_link.click(shown(tell), [tab.address, tab.asked], tab.told, js=copy, **_QUIET)
    written = tab.take_notebook.click(shown(write), [tab.asked, tab.code], tab.notebook, **_QUIET)
    written.success(None, tab.notebook, None, js="words => workbench.save(JSON.parse(words))", **_QUIET)


def _encoded(named: Mapping[str, str]) -> str:
    return urlencode(named, quote_via=quote, safe="/:")
