"""Tests of the columns that a recipe is given: none, one that is gone, or an empty one is told, whoever asks."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from backend.data.split import SplitPlan
from backend.data.version import DataVersion
from backend.errors import UserError
from backend.recipes import all_recipes
from backend.recipes.base import Recipe
from backend.recipes.column_checks import column_checks
from tests.backend.tables import save_version

TEXTS = [f"a text about thing number {number}" for number in range(40)]
LABELS = ["good", "bad"] * 20
Asked = Callable[[Recipe, DataVersion, dict[str, str]], object]
ASKED: dict[str, Asked] = {
    "check": lambda recipe, version, columns: recipe.check(version, columns),
    "usable": lambda recipe, version, columns: recipe.usable(version, columns),
    "split": lambda recipe, version, columns: recipe.split(version, columns, SplitPlan(leave_out=("leaks",))),
    "targets": lambda recipe, version, columns: recipe.targets(version, columns, ()),
    "likeness": lambda recipe, version, columns: recipe.likeness(version, columns),
    "labels": lambda recipe, version, columns: recipe.labels(version, columns),
}


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> DataVersion:
    return save_version(tmp_path_factory.mktemp("columns") / "v", text=TEXTS, label=LABELS)


@pytest.mark.parametrize("name", all_recipes())
@pytest.mark.parametrize("asked", ASKED)
def test_whatever_is_not_chosen_is_a_sentence_or_not_asked_for(version: DataVersion, name: str, asked: str) -> None:
    recipe = all_recipes()[name]
    roles = [role.name for role in recipe.roles]
    for chosen in product(("", "gone", "text", "label"), repeat=len(roles)):
        columns = dict(zip(roles, chosen, strict=True))
        for given in (columns, {role: column for role, column in columns.items() if column}):
            try:
                ASKED[asked](recipe, version, given)
            except UserError as error:
                assert all(error.what(locale) and error.todo(locale) for locale in ("en", "zh-CN"))


@pytest.mark.parametrize("name", all_recipes())
def test_with_nothing_chosen_the_check_says_so(version: DataVersion, name: str) -> None:
    recipe = all_recipes()[name]
    (check,) = column_checks(recipe, version, dict.fromkeys((role.name for role in recipe.roles), ""))
    assert check.level == "error" and check.key.startswith("recipes.no_")


@pytest.mark.parametrize("name", all_recipes())
def test_a_table_of_empty_cells_is_said_to_be_empty(tmp_path: Path, name: str) -> None:
    recipe = all_recipes()[name]
    version = save_version(tmp_path / "v", text=[None] * 4, label=[None] * 4)
    with pytest.raises(UserError, match="All 4 rows are empty: nothing is in the columns text, label"):
        recipe.check(version, recipe.guess_columns(version))


def test_an_empty_column_among_others_is_named(tmp_path: Path) -> None:
    version = save_version(tmp_path / "v", text=TEXTS, label=[None] * 40)
    with pytest.raises(UserError, match="“label” is empty in every row"):
        all_recipes()["single-label-classification"].check(version, {"text": "text", "label": "label"})
