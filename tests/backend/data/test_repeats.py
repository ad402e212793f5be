"""Tests of rows that say the same: found whatever the case and the space, and left out of training alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from backend.data.repeats import LEAVABLE, concerned, texts_of
from backend.data.split import SplitPlan
from backend.data.version import DataVersion
from backend.errors import UserError
from backend.recipes import all_recipes
from tests.backend.tables import save_version

SINGLE = all_recipes()["single-label-classification"]
COLUMNS = {"text": "text", "label": "label"}
# Row 3 repeats row 0; rows 1 and 4 contradict each other; row 5 is tested on; row 6 has no word.
TEXTS = [
    "Good film", "Odd  one", "Dull", " good FILM\n", "odd one", "Seen before", "… !?", "Fine\u3000book", "seen\tbefore",
    "New",
]  # fmt: skip
LABELS = ["a", "a", "b", "a", "b", "a", "b", "a", "a", "b"]
SPLITS = ["train"] * 8 + ["test", "validation"]


@pytest.fixture
def version(tmp_path: Path) -> DataVersion:
    return save_version(tmp_path / "data", "split", text=TEXTS, label=LABELS, split=SPLITS)


def found(version: DataVersion, recipe: str = SINGLE.name, **columns: str) -> dict[str, list[int]]:
    chosen, columns = all_recipes()[recipe], columns or COLUMNS
    parts = chosen.split(version, columns, SplitPlan())
    return {name: rows.tolist() for name, rows in concerned(parts, chosen.likeness(version, columns)).items()}


def test_each_kind_of_row_is_found_whatever_the_case_and_the_space(version: DataVersion) -> None:
    assert found(version) == {"unlabelled": [], "blank": [6], "duplicates": [3], "conflicts": [1, 4], "leaks": [5]}


@pytest.mark.parametrize(("name", "left"), [("blank", 7), ("duplicates", 7), ("conflicts", 6), ("leaks", 7)])
def test_what_is_left_out_leaves_training_alone(version: DataVersion, name: str, left: int) -> None:
    parts = SINGLE.split(version, COLUMNS, SplitPlan(leave_out=(name,)))
    assert (len(parts["train"]), parts["validation"].tolist(), parts["test"].tolist()) == (left, [9], [8])
    assert parts["train"].dtype == np.int64 and (np.diff(parts["train"]) > 0).all()


def test_rows_without_a_label_are_left_out_of_every_part_and_repeat_nothing(tmp_path: Path) -> None:
    version = save_version(
        tmp_path / "data", "split",
        text=["one", "ONE", "two", "three", "four", "five", "six", "seven", "two"],
        label=["NaN", "a", "b", "a", "none", "b", "NaN", "a", "<NA>"],
        split=["train"] * 4 + ["validation"] * 2 + ["test"] * 2 + ["train"],
    )  # fmt: skip
    assert found(version)["unlabelled"] == [0, 4, 6, 8]
    parts = SINGLE.split(version, COLUMNS, SplitPlan(leave_out=("unlabelled", "conflicts")))
    # Rows 0 and 8 gone, rows 1 and 2 contradict nobody.
    assert {name: rows.tolist() for name, rows in parts.items()} == {
        "train": [1, 2, 3], "validation": [5], "test": [7],
    }  # fmt: skip


@pytest.mark.parametrize(("place", "split"), [(range(4), "train"), (range(4, 6), "validation")])
def test_a_part_without_a_single_label_is_refused(tmp_path: Path, place: range, split: str) -> None:
    labels = ["nan" if row in place else "ab"[row % 2] for row in range(8)]
    version = save_version(
        tmp_path / "data", "split", text=[f"text {row}" for row in range(8)], label=labels,
        split=["train"] * 4 + ["validation"] * 2 + ["test"] * 2,
    )  # fmt: skip
    with pytest.raises(UserError, match=f"“{split}” would be empty"):
        SINGLE.split(version, COLUMNS, SplitPlan(leave_out=("unlabelled",)))


def test_rows_meant_twice_are_left_out_once(version: DataVersion) -> None:
    assert SINGLE.split(version, COLUMNS, SplitPlan(leave_out=LEAVABLE))["train"].tolist() == [0, 2, 7]


def test_to_leave_everything_out_is_refused(tmp_path: Path) -> None:
    splits = ["train"] * 3 + ["test", "validation"]
    version = save_version(
        tmp_path / "data", "split", text=["x", "y", "X", "x", "y"], label=list("ababa"), split=splits
    )
    with pytest.raises(UserError, match="All 3 training rows"):
        SINGLE.split(version, COLUMNS, SplitPlan(leave_out=("leaks",)))


def test_a_pair_is_repeated_only_when_both_texts_are(tmp_path: Path) -> None:
    one, other = ["x", "x", "X ", "x", "x"], ["y", "z", "Y", "y", "q"]
    splits = ["train"] * 3 + ["test", "validation"]
    version = save_version(tmp_path / "data", "split", one=one, other=other, label=list("abaab"), split=splits)
    seen = found(version, "sentence-pair-classification", text="one", text_pair="other", label="label")
    assert seen == {"unlabelled": [], "blank": [], "duplicates": [2], "conflicts": [], "leaks": [0, 2]}


def test_scores_contradict_only_where_they_lie_far_apart(tmp_path: Path) -> None:
    one = ["x", "x", "w", "w", "p", "q", "r"]
    scores = [1.0, 1.2, 0.0, 5.0, 2.0, 3.0, 4.0]
    splits = ["train"] * 5 + ["test", "validation"]
    version = save_version(tmp_path / "data", "split", one=one, other=["y"] * 7, score=scores, split=splits)
    seen = found(version, "sentence-pair-regression", text="one", text_pair="other", score="score")
    assert (seen["conflicts"], seen["duplicates"]) == ([2, 3], [])


def test_sets_of_labels_are_compared_as_sets(tmp_path: Path) -> None:
    labels = [["joy", "love"], ["love", "joy"], ["joy"], ["love"], ["joy"]]
    splits = ["train"] * 3 + ["test", "validation"]
    version = save_version(tmp_path / "data", "split", text=["x", "x", "z", "p", "q"], labels=labels, split=splits)
    seen = found(version, "multi-label-classification", text="text", labels="labels")
    assert (seen["duplicates"], seen["conflicts"]) == ([1], [])


def test_a_placeholder_is_no_text_but_an_emoji_is(tmp_path: Path) -> None:
    version = save_version(tmp_path / "data", text=["NaN", "😍", " n/a ", "\u200b", "好", "==", "7", "nothing"])
    assert texts_of(version, ["text"])[1].tolist() == [True, False, True, True, False, True, False, False]


def test_the_texts_of_a_missing_column_are_refused_by_name(version: DataVersion) -> None:
    with pytest.raises(UserError, match="review"):
        texts_of(version, ["review"])
