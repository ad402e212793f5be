"""A run that is trained once more from its folder: into a new folder beside it, so that nothing is lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from backend.training.run_folder import RunFolder


def unused(run_dir: Path) -> Path:
    """The folder itself as long as nothing was trained in it, else a new one beside it with the same spec.

    Raises UserError when the spec cannot be read.
    """
    folder = RunFolder(run_dir)
    if not folder.metrics.exists():
        return run_dir
    spec = folder.spec()
    for number in count(2):
        path = run_dir.with_name(f"{run_dir.name}-{number}")
        try:
            path.mkdir()
        except FileExistsError:
            continue
        created = datetime.now(UTC).isoformat(timespec="seconds")
        RunFolder(path).write_spec(replace(spec, run_id=path.name, name=path.name, created=created))
        print(path, flush=True)
        return path
    raise AssertionError("numbers do not end")
