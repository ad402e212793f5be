"""Tests of splits: exact shares, given splits, slice expressions, rare labels."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from backend.data import library
from backend.data.split import SplitPlan, _take, parse_slice, split_counts, split_of_file, split_rows
from backend.data.version import DataVersion
from backend.errors import UserError
from backend.settings import Settings
from backend.workspace import Workspace


@pytest.fixture
def make(workspace: Workspace, settings: Settings, tmp_path: Path):  # type: ignore[no-untyped-def]
    """A data set with these labels, and splits if given."""

    def made(labels: list[str], splits: list[str] | None = None) -> DataVersion:
        head = "text,label" + (",split" if splits else "")
        lines = [f"sentence {i},{label}" + (f",{splits[i]}" if splits else "") for i, label in enumerate(labels)]
        path = tmp_path / "a.csv"
        path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
        return library.add_files(workspace, settings, [path])

    return made


def count(labels: list[str], rows: np.ndarray) -> dict[str, int]:
    names, counts = np.unique(np.array(labels)[rows], return_counts=True)
    return dict(zip(names.tolist(), counts.tolist(), strict=True))


def test_every_label_has_its_exact_share_in_each_part(make) -> None:  # type: ignore[no-untyped-def]
    labels = ["a"] * 300 + ["b"] * 150 + ["c"] * 50
    parts = split_rows(make(labels), SplitPlan(), "label")
    assert count(labels, parts["validation"]) == count(labels, parts["test"]) == {"a": 30, "b": 15, "c": 5}
    assert count(labels, parts["train"]) == {"a": 240, "b": 120, "c": 40}


def test_totals_are_right_where_no_label_divides(make) -> None:  # type: ignore[no-untyped-def]
    labels = [f"l{i % 7}" for i in range(107)]
    counts = split_counts(make(labels), SplitPlan(), "label")
    assert counts == {"train": 85, "validation": 11, "test": 11}


def test_parts_are_sorted_disjoint_and_hold_every_row(make) -> None:  # type: ignore[no-untyped-def]
    parts = split_rows(make(["a", "b"] * 50), SplitPlan(), "label")
    assert all((np.diff(rows) > 0).all() and rows.dtype == np.int64 for rows in parts.values())
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(100))


def test_the_same_seed_gives_the_same_parts_and_another_seed_others(make) -> None:  # type: ignore[no-untyped-def]
    version = make(["a", "b"] * 50)
    first, again, other = (split_rows(version, SplitPlan(seed=seed), "label")["test"].tolist() for seed in (1, 1, 2))
    assert first == again != other


def test_a_label_with_one_row_stays_in_train_and_one_with_two_keeps_one_there(make) -> None:  # type: ignore[no-untyped-def]
    labels = ["a"] * 20 + ["once"] + ["twice"] * 2
    plan = SplitPlan(validation_share=0.4, test_share=0.4)
    parts = split_rows(make(labels), plan, "label")
    train = count(labels, parts["train"])
    assert train["once"] == 1 and train["twice"] == 1


def test_the_rows_of_a_seed_never_change(make) -> None:  # type: ignore[no-untyped-def]
    # A run is trained again, compared and scored by the rows that its plan stood for when it was made.
    parts = split_rows(make(["a"] * 11 + ["b", "c"] * 8 + ["d"] * 3), SplitPlan(), "label")
    assert {name: parts[name].tolist() for name in ("validation", "test")} == {
        "validation": [6, 22, 23], "test": [7, 12, 25],
    }  # fmt: skip


def test_a_hundred_thousand_labels_are_split_as_few_are() -> None:
    codes = np.arange(300_000) % 100_000
    began = time.process_time()
    rest, taken = _take(np.arange(300_000), codes, {"validation": 0.1, "test": 0.1}, 42)
    # A look through all rows for each label took a minute.
    assert time.process_time() - began < 15
    assert {name: len(rows) for name, rows in taken.items()} == {"validation": 30_000, "test": 30_000}
    assert len(np.unique(codes[rest])) == 100_000
    assert np.array_equal(np.sort(np.concatenate([rest, *taken.values()])), np.arange(300_000))


def test_labels_all_different_are_split_at_random(make) -> None:  # type: ignore[no-untyped-def]
    labels = [f"unlike {i}" for i in range(50)]
    assert split_counts(make(labels), SplitPlan(), "label") == {"train": 40, "validation": 5, "test": 5}


def test_given_splits_are_kept_as_they_are(make) -> None:  # type: ignore[no-untyped-def]
    splits = ["train"] * 6 + ["dev"] * 2 + ["test"] * 2
    parts = split_rows(make(["a", "b"] * 5, splits), SplitPlan(), "label")
    assert {name: rows.tolist() for name, rows in parts.items()} == {
        "train": [0, 1, 2, 3, 4, 5], "validation": [6, 7], "test": [8, 9],
    }  # fmt: skip


def test_a_given_split_without_validation_takes_it_from_train(make) -> None:  # type: ignore[no-untyped-def]
    splits = ["train"] * 40 + ["test"] * 10
    parts = split_rows(make(["a", "b"] * 25, splits), SplitPlan(), "label")
    assert {name: len(rows) for name, rows in parts.items()} == {"train": 36, "validation": 4, "test": 10}
    assert parts["test"].tolist() == list(range(40, 50))


def test_given_splits_can_be_left_aside(make) -> None:  # type: ignore[no-untyped-def]
    splits = ["train"] * 10 + ["test"] * 40
    counts = split_counts(make(["a", "b"] * 25, splits), SplitPlan(use_given=False), "label")
    assert counts == {"train": 40, "validation": 5, "test": 5}


def test_only_usable_rows_are_split(make) -> None:  # type: ignore[no-untyped-def]
    usable = np.arange(100) % 2 == 0
    parts = split_rows(make(["a", "b"] * 50), SplitPlan(), "label", usable)
    assert all((rows % 2 == 0).all() for rows in parts.values())
    assert sum(map(len, parts.values())) == 50


def test_a_slice_takes_that_many_training_rows(make) -> None:  # type: ignore[no-untyped-def]
    splits = ["train"] * 80 + ["validation"] * 10 + ["test"] * 10
    parts = split_rows(make(["a", "b"] * 50, splits), SplitPlan(train_rows="[:10]+[-10:]"), "label")
    assert parts["train"].tolist() == [*range(10), *range(70, 80)]


def test_an_empty_test_split_is_allowed_when_asked_for(make) -> None:  # type: ignore[no-untyped-def]
    assert split_counts(make(["a", "b"] * 50), SplitPlan(test_share=0.0), "label")["test"] == 0


def test_too_few_rows_are_said(make) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UserError) as error:
        split_rows(make(["a"]), SplitPlan(), "label")
    assert error.value.key == "data.empty_split"


@pytest.mark.parametrize(
    ("expression", "picked"),
    [
        ("[:3]", [0, 1, 2]),
        ("[-2:]", [8, 9]),
        ("[2:4]", [2, 3]),
        ("[:]", list(range(10))),
        ("[:20%]", [0, 1]),
        ("[-10%:]", [9]),
        ("[20%:50%]", [2, 3, 4]),
        ("train[:2]+train[-2:]", [0, 1, 8, 9]),
        (" [:4] + [2:6] ", [0, 1, 2, 3, 4, 5]),
        ("[:2000]", list(range(10))),
    ],
)
def test_slices_pick_rows_as_in_datasets(expression: str, picked: list[int]) -> None:
    assert parse_slice(expression, 10).tolist() == picked


@pytest.mark.parametrize("expression", ["2000", "[a:b]", "[:2000", "test[:10]", "[:1.5]", "[:10]++[:2]", "[1]"])
def test_what_is_no_slice_is_refused(expression: str) -> None:
    with pytest.raises(UserError) as error:
        parse_slice(expression, 10)
    assert error.value.key == "data.bad_slice" and "[:2]" in error.value.todo()


def test_a_slice_of_nothing_is_refused() -> None:
    with pytest.raises(UserError) as error:
        parse_slice("[20:30]", 10)
    assert error.value.key == "data.empty_slice" and "Only some of the training rows" in error.value.what()


@pytest.mark.parametrize(("rows", "offered"), [(1, "[:1] for 1 row "), (80, "[:20] for 20 rows"), (90_000, "[:2000]")])
def test_in_place_of_a_slice_of_nothing_one_that_fits_is_offered(rows: int, offered: str) -> None:
    with pytest.raises(UserError) as error:
        parse_slice("[100000:]", rows)
    assert offered in error.value.todo() and error.value.todo("zh-CN")


def test_a_slice_too_short_to_be_split_is_named(make) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UserError) as error:
        split_rows(make(["a", "b"] * 40), SplitPlan(train_rows="[:1]"), "label")
    assert error.value.key == "data.slice_too_short"
    assert "“[:1]”, under “Only some of the training rows”, takes 1 of 80 rows" in error.value.what()


@pytest.mark.parametrize(
    ("stem", "split"),
    [
        ("train", "train"),
        ("reviews-dev", "validation"),
        ("in_domain_test2", "test"),
        ("训练集", "train"),
        ("latest", ""),
    ],
)
def test_a_file_name_tells_its_split(stem: str, split: str) -> None:
    assert split_of_file(stem) == split


@pytest.mark.parametrize("shares", [(0, 0), (0.5, 0.5), (-0.1, 0.2), (1, 0)])
def test_shares_that_leave_nothing_are_refused(shares: tuple[float, float]) -> None:
    with pytest.raises(UserError):
        SplitPlan(validation_share=shares[0], test_share=shares[1])


def test_a_plan_that_leaves_rows_out_needs_to_know_which_are_alike(make) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=r"Recipe\.split"):
        split_rows(make(["a", "b"] * 20), SplitPlan(leave_out=("leaks",)), "label")


def test_a_plan_read_from_json_is_the_plan_that_was_written() -> None:
    plan = SplitPlan(leave_out=("leaks", "duplicates"))
    assert plan.leave_out == ("duplicates", "leaks")
    assert SplitPlan(**json.loads(json.dumps(asdict(plan)))) == plan


def test_a_plan_refuses_to_leave_out_what_nobody_knows() -> None:
    with pytest.raises(UserError, match="nonsense"):
        SplitPlan(leave_out=("nonsense",))
