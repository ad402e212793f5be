"""The dataset browser: upload a table, look through all its rows, see what is in it, send it to the launcher."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import gradio as gr

from ui import data_progress, data_view, meaning_search
from ui.data_actions import FIRST_VIEW, Actions
from ui.errors import shown
from ui.meaning_search import MeaningParts
from ui.text import i18n
from ui.visitor import PageState, Services


@dataclass(frozen=True, slots=True)
class DatasetsTab:
    """Widgets of the tab. view: offset, sort, descending. pending: the files of an upload that failed.

    remove: asks the question; ask: the question with its two answers.
    """

    chosen: gr.Dropdown
    search: gr.Textbox
    filter: gr.Dropdown
    upload: gr.UploadButton
    use_for_training: gr.Button
    uploading: gr.HTML
    notice: gr.HTML
    retry: gr.Row
    skip: gr.Button
    dismiss: gr.Button
    empty: gr.Column
    drop: gr.File
    samples: gr.Radio
    content: gr.Row
    table: gr.HTML
    pager: gr.HTML
    previous: gr.Button
    next: gr.Button
    numbers: gr.HTML
    mend: gr.Button
    details: gr.HTML
    tokenizer: gr.Dropdown
    tokens: gr.HTML
    remove: gr.Button
    ask: gr.Row
    question: gr.HTML
    remove_yes: gr.Button
    remove_no: gr.Button
    view: gr.State
    pending: gr.State
    meaning: MeaningParts


def build(services: Services) -> DatasetsTab:
    """Lay the tab out: toolbar, then the table and what is in it, or the empty page."""
    view, pending = gr.State(dict(FIRST_VIEW)), gr.State([])
    with gr.Row(elem_classes="data-toolbar", equal_height=False):
        chosen = gr.Dropdown(
            [],
            value=None,
            label=i18n("datasets.chosen"),
            info=i18n("datasets.chosen.help"),
            interactive=True,
            scale=4,
            min_width=180,
            elem_id="datasets-chosen",
        )
        search = gr.Textbox(
            label=i18n("datasets.search"),
            info=i18n("datasets.search.help"),
            placeholder=i18n("datasets.search.placeholder"),
            interactive=True,
            scale=4,
            min_width=180,
            elem_id="datasets-search",
        )
        filter_ = gr.Dropdown(
            [],
            label=i18n("datasets.filter"),
            info=i18n("datasets.filter.help"),
            interactive=True,
            scale=2,
            min_width=150,
            elem_id="datasets-filter",
        )
        upload = gr.UploadButton(
            i18n("datasets.upload"),  # type: ignore[arg-type]
            file_count="multiple",
            scale=0,
            min_width=110,
            elem_id="datasets-upload",
        )
        use = gr.Button(
            i18n("datasets.use"),
            variant="primary",
            interactive=False,
            scale=0,
            min_width=180,
            elem_id="use-for-training",
        )
    uploading = gr.HTML(apply_default_css=False, js_on_load=data_progress.UPLOADING_JS, elem_id="datasets-uploading")
    notice = gr.HTML(apply_default_css=False, elem_id="datasets-notice")
    with gr.Row(visible=False, elem_classes="data-retry") as retry:
        skip = gr.Button(i18n("datasets.skip"), visible=False, scale=0, min_width=180, elem_id="datasets-skip")
        dismiss = gr.Button(i18n("datasets.dismiss"), scale=0, min_width=140, elem_id="datasets-dismiss")
    empty, drop, samples = _build_empty()
    with gr.Row(visible=False, elem_classes="data-content", equal_height=False) as content:
        with gr.Column(scale=3, min_width=320, elem_classes="data-left"):
            with gr.Column(elem_classes="card data-card"):
                table = gr.HTML(apply_default_css=False, js_on_load=data_view.TABLE_JS, elem_id="datasets-table")
            with gr.Row(elem_classes="data-pager", equal_height=False):
                pager = gr.HTML(apply_default_css=False, elem_id="datasets-pager")
                previous = gr.Button(i18n("datasets.previous"), interactive=False, scale=0, min_width=110)
                next_ = gr.Button(i18n("datasets.next"), interactive=False, scale=0, min_width=110)
            meaning = meaning_search.build()
        with gr.Column(scale=1, min_width=280, elem_classes="data-side"):
            numbers = gr.HTML(apply_default_css=False, elem_id="datasets-numbers")
            mend = gr.Button(i18n("datasets.mend"), visible=False, elem_id="datasets-mend")
            details = gr.HTML(apply_default_css=False, elem_id="datasets-details")
            tokenizer = gr.Dropdown(
                [],
                label=i18n("datasets.tokenizer"),
                info=i18n("datasets.tokenizer.help"),
                interactive=True,
                elem_id="datasets-tokenizer",
            )
            tokens = gr.HTML(apply_default_css=False, elem_id="datasets-tokens")
            remove = gr.Button(i18n("datasets.remove"), visible=False, elem_id="datasets-remove")
            ask, question, remove_yes, remove_no = _build_question()
    return DatasetsTab(
        chosen=chosen, search=search, filter=filter_, upload=upload, use_for_training=use, uploading=uploading,
        notice=notice, retry=retry, skip=skip, dismiss=dismiss, empty=empty, drop=drop, samples=samples,
        content=content, table=table, pager=pager, previous=previous, next=next_, numbers=numbers, mend=mend,
        details=details, tokenizer=tokenizer, tokens=tokens, remove=remove, ask=ask, question=question,
        remove_yes=remove_yes, remove_no=remove_no, view=view, pending=pending, meaning=meaning,
    )  # fmt: skip


def _build_question() -> tuple[gr.Row, gr.HTML, gr.Button, gr.Button]:
    with gr.Row(visible=False, elem_classes="ask-row", elem_id="datasets-ask") as ask:
        question = gr.HTML(apply_default_css=False)
        yes = gr.Button(i18n("datasets.remove_yes"), variant="stop", min_width=110)
        no = gr.Button(i18n("datasets.remove_no"), min_width=110)
    return ask, question, yes, no


def _build_empty() -> tuple[gr.Column, gr.File, gr.Radio]:
    with gr.Column(visible=False, elem_classes="data-empty") as empty:
        gr.Markdown(i18n("datasets.empty"), elem_classes="data-empty-title")
        gr.Markdown(i18n("datasets.empty.help"))
        drop = gr.File(show_label=False, file_count="multiple", height=170, interactive=True, elem_id="datasets-drop")
        samples = gr.Radio(
            [], label=i18n("datasets.samples"), interactive=True, elem_classes="cards", elem_id="datasets-samples"
        )
    return empty, drop, samples


def wire(tab: DatasetsTab, services: Services, state: PageState) -> None:
    """Connect its widgets."""
    act = Actions(tab, services)
    everything = [widget for field in fields(tab) if not isinstance(widget := getattr(tab, field.name), MeaningParts)]
    rows = [tab.table, tab.pager, tab.previous, tab.next, tab.view]
    asked: list[Any] = [tab.chosen, tab.search, tab.filter, tab.view]
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    lane: dict[str, Any] = {"concurrency_id": "data", "concurrency_limit": 2}
    tokens: dict[str, Any] = {
        "fn": shown(act.draw_tokens),
        "inputs": [tab.chosen, tab.tokenizer],
        "outputs": tab.tokens,
        "show_progress": "minimal",
        "api_visibility": "private",
        "concurrency_id": "short",
        "concurrency_limit": 2,
    }
    uploaded = tab.upload.upload(shown(act.upload), [tab.upload], everything, **quiet, **lane)
    # The notice of reading, which ends that of uploading, may come and go before the page is drawn.
    uploaded.then(None, None, None, js=data_progress.UPLOADED_JS, api_visibility="private")
    opened = (
        uploaded,
        state.arrived.change(shown(act.arrive), state.typed, everything, **quiet),
        tab.chosen.input(shown(act.choose), [tab.chosen, tab.search], everything, **quiet),
        tab.samples.input(shown(act.choose), [tab.samples, tab.search], everything, **quiet),
        tab.drop.upload(shown(act.upload), [tab.drop], everything, **quiet, **lane),
        tab.skip.click(shown(act.upload_skipping), [tab.pending], everything, **quiet, **lane),
        tab.mend.click(shown(act.mend), [tab.chosen, tab.search], everything, **quiet, **lane),
        tab.remove_yes.click(shown(act.remove), [tab.chosen], everything, **quiet, **lane),
    )
    for event in opened:
        event.success(**tokens)
    tab.tokenizer.input(**tokens)
    tab.remove.click(shown(act.ask_remove), [tab.chosen], everything, **quiet)
    tab.remove_no.click(act.keep, None, everything, **quiet)
    tab.dismiss.click(shown(act.dismiss), [tab.chosen], everything, **quiet)
    # A text put in at once (pasted by a program, filled by a browser) changes the box without an input event.
    for trigger in (tab.search.change, tab.filter.input):
        trigger(shown(act.draw_first), asked, rows, trigger_mode="always_last", **quiet)
    tab.table.click(shown(act.sort), asked, rows, **quiet)
    tab.previous.click(shown(act.draw_previous), asked, rows, **quiet)
    tab.next.click(shown(act.draw_next), asked, rows, **quiet)
    meaning_search.wire(tab.meaning, services, tab.chosen)
