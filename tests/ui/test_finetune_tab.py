"""The Fine-tune tab: the form stands for a draft, and a run's folder alone decides what is shown of it."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from backend.data.split import SplitPlan
from backend.errors import UserError
from backend.recipes.base import Finding, TrainArguments
from backend.training.spec import Forecast, Phase, RunState, RunStatus
from backend.workspace import Workspace
from tests.ui.run_folders import LABELS, report, write_run
from ui.finetune import cards, form, live, run, run_view, wrong
from ui.finetune import report as report_page
from ui.finetune.filled import Filled, run_name
from ui.visitor import Services

NOTHING: Any = None
"""No request: the English page of the shared workspace."""


@pytest.fixture
def showing(services: Services) -> run.Showing:
    """The run view and its handlers."""
    with gr.Blocks():
        return run.Showing(
            run_view.build(), gr.Column(), gr.Button(), services, gr.State(), gr.State(), gr.State()
        )  # fmt: skip


def untouched(model: Path) -> dict[str, Any]:
    """What the form's widgets say before anyone has touched them, with data and model chosen."""
    with gr.Blocks():
        widgets = form.build().inputs
    values = {name: getattr(widget, "value", None) for name, widget in widgets.items()}
    return values | {
        "data": "sample:reviews_en", "model": f"folder:{model}", "column_text": "text", "column_label": "label",
    }  # fmt: skip


def test_every_training_argument_has_a_widget_with_its_default() -> None:
    with gr.Blocks():
        widgets = form.build().arguments
    assert {name: widget.value for name, widget in widgets.items()} == asdict(TrainArguments())


def test_the_split_form_mirrors_the_split_plan() -> None:
    with gr.Blocks():
        widgets = form.build().split
    assert set(widgets) == {field.name for field in fields(SplitPlan)}


def test_an_untouched_form_is_a_draft_of_the_defaults(services: Services, tiny_encoder: Path) -> None:
    filled = Filled(services, services.workspace(NOTHING), untouched(tiny_encoder))
    draft = filled.draft()
    assert (draft.arguments, draft.split, draft.launcher) == (TrainArguments(), SplitPlan(), "auto")
    assert draft.columns == {"text": "text", "label": "label"}
    assert draft.name


def test_an_emptied_number_is_refused_by_name(services: Services, tiny_encoder: Path) -> None:
    values = untouched(tiny_encoder) | {"argument_learning_rate": None}
    with pytest.raises(UserError) as caught:
        Filled(services, services.workspace(NOTHING), values).draft()
    assert caught.value.values["name"] == "learning_rate"


def test_a_whole_number_that_the_browser_sends_as_a_float_stays_whole(services: Services, tiny_encoder: Path) -> None:
    values = untouched(tiny_encoder) | {"argument_seed": 7.0}
    seed = Filled(services, services.workspace(NOTHING), values).draft().arguments.seed
    assert (seed, type(seed)) == (7, int)


def test_a_form_without_data_asks_for_data(services: Services, tiny_encoder: Path) -> None:
    values = untouched(tiny_encoder) | {"data": None}
    with pytest.raises(UserError, match="No data"):
        Filled(services, services.workspace(NOTHING), values).draft()


def test_settings_changed_by_hand_are_told_from_those_of_a_preset(services: Services, tiny_encoder: Path) -> None:
    values = untouched(tiny_encoder)
    filled = asdict(TrainArguments())
    workspace = services.workspace(NOTHING)
    assert Filled(services, workspace, values).typed(filled) == set()
    assert Filled(services, workspace, values | {"argument_seed": 1}).typed(filled) == {"seed"}


def test_a_run_is_named_after_its_data_and_model() -> None:
    assert run_name("reviews.csv", "all-MiniLM-L6-v2 (starter)") == "reviews-minilm"
    assert run_name("我的 评论", "multilingual-e5-small").startswith("我的-评论-")


def test_the_settings_title_holds_the_values_that_matter() -> None:
    title = cards.settings_title(asdict(TrainArguments(learning_rate=2e-5)), "en")
    assert title == "Settings: 3 epochs, learning rate 2e-5, batch 16"


def test_a_forecast_card_says_time_verdict_and_score_to_beat() -> None:
    found = Forecast(
        seconds=240, seconds_low=180, seconds_high=360, memory_mib=9200, memory_available_mib=8000, disk_mib=800,
        disk_available_mib=41000, steps=900, split_rows={}, baseline_label="<b>", baseline_value=0.62,
        truncated_share=0.0, unknown_share=0.0, measured_batches=8, verdict="exceeds",
    )  # fmt: skip
    page = cards.forecast(found, "en")
    assert "About 4 min" in page and "Does not fit" in page and "62% (always saying &lt;b&gt;)" in page


