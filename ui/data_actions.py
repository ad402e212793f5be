"""What happens on the Data tab: each action reads values, calls the backend and returns what changes."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from backend.data import describe, library, query
from backend.data.label_counts import label_counts
from backend.data.read import SKIPPABLE
from backend.data.split import SplitPlan, split_counts
from backend.data.version import DataVersion
from backend.errors import UserError
from backend.texts import LOCALES
from ui import data_findings, data_progress, data_view, pickers
from ui.errors import error_card
from ui.text import say
from ui.visitor import Services, locale_of

if TYPE_CHECKING:
    from ui.datasets_tab import DatasetsTab

PAGE_ROWS = 13
FIRST_VIEW: dict[str, Any] = {"offset": 0, "sort": "", "descending": False}
Updates = dict[Any, Any]
"""Widget to its new value."""


@dataclass(frozen=True, slots=True)
class Actions:
    """What happens on the tab. Every method reads values, calls the backend and returns what changes."""

    tab: DatasetsTab
    services: Services

    def arrive(self, typed: Mapping[str, str], request: gr.Request) -> Updates:
        """Fill the pickers; show the data set shown before the language was changed, else the visitor's newest."""
        locale = locale_of(request)
        models = pickers.tokenizer_choices(self.services, request)
        first = pickers.suited(self.services, request, [ref for _, ref in models])
        updates: Updates = {
            self.tab.tokenizer: gr.Dropdown(models, value=first),
            self.tab.uploading: data_progress.uploading(locale),
        }
        listed = library.list_data(self.services.workspace(request))
        samples = [(library.title_of(one, locale), one.ref) for one in listed if one.ref.startswith("sample:")]
        updates[self.tab.samples] = gr.Radio(samples, value=None)
        before = typed.get("datasets-chosen", "")
        for one in listed:
            if before in [title for each in LOCALES for title, _ in self._choices([one], each)]:
                search = typed.get("datasets-search", "")
                return updates | self._open(one, search, request) | {self.tab.search: search}
        return updates | self._newest(request)

    def choose(self, ref: str | None, search: str, request: gr.Request) -> Updates:
        """Another data set."""
        if not ref:
            return {}
        try:
            return self._open(library.open_data(self.services.workspace(request), ref), search, request)
        except UserError as error:
            return self._failed(error, [], locale_of(request))

    def upload(self, files: list[str] | None, request: gr.Request) -> Iterator[Updates]:
        """Read what was dropped; the bar moves by the bytes read."""
        yield from self._add([Path(file) for file in files or ()], False, request)

    def upload_skipping(self, pending: list[str], request: gr.Request) -> Iterator[Updates]:
        """The same files again, leaving out the lines that cannot be read."""
        yield from self._add([Path(file) for file in pending], True, request)

    def mend(self, ref: str, search: str, request: gr.Request) -> Updates:
        """Undo the second encoding: a new version of the same data set."""
        try:
            return self._open(library.mend_text(self.services.workspace(request), ref), search, request)
        except UserError as error:
            return self._failed(error, [], locale_of(request))

    def ask_remove(self, ref: str, request: gr.Request) -> Updates:
        """Whether the data set is really to be removed, by its name."""
        locale = locale_of(request)
        title = library.title_of(library.open_data(self.services.workspace(request), ref), locale)
        question = html.escape(say("datasets.remove_ask", locale, title=title))
        return {
            self.tab.question: f"<p>{question}</p>",
            self.tab.ask: gr.Row(visible=True),
            self.tab.remove: gr.Button(visible=False),
        }

    def keep(self) -> Updates:
        """Not removed after all."""
        return {self.tab.ask: gr.Row(visible=False), self.tab.remove: gr.Button(visible=True)}

    def remove(self, ref: str, request: gr.Request) -> Updates:
        """Remove the data set that was asked about, and show what is there now."""
        try:
            library.remove(self.services.workspace(request), ref)
        except UserError as error:
            return self.keep() | self._failed(error, [], locale_of(request))
        return self._newest(request) | {self.tab.search: ""}

    def dismiss(self, ref: str | None) -> Updates:
        """Back to what was there before the error."""
        tab = self.tab
        return {
            tab.notice: "",
            tab.retry: gr.Row(visible=False),
            tab.pending: [],
            tab.content: gr.Row(visible=bool(ref)),
            tab.empty: gr.Column(visible=not ref),
        }

    def draw_first(
        self, ref: str, search: str, chosen: str | None, view: dict[str, Any], request: gr.Request
    ) -> Updates:
        """The first page of another question."""
        return self._rows(ref, search, chosen, view | {"offset": 0}, request)

    def draw_previous(
        self, ref: str, search: str, chosen: str | None, view: dict[str, Any], request: gr.Request
    ) -> Updates:
        """The page before."""
        return self._rows(ref, search, chosen, view | {"offset": max(0, view["offset"] - PAGE_ROWS)}, request)

    def draw_next(
        self, ref: str, search: str, chosen: str | None, view: dict[str, Any], request: gr.Request
    ) -> Updates:
        """The page after."""
        return self._rows(ref, search, chosen, view | {"offset": view["offset"] + PAGE_ROWS}, request)

    def sort(
        self, ref: str, search: str, chosen: str | None, view: dict[str, Any], request: gr.Request, event: gr.EventData
    ) -> Updates:
        """A click on a head: upwards, then downwards, then file order again."""
        column = (event._data or {}).get("sort")
        if not column:
            return {}
        if view["sort"] != column:
            view = {"offset": 0, "sort": column, "descending": False}
        else:
            view = dict(FIRST_VIEW) if view["descending"] else {"offset": 0, "sort": column, "descending": True}
        return self._rows(ref, search, chosen, view, request)

    def draw_tokens(self, ref: str | None, model: str | None, request: gr.Request) -> str:
        """Lengths and unknown share under the chosen tokenizer; an error stands in their place."""
        locale = locale_of(request)
        if not ref or not model:
            return ""
        try:
            version = library.open_data(self.services.workspace(request), ref)
            column = describe.describe(version).text_column
            if not column:
                return ""
            tokenizer = self.services.shelf.tokenizer(
                self.services.workspace(request), self.services.shelf.parse(model)
            )
            return data_view.tokens(describe.token_facts(version, column, tokenizer), locale)
        except Exception as error:  # noqa: BLE001 - an error stands where the answer would stand; error_card logs ours
            return error_card(error, locale)

    def _add(self, paths: list[Path], skip_bad_rows: bool, request: gr.Request) -> Iterator[Updates]:
        locale = locale_of(request)
        if not paths:
            return
        name = ", ".join(path.name for path in paths)[:80]
        yield {
            self.tab.notice: data_progress.reading(name, None, locale),
            self.tab.retry: gr.Row(visible=False),
            self.tab.empty: gr.Column(visible=False),
            self.tab.drop: None,
        }
        try:
            for step in data_progress.adding(self.services, request, paths, skip_bad_rows):
                if isinstance(step, DataVersion):
                    yield self._open(step, "", request) | {self.tab.search: ""}
                else:
                    yield {self.tab.notice: data_progress.reading(name, step, locale)}
        except Exception as error:  # noqa: BLE001 - an error stands where the table would stand; error_card logs ours
            yield self._failed(error, [str(path) for path in paths], locale)

    def _newest(self, request: gr.Request) -> Updates:
        """The visitor's newest data set, or the empty page when they have none."""
        listed = library.list_data(self.services.workspace(request))
        if listed and listed[0].ref.startswith("mine:"):
            return self._open(listed[0], "", request)
        return {
            self.tab.chosen: gr.Dropdown(self._choices(listed, locale_of(request)), value=None),
            self.tab.use_for_training: gr.Button(interactive=False),
            self.tab.content: gr.Row(visible=False),
            self.tab.empty: gr.Column(visible=True),
        }

    def _open(self, version: DataVersion, search: str, request: gr.Request) -> Updates:
        """Everything that shows a data set, its first rows included."""
        tab, locale = self.tab, locale_of(request)
        found = describe.describe(version)
        listed = library.list_data(self.services.workspace(request))
        notes = library.notes_of(version)
        mine = version.ref.startswith("mine:")
        mendable = mine and any(note.key == "data.note.twice_encoded" for note in notes)
        return {
            tab.chosen: gr.Dropdown(self._choices(listed, locale), value=version.ref),
            tab.filter: gr.Dropdown(_filters(found, locale), value=""),
            tab.use_for_training: gr.Button(interactive=True),
            tab.notice: "",
            tab.retry: gr.Row(visible=False),
            tab.pending: [],
            tab.empty: gr.Column(visible=False),
            tab.content: gr.Row(visible=True),
            tab.numbers: data_view.summary(version, found, locale),
            tab.details: _details(version, found, locale),
            tab.mend: gr.Button(visible=mendable),
            tab.tokens: "",
            tab.remove: gr.Button(visible=mine),
            tab.ask: gr.Row(visible=False),
            **self._rows(version.ref, search, "", dict(FIRST_VIEW), request),
        }

    def _rows(
        self, ref: str | None, search: str, chosen: str | None, view: dict[str, Any], request: gr.Request
    ) -> Updates:
        if not ref:
            return {}
        tab, locale = self.tab, locale_of(request)
        version = library.open_data(self.services.workspace(request), ref)
        where = dict([json.loads(chosen)]) if chosen else {}
        offset = view["offset"]
        page = query.rows(
            version,
            offset=offset,
            limit=PAGE_ROWS,
            search=search or "",
            where=where,
            sort=view["sort"],
            descending=view["descending"],
            columns=[column.name for column in version.columns[: data_view.COLUMNS_SHOWN]],
        )
        return {
            tab.table: data_view.table(page, describe.describe(version), view, search or "", locale),
            tab.pager: data_view.pager(offset, page, locale),
            tab.previous: gr.Button(interactive=offset > 0),
            tab.next: gr.Button(interactive=offset + PAGE_ROWS < page.total),
            tab.view: view,
        }

    def _failed(self, error: Exception, pending: list[str], locale: str) -> Updates:
        """The error in place of the table; the data set chosen before stays chosen."""
        tab = self.tab
        skippable = bool(pending) and isinstance(error, UserError) and error.key in SKIPPABLE
        return {
            tab.notice: f'<div class="data-error">{error_card(error, locale)}</div>',
            tab.retry: gr.Row(visible=True),
            tab.skip: gr.Button(visible=skippable),
            tab.pending: pending,
            tab.content: gr.Row(visible=False),
            tab.empty: gr.Column(visible=False),
        }

    def _choices(self, listed: list[DataVersion], locale: str) -> list[tuple[str, str]]:
        return [
            (say("datasets.choice", locale, title=library.title_of(one, locale), rows=f"{one.rows:,}"), one.ref)
            for one in listed
        ]


