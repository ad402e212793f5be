"""Answering many texts: what connects the fold's widgets to its actions.

A page asks about the job each second for as long as it lives, and begins again when it is loaded or the fold is opened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import gradio as gr

from backend.errors import UserError
from backend.tasks.base import Task
from ui import answers
from ui.errors import error_card, shown
from ui.playground.asking import WAITERS, Updates, chosen_ref
from ui.playground.form import named, parse
from ui.playground.many_actions import Many, source_of
from ui.playground.many_parts import ManyParts
from ui.text import say
from ui.visitor import PageState, Services, locale_of

_QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
# What was made for the browser is fetched as if its button had been pressed; that stays, where a browser refuses.
_SAVE = """() => {
  const press = tries => {
    const button = document.querySelector('#many-save');
    if (button) button.click();
    else if (tries) setTimeout(press, 250, tries - 1);
  };
  press(40);
}"""


def wire(parts: ManyParts, services: Services, state: PageState, task: gr.Radio) -> Many:
    """Connect what does not depend on the task."""
    many = Many(parts, services)
    columns = [parts.column, parts.column_pair, parts.wrong]
    job = job_outputs(parts)
    asked = [parts.source, parts.file, parts.data, task]
    state.arrived.change(shown(many.arrive), None, [*job, parts.data, parts.fold], **_QUIET)
    parts.fold.expand(shown(many.open_fold), parts.earlier, [*job, parts.data], **_QUIET)
    places = [parts.lines_place, parts.file_place, parts.data]
    parts.source.change(shown(many.switch), asked, [*places, *columns], **_QUIET)
    for trigger in (parts.file.change, parts.data.change):
        trigger(shown(many.look_into), asked, columns, **_QUIET)
    parts.timer.tick(shown(many.tick), parts.earlier, job, **_QUIET)
    parts.earlier.input(shown(many.choose), parts.earlier, job, **_QUIET)
    parts.stop.click(shown(many.stop), None, parts.stop, queue=False, **_QUIET)
    parts.go_on.click(shown(many.go_on), parts.earlier, job, **_QUIET)
    parts.remove.click(shown(many.remove), parts.earlier, job, **_QUIET)
    for kind, button in parts.files.items():
        _wire_file(many, kind, button)
    return many


def _wire_file(many: Many, kind: str, button: gr.Button) -> None:
    def make(chosen: str | None, request: gr.Request) -> Iterator[Updates]:
        yield from many.make(kind, chosen, request)

    parts = many.parts
    outputs = [*parts.files.values(), parts.save, parts.making]
    button.click(
        shown(make), parts.earlier, outputs, concurrency_id="many-files", concurrency_limit=2, **_QUIET
    ).success(None, None, None, js=_SAVE, **_QUIET)


def job_outputs(parts: ManyParts) -> list[gr.blocks.Block]:
    """What is drawn of a job."""
    return [
        parts.run, parts.stop, parts.go_on, parts.waiting, parts.earlier, parts.told, parts.table, parts.take,
        parts.save, parts.making, parts.timer, *parts.files.values(),
    ]  # fmt: skip


def wire_form(many: Many, model: gr.Dropdown, task: Task, widgets: Mapping[str, gr.blocks.Block]) -> None:
    """Connect what reads the task's own widgets."""
    parts, services = many.parts, many.services

    def run_many(request: gr.Request, **given: Any) -> Iterator[Updates]:
        locale = locale_of(request)
        yield {
            parts.run: gr.Button(say("playground.running", locale), interactive=False),
            parts.waiting: answers.under_way(None, say("many.reading", locale)),
            parts.wrong: "",
        }
        try:
            _, params = parse(task, given)
            kind, lines, file, data = given["source"], given["texts"], given["file"], given["data"]
            source = source_of(kind, lines, file, data, given["column"], given["column_pair"])
            workspace, ref = services.workspace(request), chosen_ref(services, given["model"])
            job_id = services.jobs.start(services.shelf, workspace, task, ref, params, source)
        except Exception as error:  # noqa: BLE001 - stands above the button: below it are earlier answers
            cause = named(error, task, locale) if isinstance(error, UserError) else error
            yield many.show(given["earlier"], request) | {parts.wrong: error_card(cause, locale)}
            return
        yield from many.watch(job_id, request)

    parts.run.click(
        shown(run_many),
        inputs_kwargs={
            **widgets,
            "model": model,
            "source": parts.source,
            "texts": parts.texts,
            "file": parts.file,
            "data": parts.data,
            "column": parts.column,
            "column_pair": parts.column_pair,
            "earlier": parts.earlier,
        },
        outputs=[*job_outputs(parts), parts.wrong],
        concurrency_id="many",
        concurrency_limit=WAITERS,
        **_QUIET,
    )
