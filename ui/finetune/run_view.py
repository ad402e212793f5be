"""The view of one run: its widgets, laid out once for live and report."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from ui.finetune import elsewhere, how_it_runs
from ui.text import i18n


@dataclass(frozen=True, slots=True)
class RunView:
    """Widgets of the view."""

    view: gr.Column
    head: gr.HTML
    new_run: gr.Button
    again: gr.Button
    stop: gr.Button
    pause: gr.Button
    go_on: gr.Button
    which: gr.Radio
    try_it: gr.Button
    progress: gr.HTML
    sentence: gr.HTML
    result: gr.Row
    scores: gr.HTML
    labels: gr.HTML
    chart_side: gr.Column
    chart_title: gr.HTML
    confusions: gr.HTML
    confusion: gr.Plot
    wrong_title: gr.HTML
    wrong: gr.HTML
    curves: gr.Row
    loss: gr.Plot
    score: gr.Plot
    rate: gr.Plot
    checks: gr.HTML
    settings: gr.HTML
    command: gr.HTML
    log: gr.HTML
    elsewhere: elsewhere.Parts

    @property
    def parts(self) -> list[gr.blocks.Block]:
        """Everything a redraw may change; the folds with parts of their own change those themselves."""
        widgets = [getattr(self, name) for name in self.__slots__]
        return [widget for widget in widgets if isinstance(widget, gr.blocks.Block)]


def build() -> RunView:
    """Lay the view out: the answer first, then what it was made of."""
    with gr.Column(visible=False, elem_classes="run-view") as view:
        with gr.Row(elem_classes="run-top"):
            head = _html()
            with gr.Row(elem_classes="run-buttons"):
                new_run = gr.Button(i18n("finetune.new_run"), min_width=110)
                again = gr.Button(i18n("again.button"), visible=False, min_width=190, elem_id="run-again")
                stop = gr.Button(
                    i18n("finetune.stop"), variant="primary", visible=False, min_width=200, elem_id="stop-run"
                )
                pause = gr.Button(i18n("finetune.pause"), visible=False, elem_id="pause-run", min_width=90)
                go_on = gr.Button(
                    i18n("finetune.go_on"), variant="primary", visible=False, elem_id="go-on", min_width=110
                )
                try_it = gr.Button(
                    i18n("finetune.try_it"), variant="primary", visible=False, elem_id="try-it", min_width=110
                )
        which = gr.Radio(
            [], label=i18n("finetune.which"), show_label=False, visible=False, interactive=True,
            elem_classes="segments",
        )  # fmt: skip
        progress, sentence = _html(), _html()
        with gr.Row(visible=False, elem_classes="two") as result:
            with gr.Column(min_width=320):
                _caption("finetune.scores")
                scores, confusions = _html(), _html()
            with gr.Column(min_width=320) as chart_side:
                chart_title = _html()
                confusion = gr.Plot(show_label=False, container=False, elem_classes="confusion")
                labels = _html()
        wrong_title, wrong = _html(), _html()
        with gr.Row(visible=False, elem_classes="two") as curves:
            with gr.Column(min_width=320):
                _caption("finetune.loss_chart")
                loss = gr.Plot(show_label=False, container=False)
            with gr.Column(min_width=320):
                _caption("finetune.score_chart")
                score = gr.Plot(show_label=False, container=False)
        with gr.Column(elem_classes="folds"):
            elsewhere_parts = elsewhere.build()
            with gr.Accordion(i18n("finetune.fold.checks"), open=False, elem_classes="fold"):
                checks = _html()
            with gr.Accordion(i18n("finetune.fold.rate"), open=False, elem_classes="fold"):
                rate = gr.Plot(show_label=False, container=False)
            with gr.Accordion(i18n("finetune.fold.settings"), open=False, elem_classes="fold"):
                settings = _html()
            with gr.Accordion(i18n("launch.command"), open=False, elem_classes="fold"):
                command = how_it_runs.command_box("run-command")
            with gr.Accordion(i18n("finetune.fold.log"), open=False, elem_classes="fold"):
                log = _html()
    return RunView(
        view, head, new_run, again, stop, pause, go_on, which, try_it, progress, sentence, result, scores, labels,
        chart_side, chart_title, confusions, confusion, wrong_title, wrong, curves, loss, score, rate, checks, settings,
        command, log, elsewhere_parts,
    )  # fmt: skip


def _html() -> gr.HTML:
    return gr.HTML("", apply_default_css=False)


def _caption(key: str) -> None:
    gr.HTML(i18n(key), elem_classes="caption", apply_default_css=False)
