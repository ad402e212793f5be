"""The answers of a job as a file: CSV for Excel, XLSX, JSON Lines or Parquet; row by row, whatever their number."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from backend.errors import UserError
from backend.many.rows import ROW, Rows
from backend.workspace import disk_error

_PARQUET_ROWS = 2000
# What one sheet of Excel holds, and one cell of it.
_SHEET_ROWS = 1_048_576
_CELL_CHARACTERS = 32_767


def write_file(rows: Rows, kind: str, path: Path) -> Path:
    """The answered texts as path; kind: one of KINDS. Raises UserError workspace.*, and many.too_long_for_xlsx."""
    kinds = rows.kinds()
    columns = {**({} if rows.whole else {ROW: int}), **dict.fromkeys(rows.given, str), **kinds}
    try:
        KINDS[kind](_values(rows, list(kinds)), columns, path)
    except OSError as error:
        raise disk_error(error, path) from error
    return path


def _values(rows: Rows, answers: list[str]) -> Iterator[list[Any]]:
    """Each row in the order of the columns; what is no number stands as nothing."""
    for index, texts, answer in rows.read():
        number = [] if rows.whole else [index + 1]
        yield [*number, *texts, *(_plain(answer.get(name)) for name in answers)]


def _csv(values: Iterable[list[Any]], columns: dict[str, type], path: Path) -> None:
    """With a BOM, by which spreadsheets know UTF-8."""
    with path.open("w", encoding="utf-8-sig", errors="replace", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        # A text that begins like a formula must not become one.
        writer.writerows([_harmless(value) for value in row] for row in values)


def _jsonl(values: Iterable[list[Any]], columns: dict[str, type], path: Path) -> None:
    with path.open("w", encoding="utf-8", errors="replace") as file:
        for row in values:
            file.write(json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False) + "\n")


def _parquet(values: Iterable[list[Any]], columns: dict[str, type], path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    schema = pa.schema([(name, types.get(kind, pa.string())) for name, kind in columns.items()])
    with pq.ParquetWriter(path, schema) as writer:
        for rows in _packs(values):
            cells = [
                _typed(column, kind) for column, kind in zip(zip(*rows, strict=True), columns.values(), strict=True)
            ]
            arrays = [pa.array(column, field.type) for column, field in zip(cells, schema, strict=True)]
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))


def _xlsx(values: Iterable[list[Any]], columns: dict[str, type], path: Path) -> None:
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    book = Workbook(write_only=True)
    sheet = book.create_sheet("answers")

    def cell(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        text = ILLEGAL_CHARACTERS_RE.sub("", value)
        if len(text) > _CELL_CHARACTERS:
            text = text[: _CELL_CHARACTERS - 1] + "…"
        made = WriteOnlyCell(sheet, text)
        # Else what begins with = is a formula.
        made.data_type = "s"
        return made

    sheet.append([cell(name) for name in columns])
    for number, row in enumerate(values, 2):
        if number > _SHEET_ROWS:
            raise UserError("many.too_long_for_xlsx", limit=f"{_SHEET_ROWS - 1:,}")
        sheet.append([cell(value) for value in row])
    book.save(path)


KINDS: dict[str, Callable[[Iterable[list[Any]], dict[str, type], Path], None]] = {
    "csv": _csv,
    "xlsx": _xlsx,
    "jsonl": _jsonl,
    "parquet": _parquet,
}
"""By how the file's name ends."""


def _packs(values: Iterable[list[Any]]) -> Iterator[list[list[Any]]]:
    pack: list[list[Any]] = []
    for row in values:
        pack.append(row)
        if len(pack) == _PARQUET_ROWS:
            yield pack
            pack = []
    if pack:
        yield pack


def _typed(cells: Iterable[Any], kind: type) -> list[Any]:
    return [None if value is None else kind(value) for value in cells]


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _harmless(value: object) -> object:
    return "'" + value if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
