"""A run's way to the Hub while it trains: each checkpoint that is kept, and at the end the model with its card.

It belongs to the app, not to the process that trains, and what became of it is `hub.json` in the run's folder. The
token is kept nowhere: an app that was started anew has its own, or none.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from backend.errors import UserError
from backend.exports.card import model_card
from backend.exports.push import check_name, check_token, push_model
from backend.settings import Settings
from backend.texts import lookup
from backend.training.run_folder import RunFolder
from backend.training.spec import RunSpec
from backend.workspace import write_json

FILE = "hub.json"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Access:
    """Who pushes. token: as typed; empty for the one that the app was started with, or that `hf auth login` stored."""

    token: str = ""
    locale: str = "en"
    """Language of the card."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """What hub.json says."""

    address: str = ""
    """Where it is; empty before anything has arrived."""
    step: int = 0
    """The checkpoint that arrived last; 0: none."""
    whole: bool = False
    """Whether the finished model is there."""
    error: dict[str, Any] | None = None
    """UserError.to_json of what became of the last try, where it failed."""


def arrived(folder: Path) -> Arrived:
    """What has been pushed of a run; nothing where that cannot be read."""
    try:
        return Arrived(**json.loads((folder / FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return Arrived()


def refuse_push(repo: str, settings: Settings, access: Access) -> None:
    """What is known before Start. Raises UserError after.bad_repo, push.offline, after.no_token."""
    check_name(repo)
    check_token(access.token, settings.hub_endpoint)
    if settings.offline == "yes":
        raise UserError("push.offline")
    if settings.public and not access.token:
        raise UserError("after.no_token")


class Pushes:
    """One run's pushes, one at a time, each in a thread of its own: training waits for none."""

    def __init__(self, folder: RunFolder, spec: RunSpec, settings: Settings, access: Access, endpoint: str) -> None:
        self.folder, self.spec, self.access, self.endpoint = folder, spec, access, endpoint
        # Visitors of a public page never write with the login of whoever started it.
        self._token = access.token or (False if settings.public else settings.hub_token or None)
        self._tried = arrived(folder.path).step
        self._thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        """Whether something is on its way."""
        return self._thread is not None and self._thread.is_alive()

    def look(self) -> None:
        """Send the newest checkpoint, unless it was tried or another is on its way. Returns at once."""
        steps = [int(path.name.removeprefix("step-")) for path in self.folder.checkpoints.glob("step-*")]
        if not self.busy and max(steps, default=0) > self._tried:
            self._tried = max(steps)
            self._start(self._tried)

    def finish(self) -> None:
        """Send the finished model, after what is on its way. Returns at once."""
        self._start(0, self._thread)

    def _start(self, step: int, after: threading.Thread | None = None) -> None:
        def work() -> None:
            if after is not None:
                after.join()
            self._send(step)

        self._thread = threading.Thread(target=work, name=f"push-{self.folder.run_id}", daemon=True)
        self._thread.start()

    def _send(self, step: int) -> None:
        """step: of a checkpoint; 0: the finished model."""
        before = arrived(self.folder.path)
        try:
            repo, private = self.spec.push_repo, self.spec.push_private
            with self._model(step) as model:
                address = push_model(model, self._card(step), repo, self._token, self.endpoint, private)
            now = Arrived(address, step or before.step, whole=not step)
            self.folder.say(f"on the Hub: {f'step {step}' if step else 'the finished model'}, {address}")
        except Exception as error:
            # The run goes on; what became of the push is told beside it.
            if not isinstance(error, UserError):
                log.exception("run %s: push", self.folder.run_id)
                error = UserError("after.push_failed", reason=type(error).__name__)
            self.folder.say(f"not on the Hub: {error}")
            now = replace(before, error=error.to_json())
        if not (self.folder.path / "spec.json").exists():
            # Deleted meanwhile by another app, or by hand: it is not brought back.
            return
        try:
            write_json(self.folder.path / FILE, asdict(now))
        except UserError as error:
            log.warning("run %s: %s: %s", self.folder.run_id, FILE, error)

    @contextmanager
    def _model(self, step: int) -> Iterator[Path]:
        """What is sent. Only the newest checkpoints stay: one that is on its way is held by links to its files."""
        if not step:
            yield self.folder.model
            return
        held = self.folder.checkpoints / ".pushed"
        shutil.rmtree(held, ignore_errors=True)
        try:
            yield Path(shutil.copytree(self.folder.checkpoints / f"step-{step}", held, copy_function=_link))
        finally:
            shutil.rmtree(held, ignore_errors=True)

    def _card(self, step: int) -> str:
        report = None if step else self.folder.report()
        if report is not None:
            saved = self.folder.model / "README.md"
            if saved.is_file():
                return saved.read_text(encoding="utf-8", errors="replace")
            return model_card(self.spec, report, self.access.locale)
        values = {"run": self.spec.name, "step": step, "base": self.spec.model_title}
        return lookup("card.checkpoint", self.access.locale, **values)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        # Some file systems know no links.
        shutil.copy2(source, target)
