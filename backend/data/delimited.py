"""Reading CSV, TSV and their relatives: delimiter, quotes, ragged rows, a missing header; memory stays bounded.

The rows stream through the strict parser of the standard library into an Arrow file on disk, which is then
memory-mapped.
Covers: commas, semicolons, tabs, pipes; cells with line ends in quotes; tables with quotes as ordinary characters
(tabs only).
Does not cover: fixed-width columns, cells over 4 million characters.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from backend.data import header, kinds
from backend.data.cells import BadRows, Dialect, QuotesAreText, cut_rows
from backend.data.encoding import detect, shown
from backend.data.notes import Note
from backend.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

Progress = Callable[[str, int, int], None]
"""(phase, done, total): phase is read or save; done and total in bytes."""

_CHUNK_ROWS = 20_000
_CHUNK_BYTES = 1 << 24
_CHUNK_CELLS = 2_000_000
_HEAD_ROWS = 200
_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}


def read(
    path: Path, name: str, scratch: Path, skip_bad_rows: bool, progress: Progress
) -> tuple[pa.Table, str, list[Note]]:
    """(table, encoding, notes) of a text file of rows. name: what the person calls the file. scratch: folder for the
    staged rows.

    Raises UserError data.ragged or data.quote_open (with their line) unless skip_bad_rows; data.header_only;
    data.mostly_bad.
    """
    codec, clean = detect(path)
    dialect = Dialect(codec, "strict" if clean else "replace", _delimiter(path, codec, name))
    notes = [] if clean else [Note("data.note.broken_bytes", {}, "warning")]
    try:
        table, found = _read(path, name, dialect, scratch, skip_bad_rows, progress)
    except QuotesAreText:
        dialect = Dialect(dialect.codec, dialect.errors, dialect.delimiter, quoting=False)
        table, found = _read(path, name, dialect, scratch, skip_bad_rows, progress)
        notes.append(Note("data.note.quotes_are_text"))
    if dialect.delimiter in _NAMES:
        notes.insert(0, Note(f"data.note.{_NAMES[dialect.delimiter]}"))
    return kinds.typed(table, comma_is_point=dialect.delimiter == ";"), shown(codec), notes + found


def _delimiter(path: Path, codec: str, name: str) -> str:
    """The character that cuts most rows into the same number of cells, more than one; else none (a control
    character)."""
    with path.open(encoding=codec, errors="replace", newline="") as file:
        sample = file.read(1 << 17)
    lines = [line for line in sample.splitlines(keepends=True) if line.strip()]
    if len(sample) == 1 << 17 and len(lines) > 1:
        lines.pop()
    best, best_score = "\x1f", (0.5, 0.0)
    for delimiter in _NAMES:
        counts = _cell_counts(lines[:_HEAD_ROWS], delimiter)
        if not counts:
            continue
        cells, rows = Counter(counts).most_common(1)[0]
        share = rows / len(counts)
        # A tab is never part of a sentence, so it wins over commas that happen to be in every row.
        bonus = 1000.0 if delimiter == "\t" else 0.0
        score = (round(share, 1), cells + bonus)
        if cells > 1 and score > best_score:
            best, best_score = delimiter, score
    return best


def _cell_counts(lines: list[str], delimiter: str) -> list[int]:
    try:
        return [len(row) for row in csv.reader(lines, delimiter=delimiter, skipinitialspace=True) if row]
    except csv.Error:
        return [line.count(delimiter) + 1 for line in lines]


def _read(
    path: Path, name: str, dialect: Dialect, scratch: Path, skip_bad_rows: bool, progress: Progress
) -> tuple[pa.Table, list[Note]]:
    bad = BadRows(skip_bad_rows)
    with path.open("rb") as raw, io.TextIOWrapper(raw, dialect.codec, dialect.errors, newline="") as text:
        rows = cut_rows(text, dialect, bad, name)
        head = [row for _, row in zip(range(_HEAD_ROWS), rows, strict=False)]
        if not head and bad.first:
            raise bad.error()
        if not head:
            raise UserError("data.empty_file", file=name)
        columns, start, notes = _columns(head, name)
        fitted = _fitted(head[start:], rows, columns, bad, name)
        table = _staged(
            fitted, columns, scratch / f"{path.name}.staged", lambda: raw.tell(), path.stat().st_size, progress
        )
    if bad.first and not bad.skip:
        raise bad.error()
    if bad.count > table.num_rows:
        raise UserError(
            "data.mostly_bad", file=name, bad=bad.count, good=table.num_rows, columns=", ".join(columns[:8])
        )
    if table.num_rows == 0:
        raise UserError("data.header_only", file=name, columns=", ".join(columns[:12]))
    if bad.count:
        lines = ", ".join(map(str, bad.lines)) + ("…" if bad.count > len(bad.lines) else "")
        notes.append(Note("data.note.skipped_rows", {"count": bad.count, "lines": lines}, "warning"))
    return table, notes


def _columns(head: list[tuple[int, list[str]]], name: str) -> tuple[list[str], int, list[Note]]:
    """(column names, index of the first row of data in head, notes)."""
    rows = [cells for _, cells in head]
    if header.first_row_is_data(rows[0], rows[1:]):
        width = Counter(map(len, rows)).most_common(1)[0][0]
        names = header.made_up_names(rows, width)
        return names, 0, [Note("data.note.no_header", {"columns": ", ".join(names[:8])}, "warning")]
    first = list(rows[0])
    # A delimiter at the end of every line is no column.
    while (
        len(first) > 1
        and not first[-1].strip()
        and all(not row[len(first) - 1 :] or not row[len(first) - 1] for row in rows)
    ):
        first.pop()
    names, notes = header.clean_names(first)
    return names, 1, notes


def _fitted(
    head: list[tuple[int, list[str]]],
    rows: Iterator[tuple[int, list[str]]],
    columns: list[str],
    bad: BadRows,
    name: str,
) -> Iterator[list[str]]:
    """The cells of the rows that have as many as there are columns; empty cells too many at the end are cut."""
    width = len(columns)
    for source in (head, rows):
        for line, cells in source:
            if len(cells) != width:
                if len(cells) > width and not any(cell.strip() for cell in cells[width:]):
                    cells = cells[:width]
                else:
                    names = ", ".join(columns[:8]) + ("…" if width > 8 else "")
                    bad.add(
                        line,
                        UserError("data.ragged", file=name, line=line, cells=len(cells), width=width, columns=names),
                    )
                    continue
            yield cells


def _staged(
    rows: Iterator[list[str]], columns: list[str], target: Path, tell: Callable[[], int], total: int, progress: Progress
) -> pa.Table:
    """The rows as a memory-mapped table of text, empty cells null. At most one chunk of them is in memory at a time."""
    import pyarrow as pa

    schema = pa.schema([(name, pa.string()) for name in columns])
    most_rows = max(1, min(_CHUNK_ROWS, _CHUNK_CELLS // len(columns)))
    chunk: list[list[str]] = []
    flushed = 0
    with pa.OSFile(str(target), "wb") as sink, pa.ipc.new_stream(sink, schema) as writer:
        for cells in rows:
            chunk.append(cells)
            # Asking the file where it stands costs as much as a short row.
            if len(chunk) >= most_rows or (len(chunk) % 64 == 0 and tell() - flushed > _CHUNK_BYTES):
                writer.write_batch(_batch(chunk, schema))
                chunk.clear()
                flushed = tell()
                progress("read", flushed, total)
        if chunk:
            writer.write_batch(_batch(chunk, schema))
    return pa.ipc.open_stream(pa.memory_map(str(target))).read_all()


def _batch(rows: list[list[str]], schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    columns = [
        pa.array([cell if cell and not cell.isspace() else None for cell in column], pa.string())
        for column in zip(*rows, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
