"""The training recipes, by name, and which of them suits a data set."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from backend.recipes.base import Recipe

if TYPE_CHECKING:
    from backend.data.version import DataVersion


@cache
def all_recipes() -> dict[str, Recipe]:
    """Every recipe by name, in the order the page shows them."""
    from backend.recipes.multi_label_classification import MultiLabelClassification
    from backend.recipes.sentence_pair_classification import SentencePairClassification
    from backend.recipes.sentence_pair_regression import SentencePairRegression
    from backend.recipes.single_label_classification import SingleLabelClassification

    recipes = (
        SingleLabelClassification(),
        MultiLabelClassification(),
        SentencePairClassification(),
        SentencePairRegression(),
    )
    return {recipe.name: recipe for recipe in recipes}


def suggest_recipe(version: DataVersion) -> str:
    """Name of the recipe that suits the columns and values of a data set best; the first of all where none does."""
    return max(all_recipes().values(), key=lambda recipe: recipe.fit(version)).name
