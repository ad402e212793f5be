"""The finetune tab."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from ui.visitor import PageState, Services


@dataclass(frozen=True, slots=True)
class FinetuneTab:
    """Widgets of the tab."""

    started: gr.State
    wanted_data: gr.State
    wanted_run: gr.State
    try_it: gr.Button
    try_ref: gr.State


def build(services: Services) -> FinetuneTab:
    """Lay the tab out."""
    return FinetuneTab(gr.State(""), gr.State(None), gr.State(None), gr.Button(), gr.State(""))


def wire(tab: FinetuneTab, services: Services, state: PageState) -> None:
    """Connect its widgets."""
