"""Mends of Gradio 6.31: what it keeps of a page may change while it is read, and some of it is made for nobody.

Each page that is open has its own table of widgets and of events. Drawing a form (gr.render, in a thread) and answering
an event (the event loop) both go through these tables and both add to them: of two at once one ends with "dictionary
changed size during iteration", and the form is not drawn or the event is lost.

For each page that is opened, and each call of an endpoint from outside of one, it describes every widget anew, for a
link to the page as it stands that nobody here is offered: 75 ms in which it answers nobody. What an event changes it
describes then, anyway.

A question of a form that has made room for another meanwhile (gr.render) ends with "Could not parse server response" on
the page. It is dropped.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import gradio.blocks
import gradio.queueing
import gradio.state_holder


class Steady(dict[Any, Any]):
    """A dict that may change while somebody goes through it: they see it as it was when they began."""

    def __iter__(self) -> Iterator[Any]:
        return iter(list(super().keys()))

    def keys(self) -> Any:
        """As they are now."""
        return list(super().keys())

    def values(self) -> Any:
        """As they are now."""
        return list(super().values())

    def items(self) -> Any:
        """As they are now."""
        return list(super().items())


def mend() -> None:
    """Give each page that is opened from now on tables that are steady, and no descriptions that nobody reads."""
    config = gradio.blocks.BlocksConfig
    if getattr(config, "is_steady", False):
        return
    copied = config.__copy__

    def copy(self: Any) -> Any:
        new = copied(self)
        new.blocks, new.fns = Steady(new.blocks), Steady(new.fns)
        return new

    session = gradio.state_holder.SessionState
    begun = session.__init__

    def begin(self: Any, blocks: Any) -> None:
        # It describes those of the widgets that are told to it as its own.
        begun(self, SimpleNamespace(default_config=blocks.default_config, blocks={}))  # type: ignore[arg-type]

    queue = gradio.queueing.Queue
    pushed = queue.push

    async def push(self: Any, body: Any, request: Any, username: str | None) -> Any:
        known = self.blocks.state_holder[body.session_hash].blocks_config.fns if body.session_hash else self.blocks.fns
        if body.fn_index is not None and body.fn_index not in known:
            # For the page: a question whose inputs were looked at, and nothing is wrong with any of them.
            return False, [], "validator_error"
        return await pushed(self, body, request, username)

    queue.push = push  # type: ignore[method-assign]
    config.__copy__ = copy  # type: ignore[method-assign]
    session.__init__ = begin  # type: ignore[method-assign]
    config.is_steady = True  # type: ignore[attr-defined]
