"""The data sets of a workspace: the visitor's own and the samples. Uploading, listing, opening, mending, removing.

A version is the folder <data set>/v<number> with data.arrow and version.json; it is made in a temporary folder and
renamed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.data.delimited import Progress
from backend.data.encoding import mend, shown
from backend.data.kinds import kind_of
from backend.data.notes import Note
from backend.data.read import ReadResult, read_table
from backend.data.split import given_split_column, split_of_file
from backend.data.version import ROW_ID, Column, DataVersion
from backend.errors import UserError
from backend.settings import Settings
from backend.texts import lookup
from backend.workspace import Workspace, disk_error

if TYPE_CHECKING:
    import pyarrow as pa

SAMPLE_DIR = Path(__file__).resolve().parent.parent.parent / "assets" / "samples"
SAMPLES = ("reviews_en", "news_en", "news_zh", "sentence_pairs_en")
"""Data sets that ship with the product: SAMPLE_DIR/<name>.csv, text `data.sample.<name>`."""

_BATCH_ROWS = 4096
_lock = threading.Lock()


def list_data(workspace: Workspace) -> list[DataVersion]:
    """The latest version of each data set: the visitor's newest first, then the samples."""
    found = [version for name in workspace.names("datasets") if (version := _latest(workspace, name))]
    return found + [_sample(workspace, name) for name in SAMPLES if (SAMPLE_DIR / f"{name}.csv").exists()]


def open_data(workspace: Workspace, ref: str, version: int | None = None) -> DataVersion:
    """A version of a data set, the latest if not said. Raises UserError data.missing, naming what there is."""
    kind, _, name = ref.partition(":")
    found: DataVersion | None = None
    if kind == "sample" and name in SAMPLES and (SAMPLE_DIR / f"{name}.csv").exists():
        found = _sample(workspace, name)
    elif kind == "mine":
        found = _latest(workspace, name) if version is None else _version(workspace, name, version)
    if found is None:
        titles = ", ".join(one.title for one in list_data(workspace))
        raise UserError("data.missing", name=name or ref, titles=titles)
    return found


def title_of(version: DataVersion, locale: str) -> str:
    """What a person calls a data set: samples have a name in each language."""
    kind, _, name = version.ref.partition(":")
    return lookup(f"data.sample.{name}", locale) if kind == "sample" else version.title


def notes_of(version: DataVersion) -> list[Note]:
    """What reading found out, over all steps that made this version."""
    return [Note.from_json(note) for step in version.steps for note in step.get("notes", ())]


def add_files(
    workspace: Workspace,
    settings: Settings,
    paths: Sequence[Path],
    title: str = "",
    progress: Progress | None = None,
    *,
    skip_bad_rows: bool = False,
) -> DataVersion:
    """A new data set from uploaded files; several with the same columns are stacked, with a split column if named so.

    Raises UserError data.* for what is wrong with a file, workspace.* when it cannot be saved; then nothing is left
    behind.
    """
    if not paths:
        raise UserError("data.no_files")
    for path in paths:
        size = path.stat().st_size
        if size > settings.upload_limit_mib * 2**20:
            limit = settings.upload_limit_mib
            raise UserError("data.too_large", file=path.name, size=round(size / 2**20), limit=limit)
    title = title.strip() or (paths[0].stem if len(paths) == 1 else _common_stem(paths))
    with _scratch(workspace) as scratch:
        results = []
        for index, path in enumerate(paths):
            folder = scratch / f"file-{index}"
            folder.mkdir()
            results.append(
                read_table(path, name=path.name, skip_bad_rows=skip_bad_rows, scratch=folder, progress=progress)
            )
        table, split_column = _stacked(paths, results)
        steps = [_read_step(path, result, skip_bad_rows) for path, result in zip(paths, results, strict=True)]
        encoding = ", ".join(dict.fromkeys(result.encoding for result in results))
        with _lock:
            name = workspace.free_name("datasets", title)
            target = workspace.folder("datasets", name) / "v1"
            made = _describe_version(f"mine:{name}", 1, title, table, target, encoding, split_column, steps)
            return _keep(made, table, scratch, progress)


