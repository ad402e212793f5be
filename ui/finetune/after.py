"""The section "Take it away" below a run's report: its zip, its card, its script, and the way to the Hub."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from backend.errors import UserError
from backend.exports import archive
from backend.exports.push import check_name, push_model
from backend.training.run_folder import RunFolder
from ui import phrases
from ui.errors import error_card, shown
from ui.finetune import after_card, after_script
from ui.finetune.after_card import CardParts, card_of
from ui.finetune.after_script import ScriptParts, ascii_name
from ui.finetune.zips import making
from ui.text import i18n, say
from ui.visitor import PageState, Services, locale_of

Updates = dict[Any, Any]


@dataclass(frozen=True, slots=True)
class AfterParts:
    """Widgets of the section."""

    section: gr.Column
    fold: gr.Accordion
    make: gr.Button
    save: gr.DownloadButton
    told: gr.HTML
    card: CardParts
    script: ScriptParts
    push_fold: gr.Accordion
    intro: gr.HTML
    repo: gr.Textbox
    token: gr.Textbox
    private: gr.Checkbox
    push: gr.Button
    pushed: gr.HTML


def build() -> AfterParts:
    """Lay the section out: four folds under one caption."""
    with gr.Column(visible=False, elem_classes="take-away", elem_id="take-away") as section:
        gr.HTML(i18n("after.title"), elem_classes="caption", apply_default_css=False)
        with gr.Column(elem_classes="folds"):
            with gr.Accordion(i18n("after.download"), open=False, elem_classes="fold", elem_id="after-zip") as fold:
                gr.HTML(i18n("after.download.intro"), elem_classes="muted", apply_default_css=False)
                with gr.Row(elem_classes="after-buttons"):
                    make = gr.Button(i18n("after.download.make"), scale=0, min_width=160, elem_id="after-zip-make")
                    save = gr.DownloadButton("", visible=False, scale=0, min_width=160, elem_id="after-zip-save")
                told = gr.HTML("", apply_default_css=False)
            card, script = after_card.build(), after_script.build()
            with gr.Accordion(i18n("after.push"), open=False, elem_classes="fold", elem_id="after-push") as push_fold:
                intro = gr.HTML("", apply_default_css=False)
                with gr.Row(equal_height=False, elem_classes="settings-row"):
                    repo = gr.Textbox(
                        "", max_lines=1, interactive=True, min_width=220, elem_id="after-repo",
                        label=i18n("after.push.repo"), info=i18n("after.push.repo.help"),
                    )  # fmt: skip
                    token = gr.Textbox(
                        "", type="password", max_lines=1, interactive=True, min_width=220, elem_id="after-token",
                        label=i18n("after.push.token"), info=i18n("after.push.token.help"),
                    )  # fmt: skip
                private = gr.Checkbox(
                    True, interactive=True, label=i18n("after.push.private"), info=i18n("after.push.private.help")
                )
                push = gr.Button(i18n("after.push.go"), elem_classes="inline-button", elem_id="after-push-go")
                pushed = gr.HTML("", apply_default_css=False, elem_id="after-pushed")
    return AfterParts(
        section, fold, make, save, told, card, script, push_fold, intro, repo, token, private, push, pushed
    )


@dataclass(frozen=True, slots=True)
class TakeAway:
    """The handlers."""

    parts: AfterParts
    services: Services
    drawn: gr.State
    """[run_id, locale, whether it has a model]: what the section was drawn for."""

    def show(self, run_id: str, drawn: list[Any] | None, request: gr.Request) -> Updates:
        """Another run is shown, or one has ended: the section, empty and folded; what is typed in it else stays."""
        parts, locale = self.parts, locale_of(request)
        ready = bool(run_id) and self._ready(run_id, request)
        now = [run_id, locale, ready]
        if drawn == now:
            return {self.drawn: gr.skip()}
        endpoint = self.services.shelf.hub.home
        intro = html.escape(say("after.push.intro", locale, endpoint=endpoint))
        if not self.services.settings.public:
            intro += " " + html.escape(say("after.push.token.stored", locale))
        folded = gr.Accordion(open=False)
        return {
            self.drawn: now,
            parts.section: gr.Column(visible=ready),
            **{fold: folded for fold in (parts.fold, parts.card.fold, parts.script.fold, parts.push_fold)},
            parts.save: gr.DownloadButton(visible=False, value=None),
            parts.script.save: gr.DownloadButton(visible=False, value=None),
            parts.make: gr.Button(interactive=True),
            parts.script.make: gr.Button(interactive=True),
            parts.push: gr.Button(interactive=True),
            **dict.fromkeys((parts.told, parts.script.told, parts.card.told, parts.pushed), ""),
            parts.card.text: "",
            parts.repo: gr.Textbox("", placeholder=ascii_name(run_id)),
            parts.intro: f'<p class="muted">{intro}</p>',
        }

    def zip(self, run_id: str, typed: str, request: gr.Request) -> Iterator[Updates]:
        """The model with its card as one file."""
        parts, locale, workspace = self.parts, locale_of(request), self.services.workspace(request)

        def work(tell: archive.Progress) -> Path:
            return archive.model_zip(workspace, run_id, card_of(self.services, workspace, run_id, typed, locale), tell)

        yield from making(work, parts.make, parts.save, parts.told, locale)

    def push(
        self, run_id: str, typed: str, repo: str, token: str, private: bool, request: gr.Request
    ) -> Iterator[Updates]:
        """Send model and card; the token goes no further than the call."""
        parts, locale, workspace = self.parts, locale_of(request), self.services.workspace(request)
        endpoint, settings = self.services.shelf.hub.home, self.services.settings
        try:
            folder, _, _ = archive.finished(workspace, run_id)
            repo = repo.strip() or ascii_name(run_id)
            # Known without asking anyone, hence before anything is sent.
            check_name(repo)
            if settings.offline == "yes":
                raise UserError("after.offline")
            # Visitors of a public page never write with the login of whoever started it.
            given = token.strip() or (None if settings.public else settings.hub_token or None)
            if settings.public and not given:
                raise UserError("after.no_token")
            card = card_of(self.services, workspace, run_id, typed, locale)
            yield {parts.push: gr.Button(interactive=False), parts.pushed: self._sending(folder, endpoint, locale)}
            address = push_model(folder.model, card, repo, given, endpoint, bool(private))
            done = f'{say("after.push.done", locale)} <a href="{html.escape(address)}" target="_blank" rel="noopener">'
            words = f'<p class="lead-text" role="status">✓ {done}{html.escape(address)}</a></p>'
        except Exception as error:  # noqa: BLE001 - stands where the address would; error_card logs ours
            words = error_card(error, locale)
        yield {parts.push: gr.Button(interactive=True), parts.pushed: words}

    def _sending(self, folder: RunFolder, endpoint: str, locale: str) -> str:
        size = sum(path.stat().st_size for path in folder.model.iterdir() if path.is_file())
        return phrases.busy(say("after.push.sending", locale, size=f"{size / 1e6:,.1f}", endpoint=endpoint))

    def _ready(self, run_id: str, request: gr.Request) -> bool:
        try:
            archive.finished(self.services.workspace(request), run_id)
        except UserError:
            return False
        return True


def wire(parts: AfterParts, services: Services, state: PageState, shown_run: gr.State) -> None:
    """Connect the section: it follows the run that is shown, and that run's end."""
    acts = TakeAway(parts, services, gr.State(None))
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    gr.on(
        [shown_run.change, state.pulse.change],
        shown(acts.show),
        [shown_run, acts.drawn],
        [
            acts.drawn, parts.section, parts.fold, parts.card.fold, parts.script.fold, parts.push_fold, parts.save,
            parts.script.save, parts.make, parts.script.make, parts.push, parts.told, parts.script.told,
            parts.card.told, parts.pushed, parts.card.text, parts.repo, parts.intro,
        ],
        trigger_mode="always_last",
        # One after another: the second of two sees that the first has drawn, and leaves what was typed since.
        concurrency_limit=1,
        **quiet,
    )  # fmt: skip
    parts.make.click(shown(acts.zip), [shown_run, parts.card.text], [parts.make, parts.save, parts.told], **quiet)
    parts.push.click(
        shown(acts.push),
        [shown_run, parts.card.text, parts.repo, parts.token, parts.private],
        [parts.push, parts.pushed],
        **quiet,
    )
    # A zip that was made holds the card as it was.
    gr.on(
        [parts.card.text.input, parts.card.licence.input, parts.card.anew.click],
        lambda: gr.DownloadButton(visible=False), None, parts.save, queue=False, **quiet,
    )  # fmt: skip
    after_card.wire(parts.card, services, shown_run)
    after_script.wire(parts.script, services, shown_run)
