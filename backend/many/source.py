"""Where many texts come from: typed lines, a file, or a data set of the library; as Arrow, empty cells included."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from backend.errors import UserError
from backend.tasks.context import encodable
from backend.texts_in_file import column_of, columns_of, first_names, text_columns
from backend.workspace import Workspace

if TYPE_CHECKING:
    import pyarrow as pa

TEXT, TEXT_PAIR = "text", "text_pair"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What a person chose. kind says which of the fields counts."""

    kind: Literal["lines", "file", "data"]
    lines: str = ""
    """One text a line; empty lines are left out."""
    file: Path | None = None
    data: str = ""
    """Ref of a data set."""
    column: str = ""
    """Where a file is a table, and of a data set: the column with the texts; empty: the likeliest."""
    column_pair: str = ""
    """The column with the second texts; empty: there are none."""


@dataclass(frozen=True, slots=True)
class Given:
    """What was read: a table with the column TEXT, and TEXT_PAIR where there are second texts; no cell is null."""

    table: pa.Table
    title: str
    """Name of the file or the data set; empty for typed lines."""
    column: str
    """The column that was read; empty where there was none to choose."""


def columns_in(workspace: Workspace, source: Source) -> tuple[list[str], str | None]:
    """(text columns, the likeliest of them); ([], None) where there is nothing to choose. Raises UserError."""
    if source.kind == "file" and source.file is not None:
        return columns_of(source.file)
    if source.kind == "data" and source.data:
        from backend.data.library import open_data
        from backend.data.query import mapped
        from backend.data.version import ROW_ID

        return text_columns(mapped(open_data(workspace, source.data)).drop_columns([ROW_ID]))
    return [], None


def read(workspace: Workspace, source: Source, takes_pairs: bool) -> Given:
    """The texts. Raises UserError for a file that cannot be read, a column that is not there, and for no text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = title = ""
    if source.kind == "lines":
        lines = [line.strip() for line in encodable(source.lines).splitlines() if line.strip()]
        columns = [pa.chunked_array([pa.array(lines, pa.string())])]
    else:
        column = source.column or columns_in(workspace, source)[1] or ""
        title = _title(workspace, source)
        columns = [_column(workspace, source, column)]
        if takes_pairs and source.column_pair:
            columns.append(_column(workspace, source, source.column_pair))
    if not len(columns[0]) or not pc.any(pc.greater(letters(columns[0]), 0)).as_py():
        raise UserError("playground.no_texts")
    return Given(pa.table(dict(zip((TEXT, TEXT_PAIR), columns, strict=False))), title, column)


def letters(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """How many characters each text has without the spaces around it."""
    import pyarrow.compute as pc

    return pc.utf8_length(pc.utf8_trim_whitespace(column))


def _title(workspace: Workspace, source: Source) -> str:
    """Raises UserError playground.no_texts where nothing was chosen, data.missing."""
    if source.kind == "file" and source.file is not None:
        return source.file.name
    from backend.data.library import open_data

    return open_data(workspace, source.data).title


def _column(workspace: Workspace, source: Source, name: str) -> pa.ChunkedArray:
    """A column as text, null being the empty text. Raises UserError data.no_column, playground.no_texts."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if source.kind == "file":
        if source.file is None:
            raise UserError("playground.no_texts")
        found = column_of(source.file, name)
    else:
        from backend.data.library import open_data
        from backend.data.query import mapped

        if not source.data:
            raise UserError("playground.no_texts")
        version = open_data(workspace, source.data)
        if version.column(name) is None:
            raise UserError("data.no_column", column=name, columns=first_names([one.name for one in version.columns]))
        found = mapped(version)[name]
    if not pa.types.is_string(found.type):
        try:
            found = pc.cast(found, pa.string())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            # A list has no cast of its own.
            values = [None if value is None else str(value) for value in found.to_pylist()]
            found = pa.chunked_array([pa.array(values, pa.string())])
    return pc.fill_null(found, "")
