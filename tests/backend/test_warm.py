"""The heavy libraries come in the background, and nobody is handed half of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from backend.warm import libraries_are_in, warm_up

_TWO_AT_ONCE = """
import pathlib, sys, threading
from backend.models.loading import load_tokenizer
from backend.warm import warm_up

read = []

def use():
    # From the moment on at which the other thread is in the middle of it.
    while "transformers" not in sys.modules:
        pass
    read.append(load_tokenizer(pathlib.Path(sys.argv[1]), "tiny"))

user = threading.Thread(target=use)
user.start()
warm_up(delay=0).join()
user.join()
print(len(read))
"""


def test_warming_up_returns_at_once_and_brings_the_libraries_in() -> None:
    thread = warm_up(delay=0)
    assert thread.daemon
    thread.join(timeout=180)
    assert not thread.is_alive()
    assert libraries_are_in()
    assert {"torch", "transformers"} <= set(sys.modules)


def test_a_model_asked_for_while_the_libraries_come_in_waits_for_them(tiny_classifier: Path) -> None:
    command = [sys.executable, "-c", _TWO_AT_ONCE, str(tiny_classifier)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ended.stdout.strip() == "1", ended.stderr
