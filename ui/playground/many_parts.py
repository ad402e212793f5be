"""The widgets of the fold for many texts, and where they stand."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from backend.many.files import KINDS
from ui.text import i18n

SOURCES = ("lines", "file", "data")
TICK_SECONDS = 1


@dataclass(frozen=True, slots=True)
class ManyParts:
    """The fold that answers many texts."""

    fold: gr.Accordion
    source: gr.Radio
    lines_place: gr.Column
    texts: gr.Textbox
    file_place: gr.Column
    file: gr.File
    data: gr.Dropdown
    column: gr.Dropdown
    column_pair: gr.Dropdown
    wrong: gr.HTML
    """What is wrong with the file or the data set that was chosen."""
    run: gr.Button
    stop: gr.Button
    go_on: gr.Button
    waiting: gr.HTML
    earlier: gr.Dropdown
    """The jobs that are kept; its value is the one that is shown."""
    told: gr.HTML
    table: gr.HTML
    take: gr.Row
    files: dict[str, gr.Button]
    """By how the file's name ends."""
    save: gr.DownloadButton
    remove: gr.Button
    making: gr.HTML
    timer: gr.Timer
    """Active while a job lives."""


def build() -> ManyParts:
    """Where the texts come from, the button, and the answers below."""
    with gr.Accordion(i18n("playground.many"), open=False, elem_classes="fold", elem_id="playground-many") as fold:
        source = gr.Radio(
            [(i18n(f"many.source.{name}"), name) for name in SOURCES],
            value="lines",
            label=i18n("many.source"),
            interactive=True,
            elem_classes="many-source",
            elem_id="many-source",
        )
        with gr.Column(min_width=0) as lines_place:
            texts = gr.Textbox(
                label=i18n("playground.many.texts"),
                info=i18n("playground.many.texts.help"),
                placeholder=i18n("playground.many.texts.placeholder"),
                lines=5,
                max_lines=12,
                interactive=True,
                elem_id="many-texts",
            )
        with gr.Column(visible=False, min_width=0) as file_place:
            file = gr.File(
                label=i18n("playground.many.file"),
                file_types=["text", ".csv", ".tsv", ".json", ".jsonl", ".xlsx", ".parquet"],
                height=120,
                interactive=True,
                elem_id="many-file",
            )
            gr.Markdown(i18n("playground.many.file.help"), elem_classes="hint")
        data = _dropdown("many.data", "many-data")
        with gr.Row(equal_height=True):
            column = _dropdown("playground.many.column", "many-column")
            column_pair = _dropdown("playground.many.column_pair", "many-column-pair")
        wrong = gr.HTML(apply_default_css=False, elem_id="many-wrong")
        with gr.Row(elem_classes="many-actions"):
            run = gr.Button(i18n("playground.many.run"), elem_id="many-run", scale=0, min_width=160)
            stop = gr.Button(i18n("playground.stop"), visible=False, elem_id="many-stop", scale=0, min_width=120)
            go_on = gr.Button(i18n("many.go_on"), visible=False, elem_id="many-go-on", scale=0, min_width=160)
        waiting = gr.HTML(apply_default_css=False, elem_id="many-waiting")
        earlier = _dropdown("many.earlier", "many-earlier")
        told = gr.HTML(apply_default_css=False, elem_id="many-told")
        with gr.Row(visible=False, elem_classes="many-actions many-take", elem_id="many-take") as take:
            gr.HTML(i18n("many.download"), apply_default_css=False, elem_classes="many-take-label")
            files = {
                kind: gr.Button(kind.upper(), size="sm", elem_id=f"many-{kind}", scale=0, min_width=90)
                for kind in KINDS
            }
            save = gr.DownloadButton("", visible=False, size="sm", elem_id="many-save", scale=0, min_width=200)
            remove = gr.Button(i18n("many.remove"), size="sm", elem_id="many-remove", scale=0, min_width=140)
        making = gr.HTML(apply_default_css=False, elem_id="many-making")
        table = gr.HTML(apply_default_css=False, elem_id="many-table")
    return ManyParts(
        fold=fold, source=source, lines_place=lines_place, texts=texts, file_place=file_place, file=file, data=data,
        column=column, column_pair=column_pair, wrong=wrong, run=run, stop=stop, go_on=go_on, waiting=waiting,
        earlier=earlier, told=told, table=table, take=take, files=files, save=save, remove=remove, making=making,
        timer=gr.Timer(TICK_SECONDS, active=False),
    )  # fmt: skip


def _dropdown(key: str, name: str) -> gr.Dropdown:
    return gr.Dropdown(
        [],
        label=i18n(key),
        info=i18n(f"{key}.help"),
        visible=False,
        # A file may have more columns than a list can show.
        allow_custom_value=key.startswith("playground.many.column"),
        interactive=True,
        elem_id=name,
    )
