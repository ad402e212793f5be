"""Public test sets whose answers are left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.data.split import SplitPlan, split_rows
from backend.recipes import all_recipes
from tests.backend.tables import save_version

TEXTS = [f"a text about thing number {number}" for number in range(40)]
OTHERS = [f"and another about thing {number}" for number in range(40)]
SPLITS = ["train"] * 30 + ["test"] * 10


@pytest.mark.parametrize("answers", [[0, 1] * 15 + [-1] * 10, [0.0, 1.5] * 15 + [-1.0] * 10])
def test_a_test_split_that_says_minus_one_everywhere_is_not_used_and_another_is_drawn(
    tmp_path: Path, answers: list[Any]
) -> None:
    version = save_version(tmp_path / "v", "split", text=TEXTS, other=OTHERS, label=answers, split=SPLITS)
    role = "label" if isinstance(answers[0], int) else "score"
    recipe = all_recipes()["sentence-pair-classification" if role == "label" else "sentence-pair-regression"]
    columns = {"text": "text", "text_pair": "other", role: "label"}
    usable = recipe.usable(version, columns)
    assert np.flatnonzero(~usable).tolist() == list(range(30, 40))
    assert "-1" not in recipe.labels(version, columns)
    assert "recipes.finding.hidden_answers" in {finding.key for finding in recipe.check(version, columns)}
    assert 0 < len(split_rows(version, SplitPlan(), "", usable)["test"]) < 10


def test_minus_one_among_the_training_rows_is_a_class_like_any_other(tmp_path: Path) -> None:
    version = save_version(tmp_path / "v", "split", text=TEXTS, label=[-1, 1] * 20, split=SPLITS)
    recipe = all_recipes()["single-label-classification"]
    assert set(recipe.labels(version, {"text": "text", "label": "label"})) == {"-1", "1"}
