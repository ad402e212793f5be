"""The data sets of a workspace: the visitor's own and the samples. Uploading, listing, opening, mending, removing.

A version is the folder <data set>/v<number> with data.arrow and version.json; it is made in a temporary folder and
renamed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from backend.data.delimited import Progress
from backend.data.encoding import mend, shown
from backend.data.keep import keep, new_version, scratch_folder
from backend.data.notes import Note
from backend.data.query import mapped
from backend.data.read import ReadResult, read_table
from backend.data.split import given_split_column
from backend.data.stack import common_stem, stacked
from backend.data.version import ROW_ID, DataVersion
from backend.errors import UserError
from backend.settings import Settings
from backend.texts import lookup
from backend.workspace import Workspace, disk_error

SAMPLE_DIR = Path(__file__).resolve().parent.parent.parent / "assets" / "samples"
SAMPLES = ("reviews_en", "news_en", "news_zh", "paraphrases_en", "sentence_pairs_en", "feedback_en")
"""Data sets that ship with the product: SAMPLE_DIR/<name>.csv, text `data.sample.<name>`."""

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
    title = title.strip() or (paths[0].stem if len(paths) == 1 else common_stem(paths))
    with scratch_folder(workspace) as scratch:
        results = []
        for index, path in enumerate(paths):
            folder = scratch / f"file-{index}"
            folder.mkdir()
            results.append(
                read_table(path, name=path.name, skip_bad_rows=skip_bad_rows, scratch=folder, progress=progress)
            )
        table, split_column = stacked(paths, results)
        steps = [_read_step(path, result, skip_bad_rows) for path, result in zip(paths, results, strict=True)]
        encoding = ", ".join(dict.fromkeys(result.encoding for result in results))
        with _lock:
            name = workspace.free_name("datasets", title)
            target = workspace.folder("datasets", name) / "v1"
            made = new_version(f"mine:{name}", 1, title, table, target, encoding, split_column, steps)
            return keep(made, table, scratch, progress)


def mend_text(workspace: Workspace, ref: str, progress: Progress | None = None) -> DataVersion:
    """The next version of a data set whose text was encoded twice, with the text as it was meant. Raises UserError."""
    import pyarrow as pa

    old = open_data(workspace, ref)
    wrong = next((n.values["codec"] for n in notes_of(old) if n.key == "data.note.twice_encoded"), "")
    if not wrong or not ref.startswith("mine:"):
        raise UserError("data.nothing_to_mend", name=old.title)
    table = mapped(old)
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
    with scratch_folder(workspace) as scratch, _lock:
        number = old.version + 1
        target = old.folder.parent / f"v{number}"
        split_column = mend(old.given_split_column, wrong)
        made = new_version(ref, number, old.title, table, target, old.encoding, split_column, steps)
        return keep(made, table, scratch, progress)


def remove(workspace: Workspace, ref: str) -> None:
    """Delete a data set of the visitor's own, all versions. Samples stay. Raises UserError.

    Its empty folder stays: the name is not given again, so that no run, waiting or old, finds other rows behind it.
    """
    kind, _, name = ref.partition(":")
    if kind != "mine":
        raise UserError("data.sample_stays")
    folder = workspace.folder("datasets", name)
    try:
        for version in [entry for entry in folder.iterdir() if entry.is_dir()]:
            shutil.rmtree(version)
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
    return _read(workspace.folder("datasets", name) / f"v{number}")


def _read(folder: Path) -> DataVersion | None:
    try:
        return DataVersion.read(folder)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _sample(workspace: Workspace, name: str) -> DataVersion:
    """A sample, converted the first time; a changed file of the product is another folder, so old runs keep theirs."""
    source = SAMPLE_DIR / f"{name}.csv"
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:12]
    target = workspace.folder("samples", name) / digest
    # A version is put in its place whole, so whoever finds one need not wait for a long upload to be saved.
    if (found := _read(target)) is not None:
        return found
    with _lock:
        if (found := _read(target)) is not None:
            return found
        with scratch_folder(workspace) as scratch:
            result = read_table(source, scratch=scratch)
            title = lookup(f"data.sample.{name}")
            split_column = given_split_column(result.table)
            steps = [_read_step(source, result, False)]
            made = new_version(f"sample:{name}", 1, title, result.table, target, result.encoding, split_column, steps)
            return keep(made, result.table, scratch, None)


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
