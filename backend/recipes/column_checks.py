"""Whether the chosen columns are what the recipe takes them for; else the columns, or the recipe, that fit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from backend.data.version import DataVersion
from backend.errors import UserError
from backend.recipes import all_recipes, suggest_recipe
from backend.recipes.base import Recipe
from backend.recipes.checks import Check, Example, Fix, shortened
from backend.recipes.columns import guess_label, guess_text, label_texts, read_column
from backend.recipes.label_sets import guess_label_sets

_SAMPLE = 2000
_NUMBER = re.compile(r"[-+]?[\d.,:/%\s\-]*\d[\d.,:/%\s\-]*")
# In a column of texts nearly every cell differs; classes, of which there are few, have short names.
_FEW_TEXTS, _SHORT = 0.05, 30
# More different answers than that, of so few rows each, are names rather than classes.
_MANY, _ROWS_EACH = 50, 5


def column_checks(recipe: Recipe, version: DataVersion, columns: Mapping[str, str]) -> list[Check]:
    """What is wrong with the columns, the worst first; one check of level ok where nothing is."""
    written = version.arrow.stat().st_mtime_ns
    return [*_column_checks(recipe.name, version.folder, written, tuple(columns.items()))]


@lru_cache(maxsize=32)
def _column_checks(
    recipe_name: str, folder: Path, written: int, chosen: tuple[tuple[str, str], ...]
) -> tuple[Check, ...]:
    """The time of writing tells a data set from a later one in the same folder."""
    recipe, version, columns = all_recipes()[recipe_name], DataVersion.read(folder), dict(chosen)
    try:
        recipe.check(version, columns)
    except UserError as error:
        # The sentence and what to do stand where the columns are chosen, too; here is the button.
        fix = _fix(recipe, version, columns)
        return (Check(name="columns", level="error", key=error.key, values=error.values, fix=fix),)
    found = [*_texts(recipe, version, columns), *_answers(recipe, version, columns)]
    return (*found,) or (Check(name="columns", level="ok", key="checks.columns"),)


def _fix(recipe: Recipe, version: DataVersion, columns: Mapping[str, str]) -> Fix | None:
    """The recipe that suits the answer chosen, else the columns that suit the recipe, else another recipe."""
    guessed = recipe.guess_columns(version)
    other = all_recipes()[suggest_recipe(version)]
    others = other.guess_columns(version)
    fits = other.name != recipe.name and works(other, version, others)
    if fits and others.get(other.roles[-1].name) == columns.get(recipe.roles[-1].name):
        return Fix("recipe", other.name)
    if works(recipe, version, guessed):
        return Fix("columns", {role: name for role, name in guessed.items() if columns.get(role) != name})
    return Fix("recipe", other.name) if fits else None


def carried_over(old: Recipe, new: Recipe, version: DataVersion, columns: Mapping[str, str]) -> dict[str, str]:
    """The columns for another recipe by role: those chosen, as far as it can train on them, else as it guesses."""
    guessed = new.guess_columns(version)
    chosen = {role: columns[role] for role in new.text_roles if columns.get(role)}
    chosen[new.roles[-1].name] = columns.get(old.roles[-1].name, "")
    kept = guessed | {role: name for role, name in chosen.items() if name}
    return kept if works(new, version, kept) else guessed


def works(recipe: Recipe, version: DataVersion, columns: Mapping[str, str]) -> bool:
    """Whether the recipe could train on these columns."""
    try:
        findings = recipe.check(version, columns)
    except UserError:
        return False
    return all(finding.level != "error" for finding in findings)


def _texts(recipe: Recipe, version: DataVersion, columns: Mapping[str, str]) -> list[Check]:
    """Text columns of numbers, or of a few short values."""
    found = []
    for role in recipe.text_roles:
        name = columns[role]
        values = [text for text in label_texts(_head(version, name)) if text]
        numbers = sum(bool(_NUMBER.fullmatch(text)) for text in values)
        distinct = list(dict.fromkeys(values))
        few = len(distinct) <= _FEW_TEXTS * len(values) and sum(map(len, distinct)) <= _SHORT * len(distinct)
        if numbers <= 0.9 * len(values) and not (few and len(values) >= 20):
            continue
        kind = "numbers" if numbers > 0.9 * len(values) else "few"
        likely = guess_text(version, taken=[column for other, column in columns.items() if other != role])
        fix = Fix("columns", {role: likely}) if likely and likely != name else None
        fix = fix if fix and works(recipe, version, {**columns, role: likely}) else None
        if kind == "few" and not fix:
            # The only texts there are: few sentences, each said often.
            continue
        words = {"column": name, "likely": likely, "example": shortened(distinct[0], 40), "values": len(distinct)}
        examples = tuple(Example(shortened(value)) for value in distinct[:3])
        key = f"checks.columns_text_{kind}"
        found.append(Check(name="columns", level="warning", key=key, values=words, fix=fix, examples=examples))
    return found


def _answers(recipe: Recipe, version: DataVersion, columns: Mapping[str, str]) -> list[Check]:
    """Answers that another recipe would take for what they are, and names taken for classes."""
    role = recipe.roles[-1].name
    name = columns[role]
    others = [column for other, column in columns.items() if other != role]
    words: dict[str, Any] = {"column": name}
    if role == "label" and len(others) == 1 and guess_label_sets(version, taken=others) == name:
        return [_other(recipe, version, columns, "checks.columns_sets", "multi-label-classification")]
    if role == "labels" and all(len(one) < 2 for one in _sets(recipe, version, columns)):
        return [_other(recipe, version, columns, "checks.columns_single", "single-label-classification")]
    if role == "score" and set(label_texts(_head(version, name))) - {""} <= {"0", "1"}:
        return [_other(recipe, version, columns, "checks.columns_two_scores", "sentence-pair-classification")]
    labels = recipe.labels(version, columns) if role == "label" else ()
    if len(labels) > _MANY and version.rows < _ROWS_EACH * len(labels):
        likely = guess_label(version, taken=[*others, name])
        good = likely and works(recipe, version, {**columns, role: likely})
        fix = Fix("columns", {role: likely}) if good else None
        words |= {"labels": len(labels), "rows": version.rows, "likely": likely}
        examples = tuple(Example(shortened(label)) for label in labels[:3])
        key = "checks.columns_names"
        return [Check(name="columns", level="warning", key=key, values=words, fix=fix, examples=examples)]
    return []


def _other(recipe: Recipe, version: DataVersion, columns: Mapping[str, str], key: str, wanted: str) -> Check:
    """Another recipe suits the answers."""
    other, name = all_recipes()[wanted], columns[recipe.roles[-1].name]
    fits = works(other, version, carried_over(recipe, other, version, columns))
    some = dict.fromkeys(str(value) for value in _head(version, name) if value is not None)
    examples = tuple(Example(shortened(value)) for value in [*some][:3])
    fix = Fix("recipe", wanted) if fits else None
    return Check(name="columns", level="warning", key=key, values={"column": name}, fix=fix, examples=examples)


def _sets(recipe: Recipe, version: DataVersion, columns: Mapping[str, str]) -> list[tuple[str, ...]]:
    from backend.recipes.label_sets import label_sets

    column = version.column(columns[recipe.roles[-1].name])
    return [one for one in label_sets(version, column) if one] if column else []


def _head(version: DataVersion, name: str) -> list[Any]:
    return read_column(version, name).slice(0, _SAMPLE).to_pylist()  # type: ignore[no-any-return]
