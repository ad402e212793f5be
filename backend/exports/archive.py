"""A run as a zip: its model with card and record, or its script with the rows, to go on with elsewhere."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from backend.errors import UserError
from backend.exports.origin import hub_name
from backend.exports.rows import write_rows
from backend.exports.script import standalone_script
from backend.recipes.base import Report
from backend.training.run_folder import RunFolder
from backend.training.spec import RunSpec
from backend.workspace import Workspace, disk_error

Progress = Callable[[int, int], None]
"""(bytes done, bytes in all)."""
Member = tuple[str, Path | bytes]
"""The name inside the zip; the file, or what is to stand in it."""
KEPT = 4
"""Zips of a workspace that stay in its cache."""
HALF_WRITTEN_SECONDS = 3600
"""A zip on which nobody has written for so long will not be finished."""
RESERVE_BYTES = 64 << 20
_CHUNK = 1 << 20
# Weights do not get smaller; trying costs minutes.
_DENSE = (".safetensors", ".bin", ".parquet")


def finished(workspace: Workspace, run_id: str) -> tuple[RunFolder, RunSpec, Report]:
    """The folder, spec and report of a run that has ended with a model.

    Raises UserError after.still_trains, after.no_model, and those of RunFolder.spec.
    """
    folder = RunFolder(workspace.folder("runs", run_id))
    if folder.status().state.lives:
        raise UserError("after.still_trains", run=run_id)
    report = folder.report()
    if report is None or not (folder.model / "config.json").is_file():
        raise UserError("after.no_model", run=run_id)
    return folder, folder.spec(), report


def model_zip(workspace: Workspace, run_id: str, card: str, progress: Progress) -> Path:
    """Everything of a finished run: model, card as README.md, report, spec and curves. Returns the zip's path.

    Raises UserError after.still_trains, after.no_model, after.disk_full and the workspace's for a failed write.
    """
    folder, spec, _ = finished(workspace, run_id)
    members: list[Member] = [
        (path.name, path) for path in sorted(folder.model.iterdir()) if path.is_file() and path.name != "README.md"
    ]
    members.append(("README.md", card.encode()))
    # Where things lie on this machine concerns nobody who gets the zip.
    told = replace(spec, model_path="", tokenizer_path="", data_folder="").to_json()
    members.append(("spec.json", json.dumps(told, ensure_ascii=False, indent=1).encode()))
    members += [(path.name, path) for path in (folder.path / "report.json", folder.metrics) if path.is_file()]
    return _zip(workspace, run_id, run_id, members, progress)


def script_zip(workspace: Workspace, run_id: str, progress: Progress) -> Path:
    """The script train.py and the rows as data/*.parquet. Returns the zip's path.

    Raises UserError as model_zip does, and after.no_script, after.no_data.
    """
    folder, spec, report = finished(workspace, run_id)
    script = standalone_script(spec, report, folder.model, hub_name(spec))
    with tempfile.TemporaryDirectory(dir=_downloads(workspace), prefix=".rows-", ignore_cleanup_errors=True) as rows:
        write_rows(spec, Path(rows))
        members: list[Member] = [("train.py", script.encode())]
        members += [(f"data/{path.name}", path) for path in sorted(Path(rows).iterdir())]
        return _zip(workspace, f"{run_id}-script", f"{run_id}-script", members, progress)


def _downloads(workspace: Workspace) -> Path:
    folder = workspace.root / "cache" / "downloads"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise disk_error(error, folder) from error
    return folder


def _zip(workspace: Workspace, name: str, inside: str, members: Sequence[Member], progress: Progress) -> Path:
    """Write the members into cache/downloads/NAME.zip, in a folder of its own; whole or not at all."""
    downloads = _downloads(workspace)
    sizes = [len(source) if isinstance(source, bytes) else source.stat().st_size for _, source in members]
    total, free = sum(sizes), shutil.disk_usage(downloads).free
    if total + RESERVE_BYTES > free:
        raise UserError("after.disk_full", need=(total + RESERVE_BYTES) >> 20, free=free >> 20, folder=downloads)
    _forget(downloads)
    handle, temporary = tempfile.mkstemp(dir=downloads, prefix=".zip-")
    path = downloads / f"{name}.zip"
    done = 0
    try:
        with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w") as archive:
            for (member, source), size in zip(members, sizes, strict=True):
                _add(archive, f"{inside}/{member}", source, _on_top(progress, done, total))
                done += size
                progress(done, total)
        os.replace(temporary, path)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise disk_error(error, path) from error
    except BaseException:
        # The person went away, or progress could not be told.
        Path(temporary).unlink(missing_ok=True)
        raise
    return path


def _add(archive: zipfile.ZipFile, name: str, source: Path | bytes, told: Callable[[int], None]) -> None:
    """One member, in pieces: a model need not fit into memory twice."""
    entry = zipfile.ZipInfo(name)
    dense = Path(name).suffix in _DENSE
    entry.compress_type = zipfile.ZIP_STORED if dense else zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    if isinstance(source, bytes):
        archive.writestr(entry, source)
        return
    done = 0
    with source.open("rb") as read, archive.open(entry, "w", force_zip64=True) as write:
        while piece := read.read(_CHUNK):
            write.write(piece)
            done += len(piece)
            told(done)


def _on_top(progress: Progress, before: int, total: int) -> Callable[[int], None]:
    """Tells of a member's bytes as those of the whole."""
    return lambda more: progress(before + more, total)


def _forget(downloads: Path) -> None:
    """Remove the oldest zips, and what a crash left half written."""
    zips = sorted(downloads.glob("[!.]*.zip"), key=lambda path: path.stat().st_mtime, reverse=True)
    old = [path for path in downloads.glob(".zip-*") if time.time() - path.stat().st_mtime > HALF_WRITTEN_SECONDS]
    for path in [*zips[KEPT - 1 :], *old]:
        path.unlink(missing_ok=True)
