"""Every text a person reads, from assets/text/<locale>/<area>.json."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

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
    """The text of `key`, its {placeholders} filled. Raises KeyError for a key that no file has: that is a bug."""
    text = catalogue(locale if locale in LOCALES else "en")[key]
    return text.format(**values) if values else text
