"""Who is at the page: language and workspace of the browser behind a request, and what every tab works with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import gradio as gr

from backend.settings import Settings
from backend.workspace import Workspace

if TYPE_CHECKING:
    from backend.models import ModelShelf
    from backend.training.queue import RunQueue

# session hash -> (language, secret). Told once by each page at load; forgotten when the page closes.
_sessions: dict[str, tuple[str, str]] = {}


def enter(session: str, language: str, secret: str) -> None:
    """Remember a browser's language and its 128-bit secret for as long as its page is open."""
    _sessions[session] = (_supported(language), secret)


def leave(request: gr.Request) -> None:
    """Forget a page that was closed."""
    _sessions.pop(request.session_hash or "", None)


def locale_of(request: gr.Request | None) -> str:
    """en or zh-CN: what the page chose, else what the browser prefers."""
    if request is None:
        return "en"
    known = _sessions.get(request.session_hash or "")
    return known[0] if known else _supported(request.headers.get("accept-language", "en") if request.headers else "en")


def _supported(language: str) -> str:
    return "zh-CN" if language.lower().startswith("zh") else "en"


@dataclass(frozen=True, slots=True)
class Services:
    """What the tabs call. One for the process."""

    settings: Settings
    shelf: ModelShelf
    queue: RunQueue

    def workspace(self, request: gr.Request | None) -> Workspace:
        """The visitor's workspace: in public mode by their account or their browser's secret, else the shared one.

        A page that has not introduced itself yet (a call through the API) gets a workspace of its own session.
        """
        if request is None or not self.settings.public:
            return Workspace.open(self.settings)
        session = request.session_hash or ""
        known = _sessions.get(session)
        return Workspace.open(self.settings, getattr(request, "username", None) or (known[1] if known else session))


@dataclass(frozen=True, slots=True)
class PageState:
    """States of the page that the tabs listen to."""

    arrived: gr.State
    """Changes once, when the visitor's language and workspace are known: fill the tab on its .change."""
    pulse: gr.State
    """Fingerprint of this workspace's runs: redraw on its .change."""
