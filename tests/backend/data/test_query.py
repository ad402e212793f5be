"""Tests of looking through a data set: search, filter, sort and paging over all rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.data import library
from backend.data.query import rows
from backend.data.version import DataVersion
from backend.errors import UserError
from backend.settings import Settings
from backend.workspace import Workspace

CSV = "text,Text,stars\nGood phone,a,3\nbad phone,b,1\n,c,2\ngood CASE,d,3\n100% 'fine'; --,e,\n"


@pytest.fixture
def version(workspace: Workspace, settings: Settings, tmp_path: Path) -> DataVersion:
    path = tmp_path / "a.csv"
    path.write_text(CSV, encoding="utf-8")
    return library.add_files(workspace, settings, [path])


@pytest.fixture
def long(workspace: Workspace, settings: Settings, tmp_path: Path) -> DataVersion:
    """30,000 rows: several batches of the file."""
    path = tmp_path / "long.csv"
    path.write_text("number,group\n" + "".join(f"{i * 7919 % 30_000},{i % 3}\n" for i in range(30_000)))
    return library.add_files(workspace, settings, [path])


def test_rows_come_in_file_order_with_their_ids(version: DataVersion) -> None:
    page = rows(version, offset=1, limit=2)
    assert page.columns == ("text", "Text_2", "stars")
    assert page.rows == (("bad phone", "b", 1), (None, "c", 2))
    assert (page.row_ids, page.total) == ((1, 2), 5)


def test_search_looks_through_all_columns_whatever_the_case(version: DataVersion) -> None:
    assert rows(version, search="gOOd").row_ids == (0, 3)
    assert rows(version, search="2").row_ids == (2,)


@pytest.mark.parametrize("search", ["100%", "'fine'", "; --", "_", "%"])
def test_signs_with_a_meaning_in_sql_are_searched_as_they_are(search: str, version: DataVersion) -> None:
    assert rows(version, search=search).row_ids == tuple(index for index in [4] if search in "100% 'fine'; --")


def test_a_filter_takes_values_and_empty_cells(version: DataVersion) -> None:
    assert rows(version, where={"stars": "3"}).row_ids == (0, 3)
    assert rows(version, where={"stars": 3, "Text_2": "d"}).row_ids == (3,)
    assert rows(version, where={"text": None}).row_ids == (2,)


def test_columns_that_differ_in_case_only_are_told_apart(version: DataVersion) -> None:
    assert rows(version, where={"Text_2": "a"}).row_ids == (0,)
    assert rows(version, where={"text": "a"}).row_ids == ()


def test_rows_that_sort_alike_stay_in_file_order_both_ways_and_empty_cells_come_last(version: DataVersion) -> None:
    assert rows(version, sort="stars").row_ids == (1, 2, 0, 3, 4)
    assert rows(version, sort="stars", descending=True).row_ids == (0, 3, 2, 1, 4)


def test_sorting_and_paging_hold_over_the_whole_file(long: DataVersion) -> None:
    page = rows(long, sort="number", offset=29_990, limit=25)
    assert [row[0] for row in page.rows] == list(range(29_990, 30_000))
    assert page.total == 30_000
    # Each row is the row of its id.
    assert all(row[0] == row_id * 7919 % 30_000 for row, row_id in zip(page.rows, page.row_ids, strict=True))


def test_search_filter_and_sort_work_together(long: DataVersion) -> None:
    page = rows(long, search="9999", where={"group": "0"}, sort="number", descending=True, limit=5)
    expected = sorted(
        (i * 7919 % 30_000 for i in range(0, 30_000, 3) if "9999" in str(i * 7919 % 30_000)), reverse=True
    )
    assert [row[0] for row in page.rows] == expected[:5]
    assert page.total == len(expected)


def test_a_page_beyond_the_end_is_empty(version: DataVersion) -> None:
    assert rows(version, offset=100).rows == ()
    assert rows(version, offset=100, search="good").rows == ()


def test_a_column_that_is_not_there_is_named_with_those_that_are(version: DataVersion) -> None:
    with pytest.raises(UserError) as error:
        rows(version, sort="label; drop table data")
    assert error.value.key == "data.no_column"
    assert "stars" in error.value.todo()
