"""The Runs tab: what the table, the curves and the differences say of the run folders."""

from __future__ import annotations

import html
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gradio as gr
import pytest

from backend.errors import UserError
from backend.metrics.mirror import show_command
from backend.models import ModelShelf
from backend.settings import Settings
from backend.training.queue import RunQueue
from backend.training.spec import RunState
from backend.workspace import Workspace
from tests.ui.run_folders import write_run
from ui import metrics_tab
from ui.finetune import live, report
from ui.metrics import overview
from ui.text import say
from ui.visitor import Services

NOTHING: Any = None


@pytest.fixture
def runs(settings: Settings) -> Iterator[metrics_tab.Runs]:
    """The tab and its handlers on this test's workspace."""
    shelf = ModelShelf(settings)
    queue = RunQueue(settings, shelf)
    services = Services(settings, shelf, queue)
    with gr.Blocks():
        yield metrics_tab.Runs(metrics_tab.build(services), services, gr.BrowserState(), gr.State())
    queue.close()


def rows(runs: metrics_tab.Runs, workspace: Workspace) -> list[overview.Row]:
    """Every run with its points."""
    return overview.read_rows(workspace, runs.services.queue.runs(workspace))


def three(workspace: Workspace) -> None:
    """Three runs, `c` the newest."""
    for hour, name in enumerate("abc"):
        write_run(workspace, name, created=f"2026-11-20T1{hour}:00:00+00:00", seed=hour)


def test_a_workspace_without_runs_offers_to_make_one(runs: metrics_tab.Runs) -> None:
    page = runs.draw("", "", "accuracy", None, NOTHING)
    assert page[runs.tab.empty].visible and not page[runs.tab.full].visible


def test_the_newest_runs_are_compared_before_any_is_chosen(runs: metrics_tab.Runs, workspace: Workspace) -> None:
    three(workspace)
    write_run(workspace, "d", created="2026-11-20T09:00:00+00:00")
    assert overview.chosen_slots(rows(runs, workspace), None) == ["c", "b", "a"]


def test_the_others_keep_their_colours_when_one_is_unticked() -> None:
    assert overview.toggled(["c", "b", "a"], "b") == ["c", "", "a"]
    assert overview.toggled(["c", "", "a"], "d") == ["c", "d", "a"]


def test_no_more_runs_than_colours_can_be_compared() -> None:
    assert overview.toggled(list("abcdef"), "g") is None
    assert overview.toggled(list("abcdef"), "f") == [*"abcde", ""]


def test_the_command_for_trackio_names_the_folder_of_the_mirror(runs: metrics_tab.Runs, workspace: Workspace) -> None:
    write_run(workspace, "a")
    shown = html.unescape(runs.draw("", "", "accuracy", None, NOTHING)[runs.tab.mirror])
    assert show_command(workspace.root) in shown
    assert str(workspace.root / "trackio") in shown


def test_a_visitor_of_a_public_page_is_not_told_where_the_mirror_lies(
    runs: metrics_tab.Runs, workspace: Workspace
) -> None:
    assert runs._mirror(Workspace(workspace.root, public=True), "en") == ""


def test_a_deleted_run_leaves_the_choice(runs: metrics_tab.Runs, workspace: Workspace) -> None:
    three(workspace)
    assert overview.chosen_slots(rows(runs, workspace), ["gone", "a"]) == ["", "a"]


def test_search_and_state_filter_the_table(runs: metrics_tab.Runs, workspace: Workspace) -> None:
    three(workspace)
    write_run(workspace, "failed", RunState.FAILED, steps=60)
    found = rows(runs, workspace)
    assert [row.name for row in overview.wanted(found, "", "failed")] == ["failed"]
    assert len(overview.wanted(found, "MINILM reviews", "")) == 4
    assert overview.wanted(found, "nothing like it", "") == []


def test_the_best_score_is_the_highest_and_the_best_loss_the_lowest(
    runs: metrics_tab.Runs, workspace: Workspace
) -> None:
    write_run(workspace, "a", skill=0.9)
    (row,) = rows(runs, workspace)
    assert row.best("accuracy") == max(p.values["eval_accuracy"] for p in row.points if "eval_accuracy" in p.values)
    assert row.best("loss") == min(p.values["eval_loss"] for p in row.points if "eval_loss" in p.values)
    assert row.best("no such metric") is None


def test_points_written_since_are_read(runs: metrics_tab.Runs, workspace: Workspace) -> None:
    folder = write_run(workspace, "a")
    before = len(rows(runs, workspace)[0].points)
    with folder.metrics.open("a", encoding="utf-8") as file:
        file.write('{"step": 500, "seconds": 90.0, "values": {"loss": 0.2}}\n')
    assert len(rows(runs, workspace)[0].points) == before + 1


