"""The fold that scores a run's model on other data: what it offers, what it asks for, and what it says of a result."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import gradio as gr
import pytest

from backend.recipes.base import Report
from backend.training.evaluation import Asked, Evaluation, Found
from backend.training.known_rows import ALL
from backend.training.run_folder import RunFolder
from backend.training.spec import RunState
from backend.workspace import write_json
from tests.ui.run_folders import report, write_run
from ui.finetune import elsewhere, elsewhere_view
from ui.visitor import Services

NOTHING: Any = None
ASKED = Asked(
    data_ref="mine:other", data_version=1, data_title="<other>", columns={"text": "text", "label": "label"}, part=ALL,
    created="2026-11-21T10:00:00+00:00",
)  # fmt: skip


@pytest.fixture
def scoring(services: Services) -> elsewhere.Scoring:
    with gr.Blocks():
        return elsewhere.Scoring(elsewhere.build(), services, gr.State())


def found(**changed: Any) -> Found:
    """A result on 40 of 50 rows of other data."""
    own = report(0.8)
    final: Report = replace(
        own, headline_split=ALL, splits={ALL: {"accuracy": 0.8, "f1_macro": 0.79, "loss": 0.4, "rows": 40}},
        baseline={ALL: {"accuracy": 0.5, "f1_macro": 0.33}},
    )  # fmt: skip
    return replace(Found(report=final, rows=50, scored=50, unusable=0, learnt=0), **changed)


def evaluation(**changed: Any) -> Evaluation:
    return Evaluation(name="001", asked=ASKED, found=found(**changed))


def keep(run: RunFolder, name: str, one: Evaluation) -> None:
    """As the child writes it."""
    result = asdict(one.found) if one.found else None
    kept = {"asked": asdict(one.asked), "stopped": one.stopped, "found": result, "error": None}
    write_json(run.path / "evaluations" / f"{name}.json", kept)


def test_the_fold_begins_with_the_runs_own_test_rows(scoring: elsewhere.Scoring, services: Services) -> None:
    write_run(services.workspace(NOTHING), "a")
    updates, parts = scoring.show("a", None, NOTHING), scoring.parts
    assert updates[parts.fold].visible and updates[parts.part] == "test"
    data = updates[parts.data]
    assert data.value == elsewhere.OWN and data.choices[0][0] == "Product reviews (English), as it was trained on"
    # The newest version is that one: no need to offer it twice.
    assert "sample:reviews_en" not in [ref for _, ref in data.choices]


def test_other_data_are_scored_whole_with_the_columns_guessed(scoring: elsewhere.Scoring, services: Services) -> None:
    write_run(services.workspace(NOTHING), "a")
    updates, parts = scoring.choose("a", "sample:news_en", NOTHING), scoring.parts
    assert updates[parts.part] == ALL and updates[parts.roles].visible
    assert updates[parts.columns["text"]].value == "headline" and not updates[parts.columns["text_pair"]].visible


@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.FAILED])
def test_a_run_without_a_finished_model_has_no_such_fold(
    state: RunState, scoring: elsewhere.Scoring, services: Services
) -> None:
    write_run(services.workspace(NOTHING), "a", state)
    assert not scoring.show("a", None, NOTHING)[scoring.parts.fold].visible


def test_the_fold_is_filled_when_the_run_on_show_has_ended(scoring: elsewhere.Scoring, services: Services) -> None:
    run = write_run(services.workspace(NOTHING), "a", RunState.RUNNING)
    seen = scoring.show("a", None, NOTHING)[scoring.drawn]
    run.write_status(replace(run.status(), state=RunState.DONE))
    run.write_report(report())
    run.model.mkdir()
    updates = scoring.show("a", list(seen), NOTHING)
    assert updates[scoring.parts.fold].visible and updates[scoring.parts.data].value == elsewhere.OWN


def test_what_cannot_be_scored_is_said_where_the_answer_would_stand(
    scoring: elsewhere.Scoring, services: Services
) -> None:
    write_run(services.workspace(NOTHING), "a")
    values = {"data": "sample:news_en", "part": ALL, "text": "headline", "label": "topic"}
    shown = scoring.start("a", "run:a", NOTHING, **values)[scoring.parts.sentence]
    assert "error-card" in shown and "business" in shown and "negative, positive" in shown
    assert "error-card" in scoring.start("a", "", NOTHING, data=None, part=ALL)[scoring.parts.sentence]


def test_results_are_kept_with_the_run_and_one_can_be_forgotten(scoring: elsewhere.Scoring, services: Services) -> None:
    run, parts = write_run(services.workspace(NOTHING), "a"), scoring.parts
    keep(run, "001", evaluation())
    keep(run, "002", replace(evaluation(), asked=replace(ASKED, created="2026-11-22", data_title="newer")))
    updates = scoring.show("a", None, NOTHING)
    assert [name for _, name in updates[parts.past].choices] == ["002", "001"] and updates[parts.past].value == "002"
    assert "newer" in updates[parts.sentence] and "80.0%" in updates[parts.scores]
    assert "&lt;other&gt;" in scoring.look("a", "001", NOTHING)[parts.sentence]
    assert [name for _, name in scoring.forget("a", "002", NOTHING)[parts.past].choices] == ["001"]
    # What is on show already is not drawn again.
    seen = scoring.show("a", None, NOTHING)[scoring.drawn]
    assert list(scoring.show("a", list(seen), NOTHING)) == [scoring.drawn]


def test_a_result_stands_beside_the_runs_own_score() -> None:
    shown = elsewhere_view.sentence(evaluation(), report(0.9), "en")
    assert "On 50 rows of &lt;other&gt; (All rows), the model is right in <b>80.0%</b>, 30 points above" in shown
    assert "In the final test of its own run it was <b>90.0%</b>" in shown and "None of these texts" in shown


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"unknown": 3, "unknown_labels": ["zebra"]}, "3 rows were left out, since the model does not know"),
        ({"learnt": 7}, "7 of the 50 rows have a text that it was trained on"),
        ({"learnt": 50}, "trained on these very rows"),
        ({"learnt": None}, "nobody can say"),
        ({"scored": 20}, "20 of 50 rows, drawn at random"),
        ({"absent_labels": ["positive"]}, "No row has these labels of the model: positive"),
        ({"unusable": 4}, "4 rows of the data lack"),
    ],
)  # fmt: skip
def test_what_is_to_know_of_the_rows_is_said(changed: dict[str, Any], words: str) -> None:
    assert words in elsewhere_view.sentence(evaluation(**changed), report(0.9), "en")


def test_progress_says_how_many_rows_are_done() -> None:
    working = Evaluation(name="001", asked=ASKED, working=True, done=1200, rows=5000)
    assert "1,200 of 5,000 rows" in elsewhere_view.progress(working, "en")
    assert "Loading the model" in elsewhere_view.progress(replace(working, rows=0), "en")
