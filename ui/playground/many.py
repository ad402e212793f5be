"""Running many texts: typed one a line or from a file; a table with a file to download comes out."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from backend import answering
from backend.answering import Reply
from backend.errors import UserError
from backend.models import ModelFacts
from backend.tasks import all_tasks
from backend.tasks.base import Table, Task
from backend.texts_in_file import columns_of, texts_of
from ui import answers, pickers
from ui.errors import error_card, shown
from ui.playground.asking import WAITERS, Stops, Updates, chosen_ref
from ui.playground.form import named, parse
from ui.playground.parts import ManyParts
from ui.text import say
from ui.visitor import Services, locale_of

MOST_TEXTS = 20_000
_QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


def wire(many: ManyParts, stops: Stops, task: gr.Radio) -> None:
    """Connect what does not depend on the task."""

    def look_into(
        file: str | None, name: str, request: gr.Request
    ) -> tuple[gr.Dropdown, gr.Dropdown, str, gr.DownloadButton]:
        # The answers of another file leave with it.
        gone, none = gr.DownloadButton(visible=False), gr.Dropdown([], value=None, visible=False)
        if not file:
            return none, none, "", gone
        try:
            columns, guess = columns_of(Path(file))
        except Exception as error:  # noqa: BLE001 - stands where the answers would stand; error_card logs ours
            return none, none, error_card(error, locale_of(request)), gone
        seconds = [(say("playground.many.no_pair", locale_of(request)), ""), *((name, name) for name in columns)]
        second = gr.Dropdown(seconds, value="", visible=len(columns) > 1 and _takes_pairs(all_tasks()[name]))
        return gr.Dropdown(columns, value=guess, visible=bool(columns)), second, "", gone

    def stop_many(request: gr.Request) -> gr.Button:
        stops.stop(request)
        return gr.Button(say("playground.stopping", locale_of(request)), interactive=False)

    found = [many.column, many.column_pair, many.table, many.download]
    many.file.change(shown(look_into), [many.file, task], found, **_QUIET)
    many.stop.click(shown(stop_many), None, many.stop, queue=False, **_QUIET)


def wire_form(
    many: ManyParts,
    model: gr.Dropdown,
    services: Services,
    stops: Stops,
    task: Task,
    widgets: Mapping[str, gr.blocks.Block],
) -> None:
    """Connect what reads the task's own widgets."""

    def run_many(request: gr.Request, **given: Any) -> Iterator[Updates]:
        locale = locale_of(request)
        stop = stops.begin(request)
        yield {
            many.run: gr.Button(say("playground.running", locale), interactive=False),
            many.stop: gr.Button(say("playground.stop", locale), interactive=True, visible=True),
            many.download: gr.DownloadButton(visible=False),
            many.waiting: answers.waiting(None, "", locale),
        }
        idle: Updates = {
            many.run: gr.Button(say("playground.many.run", locale), interactive=True),
            many.stop: gr.Button(visible=False),
            many.waiting: "",
        }
        # Gradio copies what is yielded to its own folder, which it sweeps; this one goes with the handler.
        with tempfile.TemporaryDirectory(prefix="answers-", ignore_cleanup_errors=True) as folder:
            try:
                _, params = parse(task, given)
                texts, pairs = _texts(given, _takes_pairs(task))
                workspace, ref = services.workspace(request), chosen_ref(services, given["model"])
                facts: ModelFacts = services.shelf.facts(workspace, ref)
                for news in answering.ask_many(services.shelf, workspace, task, ref, texts, params, stop, pairs):
                    if isinstance(news, Reply):
                        assert isinstance(news.answer, Table)
                        table = answers.render(news.answer, locale) + answers.footing(news, locale)
                        file = write_csv(news.answer, Path(folder))
                        idle |= {many.table: table, many.download: gr.DownloadButton(value=str(file), visible=True)}
                    else:
                        yield {many.waiting: answers.waiting(news, pickers.model_title(facts, locale), locale)}
            except Exception as error:  # noqa: BLE001 - as above
                cause = named(error, task, locale) if isinstance(error, UserError) else error
                idle[many.table] = error_card(cause, locale)
            yield idle

    many.run.click(
        shown(run_many),
        inputs_kwargs={
            **widgets,
            "model": model,
            "texts": many.texts,
            "file": many.file,
            "column": many.column,
            "column_pair": many.column_pair,
        },
        outputs=[many.run, many.stop, many.download, many.waiting, many.table],
        concurrency_id=f"ask-{task.lane}",
        concurrency_limit=WAITERS,
        **_QUIET,
    )


def _texts(given: Mapping[str, Any], takes_pairs: bool) -> tuple[list[str], list[str]]:
    """The file's texts, else the lines that were typed; the second texts where there are any. Raises UserError for
    none, and for too many."""
    pairs: list[str] = []
    if given["file"]:
        texts = texts_of(Path(given["file"]), given["column"])
        if takes_pairs and given["column_pair"]:
            pairs = texts_of(Path(given["file"]), given["column_pair"])
    else:
        texts = [line.strip() for line in (given["texts"] or "").splitlines() if line.strip()]
    if not any(text.strip() for text in texts):
        raise UserError("playground.no_texts")
    if len(texts) > MOST_TEXTS:
        raise UserError("playground.too_many_texts", count=f"{len(texts):,}", limit=f"{MOST_TEXTS:,}")
    return texts, pairs


def _takes_pairs(task: Task) -> bool:
    return any(one.name == "text_pair" for one in task.inputs)


def write_csv(table: Table, folder: Path) -> Path:
    """A CSV in a folder, which spreadsheets open as UTF-8 (it begins with a BOM)."""
    path = folder / "answers.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(table.columns)
        # A text that begins like a formula must not become one.
        writer.writerows([[_harmless(value) for value in row] for row in table.rows])
    return path


def _harmless(value: object) -> object:
    return "'" + value if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t") else value
