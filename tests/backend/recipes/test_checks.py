"""Tests of the checks of rows before Start: what they count, what they show, and when the run heeds them already."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backend.data.split import SplitPlan
from backend.data.version import DataVersion
from backend.recipes import all_recipes
from backend.recipes.checks import Check, Fix, row_checks
from backend.texts import lookup
from tests.backend.tables import save_version

SPLITS = ["train"] * 9 + ["validation", "test"]
TEXTS = ["one", "ONE ", "two", "Two", "three", "four", "five", "six", "?!", "four", "seven"]
LABELS = ["a", "a", "a", "b", "a", "a", "a", "a", "a", "b", "a"]


@pytest.fixture
def version(tmp_path: Path) -> DataVersion:
    return save_version(tmp_path / "data", "split", text=TEXTS, label=LABELS, split=SPLITS)


def found(
    version: DataVersion, plan: SplitPlan | None = None, recipe: str = "single-label-classification", **arguments: Any
) -> dict[str, Check]:
    chosen = all_recipes()[recipe]
    columns = chosen.guess_columns(version)
    return {check.name: check for check in row_checks(chosen, version, columns, plan or SplitPlan(), arguments)}


def say(check: Check) -> str:
    assert lookup(check.key, "zh-CN", **check.values)
    return lookup(check.key, "en", **check.values)


def test_each_check_counts_its_rows_and_offers_to_leave_them_out(version: DataVersion) -> None:
    checks = found(version)
    counts = {name: check.values["rows"] for name, check in checks.items() if check.fix and name != "balance"}
    assert counts == {"blank": 1, "duplicates": 1, "conflicts": 2, "leaks": 1}
    assert all(checks[name].fix == Fix("leave_out", name) and checks[name].level == "warning" for name in counts)
    assert (checks["leaks"].values["held"], checks["leaks"].values["of"]) == (1, 2)


def test_examples_name_rows_splits_and_answers(version: DataVersion) -> None:
    checks = found(version)
    (contradiction,) = checks["conflicts"].examples
    assert contradiction.places == ((2, "train", "a"), (3, "train", "b"))
    (leak,) = checks["leaks"].examples
    assert (leak.text, leak.places) == ("four", ((5, "train", "a"), (9, "validation", "b")))


def test_what_the_plan_leaves_out_is_said_to_be_fixed_and_still_counted(version: DataVersion) -> None:
    check = found(version, SplitPlan(leave_out=("leaks",)))["leaks"]
    assert (check.level, check.key, check.values["rows"]) == ("fixed", "checks.leaks.fixed", 1)


def test_uneven_labels_are_weighed_evenly(version: DataVersion) -> None:
    check = found(version)["balance"]
    assert (check.level, check.fix) == ("warning", Fix("arguments", {"class_weights": "balanced"}))
    assert (check.values["most_rows"], check.values["least_rows"]) == (8, 1)
    assert found(version, class_weights="balanced")["balance"].level == "fixed"


def test_words_for_no_label_are_counted_in_every_part_and_can_be_left_out(tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(40)]
    labels = ["a", "b", "NaN", "b"] * 10
    version = save_version(tmp_path / "data", text=texts, label=labels)
    check = found(version)["unlabelled"]
    assert (check.level, check.fix, check.values["rows"]) == ("warning", Fix("leave_out", "unlabelled"), 10)
    assert "10 rows say “NaN”" in say(check) and check.examples[0].places == ((2, "train", "NaN"),)
    # They are no rare or frequent label beside that.
    assert found(version)["balance"].level == "ok"
    heeded = found(version, SplitPlan(leave_out=("unlabelled",)))["unlabelled"]
    assert heeded.level == "fixed" and "10 rows" in say(heeded)


def test_words_for_no_label_stay_where_one_label_would_be_left(tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(40)]
    version = save_version(tmp_path / "data", text=texts, label=["good", "none"] * 20)
    check = found(version)["unlabelled"]
    assert (check.level, check.fix) == ("warning", None)


def test_an_empty_row_is_left_out_without_anybody_asking(tmp_path: Path) -> None:
    version = save_version(tmp_path / "data", text=["x y", "", "z w", "v u", "s t"], label=["a", "b", "a", None, "b"])
    check = found(version)["empty"]
    assert (check.level, check.fix, check.values) == ("fixed", None, {"rows": 2, "all": 5})


def test_clean_rows_are_all_right(tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(40)]
    version = save_version(tmp_path / "data", text=texts, label=["a", "b"] * 20)
    assert {check.level for check in found(version).values()} == {"ok"}


def test_few_repeated_rows_of_many_are_a_note_and_no_warning(tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(300)]
    texts[7] = texts[3]
    version = save_version(
        tmp_path / "data", "split", text=texts, label=["a"] * 10 + ["a", "b"] * 145,
        split=["train"] * 280 + ["validation"] * 10 + ["test"] * 10,
    )  # fmt: skip
    assert found(version)["duplicates"].level == "note"


def test_rare_labels_of_sets_are_heeded_by_macro_f1(tmp_path: Path) -> None:
    labels = [["joy"]] * 30 + [["joy", "fear"]] * 2 + [["joy"]] * 8
    splits = ["train"] * 36 + ["validation"] * 2 + ["test"] * 2
    texts = [f"text {number}" for number in range(40)]
    version = save_version(tmp_path / "data", "split", text=texts, labels=labels, split=splits)
    check = found(version, recipe="multi-label-classification")["balance"]
    assert check.fix == Fix("arguments", {"metric_for_best_model": "f1_macro"})
    assert check.examples[-1].number == 2


def test_scores_have_no_labels_to_be_uneven(tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(20)]
    scores = [number / 4 for number in range(20)]
    version = save_version(tmp_path / "data", sentence1=texts, sentence2=texts[::-1], score=scores)
    assert not {"balance", "unlabelled"} & {*found(version, recipe="sentence-pair-regression")}
