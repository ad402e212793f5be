"""Tests of what is said of a data set before training."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.data.describe import describe
from backend.data.label_counts import label_counts
from tests.backend.tables import save_version
from ui import data_view
from ui.data_findings import findings

TEXTS = [f"a text about thing number {number}" for number in range(3000)]


def said(folder: Path, labels: list[str | None], locale: str = "en") -> str:
    version = save_version(folder, text=TEXTS[: len(labels)], label=labels)
    return findings(describe(version), label_counts(version, "label"), [], locale)


def test_more_labels_than_training_takes_are_told_with_their_number(tmp_path: Path) -> None:
    labels: list[str | None] = [f"l{number % 1200}" for number in range(3000)]
    assert "Too many labels in label: 1,200" in said(tmp_path / "v", labels)
    assert "1,200 种" in said(tmp_path / "zh", labels, "zh-CN")


def test_a_column_in_which_nothing_repeats_is_no_label(tmp_path: Path) -> None:
    assert "Every row of label has another value: 40" in said(tmp_path / "v", [f"l{number}" for number in range(40)])


def test_words_for_no_label_are_told_and_where_they_can_be_left_out(tmp_path: Path) -> None:
    shown = said(tmp_path / "v", ["good", "bad", "NaN", "bad"] * 10)
    assert "“NaN” or the like in label: 10" in shown and "Fine-tune offers to leave these rows out" in shown


def test_uneven_labels_are_told_by_the_rarest_and_the_most_frequent(tmp_path: Path) -> None:
    shown = said(tmp_path / "v", ["good"] * 90 + ["bad"] * 9 + ["odd"])
    assert "“odd” has 1.0%" in shown and "says “good” is right in 90.0%" in shown


@pytest.mark.parametrize(("labels", "title"), [(["a"] * 4, "label: 1 value"), (["a", "b"] * 2, "label: 2 values")])
def test_one_value_is_no_plural(tmp_path: Path, labels: list[str | None], title: str) -> None:
    version = save_version(tmp_path / "v", text=TEXTS[:4], label=labels)
    assert f"{title}<" in data_view.labels(describe(version), label_counts(version, "label"), "en")


def test_all_labels_are_counted_though_twelve_are_drawn(tmp_path: Path) -> None:
    version = save_version(tmp_path / "v", text=TEXTS, label=[f"l{number % 1200}" for number in range(3000)])
    shown = data_view.labels(describe(version), label_counts(version, "label"), "en")
    assert "1,200 values" in shown and "and 1,188 rarer ones" in shown