def _details(version: DataVersion, found: describe.Description, locale: str) -> str:
    """Labels, lengths, splits and what to know before training."""
    counts = label_counts(version, found.label_column) if found.label_column else None
    parts = [
        data_findings.findings(found, counts, library.notes_of(version), locale),
        data_view.labels(found, counts, locale),
        data_view.lengths(found, locale),
    ]
    try:
        usable = describe.filled(version, *filter(None, (found.text_column, found.label_column)))
        rows = split_counts(version, SplitPlan(), found.label_column, usable)
        parts.append(data_view.splits(version, rows, found.label_column, locale))
    except UserError as error:
        parts.append(f"<p>{html.escape(error.what(locale))}</p>")
    return "".join(parts)


def _filters(found: describe.Description, locale: str) -> list[tuple[str, str]]:
    """Values to filter by, of every column with few of them: (label is positive (2,403), ["label", "positive"])."""
    choices = [(say("datasets.filter.any", locale), "")]
    for column in found.columns:
        if column.few:
            for value, count in column.top:
                text = say("datasets.filter.value", locale, column=column.name, value=value[:40], count=f"{count:,}")
                choices.append((text, json.dumps([column.name, value])))
        if column.empty:
            text = say("datasets.filter.empty", locale, column=column.name, count=f"{column.empty:,}")
            choices.append((text, json.dumps([column.name, None])))
    return choices[:100]
