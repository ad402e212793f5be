"""The fold "Inside a step": a button that takes the first step of the run in the form apart, and what it shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from backend.errors import UserError
from backend.training.inside import look_inside
from ui import phrases
from ui.errors import shown
from ui.finetune import cards, inside_view
from ui.finetune.filled import Filled
from ui.text import i18n, say
from ui.visitor import Services, locale_of

if TYPE_CHECKING:
    from ui.finetune.form import Form

Updates = dict[Any, Any]


@dataclass(frozen=True, slots=True)
class Parts:
    """Widgets of the fold."""

    look: gr.Button
    stale: gr.HTML
    view: gr.HTML
    made_for: gr.State
    """What the step on show was made for (Filled.costs)."""


def build() -> Parts:
    """Lay the fold out."""
    with gr.Accordion(i18n("inside.fold"), open=False, elem_classes="fold", elem_id="inside"):
        gr.HTML(i18n("inside.intro"), elem_classes="muted", apply_default_css=False)
        look = gr.Button(i18n("inside.button"), elem_classes="inline-button", elem_id="inside-look")
        stale = gr.HTML("", visible=False, apply_default_css=False)
        view = gr.HTML("", apply_default_css=False, elem_classes="step-view", elem_id="inside-view")
        return Parts(look, stale, view, gr.State(""))


@dataclass(frozen=True, slots=True)
class Looking:
    """The handlers."""

    parts: Parts
    services: Services

    def look(self, request: gr.Request, **values: Any) -> Iterator[Updates]:
        """Take the first step of the present form apart; what is wrong with it stands where the answer would stand."""
        locale, parts = locale_of(request), self.parts
        busy, about = (say(f"inside.{name}", locale) for name in ("busy", "busy.help"))
        yield {
            parts.look: gr.Button(busy, interactive=False),
            parts.stale: gr.HTML(visible=False),
            parts.view: phrases.busy(about),
        }
        filled = Filled.of(self.services, request, values)
        ready = {parts.look: gr.Button(say("inside.again", locale), interactive=True), parts.made_for: ""}
        try:
            settings, shelf = self.services.settings, self.services.shelf
            found = look_inside(settings, shelf, filled.workspace, filled.draft())
        except UserError as error:
            yield ready | {parts.view: cards.refusal(error, locale)}
            return
        yield ready | {parts.view: inside_view.inside(found, locale), parts.made_for: filled.costs()}

    def compare(self, made_for: str, request: gr.Request, **values: Any) -> Any:
        """The form has changed: say so above a step that was made for another."""
        if not made_for:
            return gr.HTML(visible=False)
        now = Filled.of(self.services, request, values).costs()
        words = f'<p class="muted" role="status">{say("inside.stale", locale_of(request))}</p>'
        return gr.HTML(words, visible=made_for != now)


def wire(form: Form, services: Services) -> None:
    """Connect the fold."""
    parts = form.inside
    acts = Looking(parts, services)
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "inputs_kwargs": form.inputs}
    parts.look.click(
        shown(acts.look), outputs=[parts.look, parts.stale, parts.view, parts.made_for], trigger_mode="once", **quiet
    )
    decisive = [widget for name, widget in form.inputs.items() if name not in ("name", "preset", "launcher")]
    # Not always_last: see ui.finetune.anatomy.
    gr.on(
        [form.settled.change, *(widget.input for widget in decisive)],  # type: ignore[attr-defined]
        shown(acts.compare), [parts.made_for], [parts.stale], trigger_mode="multiple", **quiet,
    )  # fmt: skip