def test_findings_put_the_worst_first() -> None:
    found = [
        Finding("ok", "recipes.finding.rows", {"rows": 480, "labels": 2}),
        Finding("warning", "recipes.finding.majority", {"label": "positive", "share": 0.9}),
    ]
    page = cards.findings(found, "en")
    assert page.index("finding-warning") < page.index("finding-ok")
    assert "90%" in page


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        ([0.7], "After the first check"),
        ([0.5, 0.6, 0.7], "rose in each of the last 2 checks, to <b>70.0%</b>"),
        ([0.7, 0.6, 0.8], "its best so far"),
        ([0.7, 0.7], "as good as its best so far"),
        ([0.8, 0.7], "The last check brought nothing better"),
        ([0.8, 0.7, 0.75], "Nothing better in the last 2 checks"),
    ],
)
def test_the_sentence_says_how_the_score_moves(scores: list[float], words: str) -> None:
    assert words in live.trend(scores, "accuracy", "en")


def test_the_sentence_compares_with_the_baseline() -> None:
    assert "26 points above" in live.compared(0.88, 0.62, "en")
    assert "5 points below" in live.compared(0.57, 0.62, "en")
    assert "no better than" in live.compared(0.62, 0.62, "en")


@pytest.mark.parametrize(
    ("ahead", "words"), [(0, "for its turn"), (1, "1 run is before it"), (3, "3 runs are before it")]
)
def test_a_waiting_run_says_how_many_are_before_it(ahead: int, words: str) -> None:
    status = RunStatus(state=RunState.QUEUED)
    assert words in live.sentence(status, ahead, [], "accuracy", live.Baseline({}), "en")


def test_before_the_first_check_the_sentence_says_what_is_being_done() -> None:
    status = RunStatus(state=RunState.RUNNING, phase=Phase.PREPARING)
    assert "Loading the model" in live.sentence(status, 0, [], "accuracy", live.Baseline({}), "en")


def test_a_running_run_shows_stop_facts_and_curves(showing: run.Showing, workspace: Workspace) -> None:
    write_run(workspace, "goes", RunState.RUNNING, steps=250)
    page = showing.draw("goes", None, NOTHING)
    view = showing.view
    assert page[view.stop].visible and not page[view.try_it].visible and not page[view.result].visible
    assert "step 250 of 400" in page[view.progress].value and "Still learning" in page[view.sentence]
    assert page[view.curves].visible and "always positive" in str(page[view.score])


def test_a_finished_run_shows_its_report_and_try_it(showing: run.Showing, workspace: Workspace) -> None:
    write_run(workspace, "ended", skill=0.91)
    page = showing.draw("ended", None, NOTHING)
    view = showing.view
    assert page[view.try_it].visible and page[view.result].visible and not page[view.stop].visible
    assert "right in <b>91.0%</b>: 36 points above always saying positive" in page[view.sentence]
    assert page[showing.try_ref] == "run:ended"


def test_a_failed_run_keeps_its_curves_and_says_the_cause(showing: run.Showing, workspace: Workspace) -> None:
    error = UserError("workspace.disk_full", folder="runs").to_json()
    write_run(workspace, "failed", RunState.FAILED, steps=60, error=error)
    page = showing.draw("failed", None, NOTHING)
    assert page[showing.view.curves].visible and not page[showing.view.try_it].visible
    assert UserError.from_json(error).what("en") in page[showing.view.sentence]


def test_an_interrupted_run_says_that_it_was_cut_off(showing: run.Showing, workspace: Workspace) -> None:
    write_run(workspace, "cut", RunState.INTERRUPTED, steps=100)
    assert "cut off" in showing.draw("cut", None, NOTHING)[showing.view.sentence]


def test_what_was_cut_off_or_paused_can_go_on_and_what_blew_up_cannot(
    showing: run.Showing, workspace: Workspace
) -> None:
    blown_up = UserError("training.diverging", step=9, learning_rate=1, first=1, last=99).to_json()
    for run_id, state, error, can in (
        ("goes", RunState.RUNNING, None, False),
        ("cut", RunState.INTERRUPTED, None, True),
        ("paused", RunState.PAUSED, None, True),
        ("blown", RunState.FAILED, blown_up, False),
        ("done", RunState.DONE, None, False),
    ):
        write_run(workspace, run_id, state, steps=100, error=error)
        page = showing.draw(run_id, None, NOTHING)
        assert page[showing.view.go_on].visible is can, run_id
        assert page[showing.view.pause].visible is (state is RunState.RUNNING)
    assert "Paused after step 100" in showing.draw("paused", None, NOTHING)[showing.view.sentence]


def test_a_run_that_went_on_with_less_says_so(showing: run.Showing, workspace: Workspace) -> None:
    folder = write_run(workspace, "less", RunState.RUNNING, steps=100)
    said = UserError("training.halved", batch=8, accumulation=2, before=16)
    folder.write_status(replace(folder.status(), remarks=[said.to_json()]))
    assert said.what() in showing.draw("less", None, NOTHING)[showing.view.sentence]


def test_a_run_that_cannot_be_read_says_so(showing: run.Showing, workspace: Workspace) -> None:
    write_run(workspace, "broken")
    (workspace.folder("runs", "broken") / "spec.json").write_text("{", encoding="utf-8")
    page = showing.draw("broken", None, NOTHING)
    assert "error-card" in page[showing.view.sentence] and not page[showing.view.curves].visible


