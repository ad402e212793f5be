"""The fold "Look inside the model": what it is made of, and the shape of a new one to train from nothing."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import gradio as gr

from backend.errors import UserError
from backend.models.shape import Shape
from backend.training.from_nothing import shape_at
from ui import pickers
from ui.errors import error_card, shown
from ui.finetune import anatomy_view, cards
from ui.finetune.filled import SHAPE, Filled
from ui.text import i18n, say
from ui.visitor import Services, locale_of

if TYPE_CHECKING:
    from ui.finetune.form import Form

Updates = dict[Any, Any]
# Settings of the run that change which parts are trained, and so what is shown.
SHOWN_ARGUMENTS = ("freeze", "lora", "dropout")


@dataclass(frozen=True, slots=True)
class Parts:
    """Widgets of the fold. What a draft is made of is in `inputs`."""

    fold: gr.Accordion
    view: gr.HTML
    from_nothing: gr.Checkbox
    sizes: gr.Column
    tokenizer: gr.Dropdown
    shape: dict[str, Any]

    @property
    def inputs(self) -> dict[str, gr.blocks.Block]:
        """By the names of Filled.values."""
        return {
            "from_nothing": self.from_nothing,
            "tokenizer": self.tokenizer,
            **{SHAPE + name: widget for name, widget in self.shape.items()},
        }


def build() -> Parts:
    """Lay the fold out."""
    with gr.Accordion(i18n("anatomy.fold"), open=False, elem_classes="fold", elem_id="anatomy") as fold:
        view = gr.HTML("", apply_default_css=False, elem_classes="anatomy")
        from_nothing = gr.Checkbox(False, **_words("from_nothing"), interactive=True)
        with gr.Column(visible=False, elem_classes="new-shape") as sizes:
            gr.HTML(i18n("anatomy.note"), elem_classes="muted", apply_default_css=False)
            tokenizer = gr.Dropdown(
                [(i18n("anatomy.same_tokenizer"), "")], value="", **_words("tokenizer"), interactive=True
            )
            with gr.Row(equal_height=False, elem_classes="settings-row"):
                shape = {field.name: _size(field.name) for field in fields(Shape)}
    return Parts(fold, view, from_nothing, sizes, tokenizer, shape)


def _size(name: str) -> gr.Number:
    whole = name != "dropout"
    return gr.Number(
        None, precision=0 if whole else None, step=1 if whole else 0.05, min_width=180, interactive=True, **_words(name)
    )


def _words(name: str) -> dict[str, Any]:
    return {"label": i18n(f"anatomy.{name}"), "info": i18n(f"anatomy.{name}.help")}


@dataclass(frozen=True, slots=True)
class Looking:
    """The handlers."""

    parts: Parts
    services: Services

    def open(self, request: gr.Request, **values: Any) -> Updates:
        """The fold was opened: which tokenizers there are, the model's own sizes unless some are chosen already."""
        own = [(say("anatomy.same_tokenizer", locale_of(request)), "")]
        choices = own + pickers.tokenizer_choices(self.services, request)
        chosen = {self.parts.tokenizer: gr.Dropdown(choices=choices)}
        return (chosen if values["from_nothing"] else self.begin(True, request, **values) | chosen) | {
            self.parts.view: self._view(request, values)
        }

    def begin(self, opened: bool, request: gr.Request, held: dict[str, Any] | None = None, **values: Any) -> Updates:
        """Another model: its sizes are those to begin with, unless the form was filled in with a new one's."""
        kept = held and held["model"] == values["model"] and values["from_nothing"]
        if not opened or kept or not values["model"]:
            return {self.parts.view: gr.skip()}
        filled = Filled.of(self.services, request, values)
        try:
            found = shape_at(self.services.shelf, filled.workspace, filled.model())
        except UserError:
            # The view says it.
            return {self.parts.view: gr.skip()}
        return {
            widget: gr.Number(getattr(found, name), visible=getattr(found, name) is not None)
            for name, widget in self.parts.shape.items()
        }

    def look(self, opened: bool, request: gr.Request, **values: Any) -> Updates:
        """Something that decides the model was changed."""
        sizes = {self.parts.sizes: gr.Column(visible=bool(values["from_nothing"]))}
        return sizes | ({self.parts.view: self._view(request, values)} if opened else {})

    def _view(self, request: gr.Request, values: dict[str, Any]) -> str:
        locale = locale_of(request)
        if not values["model"]:
            return f'<p class="muted">{say("anatomy.choose", locale)}</p>'
        filled = Filled.of(self.services, request, values)
        try:
            return anatomy_view.anatomy(filled.anatomy(), filled.from_nothing, locale)
        except UserError as error:
            return error_card(cards.in_words(error, locale), locale)


def wire(form: Form, services: Services) -> None:
    """Connect the fold: it looks only while it is open, since looking takes a moment."""
    parts = form.anatomy
    acts, opened = Looking(parts, services), gr.State(False)
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    follow: dict[str, Any] = {"trigger_mode": "always_last", "inputs_kwargs": form.inputs, **quiet}
    shape = list(parts.shape.values())
    parts.fold.collapse(_closed, None, [opened], queue=False, **quiet)
    parts.fold.expand(_busy, None, [parts.view, opened], queue=False, **quiet).then(
        shown(acts.open), outputs=[parts.view, parts.tokenizer, *shape], **follow
    )
    look: dict[str, Any] = {"fn": shown(acts.look), "inputs": [opened], "outputs": [parts.view, parts.sizes], **follow}
    held: dict[str, Any] = {"held": form.again.held, **form.inputs}
    begun = follow | {"inputs_kwargs": held}
    form.known_model.change(shown(acts.begin), [opened], [parts.view, *shape], **begun)
    decisive = [widget for name, widget in form.arguments.items() if name.startswith(SHOWN_ARGUMENTS)]
    chosen = [parts.from_nothing, parts.tokenizer, *shape, form.recipe, *form.columns.values(), *decisive]
    # Of several listeners to one event only one may be always_last: Gradio makes up for a click that came too early by
    # sending the whole event again, to all of them, and two would do so for each other without end.
    gr.on([form.settled.change, *(widget.input for widget in chosen)], **look | {"trigger_mode": "multiple"})


def _closed() -> bool:
    return False


def _busy(request: gr.Request) -> tuple[str, bool]:
    return f'<p class="muted" role="status">{say("anatomy.looking", locale_of(request))}</p>', True
