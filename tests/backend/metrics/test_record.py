"""The record of a run: points written are points read, and what a crash cut off is left out."""

from __future__ import annotations

from pathlib import Path

from backend.metrics.record import Recorder, read_points
from backend.training.spec import MetricPoint


def test_points_are_read_as_written(tmp_path: Path) -> None:
    points = [MetricPoint(0, 0.5, {"eval_loss": 0.7}), MetricPoint(1, 1.25, {"loss": 0.6, "learning_rate": 1e-6})]
    recorder = Recorder(tmp_path / "metrics.jsonl")
    for point in points:
        recorder.add(point)
    assert read_points(tmp_path / "metrics.jsonl") == points, "a point is there as soon as it is added"
    recorder.close()


def test_a_line_cut_off_by_a_crash_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "seconds": 1.0, "values": {"loss": 0.5}}\n{"step": 2, "sec', encoding="utf-8")
    assert [point.step for point in read_points(path)] == [1]


def test_values_that_are_not_finite_are_left_out(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "metrics.jsonl")
    recorder.add(MetricPoint(1, 1.0, {"loss": float("nan"), "grad_norm": 1.0}))
    recorder.close()
    assert read_points(tmp_path / "metrics.jsonl")[0].values == {"grad_norm": 1.0}


def test_a_run_that_has_not_begun_has_no_points(tmp_path: Path) -> None:
    assert read_points(tmp_path / "metrics.jsonl") == []


def test_a_small_learning_rate_is_not_rounded_away(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "metrics.jsonl")
    recorder.add(MetricPoint(1, 1.0, {"learning_rate": 3.1e-8}))
    recorder.close()
    assert read_points(tmp_path / "metrics.jsonl")[0].values == {"learning_rate": 3.1e-8}
