"""Who is at the page: language and workspace of the browser behind a request, and what every tab works with."""

from __future__ import annotations

import json
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import gradio as gr

from backend.many import AnsweringJobs
from backend.settings import Settings
from backend.workspace import Workspace

if TYPE_CHECKING:
    from backend.models import ModelShelf
    from backend.training.queue import RunQueue

SESSIONS_KEPT = 10_000
# session hash -> (language, secret), told once by each page at load. Not forgotten when Gradio says that the page was
# closed: a proxy that cuts an idle connection looks the same, and the page goes on.
_sessions: OrderedDict[str, tuple[str, str]] = OrderedDict()
_lock = threading.Lock()


def enter(session: str, language: str, secret: str) -> None:
    """Remember a page's language and its browser's 128-bit secret, until SESSIONS_KEPT others have come."""
    with _lock:
        _sessions[session] = (_supported(language), secret)
        _sessions.move_to_end(session)
        while len(_sessions) > SESSIONS_KEPT:
            _sessions.popitem(last=False)


def locale_of(request: gr.Request | None) -> str:
    """en or zh-CN: what the page chose, else what the browser prefers."""
    if request is None:
        return "en"
    known = _sessions.get(request.session_hash or "")
    return known[0] if known else _supported(request.headers.get("accept-language", "en") if request.headers else "en")


def typed_before(words: str) -> dict[str, str]:
    """What early.js kept from the page before a change of language: text by elem_id, and the tab that was open.

    Also before the page is loaded again because the app was out of reach, then with `again`. Where nothing was kept,
    the query of the page's address, as `address`.

    words: JSON as the browser says it; whatever is not such a dictionary counts as nothing.
    """
    try:
        found = json.loads(words or "{}")
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: text for name, text in found.items() if isinstance(text, str)}


def _supported(language: str) -> str:
    return "zh-CN" if language.lower().startswith("zh") else "en"


@dataclass(frozen=True, slots=True)
class Services:
    """What the tabs call. One for the process."""

    settings: Settings
    shelf: ModelShelf
    queue: RunQueue
    jobs: AnsweringJobs = field(default_factory=AnsweringJobs)

    def workspace(self, request: gr.Request | None) -> Workspace:
        """The visitor's workspace: in public mode by their account or their browser's secret, else the shared one.

        A page that has not introduced itself yet (a call through the API) gets a workspace of its own session.
        """
        if request is None or not self.settings.public:
            return Workspace.open(self.settings)
        session = request.session_hash or ""
        _, secret = _sessions.get(session, ("", ""))
        # Told apart by kind: a secret is what the browser says, and must not pass for another's account.
        if account := getattr(request, "username", None):
            identity = f"account:{account}"
        elif secret:
            identity = f"browser:{secret}"
        else:
            identity = f"session:{session or secrets.token_hex(16)}"
        return Workspace.open(self.settings, identity)


@dataclass(frozen=True, slots=True)
class PageState:
    """States of the page that the tabs listen to."""

    arrived: gr.State
    """Changes once, when the visitor's language and workspace are known: fill the tab on its .change."""
    pulse: gr.State
    """Fingerprint of this workspace's runs: redraw on its .change. The first comes right after `arrived`."""
    typed: gr.State
    """dict[str, str]: what stood in the boxes before the language was changed, by elem_id; else `address`, the
    query of the page. Set with `arrived`."""
