"""Downloads under way: each goes on in a thread of its own, whoever watches it, and can be stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from backend.errors import UserError
from backend.models.facts import Progress
from backend.workspace import Workspace

AT_ONCE = 3
"""Downloads of one workspace at a time."""
TOLD_SECONDS = 60.0
"""How long the end of one is told: more than one page, or look of a page, may ask for it."""


class _Stopped(Exception):
    """What the progress of a download raises once it was stopped."""


@dataclass(slots=True)
class Arrival:
    """One download. done and total in bytes, total 0 until it is known; what was here before counts as done."""

    ref: str
    title: str
    state: Literal["going", "done", "stopped", "failed"] = "going"
    done: int = 0
    total: int = 0
    began: float = field(default_factory=time.monotonic)
    at_first: int = -1
    """Bytes that were here when the first news came."""
    error: Exception | None = None
    stop: threading.Event = field(default_factory=threading.Event)
    told: float = 0.0
    """When its end was first told; 0: not yet."""

    def bytes_a_second(self) -> float:
        """Mean since it began; 0 until something came."""
        return max(0, self.done - self.at_first) / max(time.monotonic() - self.began, 0.1) if self.at_first >= 0 else 0


class Arrivals:
    """All downloads that people started from the shelf. One for the process."""

    def __init__(self, resolve: Callable[[Workspace, str, Progress], object]) -> None:
        self._resolve = resolve
        self._all: dict[tuple[str, str], Arrival] = {}
        self._lock = threading.Lock()

    def of(self, workspace: Workspace) -> list[Arrival]:
        """Those of a workspace, the last one begun first; ended ones stay for a while after `settle`."""
        with self._lock:
            return [one for (root, _), one in self._all.items() if root == str(workspace.root)][::-1]

    def going(self, ref: str) -> bool:
        """Whether anybody fetches this model now."""
        with self._lock:
            return any(one.ref == ref and one.state == "going" for one in self._all.values())

    def begin(self, workspace: Workspace, ref: str) -> Arrival:
        """Fetch a model, or go on with one that was cut; the one under way if it is. ref: `hub:OWNER/NAME`.

        Raises UserError shelf.too_many. What goes wrong later is in `error`.
        """
        key = (str(workspace.root), ref)
        with self._lock:
            known = self._all.get(key)
            if known and known.state == "going":
                return known
            busy = [one for (root, _), one in self._all.items() if root == key[0] and one.state == "going"]
            if len(busy) >= AT_ONCE:
                raise UserError("shelf.too_many", count=len(busy))
            self._all.pop(key, None)
            one = self._all[key] = Arrival(ref, ref.partition(":")[2])
        threading.Thread(target=self._bring, args=(workspace, one), name="arrival", daemon=True).start()
        return one

    def stop(self, workspace: Workspace, ref: str) -> None:
        """What has come stays: the next download of the model goes on from there."""
        for one in self.of(workspace):
            if one.ref == ref:
                one.stop.set()

    def settle(self, workspace: Workspace) -> None:
        """The end of those that have ended was told; forget those of which it was told some time ago."""
        now = time.monotonic()
        with self._lock:
            for key, one in list(self._all.items()):
                if key[0] == str(workspace.root) and one.state != "going":
                    one.told = one.told or now
                    if now - one.told > TOLD_SECONDS:
                        del self._all[key]

    def forget(self, workspace: Workspace, ref: str) -> None:
        """A model was deleted: that it had come is told no longer."""
        with self._lock:
            self._all.pop((str(workspace.root), ref), None)

    def _bring(self, workspace: Workspace, one: Arrival) -> None:
        def tell(phase: str, done: int, total: int) -> None:
            if one.stop.is_set():
                raise _Stopped
            if one.at_first < 0 and total:
                one.at_first, one.began = done, time.monotonic()
            one.done, one.total = done, total

        try:
            self._resolve(workspace, one.ref, tell)
            one.state = "done"
        except _Stopped:
            one.state = "stopped"
        except Exception as error:  # noqa: BLE001 - the thread's border: whoever looks is told
            one.error = error
            one.state = "failed"
