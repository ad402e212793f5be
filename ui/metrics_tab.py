"""The metrics tab."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from ui.visitor import PageState, Services


@dataclass(frozen=True, slots=True)
class MetricsTab:
    """Widgets of the tab."""

    open_run: gr.State


def build(services: Services) -> MetricsTab:
    """Lay the tab out."""
    return MetricsTab(gr.State(None))


def wire(tab: MetricsTab, services: Services, state: PageState) -> None:
    """Connect its widgets."""
