"""Tests of the Data tab: what each action shows, called as the page calls it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from backend.data import library
from backend.models import ModelShelf
from backend.settings import Settings
from backend.workspace import Workspace
from ui import datasets_tab
from ui.data_actions import FIRST_VIEW, PAGE_ROWS, Actions
from ui.datasets_tab import DatasetsTab
from ui.visitor import PageState, Services

ANYONE: Any = None
"""The request of a visitor who has not introduced themselves: English, the shared workspace."""


@pytest.fixture
def tab(settings: Settings) -> Iterator[DatasetsTab]:
    """The tab on a page of its own, wired."""
    services = Services(settings, ModelShelf(settings), ANYONE)
    with gr.Blocks(analytics_enabled=False):
        tab = datasets_tab.build(services)
        datasets_tab.wire(tab, services, PageState(gr.State(""), gr.State(""), gr.State({})))
        yield tab


@pytest.fixture
def act(tab: DatasetsTab, settings: Settings) -> Actions:
    """Its actions."""
    return Actions(tab, Services(settings, ModelShelf(settings), ANYONE))


def file(tmp_path: Path, name: str, text: str) -> str:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def reviews(rows: int = 40) -> str:
    return "text,label\n" + "".join(f"a review with number {i},{'pos' if i % 2 else 'neg'}\n" for i in range(rows))


def last(updates: Iterator[dict[Any, Any]]) -> dict[Any, Any]:
    """All that a streaming action changed."""
    merged: dict[Any, Any] = {}
    for update in updates:
        merged |= update
    return merged


def is_visible(update: Any) -> bool:
    return bool(update.visible if hasattr(update, "visible") else update["visible"])


def test_a_newcomer_sees_the_empty_page_with_the_samples(act: Actions, tab: DatasetsTab) -> None:
    changed = act.arrive({}, ANYONE)
    assert is_visible(changed[tab.empty])
    assert ("Product reviews (English)", "sample:reviews_en") in changed[tab.samples].choices
    assert not changed[tab.use_for_training].interactive


def test_an_upload_shows_its_rows_and_offers_training(act: Actions, tab: DatasetsTab, tmp_path: Path) -> None:
    changed = last(act.upload([file(tmp_path, "mine.csv", reviews())], ANYONE))
    assert changed[tab.chosen].value == "mine:mine"
    assert "a review with number 12" in changed[tab.table] and "number 13" not in changed[tab.table]
    assert "1–13 of 40" in changed[tab.pager].replace("Rows ", "")
    assert changed[tab.use_for_training].interactive
    assert is_visible(changed[tab.content]) and not is_visible(changed[tab.empty])


def test_a_reloaded_page_shows_the_newest_upload(act: Actions, tab: DatasetsTab, tmp_path: Path) -> None:
    last(act.upload([file(tmp_path, "mine.csv", reviews())], ANYONE))
    assert act.arrive({}, ANYONE)[tab.chosen].value == "mine:mine"


def test_a_removed_data_set_makes_room_for_the_one_before_it_then_for_the_empty_page(
    act: Actions, tab: DatasetsTab, tmp_path: Path
) -> None:
    for name in ("first", "second"):
        last(act.upload([file(tmp_path, f"{name}.csv", reviews())], ANYONE))
    assert "“second”" in act.ask_remove("mine:second", ANYONE)[tab.question]
    assert act.remove("mine:second", ANYONE)[tab.chosen].value == "mine:first"
    changed = act.remove("mine:first", ANYONE)
    assert is_visible(changed[tab.empty]) and not is_visible(changed[tab.content])
    assert not changed[tab.use_for_training].interactive


def test_a_sample_offers_no_remove_and_a_refusal_stands_as_an_error(act: Actions, tab: DatasetsTab) -> None:
    assert not is_visible(act.choose("sample:reviews_en", "", ANYONE)[tab.remove])
    changed = act.remove("sample:reviews_en", ANYONE)
    assert "error-card" in changed[tab.notice] and is_visible(changed[tab.retry])
    assert not is_visible(changed[tab.ask])


def test_another_language_shows_the_same_data_set_and_search(act: Actions, tab: DatasetsTab, tmp_path: Path) -> None:
    last(act.upload([file(tmp_path, "mine.csv", reviews())], ANYONE))
    typed = {"datasets-chosen": "商品评论（英文）（480 行）", "datasets-search": "the"}
    changed = act.arrive(typed, ANYONE)
    assert changed[tab.chosen].value == "sample:reviews_en" and "<mark>" in changed[tab.table]


def test_reading_is_said_before_the_table_comes(act: Actions, tab: DatasetsTab, tmp_path: Path) -> None:
    first = next(act.upload([file(tmp_path, "mine.csv", reviews())], ANYONE))
    assert "mine.csv" in first[tab.notice]


def test_an_error_stands_in_place_of_the_table_and_the_lines_can_be_skipped(
    act: Actions, tab: DatasetsTab, tmp_path: Path
) -> None:
    path = file(tmp_path, "ragged.csv", reviews(5) + "too,many,cells\n")
    changed = last(act.upload([path], ANYONE))
    assert "Line 7" in changed[tab.notice] and not is_visible(changed[tab.content])
    assert is_visible(changed[tab.skip]) and tab.chosen not in changed and tab.search not in changed
    changed = last(act.upload_skipping(changed[tab.pending], ANYONE))
    assert changed[tab.chosen].value == "mine:ragged"
    assert "could not be read: 1 (line 7)" in changed[tab.details]


def test_a_file_that_no_skipping_helps_offers_only_the_way_back(act: Actions, tab: DatasetsTab, tmp_path: Path) -> None:
    changed = last(act.upload([file(tmp_path, "empty.csv", "")], ANYONE))
    assert "empty.csv" in changed[tab.notice]
    assert not is_visible(changed[tab.skip])
    back = act.dismiss("sample:reviews_en")
    assert is_visible(back[tab.content]) and back[tab.notice] == ""


def test_text_encoded_twice_is_said_and_mended_by_a_button(act: Actions, tab: DatasetsTab, tmp_path: Path) -> None:
    wrong = "text,label\ncafé crème,a\nnaïve idée,b\n".encode().decode("cp1252")
    changed = last(act.upload([file(tmp_path, "twice.csv", wrong)], ANYONE))
    assert is_visible(changed[tab.mend]) and "encoded twice" in changed[tab.details]
    changed = act.mend("mine:twice", "", ANYONE)
    assert "café crème" in changed[tab.table] and not is_visible(changed[tab.mend])


def test_search_filter_and_pages_work_together(act: Actions, tab: DatasetsTab, tmp_path: Path) -> None:
    opened = last(act.upload([file(tmp_path, "mine.csv", reviews())], ANYONE))
    positive = next(value for text, value in opened[tab.filter].choices if "label is pos" in text)
    ref, view = "mine:mine", dict(FIRST_VIEW)
    first = act.draw_first(ref, "review", positive, view, ANYONE)
    assert f"1–{PAGE_ROWS} of 20" in first[tab.pager] and "<mark>review</mark>" in first[tab.table]
    second = act.draw_next(ref, "review", positive, first[tab.view], ANYONE)
    assert "14–20 of 20" in second[tab.pager] and not second[tab.next].interactive
    again = act.draw_previous(ref, "review", positive, second[tab.view], ANYONE)
    assert again[tab.table] == first[tab.table]


def test_a_head_sorts_upwards_then_downwards_then_not(act: Actions, tab: DatasetsTab, tmp_path: Path) -> None:
    last(act.upload([file(tmp_path, "mine.csv", "text,stars\nb,2\nc,3\na,1\n")], ANYONE))
    event = gr.EventData(None, {"sort": "stars"})
    view, orders = dict(FIRST_VIEW), []
    for _ in range(3):
        changed = act.sort("mine:mine", "", "", view, ANYONE, event)
        view = changed[tab.view]
        orders.append([row.split("</td>")[0] for row in changed[tab.table].split('<td class="id">')[1:]])
    assert orders == [["3", "1", "2"], ["2", "1", "3"], ["1", "2", "3"]]


def test_what_a_file_contains_is_never_html(act: Actions, tab: DatasetsTab, tmp_path: Path) -> None:
    evil = "<img src=x onerror=alert(1)>"
    text = f"{evil},label\n" + f"{evil},{evil}\n" * 6
    changed = last(act.upload([file(tmp_path, "x.csv", text)], ANYONE))
    shown = [changed[tab.table], changed[tab.details], changed[tab.numbers], changed[tab.notice]]
    assert all("<img" not in html for html in shown)
    assert "&lt;img" in changed[tab.table]


def test_the_numbers_beside_the_table_are_those_of_all_rows(act: Actions, tab: DatasetsTab, tmp_path: Path) -> None:
    text = reviews() + ",neg\n" + "a review with number 0,neg\n"
    changed = last(act.upload([file(tmp_path, "mine.csv", text)], ANYONE))
    assert "<b>42</b>" in changed[tab.numbers]
    details = changed[tab.details]
    assert "Empty cells in text: 1" in details and "Rows that repeat another one: 1" in details
    assert "<b>22</b>" in details


def test_splits_given_by_the_files_are_shown_as_given(act: Actions, tab: DatasetsTab, tmp_path: Path) -> None:
    paths = [file(tmp_path, f"{name}.csv", reviews(rows)) for name, rows in (("train", 20), ("dev", 6), ("test", 4))]
    details = last(act.upload(paths, ANYONE))[tab.details]
    assert all(f"<b>{rows}</b>" in details for rows in (20, 6, 4))
    assert "As the data says" in details


def test_a_tokenizer_that_is_not_there_is_said_beside_the_table(act: Actions) -> None:
    shown = act.draw_tokens("sample:reviews_en", "folder:/nowhere/at/all", ANYONE)
    assert "error-card" in shown


def test_unknown_tokens_of_the_chosen_tokenizer_are_counted(
    act: Actions, tab: DatasetsTab, tmp_path: Path, tiny_encoder: Path
) -> None:
    last(act.upload([file(tmp_path, "mine.csv", "text,label\n☃ ☃ ☃,a\n☂ ☂,b\n")], ANYONE))
    shown = act.draw_tokens("mine:mine", str(tiny_encoder), ANYONE)
    assert "100.0%" in shown and "does not know the language" in shown


def test_the_side_column_follows_the_language(workspace: Workspace) -> None:
    from backend.data.describe import describe
    from backend.data.label_counts import label_counts
    from ui.data_findings import findings
    from ui.data_view import splits

    version = library.open_data(workspace, "sample:reviews_en")
    counts = label_counts(version, "label")
    for locale in ("en", "zh-CN"):
        assert findings(describe(version), counts, library.notes_of(version), locale)
    assert splits(version, {"train": 1}, "label", "zh-CN") != splits(version, {"train": 1}, "label", "en")


def test_rows_without_a_label_are_in_no_part_of_the_split(act: Actions, tab: DatasetsTab, tmp_path: Path) -> None:
    text = reviews(40) + "".join(f"no label {i},\n" for i in range(40))
    details = last(act.upload([file(tmp_path, "mine.csv", text)], ANYONE))[tab.details]
    assert "<b>32</b>" in details and details.count("<b>4</b>") == 2


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("text,label\n" + "".join(f"a review with number {i},good\n" for i in range(40)), "Only one label: good"),
        (
            "comment,number\n" + "".join(f"a review with words {i},{i}\n" for i in range(40)),
            "No column looks like a label",
        ),
        ("text,label\n" + ",\n" * 40, "Every cell is empty"),
        ("text,grade\n" + "".join(f"a review with words {i},{i / 7:.3f}\n" for i in range(40)), "grade holds scores"),
    ],
)
def test_a_table_without_two_labels_says_what_is_missing(
    act: Actions, tab: DatasetsTab, tmp_path: Path, rows: str, said: str
) -> None:
    changed = last(act.upload([file(tmp_path, "mine.csv", rows)], ANYONE))
    assert said in changed[tab.details]
    if "comment" in rows:
        assert "Columns found: comment, number" in changed[tab.details]
        assert "same mix" not in changed[tab.details]
