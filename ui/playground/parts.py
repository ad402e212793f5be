"""The widgets of the playground tab, and where they stand."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from backend.tasks import all_tasks
from ui.playground import about, many_parts, next_token, shelf, whatif
from ui.playground.many_parts import ManyParts
from ui.text import i18n


@dataclass(frozen=True, slots=True)
class PlaygroundTab:
    """Widgets of the tab. What depends on the task is drawn inside `place`, from `form`."""

    wanted_model: gr.State
    """{"ref", "at"}: a model of the shelf is to be tried."""
    go_train: gr.Button
    """Shown when no model fits; the shell leads to the Fine-tune tab."""
    rail: gr.Radio
    model: gr.Dropdown
    place: gr.Column
    run: gr.Button
    stop: gr.Button
    waiting: gr.HTML
    answer: gr.HTML
    chat: gr.Chatbot
    foot: gr.HTML
    instead: gr.Button
    new_chat: gr.Button
    inside_fold: gr.Accordion
    inside: gr.HTML
    what_if: whatif.WhatIfParts
    next_tokens: next_token.NextTokenParts
    code: gr.Code
    copy_link: gr.Button
    take_notebook: gr.Button
    told: gr.HTML
    """What came of copying the link."""
    address: gr.Textbox
    """The query of the address that opens the page with the last question."""
    notebook: gr.Textbox
    """The notebook that the browser is to save."""
    many: ManyParts
    about: about.AboutParts
    shelf: shelf.ShelfParts
    form: gr.State
    """{"task", "kept": {task: {widget: value}}, "models": {task: ref}, "at"}: draws the form on its .change."""
    asked: gr.State
    """(task, ref, values, params) of the last answer, for "behind the pipeline"."""
    inside_open: gr.State
    inputs_wanted: gr.State
    """How many texts the chosen model reads at a time."""
    stays: gr.State
    """Changes when a form that was held back for another one stays after all."""


def build() -> PlaygroundTab:
    """Rail, question and answer side by side, folds below."""
    form, asked, inside_open = gr.State(None), gr.State(None), gr.State(False)
    with gr.Row(elem_classes="playground-page"):
        with gr.Column(elem_classes="playground-rail", min_width=0):
            rail = gr.Radio(
                [(i18n(f"tasks.{name}"), name) for name in all_tasks()],
                label=i18n("playground.task"),
                interactive=True,
                elem_classes="rail",
                elem_id="playground-task",
            )
        with gr.Column(elem_classes="playground-main", min_width=0):
            with gr.Row(equal_height=True, elem_classes="playground-pair"):
                with gr.Column(elem_classes="playground-question", min_width=280):
                    model = gr.Dropdown(
                        [],
                        label=i18n("playground.model"),
                        info=i18n("playground.model.help"),
                        allow_custom_value=True,
                        interactive=True,
                        elem_id="playground-model",
                    )
                    place = gr.Column(elem_classes="playground-form", min_width=0)
                    with gr.Row(elem_classes="playground-actions"):
                        run = gr.Button(i18n("playground.run"), variant="primary", elem_id="playground-run", scale=3)
                        stop = gr.Button(i18n("playground.stop"), visible=False, elem_id="playground-stop", scale=1)
                with gr.Column(elem_classes="card answer-card", min_width=280):
                    gr.Markdown(i18n("playground.answer"), elem_classes="caption")
                    waiting = gr.HTML(apply_default_css=False, elem_id="playground-waiting")
                    answer = gr.HTML(apply_default_css=False, elem_id="playground-answer", elem_classes="answer")
                    chat = _chat()
                    with gr.Row(elem_classes="answer-buttons"):
                        instead = gr.Button(visible=False, elem_id="playground-instead")
                        go_train = gr.Button(i18n("playground.go_train"), visible=False, elem_id="go-train")
                        new_chat = gr.Button(i18n("playground.new_chat"), visible=False, size="sm", elem_id="new-chat")
                    foot = gr.HTML(apply_default_css=False, elem_id="playground-foot")
            with gr.Column(elem_classes="folds"):
                with gr.Accordion(i18n("playground.inside"), open=False, elem_classes="fold") as inside_fold:
                    inside = gr.HTML(apply_default_css=False, elem_id="playground-inside")
                    what_if = whatif.build()
                next_tokens = next_token.build()
                many = many_parts.build()
                with gr.Accordion(i18n("playground.code"), open=False, elem_classes="fold"):
                    code = gr.Code(
                        language="python",
                        show_label=False,
                        label=i18n("playground.code.label"),
                        interactive=False,
                        elem_id="playground-code",
                    )
                    with gr.Row(elem_classes="code-actions"):
                        copy_link = gr.Button(i18n("sharing.copy"), size="sm", elem_id="copy-link", scale=0)
                        take_notebook = gr.Button(i18n("notebook.take"), size="sm", elem_id="take-notebook", scale=0)
                    told = gr.HTML(apply_default_css=False, elem_id="link-told")
                about_parts, shelf_parts = about.build(), shelf.build()
    # In the page, but not to be seen: a part of a closed fold hears nothing.
    address, notebook = (gr.Textbox(visible="hidden", elem_id=f"kept-{one}") for one in ("address", "notebook"))
    return PlaygroundTab(
        go_train=go_train, rail=rail, model=model, place=place, run=run, stop=stop,
        waiting=waiting, answer=answer, chat=chat, foot=foot, instead=instead, new_chat=new_chat,
        inside_fold=inside_fold, inside=inside, what_if=what_if, next_tokens=next_tokens, code=code,
        copy_link=copy_link, take_notebook=take_notebook, told=told, address=address, notebook=notebook,
        many=many, about=about_parts, shelf=shelf_parts, form=form, asked=asked, inside_open=inside_open,
        wanted_model=gr.State(None),
        inputs_wanted=gr.State(1),
        stays=gr.State(0.0),
    )  # fmt: skip


def _chat() -> gr.Chatbot:
    return gr.Chatbot(
        label=i18n("playground.chat"),
        show_label=False,
        visible=False,
        height=320,
        layout="bubble",
        # Its copy button speaks English on every page, and a person can select the text.
        buttons=[],
        # Gradio's annotations know no I18nData here; the browser translates both all the same.
        placeholder=i18n("playground.chat.empty"),  # type: ignore[arg-type]
        feedback_options=None,
        elem_id="playground-chat",
    )
