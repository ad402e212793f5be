"""The heavy libraries: imported once, by one thread at a time, in the background once the page answers."""

from __future__ import annotations

import threading
import time

# Let the first page and its assets out before the import takes the cores and the interpreter's lock.
_DELAY_SECONDS = 1.0
_importing = threading.Lock()
_imported = threading.Event()


def warm_up(delay: float = _DELAY_SECONDS) -> threading.Thread:
    """Start the thread that imports them, `delay` seconds from now. Who needs them sooner calls `libraries`."""
    thread = threading.Thread(target=_later, args=(delay,), name="warm-up", daemon=True)
    thread.start()
    return thread


def libraries() -> None:
    """Return once torch and transformers are imported; whoever comes first imports them, the others wait.

    Every thread of the page calls this before its first `from transformers import ...`. While transformers comes in it
    puts another module in its own place, and a thread that asks meanwhile is left with the first one, which has no
    names: "cannot import name".
    """
    if _imported.is_set():
        return
    with _importing:
        if _imported.is_set():
            return
        import torch  # noqa: F401
        from transformers import (  # noqa: F401
            AutoModelForCausalLM,
            AutoModelForSequenceClassification,
            AutoTokenizer,
            pipeline,
        )

        _imported.set()


def libraries_are_in() -> bool:
    """Whether `libraries` returns at once."""
    return _imported.is_set()


def _later(delay: float) -> None:
    time.sleep(delay)
    libraries()
