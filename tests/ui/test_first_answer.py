"""A first answer on the page: its sentence, its progress, and its line in the chart of the whole model's run."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import gradio as gr
import pytest

from backend.metrics.record import Recorder
from backend.training.run_folder import RunFolder
from backend.training.spec import MetricPoint, Phase, RunState, RunStatus
from backend.workspace import Workspace
from tests.ui.run_folders import report, write_run
from ui.finetune import first_answer, form, run, run_view
from ui.visitor import Services

NOTHING: Any = None
"""No request: the English page of the shared workspace."""


@pytest.fixture
def showing(services: Services) -> run.Showing:
    """The run view and its handlers."""
    with gr.Blocks():
        return run.Showing(run_view.build(), gr.Column(), gr.Button(), services, gr.State(), gr.State(), gr.State())


def write_first(workspace: Workspace, run_id: str, state: RunState = RunState.DONE, score: float = 0.79) -> RunFolder:
    """A first answer to what write_run's runs learn, given in 20 s."""
    folder = write_run(workspace, run_id, state, skill=score)
    folder.write_spec(replace(folder.spec(), loop="head"))
    folder.metrics.unlink()
    recorder = Recorder(folder.metrics)
    recorder.add(MetricPoint(1, 20.0, {"eval_accuracy": score, "eval_f1_macro": score, "eval_loss": 0.5}))
    recorder.close()
    folder.write_status(replace(folder.status(), step=1, total_steps=1, started=100.0, ended=120.0))
    facts = {"train_rows": 300, "train_rows_available": 384}
    folder.write_report(replace(report(score), facts=facts))
    return folder


def notes(figure: Any) -> list[str]:
    """The words written into a chart."""
    return [note.text for note in figure.layout.annotations]


def test_a_first_answer_says_its_score_its_time_and_the_simplest_guess(
    showing: run.Showing, workspace: Workspace
) -> None:
    write_first(workspace, "reviews-first")
    drawn = showing.draw("reviews-first", None, NOTHING)
    sentence = drawn[showing.view.sentence]
    assert "<b>79%</b> after 20 s; always guessing positive gives 55%." in sentence
    assert "48 rows it never saw" in sentence and "300 training rows (of 384)" in sentence
    assert drawn[showing.view.new_run].value == "Train the whole model"
    assert drawn[showing.view.try_it].visible and not drawn[showing.view.curves].visible
    assert "first answer" in drawn[showing.view.head]


def test_a_first_answer_no_better_than_a_guess_says_so() -> None:
    ended = RunStatus(state=RunState.DONE, started=100.0, ended=118.0)
    assert "no better than a guess" in first_answer.sentence(report(0.55), ended, "en")
    assert "不比猜测强" in first_answer.sentence(report(0.5), ended, "zh-CN")


def test_a_first_answer_under_way_counts_the_rows_it_has_read(showing: run.Showing, workspace: Workspace) -> None:
    folder = write_first(workspace, "reviews-first", RunState.RUNNING)
    (folder.path / "metrics.jsonl").unlink()
    status = replace(folder.status(), phase=Phase.TRAINING, step=300, total_steps=600, ended=0.0)
    folder.write_status(status)
    updates = first_answer.words(showing.view, showing.services.queue.run(workspace, "reviews-first"), None, "en")
    assert "300 of about 600 rows read" in updates[showing.view.progress].value
    assert "50%" in updates[showing.view.progress].value


def test_the_chart_of_the_whole_models_run_has_the_first_answer_as_a_line(
    showing: run.Showing, workspace: Workspace
) -> None:
    write_first(workspace, "reviews-first")
    write_run(workspace, "whole")
    chart = showing.draw("whole", None, NOTHING)[showing.view.score]
    assert "first answer: 79%" in notes(chart)
    assert sorted(line.y0 for line in chart.layout.shapes) == [0.55, 0.79]


def test_a_first_answer_to_another_question_is_no_line(showing: run.Showing, workspace: Workspace) -> None:
    folder = write_first(workspace, "other-first")
    spec = json.loads((folder.path / "spec.json").read_text(encoding="utf-8"))
    (folder.path / "spec.json").write_text(json.dumps(spec | {"model_ref": "starter:other"}), encoding="utf-8")
    write_run(workspace, "whole")
    assert not any("first answer" in note for note in notes(showing.draw("whole", None, NOTHING)[showing.view.score]))


def test_what_cannot_start_is_said_in_the_card_and_no_run_is_made(services: Services, workspace: Workspace) -> None:
    with gr.Blocks():
        parts = form.build()
        acts = first_answer.Giving(parts, services, gr.State(), gr.State())
    values = {name: getattr(widget, "value", None) for name, widget in parts.inputs.items()} | {"data": None}
    updates = acts.give(NOTHING, **values)
    assert "No data" in updates[parts.card] and not workspace.names("runs")
