"""Tests of wrong columns: each is named, and offers the column or the recipe that fits."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.data.version import DataVersion
from backend.recipes import all_recipes
from backend.recipes.checks import Check, Fix
from backend.recipes.column_checks import carried_over, column_checks
from tests.backend.tables import save_version

ROWS = 120


@pytest.fixture
def version(tmp_path: Path) -> DataVersion:
    """Every kind of column that is taken for another."""
    rows = range(ROWS)
    return save_version(
        tmp_path / "data",
        text=[f"This is sentence number {row} of the data." for row in rows],
        other=[f"That is the phrase {row} of the same data." for row in rows],
        label=["good", "bad"] * (ROWS // 2),
        id=[str(row) for row in rows],
        kind=["red", "green", "blue"] * (ROWS // 3),
        author=[f"name {row // 2}" for row in rows],
        score=[row / 7 for row in rows],
        whole=[row % 2 for row in rows],
        moods=["joy, fear" if row % 3 else "joy" if row % 2 else "fear" for row in rows],
    )


def first(version: DataVersion, recipe: str, **columns: str) -> Check:
    return column_checks(all_recipes()[recipe], version, columns)[0]


def test_columns_that_fit_are_all_right(version: DataVersion) -> None:
    assert first(version, "single-label-classification", text="text", label="label").level == "ok"


def test_a_label_column_of_scores_gives_way_to_the_classes(tmp_path: Path) -> None:
    texts, scores = [f"Sentence number {row}." for row in range(40)], [row / 7 for row in range(40)]
    version = save_version(tmp_path / "few", text=texts, label=["good", "bad"] * 20, score=scores)
    check = first(version, "single-label-classification", text="text", label="score")
    assert (check.level, check.key) == ("error", "recipes.score_column.likely")
    assert check.fix == Fix("columns", {"label": "label"})


def test_a_score_column_of_words_gives_way_to_the_numbers(version: DataVersion) -> None:
    check = first(version, "sentence-pair-regression", text="text", text_pair="other", score="label")
    assert (check.level, check.fix) == ("error", Fix("columns", {"score": "score"}))


def test_another_recipe_keeps_the_columns_that_it_can_train_on(version: DataVersion) -> None:
    old, new = all_recipes()["sentence-pair-regression"], all_recipes()["sentence-pair-classification"]
    chosen = {"text": "other", "text_pair": "text", "score": "whole"}
    kept = {"text": "other", "text_pair": "text", "label": "whole"}
    assert carried_over(old, new, version, chosen) == kept
    assert carried_over(old, new, version, chosen | {"score": "score"})["label"] == "label"


def test_scores_of_a_pair_taken_for_labels_lead_to_the_recipe_for_scores(tmp_path: Path) -> None:
    one = [f"The first sentence has number {row}." for row in range(40)]
    other = [f"The second sentence has number {row}." for row in range(40)]
    version = save_version(tmp_path / "pairs", sentence1=one, sentence2=other, score=[row / 8 for row in range(40)])
    check = first(version, "sentence-pair-classification", text="sentence1", text_pair="sentence2", label="score")
    assert check.fix == Fix("recipe", "sentence-pair-regression")


@pytest.mark.parametrize(
    ("column", "key"), [("id", "checks.columns_text_numbers"), ("kind", "checks.columns_text_few")]
)
def test_a_text_column_of_numbers_or_of_classes_gives_way_to_the_texts(
    version: DataVersion, column: str, key: str
) -> None:
    check = first(version, "single-label-classification", text=column, label="label")
    assert (check.level, check.key) == ("warning", key)
    assert check.fix and check.fix.value["text"] in ("text", "other")
    assert check.examples[0].text in ("0", "red")


def test_the_only_texts_there_are_may_be_few_and_short(tmp_path: Path) -> None:
    version = save_version(tmp_path / "commands", text=["light on", "light off"] * 60, label=["on", "off"] * 60)
    assert first(version, "single-label-classification", text="text", label="label").level == "ok"


def test_names_taken_for_labels_give_way_to_the_classes(version: DataVersion) -> None:
    check = first(version, "single-label-classification", text="text", label="author")
    assert (check.key, check.values["labels"]) == ("checks.columns_names", 60)
    assert check.fix == Fix("columns", {"label": "label"})


def test_cells_of_several_labels_lead_to_the_recipe_for_them(version: DataVersion) -> None:
    check = first(version, "single-label-classification", text="text", label="moods")
    assert (check.key, check.fix) == ("checks.columns_sets", Fix("recipe", "multi-label-classification"))


def test_single_labels_lead_away_from_the_recipe_for_several(version: DataVersion) -> None:
    check = first(version, "multi-label-classification", text="text", labels="label")
    assert (check.key, check.fix) == ("checks.columns_single", Fix("recipe", "single-label-classification"))


def test_two_scores_lead_to_the_recipe_for_classes(version: DataVersion) -> None:
    check = first(version, "sentence-pair-regression", text="text", text_pair="other", score="whole")
    assert (check.key, check.fix) == ("checks.columns_two_scores", Fix("recipe", "sentence-pair-classification"))
