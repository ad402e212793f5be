"""One file in, one table out: finds the format by the content, then by the name."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.data.delimited import Progress
from backend.data.encoding import shown, twice_encoded
from backend.data.notes import Note
from backend.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

SKIPPABLE = ("data.ragged", "data.ragged_many", "data.quote_open", "data.quote_open_many", "data.bad_json_line")
"""Errors that read_table(skip_bad_rows=True) gets past."""

# First bytes of files that are no table, and what a person calls them: text `data.kind.{name}`.
_OTHERS = (
    (b"\x89PNG", "picture"),
    (b"\xff\xd8\xff", "picture"),
    (b"GIF8", "picture"),
    (b"BM", "picture"),
    (b"II*\0", "picture"),
    (b"MM\0*", "picture"),
    (b"%PDF", "pdf"),
    (b"\x1f\x8b", "archive"),
    (b"7z\xbc\xaf", "archive"),
    (b"Rar!", "archive"),
    (b"BZh", "archive"),
    (b"\xfd7zXZ", "archive"),
    (b"\x28\xb5\x2f\xfd", "archive"),
    (b"SQLite format 3", "database"),
    (b"\x7fELF", "program"),
    (b"MZ", "program"),
    (b"ID3", "sound"),
    (b"OggS", "sound"),
    (b"fLaC", "sound"),
    (b"\x80\x04\x95", "pickle"),
)


@dataclass(frozen=True, slots=True)
class ReadResult:
    """A file as a table. Columns have unique names and plain types (text, int64, float64, bool, lists of these)."""

    table: pa.Table
    encoding: str
    """"UTF-8", "GB18030", ... or the name of a format that has none."""
    notes: tuple[Note, ...] = ()


def read_table(
    path: Path,
    *,
    name: str = "",
    skip_bad_rows: bool = False,
    scratch: Path | None = None,
    progress: Progress | None = None,
) -> ReadResult:
    """The table in a file. name: what the person calls it. scratch: a folder for staged rows (the table may map a
    file there).

    Raises UserError, keys data.*, for everything that can be wrong with a file; those in SKIPPABLE are got past with
    skip_bad_rows.
    """
    name = name or path.name
    progress = progress or _no_progress
    if path.stat().st_size == 0:
        raise UserError("data.empty_file", file=name)
    with path.open("rb") as file:
        head = file.read(4096)
    if scratch is None:
        # The mapped file outlives its name: Linux and macOS keep it until the table is gone.
        with tempfile.TemporaryDirectory(prefix="workbench-", ignore_cleanup_errors=True) as folder:
            return _read(path, name, head, skip_bad_rows, Path(folder), progress)
    return _read(path, name, head, skip_bad_rows, scratch, progress)


def _no_progress(phase: str, done: int, total: int) -> None:
    """Nobody watches."""


def _read(path: Path, name: str, head: bytes, skip: bool, scratch: Path, progress: Progress) -> ReadResult:
    table, encoding, notes = _by_format(path, name, head, skip, scratch, progress)
    if table.num_rows == 0:
        raise UserError("data.header_only", file=name, columns=", ".join(table.column_names[:12]))
    wrong = twice_encoded(_some_text(table))
    if wrong:
        notes.append(Note("data.note.twice_encoded", {"encoding": shown(wrong), "codec": wrong}, "warning"))
    return ReadResult(table, encoding, tuple(notes))


def _by_format(
    path: Path, name: str, head: bytes, skip: bool, scratch: Path, progress: Progress
) -> tuple[pa.Table, str, list[Note]]:
    from backend.data import delimited, json_rows, spreadsheet

    suffix = Path(name).suffix.lower()
    if head.startswith(b"PAR1"):
        return _parquet(path, name)
    if head.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
        return _arrow(path, name)
    if head.startswith(b"PK\x03\x04"):
        if _is_xlsx(path):
            return spreadsheet.read(path, name, progress)
        raise UserError("data.not_a_table.archive", file=name)
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise UserError("data.old_excel", file=name)
    for magic, kind in _OTHERS:
        if head.startswith(magic) and (len(magic) > 2 or b"\0" in head):
            raise UserError(f"data.not_a_table.{kind}", file=name)
    if head.startswith(b"RIFF") or head[4:8] == b"ftyp":
        raise UserError("data.not_a_table.picture", file=name)
    if suffix in (".parquet", ".arrow", ".feather", ".xlsx"):
        raise UserError("data.broken_file", file=name, kind=suffix[1:].upper(), reason="")
    if suffix in (".json", ".jsonl", ".ndjson"):
        return json_rows.read(path, name, skip, progress)
    return delimited.read(path, name, scratch, skip, progress)


def _is_xlsx(path: Path) -> bool:
    import zipfile

    try:
        with zipfile.ZipFile(path) as archive:
            return any(entry.startswith("xl/") for entry in archive.namelist())
    except zipfile.BadZipFile:
        return path.suffix.lower() == ".xlsx"


def _parquet(path: Path, name: str) -> tuple[pa.Table, str, list[Note]]:
    import pyarrow as pa
    import pyarrow.parquet

    try:
        table = pa.parquet.read_table(path, memory_map=True)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise UserError("data.broken_file", file=name, kind="Parquet", reason=str(error)[:200]) from error
    table, notes = _named_labels(table)
    return table, "Parquet", notes


def _arrow(path: Path, name: str) -> tuple[pa.Table, str, list[Note]]:
    import pyarrow as pa
    import pyarrow.feather

    try:
        mapped = pa.memory_map(str(path))
        try:
            table = pa.ipc.open_stream(mapped).read_all()
        except pa.ArrowInvalid:
            table = pa.ipc.open_file(mapped).read_all()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, OSError) as error:
        raise UserError("data.broken_file", file=name, kind="Arrow", reason=str(error)[:200]) from error
    table, notes = _named_labels(table)
    return table, "Arrow", notes


def _named_labels(table: pa.Table) -> tuple[pa.Table, list[Note]]:
    """Plain types and clean names; class numbers whose names `datasets` left in the file become the names."""
    import pyarrow as pa

    from backend.data import header, kinds

    names_of = _class_names(table.schema.metadata or {})
    table = kinds.plain(table)
    notes: list[Note] = []
    for column, names in names_of.items():
        index = table.schema.get_field_index(column)
        if index >= 0 and table.schema.field(index).type == pa.int64():
            texts = [
                names[value] if value is not None and 0 <= value < len(names) else None
                for value in table.column(index).to_pylist()
            ]
            table = table.set_column(index, column, pa.array(texts, pa.string()))
            notes.append(Note("data.note.class_names", {"column": column}))
    clean, renamed = header.clean_names(table.column_names)
    return table.rename_columns(clean), notes + renamed


def _class_names(metadata: dict[bytes, bytes]) -> dict[str, list[str]]:
    try:
        features: dict[str, Any] = json.loads(metadata[b"huggingface"])["info"]["features"]
        return {
            column: feature["names"]
            for column, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" and feature.get("names")
        }
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}


def _some_text(table: pa.Table, rows: int = 2000) -> list[str]:
    """Column names and the first rows of the columns of text, in which a wrong encoding shows."""
    import pyarrow as pa

    texts = list(table.column_names)
    for column in table.columns[:50]:
        if pa.types.is_string(column.type):
            texts += [value for value in column.slice(0, rows).to_pylist() if value is not None]
    return texts
