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

LEAVABLE = ("blank", "duplicates", "conflicts", "leaks")
"""What a run can leave out of its training rows. Texts `checks.leave_out.{name}`.

blank: a text without a word; duplicates: text and answer of an earlier training row; conflicts: every training row
whose text has another answer in another training row; leaks: the text of a row that is checked or tested on.
"""
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
    """The row_ids of training that each of LEAVABLE means, sorted. parts: row_ids by split."""
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
    return {name: np.sort(found[name]) for name in LEAVABLE}


def without(parts: Mapping[str, np.ndarray], leave_out: Iterable[str], like: Likeness) -> dict[str, np.ndarray]:
    """The splits with such rows left out of training; what is checked and tested on stays, so that scores compare.

    Raises UserError checks.nothing_left where no training row would be left.
    """
    import numpy as np

    found = concerned(parts, like)
    train = parts["train"]
    left = np.concatenate([found[name] for name in leave_out])
    kept = train[~np.isin(train, left)]
    if not len(kept):
        raise UserError("checks.nothing_left", rows=len(train))
    return {**parts, "train": kept}
