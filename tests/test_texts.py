"""Every text is there in both languages, in the right file, and every text that the code asks for exists."""

from __future__ import annotations

import ast
import json
import re
from functools import cache
from pathlib import Path
from string import Formatter

import pytest

from backend.texts import LOCALES, TEXT_DIR, catalogue, lookup

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted([ROOT / "app.py", *(ROOT / "ui").rglob("*.py"), *(ROOT / "backend").rglob("*.py")])
FILES = sorted({path.name for locale in LOCALES for path in (TEXT_DIR / locale).iterdir()})
# Chinese counts in 万, so the two fill in different numbers; the code passes both.
COUNTED_APART = {"pickers.parameters"}
READERS = {"UserError", "i18n", "say", "lookup"}


@cache
def texts(locale: str) -> dict[str, str]:
    """All texts of a locale."""
    return {
        key: text for path in (TEXT_DIR / locale).glob("*.json") for key, text in json.loads(path.read_text()).items()
    }


@cache
def keys_in_code() -> list[tuple[str, str, str]]:
    """(function, key, place) of every call that names its key literally, both branches of a conditional included."""
    found = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and node.args:
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                if name in READERS:
                    place = f"{path.relative_to(ROOT)}:{node.lineno}"
                    found += [(name, key, place) for key in _literals(node.args[0])]
    return found


def _literals(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.IfExp):
        return _literals(node.body) + _literals(node.orelse)
    return []


def _placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("file", FILES)
def test_both_languages_have_the_same_texts(file: str) -> None:
    paths = [TEXT_DIR / locale / file for locale in LOCALES]
    assert all(path.is_file() for path in paths)
    if file.endswith(".json"):
        english, chinese = (set(json.loads(path.read_text(encoding="utf-8"))) for path in paths)
        assert english == chinese


@pytest.mark.parametrize("file", [file for file in FILES if file.endswith(".json")])
@pytest.mark.parametrize("locale", LOCALES)
def test_every_key_starts_with_its_file_and_stands_once(locale: str, file: str) -> None:
    pairs: list[tuple[str, str]] = json.loads(
        (TEXT_DIR / locale / file).read_text(encoding="utf-8"), object_pairs_hook=list
    )
    names = [key for key, _ in pairs]
    assert [key for key in names if not re.fullmatch(rf"{Path(file).stem}\.[\w.\-]+", key)] == []
    assert sorted(names) == sorted(set(names))
    assert [key for key, text in pairs if not isinstance(text, str) or not text.strip()] == []


def test_both_languages_fill_the_same_placeholders() -> None:
    english, chinese = texts("en"), texts("zh-CN")
    differing = [
        key
        for key in (english.keys() & chinese.keys()) - COUNTED_APART
        if _placeholders(english[key]) != _placeholders(chinese[key])
    ]
    assert differing == []


@pytest.mark.parametrize(
    ("rows", "said"), [(1, "1 row is"), ("1", "1 row is"), (0, "0 rows are"), (1200, "1,200 rows are")]
)
def test_one_is_told_from_many(monkeypatch: pytest.MonkeyPatch, rows: object, said: str) -> None:
    spec = ":," if isinstance(rows, int) else ""
    monkeypatch.setitem(catalogue("en"), "test.counted", f"{{rows{spec}}} {{rows:row is|rows are}}")
    assert lookup("test.counted", "en", rows=rows) == said


def test_chinese_texts_are_translated() -> None:
    english, chinese = texts("en"), texts("zh-CN")
    same = [
        key
        for key, text in chinese.items()
        # Program code reads the same everywhere.
        if not key.endswith(".code")
        and text == english.get(key)
        and len(re.findall(r"[A-Za-z]{2,}", re.sub(r"\{.*?\}|https?:\S+", "", text))) > 2
    ]
    assert same == []


def test_every_text_that_the_code_asks_for_exists() -> None:
    assert len(keys_in_code()) > 10
    assert [f"{place}: {key}" for _, key, place in keys_in_code() if key not in texts("en")] == []


def test_every_error_says_what_to_do() -> None:
    missing = [
        f"{place}: {key}.todo"
        for name, key, place in keys_in_code()
        if name == "UserError"
        if f"{key}.todo" not in texts("en")
    ]
    assert missing == []


def test_help_and_remedies_belong_to_a_text() -> None:
    english = texts("en")
    orphans = [
        key
        for key in english
        for tail in (".help", ".todo")
        if key.endswith(tail) and key.removesuffix(tail) not in english
    ]
    assert orphans == []
