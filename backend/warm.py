"""Imports the heavy libraries in the background, once the page answers."""

from __future__ import annotations

import threading
import time

# Let the first page and its assets out before the import takes the cores and the interpreter's lock.
_DELAY_SECONDS = 1.0


def warm_up(delay: float = _DELAY_SECONDS) -> threading.Thread:
    """Start the thread that imports them, `delay` seconds from now. Who needs them sooner imports them as ever."""
    thread = threading.Thread(target=_import, args=(delay,), name="warm-up", daemon=True)
    thread.start()
    return thread


def _import(delay: float) -> None:
    time.sleep(delay)
    import torch  # noqa: F401
    from transformers import (  # noqa: F401
        AutoModelForCausalLM,
        AutoModelForSequenceClassification,
        AutoTokenizer,
        pipeline,
    )
