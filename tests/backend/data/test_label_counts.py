"""Tests of how often labels come: the most frequent, the rarest, all of them, and words that are none."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from backend.data.label_counts import label_counts
from backend.errors import UserError
from tests.backend.tables import save_version


def test_labels_come_most_frequent_first_without_the_empty_ones(tmp_path: Path) -> None:
    found = label_counts(save_version(tmp_path / "v", label=["x", "y", "y", None]), "label")
    assert list(found.most.items()) == [("y", 2), ("x", 1)]
    assert (found.different, found.rows, found.rarest, found.unlabelled) == (2, 3, ("x", 1), ("", 0))


def test_every_one_of_twenty_thousand_labels_is_counted(tmp_path: Path) -> None:
    found = label_counts(save_version(tmp_path / "v", label=[f"l{n % 20_000}" for n in range(50_000)]), "label")
    assert (len(found.most), found.different, found.rows) == (12, 20_000, 50_000)
    assert found.rarest == ("l10000", 2)


def test_words_for_no_label_are_counted_together_and_the_most_frequent_is_named(tmp_path: Path) -> None:
    found = label_counts(save_version(tmp_path / "v", label=["good", "NaN", "NaN", " none ", "Nancy"]), "label")
    assert found.unlabelled == ("NaN", 3)


@pytest.mark.parametrize("values", [[1.0, math.nan, 2.0], [1, 2, 3], [["nan"], ["a"], []]])
def test_only_a_column_of_words_has_words_for_no_label(tmp_path: Path, values: list[object]) -> None:
    assert label_counts(save_version(tmp_path / "v", label=values), "label").unlabelled == ("", 0)


def test_a_column_without_a_value_has_no_label(tmp_path: Path) -> None:
    found = label_counts(save_version(tmp_path / "v", text=["a", "b"], label=[None, ""][:1] * 2), "label")
    assert (dict(found.most), found.different, found.rows, found.rarest) == ({}, 0, 0, ("", 0))


def test_a_column_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no column “gone”"):
        label_counts(save_version(tmp_path / "v", label=["a"]), "gone")
