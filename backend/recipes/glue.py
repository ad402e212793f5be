"""The nine GLUE tasks as presets: which recipe, which columns, which score, and which data stand in offline.

Covers: finding a task among a visitor's own data sets by its name or its columns, and what stands in for it.
Does not cover: fetching from the Hub; the files of a task are uploaded like any other data.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from backend.recipes import all_recipes

if TYPE_CHECKING:
    from backend.data.version import DataVersion
    from backend.workspace import Workspace

HUB = "nyu-mll/glue"
SINGLE, PAIR, SCORE = "single-label-classification", "sentence-pair-classification", "sentence-pair-regression"
REVIEWS, PAIRS, SCORES = "sample:reviews_en", "sample:paraphrases_en", "sample:sentence_pairs_en"


@dataclass(frozen=True, slots=True, kw_only=True)
class GlueTask:
    """One task. Texts `recipes.glue.{name}` and `.help`."""

    name: str
    """Its configuration's name in nyu-mll/glue."""
    recipe: str
    columns: Mapping[str, str]
    """Role name to column name, as on the Hub."""
    metric: str
    """The score that GLUE's table gives, by its name in the recipe's metric_names."""
    validation: str = "validation"
    """The split that tutorials report: of the test split the answers are secret."""
    stand_in: str
    """The sample that is there without a network."""
    file_columns: Mapping[str, str] = field(default_factory=dict)
    """Role name to column name in the TSV files of gluebenchmark.com, where they differ."""


def _pair(one: str = "sentence1", two: str = "sentence2", answer: str = "label") -> dict[str, str]:
    return {"text": one, "text_pair": two, answer: "label"}


_ONE = {"text": "sentence", "label": "label"}
TASKS: Mapping[str, GlueTask] = {
    task.name: task
    for task in (
        GlueTask(name="cola", recipe=SINGLE, columns=_ONE, metric="matthews_correlation", stand_in=REVIEWS),
        GlueTask(name="sst2", recipe=SINGLE, columns=_ONE, metric="accuracy", stand_in=REVIEWS),
        GlueTask(
            name="mrpc",
            recipe=PAIR,
            columns=_pair(),
            metric="f1",
            stand_in=PAIRS,
            file_columns={"text": "#1 String", "text_pair": "#2 String", "label": "Quality"},
        ),
        GlueTask(
            name="qqp",
            recipe=PAIR,
            columns=_pair("question1", "question2"),
            metric="f1",
            stand_in=PAIRS,
            file_columns={"text": "question1", "text_pair": "question2", "label": "is_duplicate"},
        ),
        GlueTask(
            name="stsb",
            recipe=SCORE,
            columns=_pair(answer="score"),
            metric="pearson",
            stand_in=SCORES,
            file_columns={"text": "sentence1", "text_pair": "sentence2", "score": "score"},
        ),
        GlueTask(
            name="mnli",
            recipe=PAIR,
            columns=_pair("premise", "hypothesis"),
            metric="accuracy",
            validation="validation_matched",
            stand_in=PAIRS,
            file_columns={"text": "sentence1", "text_pair": "sentence2", "label": "gold_label"},
        ),
        GlueTask(name="qnli", recipe=PAIR, columns=_pair("question", "sentence"), metric="accuracy", stand_in=PAIRS),
        GlueTask(name="rte", recipe=PAIR, columns=_pair(), metric="accuracy", stand_in=PAIRS),
        GlueTask(name="wnli", recipe=PAIR, columns=_pair(), metric="accuracy", stand_in=PAIRS),
    )
}


@dataclass(frozen=True, slots=True)
class GlueData:
    """What a task can be trained on now. source: "own" is the task's own data, which the visitor has uploaded;
    "stand_in" a sample of the same kind, whose scores are not comparable with anybody's."""

    version: DataVersion
    columns: Mapping[str, str]
    source: Literal["own", "stand_in"]


def glue_data(workspace: Workspace, task: GlueTask) -> GlueData:
    """The visitor's own data set that is named as the task is, or has its columns when no other task has the same;
    else the sample that stands in."""
    from backend.data.library import list_data, open_data

    own = [version for version in list_data(workspace) if version.ref.startswith("mine:")]
    for version in sorted(own, key=lambda version: not named_as(task, version.title)):
        columns = _columns(task, version)
        if columns:
            return GlueData(version, columns, "own")
    sample = open_data(workspace, task.stand_in)
    return GlueData(sample, all_recipes()[task.recipe].guess_columns(sample), "stand_in")


def named_as(task: GlueTask, title: str) -> bool:
    """Whether a data set's title names the task: "mrpc", "GLUE SST-2", "sts_b train"."""
    words = re.findall(r"[a-z0-9]+", title.lower())
    return task.name in {*words, *("".join(two) for two in pairwise(words))}


def _columns(task: GlueTask, version: DataVersion) -> Mapping[str, str]:
    """Which columns play which role if this is the task's data, else nothing."""
    there = {column.name for column in version.columns}
    for columns in (task.columns, task.file_columns):
        if columns and set(columns.values()) <= there and (named_as(task, version.title) or _alone(task, columns)):
            return columns
    if not named_as(task, version.title):
        return {}
    # Files without a header, or with another one than GLUE's.
    recipe = all_recipes()[task.recipe]
    guessed = recipe.guess_columns(version)
    return guessed if len(guessed) == len(recipe.roles) else {}


def _alone(task: GlueTask, columns: Mapping[str, str]) -> bool:
    """Whether no other task has columns of these names: then they tell the task without its name."""
    others: Sequence[Mapping[str, str]] = [
        known for other in TASKS.values() if other is not task for known in (other.columns, other.file_columns)
    ]
    return not any(set(known.values()) >= set(columns.values()) for known in others)
