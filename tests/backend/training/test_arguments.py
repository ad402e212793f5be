"""What each training argument does to a whole run: its length, its checks, what is kept, what learns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.recipes.base import TrainArguments
from backend.training.ahead import checked
from backend.training.launchers import give_memory_back
from backend.training.run import train
from backend.training.run_folder import RunFolder
from backend.training.spec import Loop, RunSpec, RunState
from tests.backend.training.conftest import make_desk

SHORT: dict[str, Any] = {
    "learning_rate": 1e-2, "per_device_train_batch_size": 8, "max_steps": 6, "evaluations": 1, "max_length": 16,
}  # fmt: skip
LOOPS: tuple[Loop, ...] = ("trainer", "native")
Trained = Callable[..., RunFolder]


@pytest.fixture(scope="session")
def spec(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> RunSpec:
    """A run that could start at once."""
    desk = make_desk(tmp_path_factory.mktemp("arguments"), tiny_encoder)
    return checked(desk.settings, desk.queue.shelf, desk.workspace, desk.draft)[0]


@pytest.fixture
def run(spec: RunSpec, tmp_path: Path) -> Trained:
    """A short run in this process: arguments to its folder."""

    def short(loop: Loop = "trainer", **arguments: Any) -> RunFolder:
        folder = RunFolder(tmp_path / "runs" / f"{loop}-{len(list(tmp_path.glob('runs/*')))}")
        folder.path.mkdir(parents=True)
        folder.write_spec(replace(spec, loop=loop, arguments=TrainArguments(**SHORT | arguments)))
        try:
            assert train(folder.path) is RunState.DONE, folder.log_tail()
        finally:
            give_memory_back()
        return folder

    return short


def scored(folder: RunFolder) -> dict[int, dict[str, float]]:
    """Step to the scores of each check."""
    return {point.step: point.values for point in folder.points() if "eval_loss" in point.values}


def logged(folder: RunFolder) -> list[int]:
    """The steps at which the loss was told."""
    return [point.step for point in folder.points() if "loss" in point.values]


def facts(folder: RunFolder) -> dict[str, Any]:
    """The numbers around the run."""
    report = folder.report()
    assert report is not None
    return dict(report.facts)


@pytest.mark.parametrize("loop", LOOPS)
def test_max_steps_ends_the_run_and_eval_and_logging_steps_mark_it(run: Trained, loop: Loop) -> None:
    folder = run(loop, max_steps=7, eval_steps=3, logging_steps=2, num_train_epochs=100)
    assert folder.status().step == folder.status().total_steps == 7
    assert list(scored(folder)) == [0, 3, 6, 7]
    assert logged(folder)[:4] == [1, 2, 4, 6]


@pytest.mark.parametrize("loop", LOOPS)
def test_early_stopping_ends_the_run_as_done_when_nothing_gets_better(run: Trained, loop: Loop) -> None:
    folder = run(loop, max_steps=400, eval_steps=1, early_stopping_patience=2, learning_rate=0.1)
    steps, found = folder.status().step, facts(folder)
    assert found["ended_early"] and not found["stopped"]
    assert steps == found["best_step"] + 2 < found["planned_steps"] == 400
    assert folder.status().total_steps == steps


def test_the_named_metric_chooses_the_best_state(run: Trained) -> None:
    folder = run(metric_for_best_model="loss", max_steps=20, eval_steps=1, learning_rate=0.1)
    losses = {step: values["eval_loss"] for step, values in scored(folder).items() if step}
    assert facts(folder)["best_step"] == min(losses, key=lambda step: losses[step])


def test_checkpoints_stay_as_models_and_only_the_newest_ones(run: Trained) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = run(save_steps=2, save_total_limit=2)
    kept = sorted(path.name for path in (folder.path / "checkpoints").iterdir())
    assert kept == ["step-4", "step-6"]
    last = folder.path / "checkpoints" / "step-6"
    assert AutoModelForSequenceClassification.from_pretrained(last).config.num_labels == 2
    assert AutoTokenizer.from_pretrained(last)("great")


def test_lora_ends_in_a_plain_model_and_the_report_says_how_much_learnt(run: Trained) -> None:
    from transformers import pipeline

    folder = run(lora_rank=8, max_steps=60, evaluations=3)
    assert not list(folder.model.glob("adapter*"))
    classify = pipeline("text-classification", model=str(folder.model))
    assert classify("it was a great film and we love it 7")[0]["label"] == "good"
    assert classify("this book is awful and they hate it 7")[0]["label"] == "bad"
    found = facts(folder)
    assert 0 < found["trained_parameters"] < found["parameters"] / 2
    everything = facts(run())
    assert everything["trained_parameters"] == everything["parameters"] == found["parameters"]


def test_bf16_computes_in_halves_and_keeps_the_weights_whole(run: Trained) -> None:
    import torch
    from safetensors.torch import load_file

    whole, halves = run(), run(precision="bf16")
    weights = [load_file(folder.model / "model.safetensors") for folder in (whole, halves)]
    assert {tensor.dtype for tensor in weights[1].values()} == {torch.float32}
    assert any(not torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    first = [[p.values["loss"] for p in folder.points() if "loss" in p.values][0] for folder in (whole, halves)]
    assert first[0] != first[1] and first[0] == pytest.approx(first[1], rel=0.05)


@pytest.mark.parametrize("changed", [{"label_smoothing_factor": 0.3}, {"class_weights": "balanced"}])
def test_both_loops_learn_from_the_same_loss(run: Trained, changed: dict[str, Any]) -> None:
    arguments = changed | {"gradient_accumulation_steps": 2, "dropout": 0.0, "logging_steps": 1}
    losses = [[p.values["loss"] for p in run(loop, **arguments).points() if "loss" in p.values] for loop in LOOPS]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_arguments_of_an_older_run_still_load() -> None:
    old = RunSpec(
        name="", recipe="single-label-classification", model_ref="", data_ref="", data_version=1, columns={}
    ).to_json()
    old["arguments"] = {"learning_rate": 1e-4, "evaluations": 3, "seed": 7}
    assert RunSpec.from_json(old).arguments == TrainArguments(learning_rate=1e-4, evaluations=3, seed=7)