def mend_text(workspace: Workspace, ref: str, progress: Progress | None = None) -> DataVersion:
    """The next version of a data set whose text was encoded twice, with the text as it was meant. Raises UserError."""
    import pyarrow as pa

    old = open_data(workspace, ref)
    wrong = next((n.values["codec"] for n in notes_of(old) if n.key == "data.note.twice_encoded"), "")
    if not wrong or not ref.startswith("mine:"):
        raise UserError("data.nothing_to_mend", name=old.title)
    table = _mapped(old)
    names = [mend(name, wrong) for name in table.column_names]
    columns, changed = [], 0
    for column in table.columns:
        if pa.types.is_string(column.type):
            values = column.to_pylist()
            mended = [value and mend(value, wrong) for value in values]
            changed += sum(new != value for new, value in zip(mended, values, strict=True))
            column = pa.array(mended, pa.string())
        columns.append(column)
    table = pa.Table.from_arrays(columns, names=names).drop_columns([ROW_ID])
    steps = [_without_note(step, "data.note.twice_encoded") for step in old.steps]
    note = Note("data.note.mended", {"count": changed, "encoding": shown(wrong)})
    steps.append({"step": "mend_text", "wrong": wrong, "cells": changed, "notes": [note.to_json()]})
    with _scratch(workspace) as scratch, _lock:
        number = old.version + 1
        target = old.folder.parent / f"v{number}"
        split_column = mend(old.given_split_column, wrong)
        made = _describe_version(ref, number, old.title, table, target, old.encoding, split_column, steps)
        return _keep(made, table, scratch, progress)


def remove(workspace: Workspace, ref: str) -> None:
    """Delete a data set of the visitor's own, all versions. Samples stay. Raises UserError."""
    kind, _, name = ref.partition(":")
    if kind != "mine":
        raise UserError("data.sample_stays")
    folder = workspace.folder("datasets", name)
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise disk_error(error, folder) from error


def _latest(workspace: Workspace, name: str) -> DataVersion | None:
    folder = workspace.folder("datasets", name)
    try:
        numbers = [int(entry.name[1:]) for entry in os.scandir(folder) if entry.name[1:].isdecimal()]
    except OSError:
        return None
    found = (_version(workspace, name, number) for number in sorted(numbers, reverse=True))
    return next((version for version in found if version), None)


def _version(workspace: Workspace, name: str, number: int) -> DataVersion | None:
    try:
        return DataVersion.read(workspace.folder("datasets", name) / f"v{number}")
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _sample(workspace: Workspace, name: str) -> DataVersion:
    """A sample, converted the first time; a changed file of the product is another folder, so old runs keep theirs."""
    source = SAMPLE_DIR / f"{name}.csv"
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:12]
    target = workspace.folder("samples", name) / digest
    with _lock:
        try:
            return DataVersion.read(target)
        except (OSError, ValueError, KeyError, TypeError):
            pass
        with _scratch(workspace) as scratch:
            result = read_table(source, scratch=scratch)
            title = lookup(f"data.sample.{name}")
            split_column = given_split_column(result.table)
            steps = [_read_step(source, result, False)]
            made = _describe_version(
                f"sample:{name}", 1, title, result.table, target, result.encoding, split_column, steps
            )
            return _keep(made, result.table, scratch, None)


def _common_stem(paths: Sequence[Path]) -> str:
    """What the names of several files share, without the words for splits: reviews_train, reviews_test gives
    reviews."""
    stem = os.path.commonprefix([path.stem for path in paths]).strip("-_. ")
    return stem if len(stem) > 2 else "-".join(path.stem for path in paths[:3])


