"""Answers that were left out on purpose: public test sets such as GLUE's say -1 in every row."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backend.recipes.base import Finding
from backend.recipes.columns import distinct_values, read_column

if TYPE_CHECKING:
    import numpy as np

    from backend.data.version import Column, DataVersion


def hidden_answers(version: DataVersion, column: Column) -> np.ndarray:
    """bool (rows,): the rows of a given split in which every answer is -1, where no row of another split has it."""
    import numpy as np

    nothing = np.zeros(version.rows, bool)
    if not version.given_split_column or column.kind not in ("integer", "number"):
        return nothing
    values, rows = distinct_values(read_column(version, column.name))
    minus = np.asarray([value == -1 for value in values], bool)[rows]
    if not minus.any() or minus.all():
        return nothing
    names, splits = distinct_values(read_column(version, version.given_split_column))
    for place in range(len(names)):
        split: np.ndarray = splits == place
        if split.any() and (minus == split).all():
            return split
    return nothing


def hidden_findings(version: DataVersion, name: str) -> list[Finding]:
    """What to know of it before Start."""
    column = version.column(name)
    count = int(hidden_answers(version, column).sum()) if column else 0
    return [Finding("ok", "recipes.finding.hidden_answers", {"count": count, "column": name})] if count else []
