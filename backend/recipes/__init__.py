"""The training recipes, by name."""

from __future__ import annotations

from functools import cache

from backend.recipes.base import Recipe


@cache
def all_recipes() -> dict[str, Recipe]:
    """Every recipe by name, in the order the page shows them."""
    from backend.recipes.single_label_classification import SingleLabelClassification

    return {recipe.name: recipe for recipe in (SingleLabelClassification(),)}