def test_only_settings_that_differ_are_listed(runs: metrics_tab.Runs, workspace: Workspace) -> None:
    write_run(workspace, "a", learning_rate=2e-5)
    write_run(workspace, "b", learning_rate=5e-5)
    page = overview.differences(rows(runs, workspace), ["a", "b"], "en")
    assert "Learning rate" in page and "2e-05" in page and "Dropout" not in page


def test_one_run_alone_has_no_differences(runs: metrics_tab.Runs, workspace: Workspace) -> None:
    three(workspace)
    assert "two or more" in overview.differences(rows(runs, workspace), ["a"], "en")


def test_a_run_that_cannot_be_read_says_so_and_the_rest_stays(runs: metrics_tab.Runs, workspace: Workspace) -> None:
    three(workspace)
    (workspace.folder("runs", "b") / "spec.json").write_text("{", encoding="utf-8")
    page = runs.draw("", "", "accuracy", None, NOTHING)[runs.tab.table]
    assert "unreadable" in page and page.count('data-act="open"') == 2


def test_a_name_with_markup_is_shown_and_not_obeyed(runs: metrics_tab.Runs, workspace: Workspace) -> None:
    folder = write_run(workspace, "a")
    spec = folder.path / "spec.json"
    spec.write_text(spec.read_text(encoding="utf-8").replace('"name": "a"', '"name": "<img src=x>"'), encoding="utf-8")
    page = runs.draw("", "", "accuracy", None, NOTHING)[runs.tab.table]
    assert "&lt;img src=x&gt;" in page and "<img" not in page


def test_the_table_and_charts_speak_chinese(runs: metrics_tab.Runs, workspace: Workspace) -> None:
    three(workspace)
    page = overview.table(rows(runs, workspace), ["a"], "accuracy", "zh-CN")
    assert "最佳准确率" in page and "已完成" in page


def test_the_sample_and_the_starter_of_a_run_have_the_names_of_the_visitor_s_language(
    runs: metrics_tab.Runs, workspace: Workspace
) -> None:
    folder = write_run(workspace, "a")
    run = rows(runs, workspace)[0].run
    assert run.spec
    title, model = say("data.sample.reviews_en", "zh-CN"), "all-MiniLM-L6-v2（入门模型）"
    shown = [
        overview.table(rows(runs, workspace), ["a"], "accuracy", "zh-CN"),
        live.head("a", run.spec, run.status, "zh-CN"),
        report.settings(run.spec, folder.report(), "zh-CN"),
    ]
    assert all(title in page and model in page for page in shown)
    assert overview.flattened(run.spec, "zh-CN")["数据"] == title
    assert [row.name for row in overview.wanted(rows(runs, workspace), title, "")] == ["a"]


def test_deleting_takes_the_folder_away(runs: metrics_tab.Runs, workspace: Workspace) -> None:
    folder = write_run(workspace, "a")
    with gr.Blocks():
        runs.services.queue.remove(workspace, "a")
    assert not folder.path.exists()


def test_a_run_that_trains_offers_no_delete(runs: metrics_tab.Runs, workspace: Workspace) -> None:
    write_run(workspace, "goes", RunState.RUNNING, steps=100)
    assert 'data-act="delete"' not in runs.draw("", "", "accuracy", None, NOTHING)[runs.tab.table]
    with pytest.raises(UserError):
        runs.services.queue.remove(workspace, "goes")


def test_runs_of_the_same_name_are_told_apart_by_their_ids(runs: metrics_tab.Runs, workspace: Workspace) -> None:
    three(workspace)
    spec = workspace.folder("runs", "b") / "spec.json"
    spec.write_text(spec.read_text(encoding="utf-8").replace('"name": "b"', '"name": "a"'), encoding="utf-8")
    assert [row.name for row in rows(runs, workspace)] == ["c", "b", "a"]


def test_every_setting_of_a_run_has_words_in_both_languages(runs: metrics_tab.Runs, workspace: Workspace) -> None:
    write_run(workspace, "a")
    spec = rows(runs, workspace)[0].run.spec
    assert spec
    for locale in ("en", "zh-CN"):
        for loop in ("trainer", "native", "head"):
            flat = overview.flattened(replace(spec, loop=loop, new_model={"num_hidden_layers": 2}), locale)
            assert "num_hidden_layers 2" in flat.values() and say("recipes." + spec.recipe, locale) in flat.values()


def test_a_run_without_the_metric_asked_for_shows_its_own(runs: metrics_tab.Runs, workspace: Workspace) -> None:
    folder = write_run(workspace, "scores")
    folder.write_spec(replace(folder.spec(), recipe="sentence-pair-regression"))
    text = folder.metrics.read_text(encoding="utf-8").replace("eval_accuracy", "eval_pearson")
    folder.metrics.write_text(text, encoding="utf-8")
    page = runs.draw("", "", "accuracy", None, NOTHING)
    assert "Pearson correlation 0." in page[runs.tab.table] and "Pearson" in page[runs.tab.score_title]
    assert "%" not in (page[runs.tab.score].layout.yaxis.tickformat or "")
