"""The playground tab."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from ui.visitor import PageState, Services


@dataclass(frozen=True, slots=True)
class PlaygroundTab:
    """Widgets of the tab."""

    wanted_model: gr.State


def build(services: Services) -> PlaygroundTab:
    """Lay the tab out."""
    return PlaygroundTab(gr.State(None))


def wire(tab: PlaygroundTab, services: Services, state: PageState) -> None:
    """Connect its widgets."""
