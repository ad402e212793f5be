"""A run from Start to report: what its folder holds when it ends well."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from backend.recipes import all_recipes
from backend.recipes.base import TrainArguments
from backend.training.forecast import forecast
from backend.training.run import train
from backend.training.run_folder import RunFolder
from backend.training.spec import RunState
from tests.backend.training.conftest import Desk, make_desk

Trained = tuple[Desk, str]


@pytest.fixture(scope="session")
def folder(trained: Trained) -> RunFolder:
    """The finished run's folder."""
    desk, run_id = trained
    return RunFolder(desk.workspace.folder("runs", run_id))


def test_a_run_ends_done_with_every_step_taken(folder: RunFolder) -> None:
    status = folder.status()
    assert status.state is RunState.DONE, folder.log_tail()
    assert status.step == status.total_steps == 72
    assert status.started < status.ended and status.seconds_left is None and status.error is None


def test_the_model_answers_as_pipeline_does_with_the_names_of_the_labels(folder: RunFolder) -> None:
    from transformers import pipeline

    classify = pipeline("text-classification", model=str(folder.model))
    assert classify("it was a great film and we love it")[0]["label"] == "good"
    assert classify("this book is awful and they hate it")[0]["label"] == "bad"


def test_the_loss_falls_and_each_point_says_how_it_goes(folder: RunFolder) -> None:
    points = [point for point in folder.points() if "loss" in point.values]
    assert [point.step for point in points] == sorted({point.step for point in points})
    assert points[0].values["loss"] > 2 * points[-1].values["loss"]
    assert set(points[-1].values) == {"loss", "learning_rate", "grad_norm", "samples_per_second"}


def test_the_validation_split_is_scored_before_the_first_step_and_then_as_often_as_asked(folder: RunFolder) -> None:
    scored = [point for point in folder.points() if "eval_loss" in point.values]
    assert [point.step for point in scored] == [0, 24, 48, 72]
    names = all_recipes()["single-label-classification"].metric_names
    assert set(scored[0].values) == {"eval_loss", *(f"eval_{name}" for name in names)}


def test_the_report_scores_each_split_beside_the_majority_label(folder: RunFolder) -> None:
    report = folder.report()
    assert report is not None
    assert set(report.splits) == {"train", "validation", "test"} and report.headline_split == "test"
    assert report.splits["test"]["accuracy"] == 1.0 and report.baseline["test"]["accuracy"] == 0.5
    assert report.confusion == [[6, 0], [0, 6]] and report.wrong == [] and report.wrong_count == 0
    assert [row["label"] for row in report.per_label] == list(report.labels) == ["bad", "good"]


def test_the_facts_of_the_report_add_up(folder: RunFolder) -> None:
    report = folder.report()
    assert report is not None
    facts = report.facts
    assert facts["steps"] == 72 and facts["train_rows"] == facts["train_rows_scored"] == 96
    assert 0 < facts["train_seconds"] < facts["total_seconds"] and not facts["stopped"]
    assert math.isfinite(facts["samples_per_second"]) and facts["peak_memory_mib"] > 100


def test_the_best_checkpoint_is_the_model_and_nothing_else_is_left(folder: RunFolder) -> None:
    # Other tests score the same run on other data, which is kept with it.
    names = {path.name for path in folder.path.iterdir()} - {"evaluations"}
    assert names == {"spec.json", "status.json", "metrics.jsonl", "log.txt", "model", "report.json"}


def test_the_same_spec_gives_the_same_losses(trained: Trained, folder: RunFolder) -> None:
    desk, _ = trained
    again = desk.queue.submit(desk.workspace, desk.draft)
    assert desk.ended(again).status.state is RunState.DONE
    losses = [
        [p.values["loss"] for p in points if "loss" in p.values]
        for points in (folder.points(), desk.queue.points(desk.workspace, again))
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_a_disk_that_is_full_for_a_point_pauses_the_run_and_says_so(folder: RunFolder, tmp_path: Path) -> None:
    full = RunFolder(tmp_path / "runs" / "full")
    full.write_spec(folder.spec())
    full.metrics.symlink_to("/dev/full")
    assert train(full.path) is RunState.PAUSED
    status = full.status()
    assert status.state is RunState.PAUSED and status.error
    assert status.error["key"] == "training.disk_full"


def test_a_model_that_writes_and_has_no_token_to_pad_with_is_trained_too(tiny_generator: Path, tmp_path: Path) -> None:
    base = shutil.copytree(tiny_generator, tmp_path / "writer")
    for name in ("config.json", "tokenizer_config.json"):
        settings = json.loads((base / name).read_text(encoding="utf-8"))
        settings = {key: value for key, value in settings.items() if not key.startswith("pad_token")}
        (base / name).write_text(json.dumps(settings), encoding="utf-8")
    desk = make_desk(tmp_path, base)
    arguments = TrainArguments(num_train_epochs=0.2, per_device_train_batch_size=8, evaluations=1)
    run_id = desk.queue.submit(desk.workspace, replace(desk.draft, arguments=arguments))
    assert desk.ended(run_id).status.state is RunState.DONE, desk.queue.log_tail(desk.workspace, run_id)
    assert forecast(desk.settings, desk.queue.shelf, desk.workspace, replace(desk.draft, arguments=arguments)).steps > 0
