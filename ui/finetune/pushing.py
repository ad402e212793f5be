"""The fold "Send it to the Hub while it trains" of the form, and what became of that beside the run."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from backend.errors import UserError
from backend.exports.push_along import Arrived
from backend.training.spec import RunSpec, RunStatus
from ui.errors import shown
from ui.text import i18n, say
from ui.visitor import PageState, Services, locale_of

if TYPE_CHECKING:
    from ui.finetune.form import Form


@dataclass(frozen=True, slots=True)
class Parts:
    """Widgets of the fold."""

    fold: gr.Accordion
    intro: gr.HTML
    repo: gr.Textbox
    token: gr.Textbox
    private: gr.Checkbox

    @property
    def inputs(self) -> dict[str, gr.blocks.Block]:
        """By the names of RunSpec's fields. The token is none of them."""
        return {"push_repo": self.repo, "push_private": self.private}


def build() -> Parts:
    """Lay the fold out."""
    with gr.Accordion(i18n("push.title"), open=False, elem_classes="fold", elem_id="push-along") as fold:
        intro = gr.HTML("", apply_default_css=False)
        with gr.Row(equal_height=False, elem_classes="settings-row"):
            repo = gr.Textbox(
                "", max_lines=1, interactive=True, min_width=220, elem_id="push-repo", placeholder="owner/name",
                label=i18n("push.repo"), info=i18n("push.repo.help"),
            )  # fmt: skip
            token = gr.Textbox(
                "", type="password", max_lines=1, interactive=True, min_width=220, elem_id="push-token",
                label=i18n("after.push.token"), info=i18n("after.push.token.help"),
            )  # fmt: skip
        private = gr.Checkbox(
            True, interactive=True, label=i18n("after.push.private"), info=i18n("after.push.private.help")
        )
    return Parts(fold, intro, repo, token, private)


def wire(form: Form, services: Services, state: PageState) -> None:
    """The fold says where it sends, and its title whether it does."""
    parts = form.push
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}

    def follow(repo: str | None, request: gr.Request) -> tuple[gr.Accordion, str]:
        locale, name = locale_of(request), (repo or "").strip()
        title = say("push.title.now", locale, repo=name) if name else say("push.title", locale)
        intro = say("push.intro", locale, endpoint=services.shelf.hub.home)
        if services.settings.offline == "yes":
            intro = say("push.offline", locale)
        elif not services.settings.public:
            intro += " " + say("after.push.token.stored", locale)
        return gr.Accordion(label=title), f'<p class="muted">{html.escape(intro)}</p>'

    gr.on(
        [state.arrived.change, parts.repo.change], shown(follow), [parts.repo], [parts.fold, parts.intro],
        trigger_mode="always_last", **quiet,
    )  # fmt: skip


def line(spec: RunSpec, status: RunStatus, there: Arrived, busy: bool, locale: str) -> str:
    """What of a run is on the Hub, as HTML; empty for one that goes nowhere."""
    if not spec.push_repo:
        return ""
    words = []
    if there.address:
        key = "push.whole" if there.whole else "push.step"
        url = html.escape(there.address)
        link = f'<a href="{url}" target="_blank" rel="noopener">{url}</a>'
        words.append(f"{html.escape(say(key, locale, step=f'{there.step:,}'))} {link}")
    if there.error:
        error = UserError.from_json(there.error)
        words.append(html.escape(f"{say('push.failed', locale)} {error.what(locale)} {error.todo(locale)}"))
    elif status.state.lives and not there.address:
        words.append(html.escape(say("push.will", locale, repo=spec.push_repo)))
    elif not status.state.lives and not there.whole:
        words.append(html.escape(say("push.sending" if busy else "push.never", locale)))
    return f'<p class="muted" id="run-on-hub">{" ".join(words)}</p>'
