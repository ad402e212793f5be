"""The mirror: trackio has the points of the record, under the run's id, each once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from backend.data.split import SplitPlan
from backend.metrics.mirror import PROJECT, is_behind, show_command, trackio_folder
from backend.metrics.record import Recorder
from backend.recipes.base import TrainArguments
from backend.training.run_folder import RunFolder
from backend.training.spec import MetricPoint, RunSpec, RunState, RunStatus

READ = """
import json, sys
from backend.metrics.mirror import mirror
from pathlib import Path
mirror(Path(sys.argv[1])); mirror(Path(sys.argv[1]))
from trackio.sqlite_storage import SQLiteStorage
print(json.dumps([SQLiteStorage.get_runs(sys.argv[2]), SQLiteStorage.get_logs(sys.argv[2], "my-run")]))
"""


def test_trackio_shows_the_same_curves(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "workspace" / "runs" / "my-run")
    folder.write_spec(
        RunSpec(
            name="my run",
            recipe="single-label-classification",
            model_ref="m",
            data_ref="d",
            data_version=1,
            columns={"text": "t"},
            split=SplitPlan(),
            arguments=TrainArguments(),
            run_id="my-run",
            created="2026-01-01T00:00:00+00:00",
        )
    )
    folder.write_status(RunStatus(state=RunState.DONE, started=1_800_000_000.0))
    recorder = Recorder(folder.metrics)
    recorder.add(MetricPoint(0, 0.1, {"eval_loss": 0.7, "eval_accuracy": 0.5}))
    recorder.add(MetricPoint(5, 2.0, {"loss": 0.6, "learning_rate": 1e-5}))
    recorder.add(MetricPoint(5, 2.5, {"eval_loss": 0.5, "eval_accuracy": 0.75}))
    recorder.close()
    # trackio reads its folder when it is imported, so it gets a process of its own, as in the product.
    root = Path(__file__).resolve().parents[3]
    command = [sys.executable, "-c", READ, str(folder.path), PROJECT]
    runs, logs = json.loads(subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout)
    assert runs == ["my-run"]
    shown = [({k: v for k, v in log.items() if k not in ("timestamp", "step")}, log["step"]) for log in logs]
    assert shown == [(point.values, point.step) for point in folder.points()]
    assert (tmp_path / "workspace" / "trackio" / f"{PROJECT}.db").exists()
    assert str(tmp_path / "workspace" / "trackio") in show_command(tmp_path / "workspace")


def test_points_written_after_the_last_copy_leave_the_mirror_behind(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "my-run"
    run.mkdir(parents=True)
    assert not is_behind(run)
    points, mirrored = run / "metrics.jsonl", trackio_folder(tmp_path) / f"{PROJECT}.db"
    points.write_text("{}")
    assert is_behind(run)
    mirrored.parent.mkdir()
    mirrored.touch()
    os.utime(points, (mirrored.stat().st_mtime - 10,) * 2)
    assert not is_behind(run)
    os.utime(mirrored, (points.stat().st_mtime - 10,) * 2)
    assert is_behind(run)