def _stacked(paths: Sequence[Path], results: Sequence[ReadResult]) -> tuple[pa.Table, str]:
    """(all rows, name of the column that says the split, or "")."""
    import pyarrow as pa

    tables = [result.table for result in results]
    first = tables[0].column_names
    for path, table in zip(paths, tables, strict=True):
        if set(table.column_names) != set(first):
            values = {"first": paths[0].name, "first_columns": ", ".join(first[:8])}
            raise UserError("data.files_differ", file=path.name, columns=", ".join(table.column_names[:8]), **values)
    splits = [split_of_file(path.stem) for path in paths]
    if len(paths) > 1 and all(splits):
        column = next(name for name in ("split", "split_2", "given_split") if name not in first)
        tables = [
            table.append_column(column, pa.repeat(split, table.num_rows).cast(pa.string()))
            for table, split in zip(tables, splits, strict=True)
        ]
        return _concatenated(tables), column
    table = _concatenated(tables)
    return table, given_split_column(table)


def _concatenated(tables: list[pa.Table]) -> pa.Table:
    """Rows below each other; a column that is a number in one file and text in another is text in all."""
    import pyarrow as pa

    fields = []
    for name in tables[0].column_names:
        types = {table.schema.field(name).type for table in tables}
        numbers = types <= {pa.int64(), pa.float64()}
        fields.append((name, types.pop() if len(types) == 1 else pa.float64() if numbers else pa.string()))
    schema = pa.schema(fields)
    return pa.concat_tables([table.select(schema.names).cast(schema) for table in tables])


def _read_step(path: Path, result: ReadResult, skip_bad_rows: bool) -> dict[str, Any]:
    return {
        "step": "read",
        "file": path.name,
        "encoding": result.encoding,
        "rows": result.table.num_rows,
        "skip_bad_rows": skip_bad_rows,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "notes": [note.to_json() for note in result.notes],
    }


def _without_note(step: dict[str, Any], key: str) -> dict[str, Any]:
    return step | {"notes": [note for note in step.get("notes", ()) if note["key"] != key]}


def _describe_version(
    ref: str,
    number: int,
    title: str,
    table: pa.Table,
    folder: Path,
    encoding: str,
    split: str,
    steps: list[dict[str, Any]],
) -> DataVersion:
    columns = tuple(Column(field.name, kind_of(field.type)) for field in table.schema)
    return DataVersion(
        ref=ref,
        version=number,
        title=title,
        rows=table.num_rows,
        columns=columns,
        folder=folder,
        bytes=0,
        encoding=encoding,
        given_split_column=split,
        steps=tuple(steps),
    )


def _keep(version: DataVersion, table: pa.Table, scratch: Path, progress: Progress | None) -> DataVersion:
    """Write data.arrow and version.json in a folder of scratch, then put it in its place in one step."""
    import json
    from dataclasses import replace

    made = scratch / "version"
    made.mkdir()
    _write(table, made / "data.arrow", progress)
    version = replace(version, bytes=(made / "data.arrow").stat().st_size)
    (made / "version.json").write_text(json.dumps(version.to_json(), ensure_ascii=False, indent=1), encoding="utf-8")
    version.folder.parent.mkdir(parents=True, exist_ok=True)
    os.replace(made, version.folder)
    return version


def _write(table: pa.Table, target: Path, progress: Progress | None) -> None:
    import pyarrow as pa

    schema = pa.schema([(ROW_ID, pa.int64())] + [(field.name, field.type) for field in table.schema])
    with pa.OSFile(str(target), "wb") as sink, pa.ipc.new_stream(sink, schema) as writer:
        done = 0
        for batch in table.to_batches(max_chunksize=_BATCH_ROWS):
            ids = pa.array(range(done, done + batch.num_rows), pa.int64())
            writer.write_batch(pa.RecordBatch.from_arrays([ids, *batch.columns], schema=schema))
            done += batch.num_rows
            if progress and done % (16 * _BATCH_ROWS) < _BATCH_ROWS:
                progress("save", done, table.num_rows)


def _mapped(version: DataVersion) -> pa.Table:
    import pyarrow as pa

    return pa.ipc.open_stream(pa.memory_map(str(version.arrow))).read_all()


@contextmanager
def _scratch(workspace: Workspace) -> Iterator[Path]:
    """A folder on the workspace's own disk, gone afterwards. A failed write in it is a UserError."""
    try:
        workspace.root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".incoming-", dir=workspace.root, ignore_cleanup_errors=True) as folder:
            yield Path(folder)
    except OSError as error:
        raise disk_error(error, workspace.root / "datasets") from error
