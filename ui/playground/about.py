"""The fold "About this model": what the chosen model is made of, and its card."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from backend.errors import UserError
from backend.models.profile import profile
from ui.errors import error_card, shown
from ui.playground import about_view
from ui.text import i18n, say
from ui.visitor import Services, locale_of


@dataclass(frozen=True, slots=True)
class AboutParts:
    """Widgets of the fold."""

    fold: gr.Accordion
    view: gr.HTML
    opened: gr.State


def build() -> AboutParts:
    """Lay the fold out."""
    with gr.Accordion(i18n("shelf.about"), open=False, elem_classes="fold", elem_id="about-model") as fold:
        view = gr.HTML("", apply_default_css=False, elem_classes="anatomy about-model")
    return AboutParts(fold, view, gr.State(False))


def wire(parts: AboutParts, services: Services, model: gr.Dropdown) -> None:
    """Connect the fold: it looks only while it is open, since looking takes a moment."""

    def look(chosen: str | None, opened: bool, request: gr.Request) -> Any:
        if not opened:
            return gr.skip()
        locale = locale_of(request)
        if not chosen or not chosen.strip():
            return f'<p class="muted">{say("shelf.about.choose", locale)}</p>'
        try:
            found = profile(services.shelf, services.workspace(request), chosen)
        except UserError as error:
            return error_card(error, locale)
        return about_view.about(found, locale)

    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    seen = [model, parts.opened]
    parts.fold.collapse(_closed, None, parts.opened, queue=False, **quiet)
    parts.fold.expand(_busy, None, [parts.view, parts.opened], queue=False, **quiet).then(
        shown(look), seen, parts.view, **quiet
    )
    # The model box has one listener that is always_last already; two would feed each other.
    model.change(shown(look), seen, parts.view, trigger_mode="multiple", **quiet)


def _closed() -> bool:
    return False


def _busy(request: gr.Request) -> tuple[str, bool]:
    return f'<p class="muted" role="status">{say("shelf.about.reading", locale_of(request))}</p>', True
