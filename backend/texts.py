"""Every text a person reads, from assets/text/<locale>/<area>.json."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

LOCALES = ("en", "zh-CN")
TEXT_DIR = Path(__file__).resolve().parent.parent / "assets" / "text"


@cache
def catalogue(locale: str) -> dict[str, str]:
    """All texts of one locale, by key. A key starts with the name of its file: `data.empty_file` is in data.json."""
    texts: dict[str, str] = {}
    for path in sorted((TEXT_DIR / locale).glob("*.json")):
        texts.update(json.loads(path.read_text(encoding="utf-8")))
    return texts


def lookup(key: str, locale: str = "en", **values: object) -> str:
    """The text of `key`, its {placeholders} filled; {rows:row|rows} is "row" where rows is 1, else "rows".

    Raises KeyError for a key that no file has: that is a bug.
    """
    text = catalogue(locale if locale in LOCALES else "en")[key]
    return _COUNTING.vformat(text, (), values) if values else text


class _Counting(Formatter):
    """str.format that knows one from many."""

    def format_field(self, value: Any, format_spec: str) -> str:
        one, bar, many = format_spec.partition("|")
        if bar:
            return one if str(value) == "1" else many
        return str(super().format_field(value, format_spec))


_COUNTING = _Counting()
