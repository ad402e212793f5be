"""The presets for the nine GLUE tasks: names that fit the recipes, and which data they find."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.data.library import SAMPLES, add_files
from backend.recipes import all_recipes
from backend.recipes.glue import TASKS, glue_data, named_as
from backend.settings import Settings
from backend.texts import lookup
from backend.workspace import Workspace

each_task = pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)


def upload(workspace: Workspace, settings: Settings, folder: Path, name: str, header: str, rows: list[str]) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.tsv"
    path.write_text("\n".join([*([header] if header else []), *rows]) + "\n", encoding="utf-8")
    add_files(workspace, settings, [path])


def test_all_nine_are_there() -> None:
    assert set(TASKS) == set("cola sst2 mrpc qqp stsb mnli qnli rte wnli".split())


@each_task
def test_a_task_names_what_its_recipe_has(task) -> None:  # type: ignore[no-untyped-def]
    recipe = all_recipes()[task.recipe]
    roles = {role.name for role in recipe.roles}
    assert set(task.columns) == roles and set(task.file_columns) in (set(), roles)
    assert task.metric in recipe.metric_names and task.stand_in.removeprefix("sample:") in SAMPLES
    assert all(lookup(f"recipes.glue.{task.name}{part}", "zh-CN") for part in ("", ".help"))


@each_task
def test_without_data_of_ones_own_a_sample_that_the_recipe_can_use_stands_in(task, workspace: Workspace) -> None:  # type: ignore[no-untyped-def]
    found = glue_data(workspace, task)
    assert found.source == "stand_in" and found.version.ref == task.stand_in
    assert all_recipes()[task.recipe].usable(found.version, found.columns).all()


def test_the_tasks_own_file_is_found_by_its_columns(workspace: Workspace, settings: Settings, tmp_path: Path) -> None:
    rows = [f"{n % 2}\t{n}\t{n + 100}\tit was thing {n} he said\the said it was thing {n}" for n in range(20)]
    upload(workspace, settings, tmp_path, "msr", "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String", rows)
    found = glue_data(workspace, TASKS["mrpc"])
    assert found.source == "own" and found.columns["label"] == "Quality"
    assert glue_data(workspace, TASKS["rte"]).source == "stand_in"


def test_a_file_is_found_by_its_name_whatever_its_columns_are(
    workspace: Workspace, settings: Settings, tmp_path: Path
) -> None:
    upload(workspace, settings, tmp_path, "SST-2", "", [f"this is sentence number {n}\t{n % 2}" for n in range(20)])
    found = glue_data(workspace, TASKS["sst2"])
    assert found.source == "own" and set(found.columns) == {"text", "label"}
    assert glue_data(workspace, TASKS["cola"]).source == "stand_in"


@pytest.mark.parametrize(
    ("title", "task"), [("mrpc", "mrpc"), ("GLUE SST-2 train", "sst2"), ("sts_b", "stsb"), ("CoLA-public", "cola")]
)
def test_a_title_names_its_task_and_no_other(title: str, task: str) -> None:
    assert [one.name for one in TASKS.values() if named_as(one, title)] == [task]


def test_letters_within_other_words_name_no_task() -> None:
    assert not named_as(TASKS["cola"], "chocolate protocol analysis") and not named_as(TASKS["rte"], "portes")
