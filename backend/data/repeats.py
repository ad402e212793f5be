"""Rows that say the same as others: in training twice, with another answer, or tested on; and leaving such rows out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from backend.data.query import connect, mapped
from backend.data.version import ROW_ID, DataVersion
from backend.errors import UserError

if TYPE_CHECKING:
    import numpy as np

LEAVABLE = ("unlabelled", "blank", "duplicates", "conflicts", "leaks")
"""What a run can leave out of its training rows. Texts `checks.leave_out.{name}`.

unlabelled: an answer such as NaN, which says that there is none; blank: a text without a word; duplicates: text and
answer of an earlier training row; conflicts: every training row whose text has another answer in another training row;
leaks: the text of a row that is checked or tested on.
"""
FROM_EVERY_SPLIT = ("unlabelled",)
"""Those of LEAVABLE that are not checked and tested on either: without an answer there is nothing to score."""
# Spaces of any kind and letters of either case do not make another text.
_SPACES = (" ", "\n", "\t", "\r", "\u3000", "\u00a0")
# Nothing but punctuation, signs and characters that are not seen; emoji do say something.
_WORDLESS = r"^[\s\p{P}\p{Z}\p{C}\p{Sm}\p{Sk}\p{Sc}]*$"
# What programs write where there is no value.
_PLACEHOLDER = r"(?i)^\s*(nan|none|null|n/a|#n/a|<na>|undefined)\s*$"


@dataclass(frozen=True, slots=True)
class Likeness:
    """What is compared of each row, arrays of (rows,). Answers that differ by more than `apart` contradict."""

    texts: np.ndarray
    """uint64, equal where the texts are, but for case and space."""
    answers: np.ndarray
    """float64, equal where the answers are."""
    blank: np.ndarray
    """bool: without a word in one of its texts."""
    apart: float = 0.0
    unlabelled: np.ndarray | None = None
    """bool: an answer that says that there is none; None: no row has such a one."""


def texts_of(version: DataVersion, columns: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """(texts, blank) of Likeness for these columns together. Computed once per version: a version never changes."""
    places = {column.name: place + 1 for place, column in enumerate(version.columns)}
    lacking = [name for name in columns if name not in places]
    if lacking:
        raise UserError("data.no_column", column=lacking[0], columns=", ".join([*places][:12]))
    try:
        written = version.arrow.stat().st_mtime_ns
    except OSError as error:
        raise UserError("data.missing", name=version.title, titles="") from error
    return _texts_of(version.folder, written, tuple(places[name] for name in columns))


@lru_cache(maxsize=4)
def _texts_of(folder: Path, written: int, places: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The time of writing tells a data set from a later one in the same folder."""
    import numpy as np

    # A column that is read twice would be refused elsewhere; here it has one alias.
    asked = sorted(set(places))
    cells = [f"CAST(c{asked.index(place)} AS VARCHAR)" for place in places]
    blank = " OR ".join(f"regexp_matches({cell}, $1) OR regexp_matches({cell}, $2)" for cell in cells)
    with closing(connect(mapped(DataVersion.read(folder)).select([0, *asked]))) as database:
        statement = f"SELECT {ROW_ID}, hash({', '.join(map(_bare, cells))}) texts, {blank} blank FROM data"
        found = database.execute(statement, [_WORDLESS, _PLACEHOLDER]).fetchnumpy()
    order = np.argsort(found[ROW_ID], kind="stable")
    return np.asarray(found["texts"])[order], np.asarray(np.ma.filled(found["blank"], True), bool)[order]


def _bare(cell: str) -> str:
    """SQL for a text without case and space."""
    for space in _SPACES:
        cell = f"replace({cell}, chr({ord(space)}), '')"
    return f"lower({cell})"


def concerned(parts: Mapping[str, np.ndarray], like: Likeness) -> dict[str, np.ndarray]:
    """The row_ids of training that each of LEAVABLE means, sorted; of FROM_EVERY_SPLIT those of all splits.

    parts: row_ids by split.
    """
    import numpy as np

    train = parts["train"]
    seen = np.concatenate([rows for name, rows in parts.items() if name != "train"] or [train[:0]])
    texts, answers = like.texts[train], like.answers[train]
    # The earliest row of each text and answer comes first among its like.
    order = np.lexsort((train, answers, texts))
    same_text = np.append(False, np.diff(texts[order]) == 0)
    again = same_text & np.append(False, np.diff(answers[order]) == 0)
    starts = np.flatnonzero(~same_text)
    found = {"blank": train[like.blank[train]], "duplicates": train[order[again]], "conflicts": train[:0]}
    if len(train):
        ordered = answers[order]
        spread = np.maximum.reduceat(ordered, starts) - np.minimum.reduceat(ordered, starts)
        sizes = np.diff(np.append(starts, len(train)))
        found["conflicts"] = train[order[np.repeat(spread > like.apart, sizes)]]
    found["leaks"] = train[np.isin(texts, like.texts[seen])]
    rows = np.concatenate([train, seen])
    found["unlabelled"] = rows[:0] if like.unlabelled is None else rows[like.unlabelled[rows]]
    return {name: np.sort(found[name]) for name in LEAVABLE}


def without(parts: Mapping[str, np.ndarray], leave_out: Iterable[str], like: Likeness) -> dict[str, np.ndarray]:
    """The splits with such rows left out of training; what is checked and tested on stays, so that scores compare, but
    for FROM_EVERY_SPLIT.

    Raises UserError checks.nothing_left where no training row would be left, data.empty_split for another split.
    """
    names, found = tuple(leave_out), concerned(parts, like)
    gone = [found[name] for name in FROM_EVERY_SPLIT if name in names]
    if gone:
        parts = _all_less(parts, gone)
        # What repeats, contradicts or leaks is told by the rows that are still there.
        found = concerned(parts, like)
    train = _less(parts["train"], [found[name] for name in names])
    if not len(train):
        raise UserError("checks.nothing_left", rows=len(parts["train"]))
    return {**parts, "train": train}


def _all_less(parts: Mapping[str, np.ndarray], gone: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """The splits without those row_ids. Raises UserError data.empty_split where nothing is left of one."""
    kept = {name: _less(rows, gone) for name, rows in parts.items()}
    for name, rows in kept.items():
        if len(parts[name]) and not len(rows):
            raise UserError("data.empty_split", split=name, rows=sum(map(len, kept.values())))
    return kept


def _less(rows: np.ndarray, gone: Sequence[np.ndarray]) -> np.ndarray:
    """These row_ids without those."""
    import numpy as np

    left: np.ndarray = rows[~np.isin(rows, np.concatenate(gone))]
    return left
