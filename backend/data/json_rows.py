"""Reading JSON and JSON Lines: records, columns, records inside an object, nested records.

Covers: [{...}], {"data": [{...}]}, {"text": [...], "label": [...]}, {"id1": {...}}, one object a line; nested objects
become
columns such as `meta.author`, lists of plain values stay lists, anything deeper is kept as its JSON text.
Does not cover: JSON files that do not fit in memory several times over; JSON Lines stream.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.data.delimited import Progress
from backend.data.encoding import detect, shown
from backend.data.header import clean_names
from backend.data.notes import Note
from backend.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

_CHUNK_ROWS = 20_000
_DEPTH = 3
Record = dict[str, Any]


def read(path: Path, name: str, skip_bad_rows: bool, progress: Progress) -> tuple[pa.Table, str, list[Note]]:
    """(table, encoding, notes). Raises UserError data.bad_json, data.bad_json_line (skippable) or data.json_shape."""
    codec, clean = detect(path)
    errors = "strict" if clean else "replace"
    notes: list[Note] = []
    if _is_lines(path, codec):
        records = _lines(path, codec, errors, name, skip_bad_rows, notes, progress)
    else:
        try:
            records = _records(json.loads(path.read_text(encoding=codec, errors=errors).lstrip("\ufeff")), name)
        except json.JSONDecodeError as error:
            raise UserError("data.bad_json", file=name, line=error.lineno, reason=error.msg) from error
        except RecursionError as error:
            raise UserError("data.json_shape", file=name) from error
    table = _table(records)
    if table is None:
        raise UserError("data.no_rows", file=name)
    names, renamed = clean_names(table.column_names)
    return table.rename_columns(names), shown(codec), notes + renamed


def _is_lines(path: Path, codec: str) -> bool:
    """Whether the first line is a whole JSON value and more follow, whatever the file is called."""
    with path.open(encoding=codec, errors="replace") as file:
        filled = (line for line in file if line.strip())
        first, second = next(filled, ""), next(filled, "")
    try:
        value = json.loads(first.lstrip("\ufeff"))
    except ValueError:
        return path.suffix.lower() in (".jsonl", ".ndjson")
    return isinstance(value, dict) and (bool(second) or path.suffix.lower() in (".jsonl", ".ndjson"))


def _lines(
    path: Path, codec: str, errors: str, name: str, skip: bool, notes: list[Note], progress: Progress
) -> Iterator[Record]:
    bad: list[int] = []
    total, done = path.stat().st_size, 0
    with path.open(encoding=codec, errors=errors) as file:
        for number, line in enumerate(file, 1):
            done += len(line)
            if number % _CHUNK_ROWS == 0:
                progress("read", min(done, total), total)
            if not line.strip():
                continue
            try:
                value = json.loads(line.lstrip("\ufeff"))
                if not isinstance(value, dict):
                    raise ValueError("no object")
            except ValueError as error:
                if not skip:
                    reason = getattr(error, "msg", "") or "{ }"
                    raise UserError("data.bad_json_line", file=name, line=number, reason=reason) from error
                bad.append(number)
                continue
            yield _flat(value)
    if bad:
        lines = ", ".join(map(str, bad[:5])) + ("…" if len(bad) > 5 else "")
        notes.append(Note("data.note.skipped_rows", {"count": len(bad), "lines": lines}, "warning"))


def _records(data: Any, name: str) -> Iterator[Record]:
    """The rows in whichever of the usual shapes the file has them."""
    if isinstance(data, dict):
        lists = {key: value for key, value in data.items() if isinstance(value, list)}
        lengths = {len(value) for value in lists.values()}
        if (
            len(lists) == len(data) > 1
            and len(lengths) == 1
            and not any(isinstance(v[0], dict) for v in lists.values() if v)
        ):
            keys = list(data)
            return (dict(zip(keys, row, strict=True)) for row in zip(*data.values(), strict=True))
        of_records = [value for value in lists.values() if value and isinstance(value[0], dict)]
        if len(of_records) == 1:
            data = of_records[0]
        elif len(lists) == 1 and len(data) == 1:
            data = [{key: value} for key, values in lists.items() for value in values]
        elif data and all(isinstance(value, dict) for value in data.values()):
            data = [{"id": key, **value} for key, value in data.items()]
        else:
            data = [data]
    if not isinstance(data, list):
        raise UserError("data.json_shape", file=name)
    if data and all(isinstance(row, list) for row in data):
        return (_flat({f"column_{index + 1}": value for index, value in enumerate(row)}) for row in data)
    return (_flat(row if isinstance(row, dict) else {"text": row}) for row in data)


def _flat(record: Record, prefix: str = "", depth: int = 1) -> Record:
    flat: Record = {}
    for key, value in record.items():
        if isinstance(value, dict) and value and depth < _DEPTH:
            flat.update(_flat(value, f"{prefix}{key}.", depth + 1))
        else:
            flat[prefix + str(key)] = value
    return flat


def _table(records: Iterator[Record]) -> pa.Table | None:
    """All records, in chunks; a column is of the simplest type that holds all its values. None without a record."""
    import pyarrow as pa

    chunks: list[pa.Table] = []
    pending: list[Record] = []
    for record in records:
        pending.append(record)
        if len(pending) == _CHUNK_ROWS:
            chunks.append(_chunk(pending))
            pending = []
    if pending:
        chunks.append(_chunk(pending))
    chunks = [chunk for chunk in chunks if chunk.num_columns]
    if not chunks:
        return None
    names = list(dict.fromkeys(name for chunk in chunks for name in chunk.column_names))
    types = {name: _common([c.schema.field(name).type for c in chunks if name in c.column_names]) for name in names}
    return pa.concat_tables([_as(chunk, types) for chunk in chunks])


def _chunk(records: list[Record]) -> pa.Table:
    import pyarrow as pa

    names = list(dict.fromkeys(name for record in records for name in record))
    return pa.table({name: _array([record.get(name) for record in records]) for name in names})


def _array(values: list[Any]) -> pa.Array:
    import pyarrow as pa

    kinds = {type(value) for value in values if value is not None}
    if not kinds:
        return pa.nulls(len(values), pa.string())
    try:
        if kinds == {bool}:
            return pa.array(values, pa.bool_())
        if kinds == {int}:
            return pa.array(values, pa.int64())
        if kinds <= {int, float}:
            return pa.array([None if value is None else float(value) for value in values], pa.float64())
        if kinds == {list}:
            inner = {type(item) for value in values for item in value or ()}
            if len(inner) == 1 and inner <= {str, int, float, bool}:
                return pa.array(values)
    except (pa.ArrowInvalid, OverflowError):
        # Integers beyond 64 bits.
        pass
    # An empty text is an empty cell, as in a CSV.
    return pa.array([_text(value) or None for value in values], pa.string())


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        # A lone surrogate, which JSON can spell, is no text that Arrow can hold.
        return value.encode("utf-8", "replace").decode("utf-8")
    return json.dumps(value, ensure_ascii=False)


def _common(types: list[pa.DataType]) -> pa.DataType:
    import pyarrow as pa

    found = set(types)
    if len(found) == 1:
        return types[0]
    if found <= {pa.int64(), pa.float64()}:
        return pa.float64()
    return pa.string()


def _as(chunk: pa.Table, types: dict[str, pa.DataType]) -> pa.Table:
    import pyarrow as pa

    columns = []
    for name, wanted in types.items():
        if name not in chunk.column_names:
            columns.append(pa.nulls(chunk.num_rows, wanted))
            continue
        column = chunk.column(name)
        if column.type != wanted and pa.types.is_nested(column.type):
            column = pa.array([_text(value) or None for value in column.to_pylist()], pa.string())
        columns.append(column if column.type == wanted else column.cast(wanted))
    return pa.table(dict(zip(types, columns, strict=True)))
