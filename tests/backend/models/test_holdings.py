"""What is on this machine for a visitor, and what may be taken away."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from backend.errors import UserError
from backend.models import ModelShelf
from backend.models.holdings import Holding, holdings, remove
from backend.models.use import last_used, remember_use
from backend.settings import Settings
from backend.training.model_removal import remove_model
from backend.training.queue import RunQueue
from backend.workspace import Workspace, write_json

CLASSIFIER = "AutoModelForSequenceClassification"


@pytest.fixture
def shelf(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelShelf:
    """One without starters, whose cache of downloads is this test's own."""
    monkeypatch.setenv("WORKBENCH_STARTER_DIR", str(tmp_path / "starters"))
    shelf = ModelShelf(settings)
    shelf.hub._public_cache = tmp_path / "hub"
    return shelf


def held(shelf: ModelShelf, workspace: Workspace) -> dict[str, Holding]:
    return {one.ref: one for one in holdings(shelf, workspace)}


def put_run(workspace: Workspace, model: Path, loop: str = "trainer") -> None:
    shutil.copytree(model, workspace.folder("runs", "first") / "model")
    write_json(workspace.folder("runs", "first") / "spec.json", {"name": "My run", "loop": loop})


def put_download(shelf: ModelShelf, model: Path, name: str, commit: str = "c0ffee") -> Path:
    """As the library lays it out: blobs, and a snapshot of links to them."""
    repository = shelf.hub.repository(name)
    snapshot = repository / "snapshots" / commit
    for folder in (repository / "blobs", snapshot, repository / "refs"):
        folder.mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    for file in model.iterdir():
        shutil.copy(file, repository / "blobs" / file.name)
        (snapshot / file.name).symlink_to(Path("..", "..", "blobs", file.name))
    return repository


def error_of(shelf: ModelShelf, workspace: Workspace, ref: str) -> str:
    with pytest.raises(UserError) as caught:
        remove(shelf, workspace, ref)
    assert caught.value.what() and caught.value.todo("zh-CN")
    return caught.value.key


def test_runs_heads_downloads_and_folders_are_listed_with_their_size(
    shelf: ModelShelf, workspace: Workspace, tiny_classifier: Path, tiny_masked: Path
) -> None:
    put_run(workspace, tiny_classifier, loop="head")
    put_download(shelf, tiny_masked, "acme/blanks")
    remember_use(workspace, f"folder:{tiny_masked}")
    found = held(shelf, workspace)
    kinds = {ref: one.kind for ref, one in found.items()}
    assert kinds == {"run:first": "head", "hub:acme/blanks": "hub", f"folder:{tiny_masked}": "folder"}
    assert found["run:first"].title == "My run" and found["run:first"].removable
    whole = sum(file.stat().st_size for file in tiny_masked.iterdir())
    assert found["hub:acme/blanks"].bytes == whole and found["hub:acme/blanks"].facts is not None


def test_the_last_use_is_that_of_an_answer_not_of_a_look_at_the_files(
    shelf: ModelShelf, workspace: Workspace, tiny_classifier: Path
) -> None:
    put_download(shelf, tiny_classifier, "acme/a")
    put_download(shelf, tiny_classifier, "acme/b")
    assert held(shelf, workspace)["hub:acme/a"].used == 0
    with shelf.lease(workspace, "hub:acme/a", CLASSIFIER):
        one = held(shelf, workspace)["hub:acme/a"]
        assert one.busy and one.used > 0
    assert [one.ref for one in holdings(shelf, workspace)] == ["hub:acme/a", "hub:acme/b"]


def test_a_model_in_use_is_not_deleted_and_says_so(
    shelf: ModelShelf, workspace: Workspace, tiny_classifier: Path, settings: Settings
) -> None:
    repository = put_download(shelf, tiny_classifier, "acme/a")
    put_run(workspace, tiny_classifier)
    with shelf.lease(workspace, "hub:acme/a", CLASSIFIER), shelf.lease(workspace, "run:first", CLASSIFIER):
        assert error_of(shelf, workspace, "hub:acme/a") == "shelf.in_use"
        with pytest.raises(UserError) as caught:
            remove_model(shelf, RunQueue(settings, shelf), workspace, "run:first")
        assert caught.value.key == "shelf.in_use"
    remove(shelf, workspace, "hub:acme/a")
    assert not repository.exists() and "hub:acme/a" not in last_used(workspace)


def test_a_copy_of_a_model_with_the_same_commits_stays(
    shelf: ModelShelf, workspace: Workspace, tiny_classifier: Path
) -> None:
    put_download(shelf, tiny_classifier, "acme/a", commit="d" * 40)
    put_download(shelf, tiny_classifier, "fork/a", commit="d" * 40)
    remove(shelf, workspace, "hub:acme/a")
    assert list(held(shelf, workspace)) == ["hub:fork/a"]


def test_a_download_that_is_not_whole_is_told_apart(
    shelf: ModelShelf, workspace: Workspace, tiny_classifier: Path
) -> None:
    repository = put_download(shelf, tiny_classifier, "acme/a")
    (repository / "blobs" / "model.safetensors").rename(repository / "blobs" / "model.safetensors.incomplete")
    one = held(shelf, workspace)["hub:acme/a"]
    assert one.kind == "begun" and one.facts is None and one.bytes
    remove(shelf, workspace, "hub:acme/a")
    assert held(shelf, workspace) == {}


def test_a_run_s_model_goes_with_its_run(
    shelf: ModelShelf, workspace: Workspace, tiny_classifier: Path, settings: Settings
) -> None:
    put_run(workspace, tiny_classifier)
    assert error_of(shelf, workspace, "run:first") == "shelf.goes_with_run"
    remove_model(shelf, RunQueue(settings, shelf), workspace, "run:first")
    assert not workspace.folder("runs", "first").exists()


def test_a_folder_is_taken_off_the_list_and_its_files_stay(
    shelf: ModelShelf, workspace: Workspace, tiny_classifier: Path
) -> None:
    with shelf.lease(workspace, f"folder:{tiny_classifier}", CLASSIFIER):
        pass
    remove(shelf, workspace, f"folder:{tiny_classifier}")
    assert held(shelf, workspace) == {} and (tiny_classifier / "config.json").is_file()


def test_a_starter_stays(shelf: ModelShelf, workspace: Workspace) -> None:
    assert error_of(shelf, workspace, "starter:all-MiniLM-L6-v2") == "shelf.starter_stays"


def test_on_a_public_page_nobody_deletes_what_all_share_nor_sees_folders(
    shelf: ModelShelf, settings: Settings, tiny_classifier: Path, tiny_masked: Path
) -> None:
    visitor = Workspace.open(replace(settings, public=True), "me")
    put_download(shelf, tiny_classifier, "acme/a")
    remember_use(visitor, f"folder:{tiny_masked}")
    found = held(shelf, visitor)
    assert list(found) == ["hub:acme/a"] and not found["hub:acme/a"].removable
    assert error_of(shelf, visitor, "hub:acme/a") == "shelf.not_yours"


def test_a_record_that_was_spoilt_is_begun_anew(workspace: Workspace) -> None:
    workspace.root.mkdir(parents=True)
    (workspace.root / "used.json").write_text("[1, 2")
    remember_use(workspace, "hub:acme/a")
    assert list(json.loads((workspace.root / "used.json").read_text())) == ["hub:acme/a"]
