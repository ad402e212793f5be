"""The texts of an uploaded file for batch prediction: the lines of a text file, or one column of a table."""

from __future__ import annotations

from pathlib import Path

from backend.errors import UserError

_LINES = (".txt", ".text", ".log", ".md")


def columns_of(file: Path) -> tuple[list[str], str | None]:
    """(text columns, the likeliest one of them); ([], None) for a file of lines. Raises UserError."""
    if file.suffix.lower() in _LINES:
        return [], None
    import pyarrow as pa
    import pyarrow.compute as pc

    from backend.data.read import read_table

    table = read_table(file).table
    lengths = {
        name: pc.mean(pc.utf8_length(table[name].slice(0, 1000))).as_py() or 0
        for name in table.column_names
        if pa.types.is_string(table[name].type) or pa.types.is_large_string(table[name].type)
    }
    if not lengths:
        raise UserError("playground.no_text_column", columns=", ".join(table.column_names))
    return list(lengths), max(lengths, key=lambda name: lengths[name])


def texts_of(file: Path, column: str | None) -> list[str]:
    """The texts, empty ones included for a table, so that its rows keep their places. Raises UserError."""
    if file.suffix.lower() in _LINES:
        from backend.data.encoding import detect

        lines = file.read_text(encoding=detect(file)[0], errors="replace").splitlines()
        return [line.strip() for line in lines if line.strip()]
    from backend.data.read import read_table

    table = read_table(file).table
    if not column or column not in table.column_names:
        column = columns_of(file)[1]
    return ["" if value is None else str(value) for value in table[column].to_pylist()]
