"""Two runs side by side: what differs between their specs, said in words, and what their scores say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gradio as gr
import pytest

from backend.data.repeats import LEAVABLE
from backend.data.split import SplitPlan
from backend.recipes.base import TrainArguments
from backend.training.spec import RunSpec, RunState
from tests.ui.run_folders import report, spec, write_run
from ui.metrics import compare
from ui.metrics.compare import Side, differences, page, sentence
from ui.visitor import Services

NOTHING: Any = None
ONE = spec("a")


def side(one: RunSpec, skill: float = 0.9) -> Side:
    return Side(name=one.name, spec=one, report=report(skill), best=skill, metric="accuracy")


def said(other: RunSpec) -> str:
    return sentence(differences(ONE, other, "en"), "en")


def test_equal_specs_are_said_to_be_equal() -> None:
    assert differences(ONE, spec("b", created="2026-11-21T00:00:00+00:00"), "en") == {}
    assert said(spec("b")).startswith("Both were asked for exactly the same")


@pytest.mark.parametrize(
    "other", [spec("b", seed=7), replace(ONE, split=SplitPlan(seed=7)), replace(spec("b", seed=7), launcher="auto")]
)
def test_nothing_but_a_seed_is_said_to_be_chance(other: RunSpec) -> None:
    assert said(other).startswith("Nothing differs but the seed")


def test_another_loop_is_another_way_to_learn_the_same() -> None:
    assert "only in another way (Training loop Trainer / native PyTorch loop)" in said(replace(ONE, loop="native"))


def test_one_setting_is_named_with_both_values() -> None:
    other = replace(ONE, arguments=replace(ONE.arguments, learning_rate=2e-5))
    assert said(other) == "One thing differs: Learning rate 5e-05 / 2e-05."


def test_model_data_columns_and_split_are_told_by_their_titles() -> None:
    other = replace(
        ONE, model_ref="folder:/m", model_title="mine", data_ref="mine:x", data_title="x.csv",
        columns={"text": "body", "label": "label"}, split=SplitPlan(test_share=0.2, leave_out=(LEAVABLE[0],)),
    )  # fmt: skip
    found = differences(ONE, other, "en")
    assert found["Model"] == ("all-MiniLM-L6-v2 (starter)", "mine")
    assert found["Text column"] == ("text", "body") and found["Part for the final test"] == ("0.1", "0.2")
    assert len(found) == 5 and sentence(found, "en").startswith("5 things differ")


def test_two_models_of_one_name_are_told_apart_by_their_refs() -> None:
    assert differences(ONE, replace(ONE, model_ref="folder:/m"), "en") == {
        "Model": ("starter:all-MiniLM-L6-v2", "folder:/m")
    }


def test_what_a_first_answer_does_not_go_by_is_no_value_of_it() -> None:
    first = replace(ONE, loop="head", arguments=TrainArguments())
    assert list(differences(ONE, first, "en")) == ["Training loop"]
    assert "fits the last layer only" in page(side(ONE), side(first), "en")


def test_a_small_difference_on_the_same_rows_is_said_to_be_perhaps_chance() -> None:
    shown = page(side(ONE), side(spec("<b>", seed=2), 0.85), "en")
    assert "a is better: accuracy 90.0% against 85.0%" in shown and "2 of 48 test rows" in shown
    assert "&lt;b&gt;" in shown and "<b>90.0%</b>" in shown
    assert "chance. Run both" not in page(side(ONE), side(spec("b", seed=2), 0.4), "en")


def test_runs_on_other_data_or_other_rows_are_not_ranked_as_equals() -> None:
    other = replace(ONE, data_ref="mine:x", data_title="x")
    assert "different data" in page(side(ONE), side(other, 0.5), "en")
    split = replace(ONE, split=SplitPlan(test_share=0.3))
    assert "not tested on the same rows" in page(side(ONE), side(split, 0.5), "en")


def test_runs_that_score_the_same_on_other_rows_are_told_so() -> None:
    assert "not tested on the same rows" not in page(side(ONE), side(spec("b", seed=2)), "en")
    split = replace(ONE, split=SplitPlan(train_rows="[:3]"))
    assert "not tested on the same rows" in page(side(ONE), side(split), "en")


def test_only_rows_left_out_of_every_part_make_other_test_rows() -> None:
    for left, other in (("duplicates", False), ("unlabelled", True)):
        cut = replace(ONE, split=SplitPlan(leave_out=(left,)))
        assert ("not tested on the same rows" in page(side(ONE), side(cut, 0.5), "en")) is other


def test_a_run_without_a_report_is_compared_by_its_best_check() -> None:
    cut = replace(side(spec("b", seed=2)), report=None, best=0.7)
    shown = page(side(ONE), cut, "zh-CN")
    assert "<b>90.0%</b>" in shown and "70.0%" in shown and "–" in shown


def test_two_ticked_runs_are_chosen_and_a_choice_by_hand_stays(services: Services) -> None:
    workspace = services.workspace(NOTHING)
    for hour, (name, state) in enumerate([("a", RunState.DONE), ("b", RunState.DONE), ("c", RunState.FAILED)]):
        write_run(workspace, name, state, created=f"2026-11-20T1{hour}:00:00+00:00", seed=hour)
    with gr.Blocks():
        acts = compare.Comparing(compare.build(), services, gr.State())
    parts = acts.parts
    drawn = acts.draw(None, None, None, None, NOTHING)
    assert (drawn[parts.first].value, drawn[parts.second].value) == ("c", "b")
    drawn = acts.draw("c", "b", ["a", "b"], drawn[acts.seen], NOTHING)
    # The lists were there before.
    assert (drawn[parts.first], drawn[parts.second]) == ("a", "b")
    drawn = acts.draw("a", "c", ["a", "b"], drawn[acts.seen], NOTHING)
    assert (drawn[parts.first], drawn[parts.second]) == ("a", "c")
    assert "Not both have a final report" in drawn[parts.view]


def test_a_single_run_has_nothing_to_be_compared_with(services: Services) -> None:
    write_run(services.workspace(NOTHING), "a")
    with gr.Blocks():
        acts = compare.Comparing(compare.build(), services, gr.State())
    assert not acts.draw(None, None, None, None, NOTHING)[acts.parts.fold].visible
