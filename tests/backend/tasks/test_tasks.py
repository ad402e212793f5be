"""What holds for every task: it can be shown in both languages, its examples fill its form, it answers a batch."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from backend.settings import Settings
from backend.tasks import all_tasks
from backend.tasks.base import RunsOn, Task
from backend.texts import LOCALES, catalogue
from tests.backend.tasks.conftest import opened

TASKS = list(all_tasks().values())


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
@pytest.mark.parametrize("locale", LOCALES)
def test_every_control_has_a_label_and_a_help(task: Task, locale: str) -> None:
    # What is the same for all tasks has the same words.
    area = {one.name: "any" for one in fields(RunsOn)}
    names = [one.name for one in task.inputs] + [one.name for one in fields(task.params)]
    keys = [f"tasks.{task.name}", *(f"tasks.{area.get(name, task.name)}.{name}" for name in names)]
    keys += [
        f"tasks.{area.get(one.name, task.name)}.{one.name}.{choice}"
        for one in fields(task.params)
        for choice in one.metadata["choices"]
    ]
    helps = [f"{key}.help" for key in keys if key.count(".") < 3]
    assert [key for key in keys + helps if key not in catalogue(locale)] == []


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_examples_fill_the_form_in_both_languages(task: Task) -> None:
    names = {one.name for one in task.inputs}
    needed = {one.name for one in task.inputs if not one.optional}
    assert all(needed <= set(example.values) <= names for example in task.examples)
    assert {example.language for example in task.examples} == set(LOCALES)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_defaults_are_within_their_own_limits(task: Task) -> None:
    task.params()


@pytest.mark.parametrize(
    ("name", "model", "given"),
    [
        ("text-classification", "tiny_classifier", {}),
        ("zero-shot-classification", "tiny_nli", {"labels": "sport, a fine story"}),
        ("zero-shot-embedding", "tiny_encoder", {"labels": "sport, film"}),
        ("token-classification", "tiny_tagger", {"aggregation_strategy": "none"}),
    ],
)
def test_a_batch_says_of_a_long_text_what_the_single_answer_says(
    name: str, model: str, given: dict[str, Any], settings: Settings, request: pytest.FixtureRequest
) -> None:
    task, folder, text = all_tasks()[name], request.getfixturevalue(model), "good film " * 300
    assert isinstance(folder, Path)
    settled = {one.name for one in fields(task.params)}
    params = task.params(**{key: value for key, value in given.items() if key in settled})
    with opened(settings, name, f"folder:{folder}") as pipe:
        alone: Any = task.run(pipe, {"text": text, **given}, params)
        rows = dict(task.batch(pipe, ["good", text], params))
    assert not rows[0].get("unread") and rows[1]["unread"] == alone.tokens - alone.tokens_read > 100
