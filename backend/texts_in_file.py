"""The texts of an uploaded file for batch prediction: the lines of a text file, or one column of a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from backend.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

_NAMED = 12
_LINES = (".txt", ".text", ".log", ".md")


def columns_of(file: Path) -> tuple[list[str], str | None]:
    """(text columns, the likeliest one of them); ([], None) for a file of lines. Raises UserError."""
    if file.suffix.lower() in _LINES:
        return [], None
    from backend.data.read import read_table

    return text_columns(read_table(file).table)


def text_columns(table: pa.Table) -> tuple[list[str], str]:
    """(its columns of text, the one with the longest texts). Raises UserError playground.no_text_column."""
    import pyarrow as pa
    import pyarrow.compute as pc

    lengths = {
        name: pc.mean(pc.utf8_length(table[name].slice(0, 1000))).as_py() or 0
        for name in table.column_names
        if pa.types.is_string(table[name].type) or pa.types.is_large_string(table[name].type)
    }
    if not lengths:
        raise UserError("playground.no_text_column", columns=first_names(table.column_names))
    return list(lengths), max(lengths, key=lambda name: lengths[name])


def column_of(file: Path, column: str) -> pa.ChunkedArray:
    """The lines of a text file that have something on them, or the cells of a table's column, null where empty.

    Raises UserError for a file that cannot be read, and data.no_column.
    """
    import pyarrow as pa

    if file.suffix.lower() in _LINES:
        from backend.data.encoding import detect

        lines = file.read_text(encoding=detect(file)[0], errors="replace").splitlines()
        return pa.chunked_array([pa.array([line.strip() for line in lines if line.strip()], pa.string())])
    from backend.data.read import read_table

    table = read_table(file).table
    if column not in table.column_names:
        raise UserError("data.no_column", column=column, columns=first_names(table.column_names))
    return table[column]


def first_names(names: list[str]) -> str:
    """The first names of columns in a line: a file may have thousands."""
    return ", ".join(names[:_NAMED]) + (" …" if len(names) > _NAMED else "")
