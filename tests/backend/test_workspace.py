"""Tests of backend/workspace.py."""

import errno
from pathlib import Path

import pytest

from backend.errors import UserError
from backend.workspace import Workspace, disk_error, write_atomically


@pytest.mark.parametrize("name", ["../other", "a/b", "", ".hidden", "x" * 81, "..", "a\\b", "a\0b"])
def test_a_name_that_could_leave_the_workspace_is_refused(workspace: Workspace, name: str) -> None:
    with pytest.raises(UserError) as error:
        workspace.folder("runs", name)
    assert error.value.key == "workspace.bad_name"


@pytest.mark.parametrize(
    ("wanted", "made"),
    [("my/run 1", "my-run-1"), ("评论 情感", "评论-情感"), ("///", "run"), ("..", "run"), ("🙂", "run")],
)
def test_what_a_person_types_becomes_a_name_that_is_allowed(workspace: Workspace, wanted: str, made: str) -> None:
    name = workspace.free_name("runs", wanted)
    assert name == made
    workspace.folder("runs", name)


def test_a_taken_name_gets_a_number(workspace: Workspace) -> None:
    workspace.folder("runs", "reviews").mkdir(parents=True)
    assert workspace.free_name("runs", "reviews") == "reviews-2"


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "status.json"
    write_atomically(path, b"old")
    monkeypatch.setattr("os.fsync", _full_disk)
    with pytest.raises(UserError) as error:
        write_atomically(path, b"new")
    assert error.value.key == "workspace.disk_full"
    assert path.read_bytes() == b"old" and [entry.name for entry in tmp_path.iterdir()] == ["status.json"]


def _full_disk(handle: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_the_system_s_words_are_kept_for_a_write_error_of_another_kind(tmp_path: Path) -> None:
    error = disk_error(OSError(errno.EIO, "Input/output error"), tmp_path / "a.json")
    assert "Input/output error" in str(error) and "a.json" in str(error)
