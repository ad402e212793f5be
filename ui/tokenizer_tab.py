"""The tokenizer tab."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from ui.visitor import PageState, Services


@dataclass(frozen=True, slots=True)
class TokenizerTab:
    """Widgets of the tab."""

    note: gr.Markdown


def build(services: Services) -> TokenizerTab:
    """Lay the tab out."""
    return TokenizerTab(gr.Markdown())


def wire(tab: TokenizerTab, services: Services, state: PageState) -> None:
    """Connect its widgets."""
