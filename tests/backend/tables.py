"""Data versions of a few rows, written as the product writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from backend.data.version import Column, DataVersion


def save_version(folder: Path, given_split_column: str = "", **columns: list[Any]) -> DataVersion:
    """A version with these columns, its kinds found from the values."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = len(next(iter(columns.values())))
    table = pa.table({"row_id": pa.array(range(rows), pa.int64()), **columns})
    with pa.OSFile(str(folder / "data.arrow"), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)
    kinds = tuple(Column(name, _kind(table.schema.field(name).type)) for name in columns)
    version = DataVersion(
        ref=f"mine:{folder.name}",
        version=1,
        title=folder.name,
        rows=rows,
        columns=kinds,
        folder=folder,
        bytes=table.nbytes,
        given_split_column=given_split_column,
    )
    (folder / "version.json").write_text(json.dumps(version.to_json()), encoding="utf-8")
    return version


def _kind(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_integer(kind):
        return "integer"
    if pa.types.is_floating(kind):
        return "number"
    return "list" if pa.types.is_list(kind) else "text"
