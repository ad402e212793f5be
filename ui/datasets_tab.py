"""The datasets tab."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from ui.visitor import PageState, Services


@dataclass(frozen=True, slots=True)
class DatasetsTab:
    """Widgets of the tab."""

    use_for_training: gr.Button
    chosen: gr.State


def build(services: Services) -> DatasetsTab:
    """Lay the tab out."""
    return DatasetsTab(gr.Button(), gr.State(""))


def wire(tab: DatasetsTab, services: Services, state: PageState) -> None:
    """Connect its widgets."""
