"""The heavy libraries come in the background."""

from __future__ import annotations

import sys

from backend.warm import warm_up


def test_warming_up_returns_at_once_and_brings_the_libraries_in() -> None:
    thread = warm_up(delay=0)
    assert thread.daemon
    thread.join(timeout=180)
    assert not thread.is_alive()
    assert {"torch", "transformers"} <= set(sys.modules)