def test_a_run_without_news_is_not_drawn_again(showing: run.Showing, workspace: Workspace) -> None:
    write_run(workspace, "ended")
    news = showing.draw("ended", None, NOTHING)[showing.drawn]
    assert list(showing.draw("ended", news, NOTHING)) == [showing.drawn]


def test_new_losses_draw_the_loss_but_not_the_scores(showing: run.Showing, workspace: Workspace) -> None:
    folder = write_run(workspace, "goes", RunState.RUNNING, steps=200)
    news = showing.draw("goes", None, NOTHING)[showing.drawn]
    with folder.metrics.open("a", encoding="utf-8") as file:
        file.write('{"step": 204, "seconds": 90.0, "values": {"loss": 0.2}}\n')
    page = showing.draw("goes", news, NOTHING)
    assert showing.view.loss in page and showing.view.score not in page


def test_a_fresh_page_shows_the_run_that_trains(showing: run.Showing, workspace: Workspace) -> None:
    write_run(workspace, "old")
    write_run(workspace, "goes", RunState.RUNNING, steps=100)
    assert showing.arrive("old", NOTHING) == "goes"


def test_a_fresh_page_shows_the_run_opened_last_else_the_form(showing: run.Showing, workspace: Workspace) -> None:
    write_run(workspace, "old")
    write_run(workspace, "older")
    assert showing.arrive("older", NOTHING) == "older"
    assert showing.arrive("gone", NOTHING) == showing.arrive("", NOTHING) == ""


def test_the_form_points_to_a_run_in_progress(showing: run.Showing, workspace: Workspace) -> None:
    assert not showing.draw("", None, NOTHING)[showing.live_link].visible
    write_run(workspace, "goes", RunState.RUNNING, steps=100)
    assert showing.draw("", None, NOTHING)[showing.live_link].visible


def test_a_stopped_run_offers_its_best_and_its_last_state(showing: run.Showing, workspace: Workspace) -> None:
    folder = write_run(workspace, "stopped", RunState.STOPPED, steps=200)
    folder.model_last.mkdir()
    folder.write_report(report(0.75), "report-last.json")
    page = showing.draw("stopped", None, NOTHING)
    which = page[showing.view.which]
    assert which.visible
    assert "90.0%" in which.choices[0][0] and "75.0%" in which.choices[1][0]
    assert [showing.choose(value, "stopped") for _, value in which.choices] == ["run:stopped", "run:stopped@last"]


def test_a_run_of_another_workspace_is_not_shown(showing: run.Showing, workspace: Workspace) -> None:
    stranger = Workspace(workspace.root.parent / "stranger")
    write_run(stranger, "secret")
    updates = showing.draw("secret", None, NOTHING)
    # As one that was deleted meanwhile: the form comes back.
    assert updates[showing.shown_run] == "" and updates[showing.form_view].visible


def test_markup_in_the_data_is_shown_and_not_obeyed() -> None:
    page = wrong.table(report(), "en")
    assert "&lt;b&gt;Nothing" in page and "<b>Nothing" not in page


def test_the_report_names_the_weakest_of_several_labels() -> None:
    status = RunStatus(state=RunState.DONE)
    three = report(labels=("bad", "fair", "<good>"))
    assert "weakest on <b>&lt;good&gt;</b>" in report_page.sentence(three, status, "en")
    assert "weakest" not in report_page.sentence(report(labels=LABELS), status, "en")


def test_the_report_speaks_chinese() -> None:
    status = RunStatus(state=RunState.DONE)
    assert "答对了 <b>90.0%</b>" in report_page.sentence(report(), status, "zh-CN")
    assert "验证集" in report_page.scores(report(), "zh-CN")


def test_a_refusal_names_the_setting_as_the_form_does() -> None:
    error = UserError("tasks.not_a_number", name="learning_rate", value=None)
    page = cards.refusal(error, "en")
    assert "Learning rate" in page and "None" not in page and "everything you entered is still here" in page


def test_a_waiting_run_can_be_taken_out_of_the_queue(showing: run.Showing, workspace: Workspace) -> None:
    write_run(workspace, "waits", RunState.QUEUED, steps=0)
    page = showing.draw("waits", None, NOTHING)
    assert page[showing.view.stop].value == "Take out of the queue" and not page[showing.view.progress].visible


def test_a_run_that_never_began_is_no_failure() -> None:
    page = live.ending(RunStatus(state=RunState.STOPPED), "en")
    assert "before its first step" in page and "error-card" not in page


def test_a_run_without_a_typed_name_gets_one_that_is_free(services: Services, tiny_encoder: Path) -> None:
    workspace = services.workspace(NOTHING)
    filled = Filled(services, workspace, untouched(tiny_encoder))
    write_run(workspace, filled.name())
    assert filled.name().endswith("-2")


def test_the_time_of_a_run_that_went_on_holds_its_earlier_attempts() -> None:
    status = RunStatus(state=RunState.RUNNING, earlier_seconds=60.0, started=100.0, heartbeat=130.0)
    assert status.seconds == 90.0 and replace(status, ended=140.0).seconds == 100.0
    assert replace(status, started=0.0).seconds == 60.0
