"""Several labels per text: cells read as sets, data refused or warned about, thresholds and mistakes."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from backend.errors import UserError
from backend.models import ModelFacts
from backend.recipes import all_recipes, suggest_recipe
from backend.recipes.base import PRESETS
from backend.recipes.label_sets import known_labels, label_sets, separator_of
from tests.backend.tables import save_version

RECIPE = all_recipes()["multi-label-classification"]
TEXTS = [f"a text about thing number {number}" for number in range(40)]
COLUMNS = {"text": "text", "labels": "labels"}


def logits(*rows: tuple[float, ...]) -> np.ndarray:
    """Logits of these probabilities."""
    p = np.asarray(rows)
    return np.log(p / (1 - p))


@pytest.mark.parametrize(
    ("cells", "sets"),
    [
        (["joy, anger", "joy", "anger", "fear,joy"], [("joy", "anger"), ("joy",), ("anger",), ("fear", "joy")]),
        (["3,17", "17", "3", "4"], [("3", "17"), ("17",), ("3",), ("4",)]),
        (["a|b", "b", "a", "a| b |a"], [("a", "b"), ("b",), ("a",), ("a", "b")]),
        (["高兴、生气", "生气", "高兴"], [("高兴", "生气"), ("生气",), ("高兴",)]),
        (['["a", "b"]', "['b']", "[]", "[0 1]"], [("a", "b"), ("b",), (), ("0", "1")]),
        (["food, drink|staff", "staff", "food, drink"], [("food, drink", "staff"), ("staff",), ("food, drink",)]),
        ([["a", "b"], [], None], [("a", "b"), (), None]),
        ([[3, 17], [3]], [("3", "17"), ("3",)]),
        (["a", "", None, "  "], [("a",), None, None, None]),
        ([1, 2, None], [("1",), ("2",), None]),
    ],
)
def test_cells_are_read_as_sets_of_names(tmp_path: Path, cells: list[Any], sets: list[Any]) -> None:
    version = save_version(tmp_path / "v", labels=cells)
    assert label_sets(version, version.columns[0]) == sets


def test_a_sentence_with_a_comma_stays_one_label() -> None:
    assert separator_of(["Yes, certainly", "No, never"]) == ""


def test_a_cell_is_read_without_looking_at_the_others_once_the_labels_are_known() -> None:
    ids = {"food, drink": 0, "staff": 1}
    assert known_labels("staff|food, drink", ids) == [1, 0] and known_labels("food, drink", ids) == [0]
    assert known_labels([], ids) == [] and known_labels('["staff"]', ids) == [1]


@pytest.mark.parametrize("cells", [["a, b", "b", "c", "a"] * 10, [["a", "b"], ["c"], ["b"], []] * 10])
def test_the_column_of_sets_is_guessed_and_the_recipe_suggested(tmp_path: Path, cells: list[Any]) -> None:
    version = save_version(tmp_path / "v", id=list(range(40)), tags=cells, text=TEXTS)
    assert RECIPE.guess_columns(version) == {"text": "text", "labels": "tags"}
    assert suggest_recipe(version) == RECIPE.name


def test_keywords_beside_a_label_do_not_make_the_recipe_suggested(tmp_path: Path) -> None:
    version = save_version(tmp_path / "v", text=TEXTS, label=["x", "y"] * 20, keywords=["a, b", "b", "c", "a"] * 10)
    assert suggest_recipe(version) == "single-label-classification"


def test_an_empty_list_is_a_row_without_labels_and_an_empty_cell_is_not_used(tmp_path: Path) -> None:
    version = save_version(tmp_path / "v", text=TEXTS, labels=[["a", "b"], [], None, ["b"]] * 10)
    assert RECIPE.usable(version, COLUMNS).sum() == 30 and RECIPE.labels(version, COLUMNS) == ("a", "b")
    assert RECIPE.targets(version, COLUMNS, ("a", "b"))[:4].tolist() == [[1, 1], [0, 0], [0, 0], [0, 1]]
    said = {finding.key: finding.values for finding in RECIPE.check(version, COLUMNS)}
    assert said["recipes.finding.no_labels"]["count"] == said["recipes.finding.empty_label"]["empty"] == 10


def test_one_label_in_every_row_is_a_warning(tmp_path: Path) -> None:
    findings = RECIPE.check(save_version(tmp_path / "v", text=TEXTS, labels=["a", "b"] * 20), COLUMNS)
    assert "recipes.finding.one_label_each" in {finding.key for finding in findings if finding.level == "warning"}


@pytest.mark.parametrize(
    ("labels", "key"),
    [
        ([["a"]] * 40, "recipes.one_label"),
        ([[]] * 39 + [["a"]], "recipes.one_label"),
        ([None] * 40, "recipes.empty_column"),
        ([[]] * 40, "recipes.no_rows"),
        ([["a", "b"], *[None] * 39], "recipes.too_few_rows"),
        ([[f"l{n}"] for n in range(40)], "recipes.all_labels_differ"),
        ([n / 7 for n in range(40)], "recipes.not_sets"),
    ],
)
def test_labels_from_which_nothing_can_be_learnt_are_refused(tmp_path: Path, labels: list[Any], key: str) -> None:
    kind = pa.float64() if isinstance(labels[1], float) else pa.list_(pa.string())
    version = save_version(tmp_path / "v", text=TEXTS, labels=pa.array(labels, kind))  # type: ignore[arg-type]
    with pytest.raises(UserError) as raised:
        RECIPE.check(version, COLUMNS)
    assert raised.value.key == key
    assert all(raised.value.what(locale) and raised.value.todo(locale) for locale in ("en", "zh-CN"))


def test_each_label_gets_the_threshold_with_the_best_f1() -> None:
    answers = logits((0.3, 0.9, 0.6), (0.25, 0.8, 0.2), (0.1, 0.7, 0.1), (0.05, 0.2, 0.1))
    true = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 0], [0, 0, 0]], np.float32)
    chosen = RECIPE.settle(answers, true, ("low", "high", "never"))["thresholds"]
    assert 0.1 < chosen["low"] <= 0.25 and 0.8 < chosen["high"] <= 0.9 and chosen["never"] == 0.5
    settled = RECIPE.metrics(answers, true, ("low", "high", "never"), {"thresholds": chosen})
    assert settled["f1_micro"] > RECIPE.metrics(answers, true, ("low", "high", "never"))["f1_micro"]


def test_the_most_confident_mistake_comes_first_and_shows_both_sets() -> None:
    answers = logits((0.6, 0.9), (0.9, 0.1), (0.2, 0.3))
    true = np.array([[0, 1], [0, 1], [0, 0]], np.float32)
    detail = RECIPE.in_detail(answers, true, ("joy", "love"), {})
    assert detail.mistakes.tolist() == [1, 0]
    assert detail.shown(0) == ("love", "joy, love", pytest.approx(0.6)) and detail.shown(2)[:2] == ("–", "–")
    assert detail.confusion == () and detail.per_label[0]["threshold"] == 0.5


def test_the_baseline_gives_the_labels_of_over_half_of_the_rows_else_the_most_frequent_one() -> None:
    train = np.array([[1, 1, 0], [1, 1, 0], [0, 1, 1]])
    label, scores = RECIPE.baseline(train, np.array([[1, 1, 0], [0, 1, 0]]), ("a", "b", "c"))
    assert label == "a, b" and scores["subset_accuracy"] == 0.5 and scores["recall_micro"] == 1.0
    assert RECIPE.baseline(train[:, ::2], train[:, ::2], ("a", "c"))[0] == "a"
    few = np.array([[1, 0], [0, 0], [0, 1], [0, 1], [0, 0], [0, 0]])
    assert RECIPE.baseline(few, few, ("a", "b"))[0] == "b"


def test_sets_are_learnt_in_larger_steps_than_single_labels() -> None:
    facts = ModelFacts(ref="hub:a/b", title="b", source="hub", path=None, max_length=64)
    usual = all_recipes()["single-label-classification"]
    for preset, rows in product(PRESETS, (300, 100_000)):
        chosen, single = (recipe.preset(preset, facts, rows, "cpu") for recipe in (RECIPE, usual))
        assert chosen.learning_rate > 2 * single.learning_rate
        assert (chosen.num_train_epochs > single.num_train_epochs) is (rows == 300)
