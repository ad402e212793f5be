"""The tokenizer inspector: a text in, coloured tokens with ids and characters out, and how it got there."""

from __future__ import annotations

import html
import time
from dataclasses import dataclass
from typing import Any

import gradio as gr

from backend.texts import LOCALES
from backend.tokenization import inspect
from ui import pickers, token_view
from ui.errors import error_card, shown
from ui.text import i18n, say
from ui.visitor import PageState, Services, locale_of

EXAMPLES = ("mixed", "chinese", "numbers", "code")
"""Texts `tokenizer.example.*`; the first is there when the page opens."""


@dataclass(frozen=True, slots=True)
class TokenizerTab:
    """Widgets of the tab."""

    tokenizer: gr.Dropdown
    text: gr.Textbox
    special_tokens: gr.Checkbox
    examples: gr.Dataset
    tokenize: gr.Button
    steps: gr.HTML
    facts: gr.HTML
    tokens: gr.HTML
    table: gr.HTML


def build(services: Services) -> TokenizerTab:
    """Lay the tab out: questions at the left, tokens and their table at the right."""
    with gr.Row(elem_classes="tokenizer-page", equal_height=False):
        with gr.Column(scale=4, min_width=300, elem_classes="tokenizer-ask"):
            tokenizer = gr.Dropdown(
                [],
                label=i18n("tokenizer.tokenizer"),
                info=i18n("tokenizer.tokenizer.help"),
                allow_custom_value=True,
                interactive=True,
                elem_id="tokenizer-picker",
            )
            text = gr.Textbox(
                label=i18n("tokenizer.text"),
                placeholder=i18n("tokenizer.text.placeholder"),
                lines=3,
                max_lines=12,
                interactive=True,
                elem_id="tokenizer-text",
            )
            examples = gr.Dataset(
                label=i18n("tokenizer.examples"),
                components=[gr.Textbox(render=False)],
                samples=[],
                elem_classes="pills",
            )
            special_tokens = gr.Checkbox(
                True,
                label=i18n("tokenizer.special_tokens"),
                info=i18n("tokenizer.special_tokens.help"),
                interactive=True,
            )
            tokenize = gr.Button(i18n("tokenizer.tokenize"), variant="primary", elem_id="tokenize")
            steps = gr.HTML(elem_classes="tokenizer-steps", apply_default_css=False)
        with gr.Column(scale=7, min_width=320, elem_classes="tokenizer-answer"):
            facts = gr.HTML(apply_default_css=False)
            with gr.Column(elem_classes="card"):
                tokens = gr.HTML(apply_default_css=False, js_on_load=token_view.HIGHLIGHT_JS, elem_id="tokens")
            with gr.Column(elem_classes="card card-table"):
                table = gr.HTML(apply_default_css=False, js_on_load=token_view.HIGHLIGHT_JS, elem_id="token-table")
    return TokenizerTab(tokenizer, text, special_tokens, examples, tokenize, steps, facts, tokens, table)


def wire(tab: TokenizerTab, services: Services, state: PageState) -> None:
    """Connect its widgets."""

    asked = gr.State(0.0)

    def arrive(typed: dict[str, str], request: gr.Request) -> tuple[gr.Dropdown, str, gr.Dataset, float]:
        locale = locale_of(request)
        choices = pickers.tokenizer_choices(services, request)
        samples = [[say(f"tokenizer.example.{name}", locale)] for name in EXAMPLES]
        names = [say(f"tokenizer.example.{name}.name", locale) for name in EXAMPLES]
        first = pickers.suited(services, request, [ref for _, ref in choices])
        text = typed.get("tokenizer-text", "")
        if not text or is_opening(text):
            text = samples[0][0]
        elif chosen := typed.get("tokenizer-picker"):
            first = pickers.ref_of(services, request, chosen)
        return gr.Dropdown(choices, value=first), text, gr.Dataset(samples=samples, sample_labels=names), time.time()

    def show_tokens(
        tokenizer: str | None, text: str, special_tokens: bool, request: gr.Request
    ) -> tuple[gr.Dropdown, str, str, str, str]:
        locale = locale_of(request)
        try:
            if not tokenizer:
                return gr.Dropdown(), "", _sentence("tokenizer.none_here", locale), "", ""
            shelf = services.shelf
            loaded = shelf.tokenizer(services.workspace(request), shelf.parse(tokenizer))
            found = inspect(loaded, text or "", special_tokens)
        except Exception as error:  # noqa: BLE001 - an error stands where the answer would stand; error_card logs ours
            return gr.Dropdown(), "", error_card(error, locale), "", ""
        line = gr.Dropdown(info=token_view.tokenizer_line(found, locale))
        facts, steps = token_view.summary(found, locale), token_view.steps(found, locale)
        if not text:
            return line, facts, _sentence("tokenizer.empty", locale), "", steps
        return line, facts, token_view.token_row(found, locale), token_view.table(found, locale), steps

    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    state.arrived.change(shown(arrive), state.typed, [tab.tokenizer, tab.text, tab.examples, asked], **quiet)
    tab.examples.click(take_example, tab.examples, [tab.text, asked], **quiet)
    # One listener: of several the one that ends last would have the last word, whatever was asked last.
    gr.on(
        [asked.change, tab.tokenize.click, tab.tokenizer.input, tab.special_tokens.input, tab.text.submit],
        shown(show_tokens), [tab.tokenizer, tab.text, tab.special_tokens],
        [tab.tokenizer, tab.facts, tab.tokens, tab.table, tab.steps],
        concurrency_id="short", concurrency_limit=2, show_progress_on=[tab.tokens], api_visibility="private",
        trigger_mode="always_last",
    )  # fmt: skip


def is_opening(text: str) -> bool:
    """Whether a text is the one that stands there when the page opens, in one of the languages."""
    return text in [say(f"tokenizer.example.{EXAMPLES[0]}", locale) for locale in LOCALES]


def take_example(sample: list[str]) -> tuple[str, float]:
    """The text of the example that was clicked, and when."""
    return sample[0], time.time()


def _sentence(key: str, locale: str) -> str:
    return f'<p class="lead-text">{html.escape(say(key, locale))}</p>'
