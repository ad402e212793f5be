"""A run that a person trains once more from its folder: one that was cut off goes on; one that has ended is trained in
a new folder beside it, so that nothing is lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from backend.training.run_folder import RunFolder


def unused(run_dir: Path) -> Path:
    """The folder itself where nothing was trained yet or where there is something to go on from, else a new one beside
    it with the same spec.

    Raises UserError when the spec cannot be read.
    """
    folder = RunFolder(run_dir)
    if not folder.metrics.exists() or (folder.status().can_go_on and folder.state_file.exists()):
        folder.withdraw_request()
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
