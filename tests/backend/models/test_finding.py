"""A ref finds its model; one that cannot be used says why, in words of its own."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from backend.errors import UserError
from backend.models import ModelShelf
from backend.settings import Settings
from backend.workspace import Workspace
from tests import tiny

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 90868376\n"


@pytest.fixture
def shelf(settings: Settings) -> ModelShelf:
    return ModelShelf(settings)


@pytest.fixture
def folder(tiny_classifier: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return shutil.copytree(tiny_classifier, tmp_path / "my model")


def error(shelf: ModelShelf, workspace: Workspace, ref: str) -> UserError:
    with pytest.raises(UserError) as caught:
        shelf.facts(workspace, ref)
    caught.value.what("zh-CN"), caught.value.todo("zh-CN")
    return caught.value


@pytest.mark.parametrize(
    ("typed", "ref"),
    [
        ("distilbert/distilbert-base-uncased", "hub:distilbert/distilbert-base-uncased"),
        (" gpt2 ", "hub:gpt2"),
        ("https://huggingface.co/acme/model/tree/main", "hub:acme/model"),
        ("all-MiniLM-L6-v2", "starter:all-MiniLM-L6-v2"),
        ("/models/mine", "folder:/models/mine"),
        ('"/models/my model"', "folder:/models/my model"),
        ("~/x", f"folder:{Path.home()}/x"),
        ("run:first@last", "run:first@last"),
        ("C:\\models\\mine", None),
    ],
)
def test_what_a_person_types_becomes_a_ref(shelf: ModelShelf, typed: str, ref: str | None) -> None:
    assert shelf.parse(typed).startswith("folder:") if ref is None else shelf.parse(typed) == ref


def test_the_folder_of_a_user_nobody_knows_is_missing_and_no_bug(shelf: ModelShelf, workspace: Workspace) -> None:
    assert error(shelf, workspace, "~nobody-here/model").key == "models.missing_folder"


@pytest.mark.parametrize("typed", ["", "a/b/c", "hub:../../etc", "two words", "hub:", "模型"])
def test_what_is_no_model_is_refused(shelf: ModelShelf, typed: str) -> None:
    with pytest.raises(UserError) as caught:
        shelf.parse(typed)
    assert caught.value.key == "models.bad_ref"


def test_facts_come_from_config_and_headers(shelf: ModelShelf, workspace: Workspace, tiny_classifier: Path) -> None:
    facts = shelf.facts(workspace, f"folder:{tiny_classifier}")
    assert (facts.architecture, facts.labels) == ("BertForSequenceClassification", ("negative", "positive"))
    assert (facts.max_length, facts.has_tokenizer, facts.has_chat_template) == (128, True, False)
    assert facts.parameters > 0 and facts.bytes > 4 * facts.parameters


def test_a_chat_template_is_noticed(shelf: ModelShelf, workspace: Workspace, tiny_generator: Path) -> None:
    assert shelf.facts(workspace, f"folder:{tiny_generator}").has_chat_template


def test_a_trained_model_is_found_by_its_run_and_named_as_the_person_did(
    shelf: ModelShelf, workspace: Workspace, tiny_classifier: Path
) -> None:
    run = workspace.folder("runs", "r1")
    shutil.copytree(tiny_classifier, run / "model")
    shutil.copytree(tiny_classifier, run / "model-last")
    (run / "spec.json").write_text(json.dumps({"name": "我的评论"}))
    listed = {facts.ref: facts.title for facts in shelf.listed(workspace)}
    assert listed["run:r1"] == "我的评论"
    assert "run:r1@last" in listed


def test_another_visitors_run_is_not_found(settings: Settings, tiny_classifier: Path) -> None:
    settings = replace(settings, public=True)
    mine, theirs = Workspace.open(settings, "me"), Workspace.open(settings, "them")
    shutil.copytree(tiny_classifier, theirs.folder("runs", "secret") / "model")
    shelf = ModelShelf(settings)
    assert error(shelf, mine, "run:secret").key == "models.missing_run"
    assert "run:secret" not in {facts.ref for facts in shelf.listed(mine)}
    assert "run:secret" in {facts.ref for facts in shelf.listed(theirs)}


@pytest.mark.parametrize("ref", ["run:../runs/r1", "run:a/../../b", "run:.."])
def test_a_run_cannot_be_named_by_a_path(shelf: ModelShelf, workspace: Workspace, ref: str) -> None:
    assert error(shelf, workspace, ref).key == "workspace.bad_name"


def test_a_public_page_opens_no_folder(settings: Settings, tiny_classifier: Path) -> None:
    settings = replace(settings, public=True)
    found = error(ModelShelf(settings), Workspace.open(settings, "me"), f"folder:{tiny_classifier}")
    assert found.key == "models.folder_not_allowed"


def test_a_missing_folder_is_named(shelf: ModelShelf, workspace: Workspace, tmp_path: Path) -> None:
    found = error(shelf, workspace, str(tmp_path / "nothing"))
    assert found.key == "models.missing_folder" and "nothing" in found.what()


def test_a_folder_without_config_names_what_was_found(shelf: ModelShelf, workspace: Workspace, folder: Path) -> None:
    (folder / "config.json").unlink()
    found = error(shelf, workspace, str(folder))
    assert found.key == "models.no_config" and "model.safetensors" in found.what()


def test_an_adapter_alone_names_its_base(shelf: ModelShelf, workspace: Workspace, folder: Path) -> None:
    (folder / "config.json").unlink()
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "acme/base"}')
    found = error(shelf, workspace, str(folder))
    assert found.key == "models.only_adapter" and "acme/base" in found.what()


@pytest.mark.parametrize("text", ["{", "[]", '{"model_type": 3}', "\ufeff\x00"])
def test_a_config_that_is_none_is_told(shelf: ModelShelf, workspace: Workspace, folder: Path, text: str) -> None:
    (folder / "config.json").write_text(text)
    assert error(shelf, workspace, str(folder)).key == "models.bad_config"


@pytest.mark.parametrize("file", ["model.safetensors", "config.json"])
def test_a_git_lfs_pointer_is_recognized(shelf: ModelShelf, workspace: Workspace, folder: Path, file: str) -> None:
    (folder / file).write_bytes(LFS)
    assert error(shelf, workspace, str(folder)).key == "models.lfs_pointer"


def test_a_folder_without_weights_is_told(shelf: ModelShelf, workspace: Workspace, folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    assert error(shelf, workspace, str(folder)).key == "models.no_weights"


def test_missing_shards_are_named(shelf: ModelShelf, workspace: Workspace, folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    found = error(shelf, workspace, str(folder))
    assert found.key == "models.missing_shards" and "model-00001-of-00002" in found.what()


def test_weights_that_were_cut_off_are_noticed_without_loading(
    shelf: ModelShelf, workspace: Workspace, folder: Path
) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    assert error(shelf, workspace, str(folder)).key == "models.cut_weights"


@pytest.mark.parametrize("data", [b"", b"\x00" * 40, b"PK\x03\x04 not weights", b"\xff" * 5000])
def test_weights_that_are_none_are_noticed(shelf: ModelShelf, workspace: Workspace, folder: Path, data: bytes) -> None:
    (folder / "model.safetensors").write_bytes(data)
    assert error(shelf, workspace, str(folder)).key == "models.broken_weights"


def test_a_broken_model_does_not_hide_the_others(
    shelf: ModelShelf, workspace: Workspace, tiny_classifier: Path
) -> None:
    for name in ("good", "bad"):
        shutil.copytree(tiny_classifier, workspace.folder("runs", name) / "model")
    (workspace.folder("runs", "bad") / "model" / "config.json").write_text("{")
    refs = {facts.ref for facts in shelf.listed(workspace)}
    assert "run:good" in refs and "run:bad" not in refs


def test_offline_names_the_models_that_are_here(shelf: ModelShelf, workspace: Workspace, tiny_classifier: Path) -> None:
    shutil.copytree(tiny_classifier, workspace.folder("runs", "mine") / "model")
    found = error(shelf, workspace, "hub:acme/nowhere")
    assert found.key == "models.offline" and "mine" in found.what()


def test_a_starter_that_is_not_installed_says_how_to_get_it(
    shelf: ModelShelf, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBENCH_STARTER_DIR", str(tmp_path))
    found = error(shelf, workspace, "starter:all-MiniLM-L6-v2")
    assert found.key == "models.missing_starter" and "make starter" in found.todo()


def test_facts_are_read_again_once_a_file_of_the_folder_is_another(
    shelf: ModelShelf, workspace: Workspace, tmp_path: Path
) -> None:
    folder = tiny.save_classifier(tmp_path / "model", labels=("a", "b"))
    assert shelf.facts(workspace, str(folder)).labels == ("a", "b")
    tiny.save_classifier(folder, labels=("c", "d", "e"))
    assert shelf.facts(workspace, str(folder)).labels == ("c", "d", "e")
