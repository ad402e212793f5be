"""Pairs of texts, with a label or with a score: columns guessed, recipes suggested, data refused or warned about."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.data.split import SplitPlan
from backend.data.version import DataVersion
from backend.errors import UserError
from backend.recipes import all_recipes, suggest_recipe
from backend.recipes.sentence_pair_classification import positive_label
from backend.texts import lookup
from tests.backend.tables import save_version

CLASSES = all_recipes()["sentence-pair-classification"]
SCORES = all_recipes()["sentence-pair-regression"]
ONE = [f"somebody talks about thing number {number}" for number in range(40)]
TWO = [f"and somebody else says it is thing {number}" for number in range(40)]
YES = ["yes", "no"] * 20
GRADES = [round(number / 8, 2) for number in range(40)]
WITH_LABEL = {"text": "one", "text_pair": "two", "label": "label"}
WITH_SCORE = {"text": "one", "text_pair": "two", "score": "score"}


def refused(recipe: Any, version: DataVersion, chosen: dict[str, str]) -> UserError:
    with pytest.raises(UserError) as raised:
        recipe.check(version, chosen)
    for locale in ("en", "zh-CN"):
        assert raised.value.what(locale) and raised.value.todo(locale)
    return raised.value


@pytest.mark.parametrize(
    ("one", "two", "label"),
    [
        ("sentence1", "sentence2", "label"),
        ("premise", "hypothesis", "label"),
        ("question", "sentence", "label"),
        ("text_a", "text_b", "gold"),
        ("#1 String", "#2 String", "Quality"),
        ("x1", "x2", "y"),
        ("说法一", "说法二", "标签"),
        ("left", "right", "same"),
    ],
)
def test_both_texts_and_the_label_are_guessed_and_the_recipe_suggested(
    tmp_path: Path, one: str, two: str, label: str
) -> None:
    version = save_version(tmp_path / "v", **{label: [0, 1] * 20, "idx": list(range(40)), one: ONE, two: TWO})
    assert CLASSES.guess_columns(version) == {"text": one, "text_pair": two, "label": label}
    assert suggest_recipe(version) == CLASSES.name


@pytest.mark.parametrize("name", ["score", "similarity", "label", "gold"])
def test_scores_with_fractions_suggest_the_regression(tmp_path: Path, name: str) -> None:
    version = save_version(tmp_path / "v", sentence1=ONE, sentence2=TWO, **{name: GRADES})
    assert suggest_recipe(version) == SCORES.name
    assert SCORES.guess_columns(version) == {"text": "sentence1", "text_pair": "sentence2", "score": name}


def test_a_title_and_its_long_text_are_no_pair(tmp_path: Path) -> None:
    version = save_version(tmp_path / "v", title=ONE, body=[text * 20 for text in TWO], label=YES)
    assert suggest_recipe(version) == "single-label-classification"


def test_a_label_with_fractions_is_refused_and_the_other_recipe_offered(tmp_path: Path) -> None:
    version = save_version(tmp_path / "v", one=ONE, two=TWO, label=GRADES)
    error = refused(CLASSES, version, WITH_LABEL)
    assert error.key == "recipes.score_column_pair" and "score per pair" in error.todo()


def test_a_score_of_words_is_refused_with_an_example(tmp_path: Path) -> None:
    error = refused(SCORES, save_version(tmp_path / "v", one=ONE, two=TWO, score=YES), WITH_SCORE)
    assert error.key == "recipes.not_scores" and "no" in error.what()


@pytest.mark.parametrize(("role", "column"), [("text_pair", "two"), ("score", "score")])
def test_a_missing_column_is_refused_and_the_likely_one_named(tmp_path: Path, role: str, column: str) -> None:
    version = save_version(tmp_path / "v", one=ONE, two=TWO, score=GRADES)
    error = refused(SCORES, version, WITH_SCORE | {role: "gone"})
    assert error.key == f"recipes.missing_{role}_column.likely" and column in error.todo()
    without = {name: value for name, value in WITH_SCORE.items() if name != role}
    assert refused(SCORES, version, without).key == f"recipes.no_{role}_column.likely"


def test_a_column_cannot_be_both_texts(tmp_path: Path) -> None:
    version = save_version(tmp_path / "v", one=ONE, two=TWO, label=YES)
    assert refused(CLASSES, version, WITH_LABEL | {"text_pair": "one"}).key == "recipes.same_column"


def test_two_columns_of_the_same_texts_are_refused(tmp_path: Path) -> None:
    version = save_version(tmp_path / "v", one=ONE, two=ONE, label=YES)
    assert refused(CLASSES, version, WITH_LABEL).key == "recipes.same_texts"


def test_text_and_label_the_wrong_way_round_are_called_swapped(tmp_path: Path) -> None:
    version = save_version(tmp_path / "v", one=ONE, two=TWO, label=YES)
    error = refused(CLASSES, version, {"text": "label", "text_pair": "two", "label": "one"})
    assert error.key == "recipes.swapped" and error.values["text"] == "label" and error.values["label"] == "one"


def test_a_score_and_a_text_the_wrong_way_round_are_called_swapped(tmp_path: Path) -> None:
    version = save_version(tmp_path / "v", one=ONE, two=TWO, score=[1, 2, 3, 4] * 10)
    assert refused(SCORES, version, {"text": "score", "text_pair": "two", "score": "one"}).key == "recipes.swapped"


@pytest.mark.parametrize(
    ("scores", "key"),
    [
        ([1.5] * 40, "recipes.one_score"),
        ([math.nan] * 40, "recipes.no_scored_rows"),
        ([math.inf] * 39 + [1.5], "recipes.too_few_rows"),
    ],
)
def test_scores_from_which_nothing_can_be_learnt_are_refused(tmp_path: Path, scores: list[float], key: str) -> None:
    assert refused(SCORES, save_version(tmp_path / "v", one=ONE, two=TWO, score=scores), WITH_SCORE).key == key


def test_rows_without_both_texts_and_a_number_are_left_out(tmp_path: Path) -> None:
    texts, scores = ["", None, *TWO[2:]], [0.5, 1.5, math.nan, *GRADES[3:]]
    version = save_version(tmp_path / "v", one=ONE, two=texts, score=scores)
    assert np.flatnonzero(~SCORES.usable(version, WITH_SCORE)).tolist() == [0, 1, 2]
    said = {finding.key: finding.values for finding in SCORES.check(version, WITH_SCORE)}
    assert said["recipes.finding.empty_text"]["column"] == "two"
    assert said["recipes.finding.empty_score"]["empty"] == 1


@pytest.mark.parametrize("strange", ["inf", "-inf", "1e308", "-1e300", "1e10"])
def test_numbers_beyond_all_bounds_are_left_out_and_told_with_their_row(tmp_path: Path, strange: str) -> None:
    for scores in ([*map(str, GRADES)], GRADES):
        changed = [*scores[:4], strange if scores is not GRADES else float(strange), *scores[5:]]
        version = save_version(tmp_path / f"v{len(scores[0:1])}{scores is GRADES}", one=ONE, two=TWO, score=changed)
        found = {finding.key: finding for finding in SCORES.check(version, WITH_SCORE)}["recipes.finding.beyond"]
        said = lookup(found.key, "en", **found.values)
        assert found.level == "warning" and "1 row of “score” holds a number" in said and "in row 5" in said
        assert np.flatnonzero(~SCORES.usable(version, WITH_SCORE)).tolist() == [4]
        parts = SCORES.split(version, WITH_SCORE, SplitPlan(leave_out=("conflicts", "duplicates")))
        assert sum(map(len, parts.values())) == 39
        assert np.isfinite(SCORES.likeness(version, WITH_SCORE).apart)


def test_words_among_scores_are_told_apart_from_empty_cells(tmp_path: Path) -> None:
    scores = ["", "high", "high", "NaN", *map(str, GRADES[4:])]
    version = save_version(tmp_path / "v", one=ONE, two=TWO, score=scores)
    found = {finding.key: finding for finding in SCORES.check(version, WITH_SCORE)}
    words = found["recipes.finding.no_number"]
    assert "3 rows of “score” hold something else than a number, “high” in row 2" in lookup(words.key, **words.values)
    empty = found["recipes.finding.empty_score"]
    assert "1 of 40 rows (2%) has no number in “score” and is left out" in lookup(empty.key, **empty.values)
    assert all(lookup(finding.key, "zh-CN", **finding.values) for finding in found.values())


def test_numbers_that_are_written_as_text_are_scores(tmp_path: Path) -> None:
    version = save_version(tmp_path / "v", one=ONE, two=TWO, score=["3,5", " 2.0", "n/a", "1"] * 10)
    assert SCORES.targets(version, WITH_SCORE, ())[:4].tolist() == pytest.approx([3.5, 2.0, math.nan, 1.0], nan_ok=True)


@pytest.mark.parametrize(
    ("scores", "key"),
    [([0, 1] * 20, "recipes.finding.two_scores"), ([n * 10 for n in range(40)], "recipes.finding.wide_scores")],
)
def test_scores_that_suit_badly_are_a_warning(tmp_path: Path, scores: list[int], key: str) -> None:
    findings = SCORES.check(save_version(tmp_path / "v", one=ONE, two=TWO, score=scores), WITH_SCORE)
    assert key in {finding.key for finding in findings if finding.level == "warning"}


def test_a_text_of_a_million_characters_is_a_warning_that_names_its_row(tmp_path: Path) -> None:
    texts = [*TWO[:20], "word " * 200_000, *TWO[21:]]
    findings = CLASSES.check(save_version(tmp_path / "v", one=ONE, two=texts, label=YES), WITH_LABEL)
    found = {finding.key: finding for finding in findings}["recipes.finding.long_text"]
    assert found.level == "warning" and found.values["row"] == 21 and found.values["characters"] == 1_000_000


@pytest.mark.parametrize(
    ("labels", "positive"),
    [(("0", "1"), 1), (("entailment", "not_entailment"), 0), (("a", "b"), 1), (("no", "yes"), 1)],
)
def test_of_two_labels_the_one_that_is_looked_for_is_known(labels: tuple[str, str], positive: int) -> None:
    assert positive_label(labels) == positive


def test_f1_is_that_of_the_label_that_is_looked_for() -> None:
    logits = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    targets = np.array([0, 1, 0, 0])
    # One hit, one false alarm, none missed for id 1; two hits, one missed for id 0.
    assert CLASSES.metrics(logits, targets, ("0", "1"))["f1"] == pytest.approx(2 / 3)
    assert CLASSES.metrics(logits, targets, ("entailment", "not_entailment"))["f1"] == pytest.approx(0.8)


@pytest.mark.parametrize("labels", [("0", "1"), ("entailment", "not_entailment"), ("a", "b", "c")])
def test_the_baseline_of_classes_scores_as_its_answers_would(labels: tuple[str, ...]) -> None:
    train, test = np.array([1, 1, 0]), np.array([0, 1, 1, 0, 1])
    label, scores = CLASSES.baseline(train, test, labels)
    assert label == labels[1]
    assert scores == pytest.approx(CLASSES.metrics(np.eye(len(labels))[np.full(5, 1)], test, labels))


def test_the_baseline_of_scores_is_the_mean() -> None:
    label, scores = SCORES.baseline(np.array([1.0, 3.0]), np.array([2.0, 4.0]), ())
    assert label == "2.00" and scores == {"pearson": 0.0, "spearman": 0.0, "mse": 2.0, "rmse": 2**0.5, "mae": 1.0}


def test_the_farthest_answer_comes_first_and_near_ones_are_no_mistakes() -> None:
    true = np.array([0.0, 5.0, 2.0, 3.0])
    detail = SCORES.in_detail(np.array([[0.1], [3.0], [2.0], [4.0]]), true, (), {})
    assert detail.mistakes.tolist() == [1, 3] and detail.shown(1) == ("5.00", "3.00", None)
    assert detail.scatter == [[0.0, 0.1], [5.0, 3.0], [2.0, 2.0], [3.0, 4.0]]


def test_at_most_two_thousand_points_are_drawn() -> None:
    true = np.linspace(0, 5, 9000)
    assert len(SCORES.in_detail(true[:, None], true, (), {}).scatter) == 2000
