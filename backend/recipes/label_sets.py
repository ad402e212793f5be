"""Cells with several labels: lists, or text such as "joy, anger", "3,17", "a|b" or '["a", "b"]', read as sets of names.

A list without an element (or the text "[]") is a row that has none of the labels. An empty cell is a row of which
nobody has said anything: it cannot be used.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from backend.recipes.columns import MOST_LABELS, distinct_values, label_texts, read_column

if TYPE_CHECKING:
    from backend.data.version import Column, DataVersion

LabelSet = tuple[str, ...]
# What may stand between labels; of two that fit as well the first one is it.
SEPARATORS = ("|", ";", "；", "、", ",", "，", "/")
_NAME_CHARACTERS = 40


def label_sets(version: DataVersion, column: Column) -> list[LabelSet | None]:
    """The labels of each row, each once, in the cell's order; None where the cell is empty."""
    cells = read_column(version, column.name)
    if column.kind == "list":
        return [_named(value) for value in cells.to_pylist()]
    values, rows = distinct_values(cells)
    separator = separator_of(values)
    sets = [split_labels(value, separator) for value in values]
    return [sets[row] for row in rows]


def split_labels(value: Any, separator: str) -> LabelSet | None:
    """One cell of text as its labels. separator: "" where a cell is one label."""
    if not isinstance(value, str):
        names = label_texts([value])
        return tuple(names) if names[0] else None
    text = value.strip()
    if not text:
        return None
    listed = _listed(text)
    if listed is not None:
        return _named(listed)
    parts = text.split(separator) if separator else [text]
    return _unique(part.strip() for part in parts)


def known_labels(value: Any, ids: Mapping[str, int]) -> list[int]:
    """The ids of a cell's labels. With the labels known, the separator is the one that yields nothing but labels, so
    that no other cell has to be looked at."""
    if isinstance(value, (list, tuple)):
        return [ids[name] for name in _named(value) or ()]
    for separator in ("", *SEPARATORS):
        names = split_labels(value, separator)
        if names is not None and all(name in ids for name in names):
            return [ids[name] for name in names]
    raise KeyError(value)


def separator_of(values: Iterable[Any]) -> str:
    """What stands between the labels in the distinct values of a column, "" where nothing does.

    A separator makes few names out of many different cells: "joy, anger", "joy" and "anger" are three cells of two
    labels. "Yes, certainly" and "No, never" stay whole, since parting them would make more names than there are cells.
    """
    texts = {text for value in values if isinstance(value, str) and (text := value.strip()) and _listed(text) is None}
    best, fewest = "", len(texts)
    for separator in SEPARATORS:
        if not any(separator in text for text in texts):
            continue
        names = {part.strip() for text in texts for part in text.split(separator)} - {""}
        if len(names) < fewest:
            best, fewest = separator, len(names)
    return best


def guess_label_sets(version: DataVersion, taken: Iterable[str] = ()) -> str:
    """The column most likely to hold sets of labels: lists of short names that repeat. "" where none does."""
    for column in version.columns:
        if column.name in taken or column.name == version.given_split_column or column.kind not in ("list", "text"):
            continue
        if _look_like_sets(version, column):
            return column.name
    return ""


def _look_like_sets(version: DataVersion, column: Column) -> bool:
    values = read_column(version, column.name).slice(0, 5000).to_pylist()
    if column.kind == "text":
        separator = separator_of(values)
        if not separator and not any(_listed(value.strip()) is not None for value in values if value):
            return False
        sets = [split_labels(value, separator) for value in values]
    else:
        sets = [_named(value) for value in values]
    filled = [one for one in sets if one]
    names = [name for one in filled for name in one]
    distinct = set(names)
    if len(distinct) < 2 or len(distinct) > MOST_LABELS or max(map(len, distinct)) > _NAME_CHARACTERS:
        return False
    return any(len(one) > 1 for one in filled) and 2 * len(distinct) <= len(names)


def _named(values: Sequence[Any] | None) -> LabelSet | None:
    return None if values is None else _unique(label_texts(values))


def _unique(names: Iterable[str]) -> LabelSet:
    return tuple(dict.fromkeys(name for name in names if name))


def _listed(text: str) -> list[Any] | None:
    """A list spelt as JSON, as Python or as numpy prints it; None for any other text."""
    if not (text.startswith("[") and text.endswith("]")):
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(found, list) and not any(isinstance(one, (list, dict)) for one in found):
            return found
    return [part.strip("'\"") for part in re.split(r"[\s,]+", text[1:-1].strip()) if part]
