"""When each model of a workspace was last used, and which folders were."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress

from backend.errors import UserError
from backend.workspace import Workspace, write_json

FILE = "used.json"
# A model in use all the time is not written down each time.
_EVERY_SECONDS = 30.0
_writing = threading.Lock()


def last_used(workspace: Workspace) -> dict[str, float]:
    """Ref to seconds since 1970, of what was used here."""
    try:
        found = json.loads((workspace.root / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {ref: float(when) for ref, when in found.items() if isinstance(when, (int, float))}


def remember_use(workspace: Workspace, ref: str) -> None:
    """Write down that a model is used now. A workspace that cannot be written to is no reason not to answer."""
    with _writing, suppress(UserError):
        known, now = last_used(workspace), time.time()
        if now - known.get(ref, 0.0) > _EVERY_SECONDS:
            write_json(workspace.root / FILE, known | {ref: now})


def forget_use(workspace: Workspace, ref: str) -> None:
    """Take a model off the record, its last state with it."""
    with _writing:
        known = last_used(workspace)
        kept = {one: when for one, when in known.items() if one != ref and not one.startswith(f"{ref}@")}
        if kept != known:
            write_json(workspace.root / FILE, kept)
