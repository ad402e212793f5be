"""Single-label classification: columns guessed, labels read, data refused or warned about, models made ready."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pyarrow
import pytest

from backend.data.split import SplitPlan
from backend.data.version import DataVersion
from backend.errors import UserError
from backend.models import ModelFacts
from backend.recipes import all_recipes
from backend.recipes.base import PRESETS, TrainArguments
from backend.recipes.columns import distinct_values, label_texts
from backend.texts import lookup
from tests.backend.tables import save_version

RECIPE = all_recipes()["single-label-classification"]
TEXTS = [f"a text about thing number {number}" for number in range(40)]
TWO = ["good", "bad"] * 20


def columns(text: str = "text", label: str = "label") -> dict[str, str]:
    return {"text": text, "label": label}


def refused(version: DataVersion, chosen: dict[str, str]) -> UserError:
    with pytest.raises(UserError) as raised:
        RECIPE.check(version, chosen)
    # Both sentences exist in both languages and their values fit.
    for locale in ("en", "zh-CN"):
        assert raised.value.what(locale) and raised.value.todo(locale)
    return raised.value


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("text", "label"),
        ("review", "sentiment"),
        ("headline", "topic"),
        ("标题", "类别"),
        ("评论内容", "标签"),
        ("x1", "x2"),
    ],
)
def test_text_and_label_columns_are_guessed(tmp_path: Path, text: str, label: str) -> None:
    version = save_version(tmp_path / "v", **{"id": list(range(40)), label: TWO, text: TEXTS})
    assert RECIPE.guess_columns(version) == {"text": text, "label": label}


def test_the_longer_of_two_text_columns_is_the_text(tmp_path: Path) -> None:
    version = save_version(tmp_path / "v", name=[f"n{n}" for n in range(40)], words=[t * 5 for t in TEXTS], label=TWO)
    assert RECIPE.guess_columns(version)["text"] == "words"


def test_a_column_of_scores_is_not_guessed_as_the_label(tmp_path: Path) -> None:
    version = save_version(tmp_path / "v", text=TEXTS, label=[n / 7 for n in range(40)], group=TWO)
    assert RECIPE.guess_columns(version)["label"] == "group"


@pytest.mark.parametrize(
    ("name", "values", "key"),
    [
        ("label", ["good"] * 40, "recipes.one_class"),
        ("score", [n / 7 for n in range(40)], "recipes.score_column"),
        ("标签", [f"row {n}" for n in range(40)], "recipes.all_labels_differ"),
    ],
)
def test_a_column_named_as_labels_that_cannot_be_used_is_taken_and_explained(
    tmp_path: Path, name: str, values: list[object], key: str
) -> None:
    version = save_version(tmp_path / "v", text=[t * 9 for t in TEXTS], **{name: values})
    columns = RECIPE.guess_columns(version)
    assert columns == {"text": "text", "label": name}
    with pytest.raises(UserError) as raised:
        RECIPE.check(version, columns)
    assert raised.value.key == key


def test_without_classes_only_the_text_is_guessed(tmp_path: Path) -> None:
    assert RECIPE.guess_columns(save_version(tmp_path / "v", text=TEXTS)) == {"text": "text"}


def test_labels_come_in_natural_order(tmp_path: Path) -> None:
    names = ["grade 10", "grade 9", "grade 2", "Grade 1"]
    version = save_version(tmp_path / "v", text=TEXTS, label=names * 10)
    assert RECIPE.labels(version, columns()) == ("Grade 1", "grade 2", "grade 9", "grade 10")


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0, 1, 10, 2], ("0", "1", "2", "10")),
        ([1.0, 2.0, 1.0, None], ("1", "2")),
        ([True, False, True, None], ("false", "true")),
        ([" a", "a ", "b", ""], ("a", "b")),
    ],
)
def test_values_get_the_names_a_person_would_give(
    tmp_path: Path, values: list[object], labels: tuple[str, ...]
) -> None:
    assert RECIPE.labels(save_version(tmp_path / "v", text=TEXTS, label=values * 10), columns()) == labels


def test_rows_without_text_or_label_are_not_used_and_their_number_is_said(tmp_path: Path) -> None:
    texts = ["  ", None, *TEXTS[2:]]
    labels = ["good", "bad", None, *TWO[3:]]
    version = save_version(tmp_path / "v", text=texts, label=labels)
    assert np.flatnonzero(~RECIPE.usable(version, columns())).tolist() == [0, 1, 2]
    said = {finding.key: finding.values for finding in RECIPE.check(version, columns())}
    assert said["recipes.finding.rows"]["rows"] == 37
    assert said["recipes.finding.empty_text"]["empty"] == 2
    assert said["recipes.finding.empty_label"]["empty"] == 1


def test_a_third_of_empty_labels_is_a_warning(tmp_path: Path) -> None:
    labels = [None if number % 3 == 0 else label for number, label in enumerate(TWO)]
    findings = RECIPE.check(save_version(tmp_path / "v", text=TEXTS, label=labels), columns())
    assert [f.level for f in findings if f.key == "recipes.finding.empty_label"] == ["warning"]


def test_rare_labels_and_a_large_majority_are_warnings(tmp_path: Path) -> None:
    findings = RECIPE.check(save_version(tmp_path / "v", text=TEXTS, label=["a"] * 38 + ["b"] * 2), columns())
    assert {f.key for f in findings if f.level == "warning"} == {"recipes.finding.few_rows", "recipes.finding.majority"}


def test_a_missing_label_column_is_refused_with_those_there_are_and_the_likely_one(tmp_path: Path) -> None:
    error = refused(save_version(tmp_path / "v", text=TEXTS, mood=TWO), columns(label="feeling"))
    assert error.key == "recipes.missing_label_column.likely"
    assert "text, mood" in error.what() and "mood" in error.todo() and "feeling" in error.what()


def test_a_missing_text_column_is_refused_with_the_likely_one(tmp_path: Path) -> None:
    error = refused(save_version(tmp_path / "v", words=TEXTS, label=TWO), columns())
    assert error.key == "recipes.missing_text_column.likely" and "words" in error.todo()


def test_a_label_column_of_scores_is_refused_and_the_likely_label_offered(tmp_path: Path) -> None:
    version = save_version(tmp_path / "v", text=TEXTS, score=[n / 7 for n in range(40)], group=TWO)
    error = refused(version, columns(label="score"))
    assert error.key == "recipes.score_column.likely" and "score" in error.what() and "group" in error.todo()


@pytest.mark.parametrize(
    ("labels", "key"),
    [
        (["same"] * 40, "recipes.one_class"),
        ([f"id {n}" for n in range(40)], "recipes.all_labels_differ"),
        ([None] * 40, "recipes.empty_column"),
        ([" "] * 40, "recipes.no_rows"),
    ],
)
def test_labels_from_which_nothing_can_be_learnt_are_refused(tmp_path: Path, labels: list[object], key: str) -> None:
    import pyarrow as pa

    version = save_version(tmp_path / "v", text=TEXTS, label=pa.array(labels, pa.string()))  # type: ignore[arg-type]
    assert refused(version, columns()).key == key


def test_more_than_a_thousand_labels_are_refused(tmp_path: Path) -> None:
    labels = [f"l{number % 1100}" for number in range(2200)]
    error = refused(save_version(tmp_path / "v", text=[f"t{n}" for n in range(2200)], label=labels), columns())
    assert error.key == "recipes.too_many_labels" and "1100" in error.what()


def test_one_column_cannot_be_text_and_label(tmp_path: Path) -> None:
    version = save_version(tmp_path / "v", text=TEXTS, label=TWO)
    assert refused(version, columns(text="label")).key == "recipes.same_column"


def test_a_model_gets_a_head_with_the_names_of_the_labels(tiny_encoder: Path) -> None:
    model = RECIPE.load_model(str(tiny_encoder), ("a", "b", "c"), TrainArguments())
    assert model.config.id2label == {0: "a", 1: "b", 2: "c"} and model.classifier.out_features == 3


def test_a_head_of_another_size_is_made_anew(tiny_classifier: Path) -> None:
    assert RECIPE.load_model(str(tiny_classifier), ("a", "b", "c"), TrainArguments()).classifier.out_features == 3


def test_frozen_embeddings_do_not_train_and_the_rest_does(tiny_encoder: Path) -> None:
    model = RECIPE.load_model(str(tiny_encoder), ("a", "b"), TrainArguments(freeze_embeddings=True))
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert not any("embeddings" in name for name in trained)
    assert any("encoder" in name for name in trained) and any("classifier" in name for name in trained)


def test_dropout_is_set_everywhere(tiny_encoder: Path) -> None:
    model = RECIPE.load_model(str(tiny_encoder), ("a", "b"), TrainArguments(dropout=0.0))
    rates = {module.p for module in model.modules() if type(module).__name__ == "Dropout"}
    assert rates == {0.0}


def test_the_baseline_scores_as_scikit_learn_says() -> None:
    from backend.metrics.classification import classification_scores

    train, test = np.array([1, 1, 0, 2]), np.array([0, 1, 1, 2, 2])
    label, scores = RECIPE.baseline(train, test, ("a", "b", "c"))
    assert label == "b"
    assert scores == pytest.approx(classification_scores(np.full(5, 1), test))


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("rows", [1, 300, 7000, 1_000_000])
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_every_preset_gives_valid_arguments(preset: str, rows: int, device: str) -> None:
    facts = ModelFacts(ref="hub:a/b", title="b", source="hub", path=None, max_length=64)
    arguments = RECIPE.preset(preset, facts, rows, device)  # type: ignore[arg-type]
    assert arguments.max_length <= 64 and arguments.num_train_epochs > 0


def test_presets_take_longer_the_more_thorough_they_are(tiny_encoder: Path) -> None:
    facts = ModelFacts(ref="folder:x", title="x", source="folder", path=tiny_encoder, max_length=512)
    quick, balanced, thorough = (RECIPE.preset(preset, facts, 5000, "cpu") for preset in PRESETS)
    assert quick.num_train_epochs < balanced.num_train_epochs < thorough.num_train_epochs
    assert quick.learning_rate > balanced.learning_rate > thorough.learning_rate


@pytest.mark.parametrize("values", [["a", None, " ", ""], [1, 2, None], [1.0, math.nan, None, 2.5], [True, None], []])
def test_distinct_values_put_back_in_their_rows_are_the_column(values: list[object]) -> None:
    column = pyarrow.chunked_array([values, values])
    distinct, rows = distinct_values(column)
    assert label_texts(distinct[row] for row in rows) == label_texts(values * 2)


def test_text_and_label_the_wrong_way_round_are_called_swapped_and_both_are_named(tmp_path: Path) -> None:
    error = refused(save_version(tmp_path / "v", text=TEXTS, label=TWO), columns(text="label", label="text"))
    assert error.key == "recipes.swapped" and "“text” as the text" in error.todo()


def test_a_label_that_repeats_the_text_is_refused(tmp_path: Path) -> None:
    version = save_version(tmp_path / "v", text=TWO, label=TWO)
    assert refused(version, columns()).key == "recipes.label_is_text"


@pytest.mark.parametrize("rows", [1, 2])
def test_too_few_rows_for_three_splits_are_refused(tmp_path: Path, rows: int) -> None:
    error = refused(save_version(tmp_path / "v", text=TEXTS[:rows], label=TWO[:rows]), columns())
    assert error.key == "recipes.too_few_rows" and str(rows) in error.what()


def test_a_hundred_thousand_labels_are_refused_in_a_moment(tmp_path: Path) -> None:
    labels = [f"l{number % 100_000}" for number in range(200_000)]
    version = save_version(tmp_path / "v", text=[f"t{number}" for number in range(200_000)], label=labels)
    assert refused(version, columns()).key == "recipes.too_many_labels"


def test_words_for_no_label_are_learnt_unless_the_plan_leaves_them_out(tmp_path: Path) -> None:
    version = save_version(tmp_path / "v", text=TEXTS, label=["nan", "a", "b", "N/A"] * 10)
    without = SplitPlan(leave_out=("unlabelled",))
    assert RECIPE.learnt_labels(version, columns(), SplitPlan()) == ("a", "b", "N/A", "nan")
    assert RECIPE.learnt_labels(version, columns(), without) == ("a", "b")
    assert RECIPE.learnable(version, columns(), SplitPlan()).sum() == 40
    assert RECIPE.learnable(version, columns(), without).tolist() == [False, True, True, False] * 10


def test_a_plan_that_leaves_one_label_is_refused(tmp_path: Path) -> None:
    version = save_version(tmp_path / "v", text=TEXTS, label=["nan", "a"] * 20)
    with pytest.raises(UserError, match="all that is left is “a”"):
        RECIPE.learnt_labels(version, columns(), SplitPlan(leave_out=("unlabelled",)))


def test_a_slice_that_leaves_one_label_is_refused(tmp_path: Path) -> None:
    version = save_version(tmp_path / "v", text=TEXTS, label=["bad"] * 20 + ["good"] * 20)

    def train(plan: SplitPlan) -> np.ndarray:
        rows = RECIPE.split(version, columns(), plan)["train"]
        RECIPE.refuse_training_rows(version, columns(), rows)
        return rows

    for locale, words in (("en", "8 rows are left to learn from, and all say “bad”"), ("zh-CN", "8 行，标签都是“bad”")):
        with pytest.raises(UserError) as raised:
            train(SplitPlan(train_rows="[:10]"))
        assert words in raised.value.what(locale) and "[:10%]+[-10%:]" in raised.value.todo(locale)
    assert len(train(SplitPlan(train_rows="[:10]+[-10:]"))) == 16


def test_rows_to_be_shown_are_those_that_are_learnt_from(tmp_path: Path) -> None:
    texts = ["", "one", " ", "two", "three", "four"]
    version = save_version(tmp_path / "v", text=texts, label=["a", None, "a", "b", "a", "b"], empty=[None] * 6)
    assert RECIPE.first_usable(version, columns(), 3) == [3, 4, 5]
    assert RECIPE.first_usable(version, columns(label=""), 3) == [0, 1, 2]
    assert RECIPE.first_usable(version, columns(label="empty"), 9) == [0, 1, 2, 3, 4, 5]


def test_rare_labels_are_quoted_since_they_may_hold_commas(tmp_path: Path) -> None:
    labels = ["yes, surely", "no, never", *["yes", "no"] * 19]
    findings = RECIPE.check(save_version(tmp_path / "v", text=TEXTS, label=labels), columns())
    rare = next(finding for finding in findings if finding.key == "recipes.finding.few_rows")
    assert "“yes, surely”, “no, never”" in lookup(rare.key, "en", **rare.values)


def test_a_column_of_lists_as_the_label_is_refused_and_the_other_recipe_offered(tmp_path: Path) -> None:
    error = refused(save_version(tmp_path / "v", text=TEXTS, label=[["a", "b"], ["b"]] * 20), columns())
    assert error.key == "recipes.label_not_values" and "Several labels" in error.todo()


def test_a_hundred_and_fifty_classes_are_scored_and_shown() -> None:
    random, labels = np.random.default_rng(0), [f"class {number}" for number in range(150)]
    targets = random.integers(0, 150, 600)
    logits = np.eye(150)[np.where(random.random(600) < 0.7, targets, 0)]
    detail = RECIPE.in_detail(logits, targets, labels, {})
    assert len(detail.per_label) == len(detail.confusion) == 150
    assert RECIPE.metrics(logits, targets, labels)["accuracy"] == pytest.approx(1 - len(detail.mistakes) / 600)
