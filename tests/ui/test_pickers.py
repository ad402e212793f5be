"""What the dropdowns offer, and the line about a model."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from backend.models import ModelFacts, ModelShelf
from backend.settings import Settings
from backend.training.queue import RunQueue
from backend.workspace import Workspace
from ui import pickers
from ui.visitor import Services


@pytest.fixture
def services(settings: Settings) -> Services:
    shelf = ModelShelf(settings)
    return Services(settings, shelf, RunQueue(settings, shelf))


def test_a_task_is_offered_only_models_that_fit_it(
    services: Services, workspace: Workspace, tiny_classifier: Path, tiny_generator: Path
) -> None:
    for name, model in (("sorter", tiny_classifier), ("writer", tiny_generator)):
        shutil.copytree(model, workspace.folder("runs", name) / "model")
    refs = [ref for _, ref in pickers.model_choices(services, None, "text-classification")]
    assert "run:sorter" in refs and "run:writer" not in refs


def test_a_run_is_named_as_trained_here(services: Services, workspace: Workspace, tiny_classifier: Path) -> None:
    shutil.copytree(tiny_classifier, workspace.folder("runs", "sorter") / "model")
    titles = dict((ref, title) for title, ref in pickers.model_choices(services, None))
    assert "trained here" in titles["run:sorter"]


def test_a_model_that_is_not_listed_is_named_where_its_name_leads_back_to_it(services: Services) -> None:
    back = {"folder:/models/mine": "/models/mine", "hub:owner/name": "owner/name"}
    kept = ("folder:models/mine", "hub:all-MiniLM-L6-v2", "owner/name", "folder:", "")
    assert {ref: pickers.unlisted(services, ref) for ref in back} == back
    assert [pickers.unlisted(services, ref) for ref in kept] == [*kept]


def test_runs_of_one_name_are_told_apart_by_their_folders_and_found_by_what_is_shown(
    services: Services, workspace: Workspace, tiny_classifier: Path
) -> None:
    for run_id in ("mine", "mine-2"):
        shutil.copytree(tiny_classifier, workspace.folder("runs", run_id) / "model")
        (workspace.folder("runs", run_id) / "spec.json").write_text('{"name": "Mine"}', encoding="utf-8")
    choices = pickers.model_choices(services, None)
    assert {(f"{name} (trained here)", f"run:{name}") for name in ("mine", "mine-2")} <= set(choices)
    assert pickers.ref_of(services, None, "mine-2 (trained here)") == "run:mine-2"
    shutil.rmtree(workspace.folder("runs", "mine"))
    assert ("Mine (trained here)", "run:mine-2") in pickers.model_choices(services, None)


@pytest.mark.parametrize(
    ("title", "english", "chinese"),
    [
        ("tiny (starter)", "tiny (starter)", "tiny（入门模型）"),
        ("tiny (starter, Q4_0)", "tiny (starter, Q4_0)", "tiny（入门模型，Q4_0）"),
    ],
)
def test_a_starter_is_named_as_one_in_the_page_s_language(title: str, english: str, chinese: str) -> None:
    facts = ModelFacts(ref="starter:tiny", title=title, source="starter", path=None)
    assert (pickers.model_title(facts, "en"), pickers.model_title(facts, "zh-CN")) == (english, chinese)


def test_the_line_about_a_model_says_size_labels_and_place() -> None:
    facts = ModelFacts(
        ref="x",
        title="x",
        source="starter",
        path=Path("/x"),
        parameters=22_700_000,
        bytes=91_000_000,
        labels=("a", "b"),
    )
    assert pickers.facts_line(facts, "en") == "22.7 M parameters, 91 MB, 2 labels, on this computer"
    few = replace(facts, parameters=7_090)
    assert [pickers.facts_line(few, locale)[:7] for locale in ("en", "zh-CN")] == ["7,090 p", "7,090 个"]
    assert pickers.facts_line(facts, "zh-CN") == "2,270 万参数，91 MB，2 个标签，已在本机"


def test_a_model_of_another_kind_is_said_to_be_one(services: Services, tiny_generator: Path) -> None:
    assert "not made for this task" in pickers.model_line(services, None, str(tiny_generator), "text-classification")


def test_what_cannot_be_a_model_is_said_in_the_line(services: Services) -> None:
    assert "/no/such/folder" in pickers.model_line(services, None, "/no/such/folder")


def test_data_sets_are_offered_with_their_rows(services: Services) -> None:
    assert any(ref == "sample:reviews_en" and "rows" in title for title, ref in pickers.data_choices(services, None))
