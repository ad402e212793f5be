"""The fold "Find rows by meaning" of the dataset browser: a question, and the rows whose text is nearest to it."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from backend import meaning
from backend.answering import Loading
from backend.data import library, query
from backend.data.version import DataVersion
from backend.errors import UserError
from ui import answers, phrases, pickers
from ui.errors import error_card, shown
from ui.text import i18n, say
from ui.vector_view import share
from ui.visitor import Services, locale_of

TASK = "sentence-similarity"
MOST_LETTERS, MOST_COLUMNS, IN_THE_CODE = 400, 3, 8
Updates = dict[Any, Any]


@dataclass(frozen=True, slots=True)
class MeaningParts:
    """Widgets of the fold."""

    fold: gr.Accordion
    question: gr.Textbox
    column: gr.Dropdown
    model: gr.Dropdown
    count: gr.Slider
    find: gr.Button
    stop: gr.Button
    waiting: gr.HTML
    found: gr.HTML
    code_fold: gr.Accordion
    code: gr.Code


def build() -> MeaningParts:
    """Lay the fold out."""
    with gr.Accordion(i18n("meaning.title"), open=False, elem_classes="fold", elem_id="meaning") as fold:
        gr.HTML(i18n("meaning.intro"), elem_classes="muted", apply_default_css=False)
        with gr.Row(elem_classes="meaning-row", equal_height=False):
            question = gr.Textbox(
                "", max_lines=3, interactive=True, scale=3, min_width=260, elem_id="meaning-question",
                label=i18n("meaning.question"), info=i18n("meaning.question.help"),
                placeholder=i18n("meaning.question.placeholder"),
            )  # fmt: skip
            column = gr.Dropdown(
                [], interactive=True, min_width=150, elem_id="meaning-column",
                label=i18n("meaning.column"), info=i18n("meaning.column.help"),
            )  # fmt: skip
        with gr.Row(elem_classes="meaning-row", equal_height=False):
            model = gr.Dropdown(
                [], interactive=True, scale=3, min_width=260, elem_id="meaning-model",
                label=i18n("meaning.model"), info=i18n("meaning.model.help"),
            )  # fmt: skip
            count = gr.Slider(
                1, meaning.MOST_FOUND, 10, step=1, interactive=True, min_width=150,
                label=i18n("meaning.count"), info=i18n("meaning.count.help"),
            )  # fmt: skip
        with gr.Row(elem_classes="after-buttons"):
            find = gr.Button(i18n("meaning.find"), variant="primary", scale=0, min_width=140, elem_id="meaning-find")
            stop = gr.Button(i18n("meaning.stop"), visible=False, scale=0, min_width=140, elem_id="meaning-stop")
        waiting = gr.HTML("", apply_default_css=False)
        found = gr.HTML("", apply_default_css=False, elem_id="meaning-found")
        with gr.Accordion(i18n("meaning.code"), open=False, visible=False, elem_classes="fold") as code_fold:
            code = gr.Code("", language="python", interactive=False, show_label=False)
    return MeaningParts(fold, question, column, model, count, find, stop, waiting, found, code_fold, code)


@dataclass(frozen=True, slots=True)
class Searching:
    """The handlers."""

    parts: MeaningParts
    services: Services

    def fill(self, ref: str | None, column: str | None, model: str | None, request: gr.Request) -> Updates:
        """The columns of the data set and the models that can compare, as they are now; what was chosen stays."""
        parts = self.parts
        if not ref:
            return {parts.fold: gr.Accordion(visible=False)}
        version = library.open_data(self.services.workspace(request), ref)
        columns = [one.name for one in version.columns]
        texts = [one.name for one in version.columns if one.kind == "text"] or columns
        models = pickers.model_choices(self.services, request, TASK)
        refs = [ref for _, ref in models]
        return {
            parts.fold: gr.Accordion(visible=bool(columns)),
            parts.column: gr.Dropdown(columns, value=column if column in columns else next(iter(texts), None)),
            parts.model: gr.Dropdown(
                models, value=model if model in refs else pickers.suited(self.services, request, refs)
            ),
        }

    def find(
        self, ref: str, question: str, column: str | None, model: str | None, count: float, request: gr.Request
    ) -> Iterator[Updates]:
        """Read the rows that are not in yet, then the nearest ones."""
        parts, locale, workspace, shelf = (
            self.parts,
            locale_of(request),
            self.services.workspace(request),
            self.services.shelf,
        )
        yield {parts.find: gr.Button(interactive=False), parts.waiting: answers.waiting(None, "", locale)}
        updates: Updates = {
            parts.find: gr.Button(interactive=True), parts.stop: gr.Button(visible=False), parts.waiting: ""
        }  # fmt: skip
        try:
            if not (question or "").strip():
                raise UserError("tasks.empty_text")
            if not model:
                raise UserError("meaning.no_model")
            version = library.open_data(workspace, ref)
            title = pickers.model_title(shelf.facts(workspace, model), locale)
            for news in meaning.make(shelf, workspace, version, column or "", model):
                yield {parts.waiting: _waiting(news, title, locale), parts.stop: gr.Button(visible=True)}
            found = meaning.find(shelf, workspace, version, column or "", model, question, int(count))
            rows = query.at(version, [hit.row_id for hit in found.hits])
            texts = [_cell(row[rows.columns.index(column)]) for row in rows.rows]
            updates |= {
                parts.found: page(version, rows, found, column or "", locale),
                parts.code: meaning.snippet(found.source, texts[:IN_THE_CODE], question.strip()) if texts else "",
                parts.code_fold: gr.Accordion(visible=bool(texts)),
            }
        except Exception as error:  # noqa: BLE001 - stands where the rows would; error_card logs ours
            updates |= {parts.found: error_card(error, locale), parts.code_fold: gr.Accordion(visible=False)}
        yield updates

    def stop(self, ref: str, column: str | None, model: str | None, request: gr.Request) -> Updates:
        """Read no more rows; what was read is searched."""
        workspace = self.services.workspace(request)
        if model:
            meaning.stop(self.services.shelf, workspace, library.open_data(workspace, ref), column or "", model)
        return {self.parts.stop: gr.Button(visible=False)}


def _waiting(news: Loading | meaning.Counted, title: str, locale: str) -> str:
    if isinstance(news, Loading):
        return answers.waiting(news, title, locale)
    left = news.seconds / news.done * (news.total - news.done) if news.done else 0.0
    key = "answers.counted_left" if left > 2 else "answers.counted"
    counts = {"done": f"{news.done:,}", "total": f"{news.total:,}", "left": phrases.duration(left, locale)}
    return answers.under_way(news.done / max(news.total, 1), say(key, locale, **counts))


def page(version: DataVersion, rows: query.RowPage, found: meaning.Found, column: str, locale: str) -> str:
    """The hits as a table: how alike, the text, and the first other columns."""
    if not rows.rows:
        return f'<p class="muted" role="status">{html.escape(say("meaning.nothing", locale))}</p>'
    others = [name for name in rows.columns if name != column][:MOST_COLUMNS]
    head = [say("meaning.alike", locale), column, *others]
    lines = []
    for hit, row in zip(found.hits, rows.rows, strict=True):
        values = dict(zip(rows.columns, row, strict=True))
        width = f"{share(hit.score, found.cosine_from):.1%}"
        bar = f'<div class="share"><span class="bar" aria-hidden="true"><i style="width:{width}"></i></span>'
        lines.append(
            [
                f"{bar}<span>{hit.score:.3f}</span></div>",
                html.escape(_cell(values[column])),
                *(html.escape(_cell(values[name], 80)) for name in others),
            ]
        )
    part = found.rows < version.rows
    words = say("meaning.part" if part else "meaning.all", locale, rows=f"{found.rows:,}", total=f"{version.rows:,}")
    time = say("meaning.seconds", locale, seconds=f"{found.seconds:.2f}")
    return phrases.table(head, lines, kind="meaning-table") + f'<p class="muted">{html.escape(words)} {time}</p>'


def _cell(value: Any, most: int = MOST_LETTERS) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= most else text[:most] + "…"


def wire(parts: MeaningParts, services: Services, data: gr.Dropdown) -> None:
    """Connect the fold to the data set that is chosen."""
    acts = Searching(parts, services)
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    fill: dict[str, Any] = {
        "fn": shown(acts.fill),
        "inputs": [data, parts.column, parts.model],
        "outputs": [parts.fold, parts.column, parts.model],
        **quiet,
    }
    gr.on([data.change, parts.fold.expand], **fill)
    data.change(lambda: ("", gr.Accordion(visible=False)), None, [parts.found, parts.code_fold], queue=False, **quiet)
    asked = [data, parts.question, parts.column, parts.model, parts.count]
    outputs = [parts.find, parts.stop, parts.waiting, parts.found, parts.code_fold, parts.code]
    gr.on([parts.find.click, parts.question.submit], shown(acts.find), asked, outputs, concurrency_limit=4, **quiet)
    parts.stop.click(shown(acts.stop), [data, parts.column, parts.model], [parts.stop], queue=False, **quiet)
