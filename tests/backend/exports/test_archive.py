"""The zips of a run: what is in them, and when there is none."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backend.errors import UserError
from backend.exports import archive
from backend.training.run_folder import RunFolder
from backend.training.spec import RunSpec, RunState
from backend.workspace import Workspace
from tests.backend.tables import save_version
from tests.ui.run_folders import write_run

Told = list[tuple[int, int]]


def told() -> tuple[Told, Callable[[int, int], None]]:
    found: Told = []
    return found, lambda done, total: found.append((done, total))


@pytest.fixture
def run(workspace: Workspace) -> RunFolder:
    """A finished run whose weights take three pieces."""
    folder = write_run(workspace, "mine")
    (folder.model / "model.safetensors").write_bytes(b"w" * (5 << 19))
    return folder


def test_the_zip_holds_model_card_and_record_and_no_local_path(workspace: Workspace, run: RunFolder) -> None:
    spec = json.loads((run.path / "spec.json").read_text())
    (run.path / "spec.json").write_text(json.dumps(spec | {"model_path": "/home/me/secret", "data_folder": "/home/me"}))
    points, progress = told()
    path = archive.model_zip(workspace, "mine", "# Card 好\n", progress)
    assert path.name == "mine.zip"
    with zipfile.ZipFile(path) as found:
        assert found.testzip() is None
        names = {"config.json", "model.safetensors", "README.md", "spec.json", "report.json", "metrics.jsonl"}
        assert set(found.namelist()) == {f"mine/{name}" for name in names}
        assert found.read("mine/README.md").decode() == "# Card 好\n"
        assert found.read("mine/model.safetensors") == (run.model / "model.safetensors").read_bytes()
        assert b"/home/me" not in found.read("mine/spec.json")
        assert RunSpec.from_json(json.loads(found.read("mine/spec.json"))).run_id == "mine"
    # Told while the weights were written, too.
    assert points == sorted(points) and points[-1][0] == points[-1][1] and len(points) > 6


@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.QUEUED])
def test_a_run_that_lives_has_no_zip(workspace: Workspace, state: RunState) -> None:
    write_run(workspace, "mine", state)
    with pytest.raises(UserError) as refused:
        archive.model_zip(workspace, "mine", "", told()[1])
    assert refused.value.key == "after.still_trains"


def test_a_run_without_a_model_has_no_zip(workspace: Workspace) -> None:
    write_run(workspace, "mine", RunState.FAILED)
    with pytest.raises(UserError) as refused:
        archive.model_zip(workspace, "mine", "", told()[1])
    assert refused.value.key == "after.no_model"


def test_a_disk_too_small_is_said_before_anything_is_written(
    workspace: Workspace, run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    tight: Any = type("Usage", (), {"free": 1 << 20})
    monkeypatch.setattr(shutil, "disk_usage", lambda path: tight)
    with pytest.raises(UserError) as refused:
        archive.model_zip(workspace, "mine", "", told()[1])
    assert (refused.value.key, refused.value.values["free"]) == ("after.disk_full", 1)
    assert list((workspace.root / "cache" / "downloads").iterdir()) == []


def test_nothing_is_left_of_a_zip_that_was_given_up(workspace: Workspace, run: RunFolder) -> None:
    def give_up(done: int, total: int) -> None:
        raise KeyError

    with pytest.raises(KeyError):
        archive.model_zip(workspace, "mine", "", give_up)
    assert list((workspace.root / "cache" / "downloads").iterdir()) == []


def test_the_script_comes_with_its_rows(workspace: Workspace, run: RunFolder, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    texts = [f"text {row}" for row in range(40)]
    version = save_version(tmp_path / "v", text=texts, label=[row % 2 for row in range(40)])
    spec = json.loads((run.path / "spec.json").read_text())
    (run.path / "spec.json").write_text(json.dumps(spec | {"data_folder": str(version.folder)}))
    path = archive.script_zip(workspace, "mine", told()[1])
    with zipfile.ZipFile(path) as found:
        found.extractall(tmp_path / "out")
    there = tmp_path / "out" / "mine-script"
    assert sorted(one.name for one in (there / "data").iterdir()) == [
        "test.parquet", "train.parquet", "validation.parquet",
    ]  # fmt: skip
    rows = [
        row
        for name in ("train", "validation", "test")
        for row in pq.read_table(there / "data" / f"{name}.parquet")["text"].to_pylist()
    ]
    assert sorted(rows) == sorted(texts)
    assert set(pq.read_table(there / "data" / "train.parquet")["label"].to_pylist()) == {"0", "1"}
    compile((there / "train.py").read_text(encoding="utf-8"), "train.py", "exec")


def test_rows_that_are_gone_are_said_to_be(workspace: Workspace, run: RunFolder) -> None:
    with pytest.raises(UserError) as refused:
        archive.script_zip(workspace, "mine", told()[1])
    assert refused.value.key == "after.no_data"
    assert [path.name for path in (workspace.root / "cache" / "downloads").iterdir()] == []
