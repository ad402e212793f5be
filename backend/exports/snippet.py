"""Values as Python source, for the code that reproduces an answer."""

from __future__ import annotations

import json


def literal(value: str | dict[str, str]) -> str:
    """A string or a message as a Python literal in double quotes. Letters of all scripts stay readable."""
    return json.dumps(value, ensure_ascii=False)
