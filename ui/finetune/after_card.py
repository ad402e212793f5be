"""The fold "Model card": written from the run, changed by a person, saved beside the model."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import gradio as gr

from backend.exports import archive
from backend.exports.card import LICENCES, licence_of, model_card, with_licence
from backend.exports.origin import base_licence
from backend.workspace import Workspace, write_atomically
from ui.errors import shown
from ui.text import i18n, say
from ui.visitor import Services, locale_of

FILE = "README.md"


@dataclass(frozen=True, slots=True)
class CardParts:
    """Widgets of the fold. text is empty until the fold was opened."""

    fold: gr.Accordion
    licence: gr.Dropdown
    text: gr.Textbox
    save: gr.Button
    anew: gr.Button
    told: gr.HTML
    look: gr.Markdown


def build() -> CardParts:
    """Lay the fold out."""
    with gr.Accordion(i18n("after.card"), open=False, elem_classes="fold", elem_id="after-card") as fold:
        gr.HTML(i18n("after.card.intro"), elem_classes="muted", apply_default_css=False)
        licence = gr.Dropdown(
            [(i18n("after.card.licence.none"), ""), *((one, one) for one in LICENCES)], value="", interactive=True,
            label=i18n("after.card.licence"), info=i18n("after.card.licence.help"), elem_id="after-licence",
        )  # fmt: skip
        told = gr.HTML("", apply_default_css=False)
        text = gr.Textbox(
            "", lines=14, max_lines=24, interactive=True, label=i18n("after.card.text"),
            info=i18n("after.card.text.help"), elem_id="after-card-text",
        )  # fmt: skip
        with gr.Row(elem_classes="after-buttons"):
            save = gr.Button(i18n("after.card.save"), scale=0, min_width=140, elem_id="after-card-save")
            anew = gr.Button(i18n("after.card.anew"), scale=0, min_width=140)
        with gr.Accordion(i18n("after.card.look"), open=False, elem_classes="fold"):
            look = gr.Markdown("", elem_id="after-card-look")
    return CardParts(fold, licence, text, save, anew, told, look)


def card_of(services: Services, workspace: Workspace, run_id: str, typed: str, locale: str) -> str:
    """The card as it stands in the box, else as it was saved, else as the run writes it. Raises UserError for a run
    without a model."""
    if typed.strip():
        return typed
    folder, spec, report = archive.finished(workspace, run_id)
    saved = folder.model / FILE
    if saved.is_file():
        return saved.read_text(encoding="utf-8", errors="replace")
    return model_card(spec, report, locale)


@dataclass(frozen=True, slots=True)
class Cards:
    """The handlers."""

    parts: CardParts
    services: Services

    def open(self, run_id: str, typed: str, request: gr.Request) -> dict[Any, Any]:
        """The fold was opened: the card, unless one is being written there."""
        if not run_id or typed.strip():
            return {self.parts.told: gr.skip()}
        locale, workspace = locale_of(request), self.services.workspace(request)
        card = card_of(self.services, workspace, run_id, "", locale)
        return self._filled(card, base_licence(archive.finished(workspace, run_id)[1]), locale)

    def write(self, run_id: str, licence: str, request: gr.Request) -> dict[Any, Any]:
        """Write it from the run again."""
        locale = locale_of(request)
        _, spec, report = archive.finished(self.services.workspace(request), run_id)
        return self._filled(model_card(spec, report, locale, licence), base_licence(spec), locale)

    def license(self, licence: str, typed: str) -> str:
        """Another licence was chosen: one line of the card changes."""
        return with_licence(typed, licence or "")

    def save(self, run_id: str, typed: str, request: gr.Request) -> str:
        """Keep the card as the model's README.md."""
        locale, workspace = locale_of(request), self.services.workspace(request)
        folder, _, _ = archive.finished(workspace, run_id)
        card = card_of(self.services, workspace, run_id, typed, locale)
        write_atomically(folder.model / FILE, card.encode())
        return f'<p class="muted" role="status">✓ {say("after.card.saved", locale)}</p>'

    def _filled(self, card: str, base: str, locale: str) -> dict[Any, Any]:
        key = "after.card.licence.base" if base else "after.card.licence.unknown"
        licence = licence_of(card)
        return {
            self.parts.text: card,
            self.parts.licence: licence if licence in LICENCES else "",
            self.parts.look: without_front(card),
            self.parts.told: f'<p class="muted">{say(key, locale, licence=base)}</p>',
        }


def without_front(card: str) -> str:
    """What people see of a card."""
    return re.sub(r"\A---\n.*?\n---\n", "", card, flags=re.DOTALL)


def wire(parts: CardParts, services: Services, shown_run: gr.State) -> None:
    """Connect the fold."""
    acts = Cards(parts, services)
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    filled = [parts.text, parts.licence, parts.look, parts.told]
    parts.fold.expand(shown(acts.open), [shown_run, parts.text], filled, **quiet)
    parts.anew.click(shown(acts.write), [shown_run, parts.licence], filled, **quiet)
    parts.licence.input(shown(acts.license), [parts.licence, parts.text], [parts.text], **quiet)
    parts.text.change(without_front, [parts.text], [parts.look], queue=False, trigger_mode="always_last", **quiet)
    parts.save.click(shown(acts.save), [shown_run, parts.text], [parts.told], **quiet)
