"""The mirror of a run in trackio, made from its record: `trackio show --project transformers-workbench` displays it.

Covers: copying a run's points into <workspace>/trackio, once it has ended or anew. The record stays metrics.jsonl.
Does not cover: runs that were logged elsewhere.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PROJECT = "transformers-workbench"


def trackio_folder(root: Path) -> Path:
    """Where a workspace keeps its mirror: what TRACKIO_DIR must be set to."""
    return root / "trackio"


def show_command(root: Path) -> str:
    """What a person types to see the mirror, in a shell in which this environment need not be active."""
    beside = Path(sys.executable).with_name("trackio.exe" if sys.platform == "win32" else "trackio")
    program, folder = str(beside) if beside.exists() else "trackio", str(trackio_folder(root))
    if sys.platform == "win32":
        return f'set "TRACKIO_DIR={folder}" && "{program}" show --project {PROJECT}'
    return f"TRACKIO_DIR={shlex.quote(folder)} {shlex.quote(program)} show --project {PROJECT}"


def is_behind(run_dir: Path) -> bool:
    """Whether a run has points that were written after anything was last copied."""
    written = trackio_folder(run_dir.parent.parent) / f"{PROJECT}.db"
    points = run_dir / "metrics.jsonl"
    if not points.exists() or not points.stat().st_size:
        return False
    return not written.exists() or written.stat().st_mtime < points.stat().st_mtime


def mirror(run_dir: Path) -> int:
    """Copy every point of a run into trackio and return how many. Points already there are not written twice.

    To be called in a process of its own: trackio reads TRACKIO_DIR when it is imported.
    """
    from backend.training.run_folder import RunFolder

    folder = trackio_folder(run_dir.parent.parent)
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["TRACKIO_DIR"] = str(folder)
    from trackio.sqlite_storage import SQLiteStorage

    run = RunFolder(run_dir)
    spec, status = run.spec(), run.status()
    # Losing the last point again and again would be worse than writing none twice: each has an id made from its place.
    points = run.points()
    began = status.started or run_dir.stat().st_mtime
    times = [datetime.fromtimestamp(began + point.seconds, UTC).isoformat() for point in points]
    SQLiteStorage.bulk_log(
        project=PROJECT,
        run=run.run_id,
        metrics_list=[dict(point.values) for point in points],
        steps=[point.step for point in points],
        timestamps=times,
        config=_config(spec.to_json()) | {"_Created": spec.created},
        log_ids=[f"{run.run_id}-{spec.created}-{place}" for place in range(len(points))],
    )
    return len(points)


def _config(spec: dict[str, Any]) -> dict[str, Any]:
    """The spec as one level of plain values, which is what trackio's table of runs shows."""
    flat: dict[str, Any] = {}
    for name, value in spec.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{inner}": one for inner, one in value.items()}
        elif name not in ("model_path", "data_folder"):
            flat[name] = value
    return json.loads(json.dumps(flat, default=str))  # type: ignore[no-any-return]
