"""The line under a run's sentence: what its curves say, and one thing to try."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backend.settings import Settings
from backend.texts import LOCALES
from backend.training.run_folder import RunFolder
from backend.training.spec import MetricPoint, RunState
from backend.workspace import Workspace
from tests.ui.run_folders import write_run
from ui.finetune import reading


@pytest.fixture
def run(settings: Settings) -> RunFolder:
    """A finished run whose accuracy climbed."""
    return write_run(Workspace.open(settings), "climbed")


def line(run: RunFolder, points: list[MetricPoint], locale: str = "en", **status: object) -> str:
    return reading.line(
        run.spec(),
        replace(run.status(), **status),
        points,
        "accuracy",
        0.55,
        "<b>positive</b>",
        locale,  # type: ignore[arg-type]
    )


def flat(rate: float) -> list[MetricPoint]:
    """Nothing moves, at this learning rate."""
    points = []
    for step in range(0, 401, 10):
        points.append(MetricPoint(step, 0.0, {"loss": 0.69, "learning_rate": rate}))
        if step % 50 == 0:
            points.append(MetricPoint(step, 0.0, {"eval_loss": 0.69, "eval_accuracy": 0.55}))
    return points


@pytest.mark.parametrize("locale", LOCALES)
def test_a_flat_run_is_told_which_rate_to_try_and_what_it_always_says(run: RunFolder, locale: str) -> None:
    told = line(run, flat(0.1), locale)
    assert "0.1" in told and "3e-5" in told and "&lt;b&gt;positive" in told


def test_a_run_that_ended_with_all_answers_right_is_not_told_to_go_on(run: RunFolder) -> None:
    def climbing(top: float) -> list[MetricPoint]:
        points = [MetricPoint(step, 0.0, {"loss": 1 - step / 500, "learning_rate": 3e-5}) for step in range(0, 401, 10)]
        checks = {
            step: {"eval_loss": 1 - step / 500, "eval_accuracy": top * (0.6 + step / 1000)}
            for step in range(0, 401, 50)
        }
        return points + [MetricPoint(step, 0.0, values) for step, values in checks.items()]

    assert "more epochs" in line(run, climbing(0.9)) and "answered right" not in line(run, climbing(0.9))
    assert "answered right" in line(run, climbing(1.0))


def test_a_run_that_began_just_now_is_too_early_to_tell_and_one_that_ended_then_says_nothing(run: RunFolder) -> None:
    few = flat(1e-5)[:8]
    assert "too early" in line(run, few, state=RunState.RUNNING)
    assert line(run, few) == "" and line(run, []) == ""


def test_a_run_that_ended_with_an_error_leaves_it_the_word(run: RunFolder) -> None:
    assert line(run, flat(0.1), state=RunState.FAILED, error={"key": "training.diverging", "values": {}}) == ""
