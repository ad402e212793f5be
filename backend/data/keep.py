"""Writing a version of a data set: in a temporary folder on the same disk, then put in its place in one step."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.data.delimited import Progress
from backend.data.kinds import kind_of
from backend.data.version import ROW_ID, Column, DataVersion
from backend.workspace import Workspace, disk_error

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH_ROWS = 4096


def new_version(
    ref: str,
    number: int,
    title: str,
    table: pa.Table,
    folder: Path,
    encoding: str,
    split: str,
    steps: list[dict[str, Any]],
) -> DataVersion:
    """What version.json will say of a table; its size is known once it is kept."""
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


def keep(version: DataVersion, table: pa.Table, scratch: Path, progress: Progress | None) -> DataVersion:
    """Write data.arrow and version.json in a folder of scratch, then put it in its place in one step."""
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


@contextmanager
def scratch_folder(workspace: Workspace) -> Iterator[Path]:
    """A folder on the workspace's own disk, gone afterwards. A failed write in it is a UserError."""
    try:
        workspace.root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".incoming-", dir=workspace.root, ignore_cleanup_errors=True) as folder:
            yield Path(folder)
    except OSError as error:
        raise disk_error(error, workspace.root / "datasets") from error
