"""Reading XLSX: the first sheet with anything on it.

Does not cover: the old XLS format, formulas without a saved value, merged cells (only their first cell has the value).
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.data import header
from backend.data.delimited import Progress
from backend.data.notes import Note
from backend.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa


def read(path: Path, name: str, progress: Progress) -> tuple[pa.Table, str, list[Note]]:
    """(table, "XLSX", notes). Raises UserError data.broken_file, data.empty_file or data.header_only."""
    import warnings
    import zipfile
    from xml.etree.ElementTree import ParseError

    import openpyxl
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        with warnings.catch_warnings(), path.open("rb") as file:
            # Styles and extensions that openpyxl leaves out do not matter to the values.
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
            sheets = book.worksheets
            for sheet in sheets:
                sheet.reset_dimensions()  # type: ignore[union-attr]
                rows = list(_filled(sheet.iter_rows(values_only=True), progress))
                if rows:
                    notes = [] if len(sheets) == 1 else [_other_sheets(sheet.title, [other.title for other in sheets])]
                    table, more = _table(rows, name)
                    return table, "XLSX", notes + more
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ParseError, ValueError, TypeError, EOFError) as error:
        raise UserError("data.broken_file", file=name, kind="XLSX", reason=str(error)[:200]) from error
    raise UserError("data.empty_file", file=name)


def _other_sheets(title: str, titles: list[str]) -> Note:
    others = ", ".join(other for other in titles if other != title)
    return Note("data.note.other_sheets", {"sheet": title, "others": others[:200]}, "warning")


def _filled(rows: Iterator[tuple[Any, ...]], progress: Progress) -> Iterator[list[Any]]:
    for number, row in enumerate(rows):
        if number % 5000 == 0:
            progress("read", number, 0)
        cells = list(row)
        while cells and _blank(cells[-1]):
            cells.pop()
        if cells:
            yield cells


def _blank(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def _table(rows: list[list[Any]], name: str) -> tuple[pa.Table, list[Note]]:
    import pyarrow as pa

    width = max(map(len, rows))
    texts = [[_text(cell) or "" for cell in row] + [""] * (width - len(row)) for row in rows[:200]]
    if header.first_row_is_data(texts[0], texts[1:]):
        names, start = header.made_up_names(texts, width), 0
        notes = [Note("data.note.no_header", {"columns": ", ".join(names[:8])}, "warning")]
    else:
        names, notes = header.clean_names(texts[0])
        start = 1
    if len(rows) == start:
        raise UserError("data.header_only", file=name, columns=", ".join(names[:12]))
    columns = [_column([row[index] if index < len(row) else None for row in rows[start:]]) for index in range(width)]
    return pa.Table.from_arrays(columns, names=names), notes


def _column(cells: list[Any]) -> pa.Array:
    import pyarrow as pa

    cells = [None if _blank(cell) else cell for cell in cells]
    kinds = {type(cell) for cell in cells if cell is not None}
    try:
        if kinds == {bool}:
            return pa.array(cells, pa.bool_())
        # Excel keeps every number as a float: 5.0 is 5 to the person who typed it.
        if kinds and kinds <= {int, float}:
            whole = all(cell is None or float(cell).is_integer() for cell in cells)
            kind = int if whole else float
            return pa.array(
                [None if cell is None else kind(cell) for cell in cells], pa.int64() if whole else pa.float64()
            )
    except (pa.ArrowInvalid, OverflowError):
        pass
    return pa.array([_text(cell) for cell in cells], pa.string())


def _text(cell: Any) -> str | None:
    if cell is None:
        return None
    if isinstance(cell, datetime.datetime) and cell.time() == datetime.time():
        return cell.date().isoformat()
    if isinstance(cell, datetime.date | datetime.datetime | datetime.time):
        return cell.isoformat()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)
