"""The reports of the recipes in words: shares in percent, correlations and errors as they are, what was settled."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from backend.recipes.base import Report
from backend.training.spec import RunState, RunStatus
from tests.ui.run_folders import report as single_label
from ui import scales
from ui.finetune import live, report, wrong

DONE = RunStatus(state=RunState.DONE)
FACTS: dict[str, Any] = {"train_seconds": 1.0}


def regression() -> Report:
    """Scores of pairs."""
    values = {"pearson": 0.871, "spearman": 0.864, "mse": 0.61, "rmse": 0.781, "mae": 0.52, "loss": 0.61, "rows": 150}
    guess = {"pearson": 0.0, "spearman": 0.0, "mse": 2.2, "rmse": 1.48, "mae": 1.2}
    far = {"row_id": 3, "text": "A <i>cat</i> sleeps.", "text_pair": "A dog barks.", "true": "0.40", "answer": "3.10"}
    return Report(
        headline_split="test", headline_metric="pearson", splits={"train": values, "test": values},
        baseline={"train": guess, "test": guess}, baseline_label="2.61", labels=[], scatter=[[0.4, 3.1], [5.0, 4.6]],
        wrong=[far | {"confidence": None}], wrong_count=41, facts=FACTS,
    )  # fmt: skip


def multi_label(count: int = 3) -> Report:
    """Sets of labels."""
    values = {"f1_micro": 0.61, "f1_macro": 0.44, "subset_accuracy": 0.4, "loss": 0.2, "rows": 90}
    per_label = [
        {"label": f"feeling {i}", "precision": 0.5, "recall": 0.5, "f1": 0.9 - i / 100, "rows": 9, "threshold": 0.35}
        for i in range(count)
    ]
    none = {"row_id": 1, "text": "Well.", "true": "feeling 1, feeling 2", "answer": "", "confidence": None}
    return Report(
        headline_split="test", headline_metric="f1_micro", splits={"test": values},
        baseline={"test": {"f1_micro": 0.2}},
        baseline_label="feeling 0", labels=[row["label"] for row in per_label], per_label=per_label,
        settled={"thresholds": {row["label"]: 0.35 for row in per_label}}, wrong=[none], wrong_count=1, facts=FACTS,
    )  # fmt: skip


def test_a_regression_is_told_in_correlations_and_not_in_percent() -> None:
    sentence = report.sentence(regression(), DONE, "en")
    assert "Pearson correlation is <b>0.87</b>" in sentence and "%" not in sentence
    assert "Spearman correlation is 0.86" in sentence and "off by 0.52" in sentence and "against 0.00" in sentence


def test_few_test_rows_are_said_to_be_few() -> None:
    def told(whole: Report, rows: int) -> str:
        values = {**whole.splits["test"], "rows": rows}
        return report.sentence(replace(whole, splits={"test": values}), DONE, "en")

    assert "So few rows" in told(multi_label(), 12) and "So few rows" not in told(multi_label(), 50)
    assert "more or less is 8 points" in told(single_label(), 12)


def test_the_average_of_labels_is_that_of_the_scores() -> None:
    whole = multi_label()
    absent = {**whole.per_label[0], "label": "never", "precision": 0.0, "recall": 0.0, "f1": 0.0, "rows": 0}
    average = report.labels(replace(whole, per_label=[*whole.per_label, absent]), "en").split("average")[1]
    assert average.count("50.0%") == 2 and "44.0%" in average


def test_the_scores_of_a_regression_stand_beside_its_simplest_guess() -> None:
    page = report.scores(regression(), "en")
    for name in ("Pearson", "Spearman", "(MSE)", "(RMSE)", "(MAE)"):
        assert name in page
    assert "0.781" in page and "1.480" in page and "always giving the same answer" in page


def test_the_farthest_answers_show_both_texts_and_by_how_much() -> None:
    page = wrong.table(regression(), "en")
    assert "&lt;i&gt;cat" in page and "A dog barks." in page and "+2.70" in page
    assert "Second text" in page and "Off by" in page and "Confidence" not in page


def test_a_regression_has_a_scatter_and_no_table_of_labels() -> None:
    assert report.labels(regression(), "en") == ""
    assert "true scores" in report.chart_title(regression(), "en")


def test_sets_of_labels_show_thresholds_and_rows_that_are_all_right() -> None:
    assert "In 40.0% of the rows every label is right" in report.sentence(multi_label(), DONE, "en")
    assert "0.35" in report.labels(multi_label(), "en") and "Threshold" in report.labels(multi_label(), "en")
    assert report.chart_title(multi_label(), "en") == ""


def test_an_empty_set_of_labels_is_called_none() -> None:
    page = wrong.table(multi_label(), "en")
    assert ">none<" in page and "feeling 1, feeling 2" in page and "Confidence" not in page


def test_many_labels_begin_with_the_weakest() -> None:
    page = report.labels(multi_label(28), "en")
    assert page.index("feeling 27") < page.index("feeling 2<") and "tall" in page


def test_of_many_labels_the_pairs_mixed_up_most_are_listed() -> None:
    labels = tuple(f"intent {number}" for number in range(30))
    counts = [[20 if row == column else 0 for column in range(30)] for row in range(30)]
    counts[4][7], counts[1][2] = 9, 3
    many = single_label(labels=labels)
    many = Report(**{name: getattr(many, name) for name in many.__slots__} | {"confusion": counts})
    page = report.confusions(many, "en")
    assert page.index("intent 4") < page.index("intent 1<") and "intent 7" in page
    assert report.confusions(single_label(), "en") == ""


def test_a_score_that_is_better_when_smaller_is_told_so() -> None:
    assert "fell in each of the last 2 checks, to <b>0.500</b>" in live.trend([0.9, 0.7, 0.5], "rmse", "en")
    assert "the best was <b>0.500</b>" in live.trend([0.5, 0.7], "loss", "en")
    assert scales.best("mae", [0.3, 0.2]) == 0.2 and scales.best("pearson", [0.3, 0.2]) == 0.3


def test_errors_are_not_drawn_among_scores() -> None:
    assert scales.common(["pearson", "rmse", "accuracy"]) == ("correlation", ["pearson", "accuracy"])
    assert scales.common(["accuracy", "f1"]) == ("share", ["accuracy", "f1"])
    assert scales.common(["rmse", "mae"]) == ("error", ["rmse", "mae"])
