"""Tests of the data sets of a workspace: uploading, listing, opening, mending, removing."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.data import keep, library
from backend.data.version import ROW_ID
from backend.errors import UserError
from backend.settings import Settings
from backend.workspace import Workspace

CSV = "text,label\ngood,pos\nbad,neg\n"


def file(tmp_path: Path, name: str, text: str = CSV) -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_an_uploaded_file_is_listed_before_the_samples_and_opens(
    workspace: Workspace, settings: Settings, tmp_path: Path
) -> None:
    made = library.add_files(workspace, settings, [file(tmp_path, "my reviews.csv")])
    assert (made.ref, made.title, made.rows, made.version) == ("mine:my-reviews", "my reviews", 2, 1)
    refs = [version.ref for version in library.list_data(workspace)]
    assert refs[0] == made.ref and all(ref.startswith("sample:") for ref in refs[1:])
    assert library.open_data(workspace, made.ref) == made


def test_datasets_maps_the_file_and_finds_explicit_row_ids(
    workspace: Workspace, settings: Settings, tmp_path: Path
) -> None:
    data = library.add_files(workspace, settings, [file(tmp_path, "a.csv")]).load()
    assert data.column_names == [ROW_ID, "text", "label"]
    assert data[:] == {ROW_ID: [0, 1], "text": ["good", "bad"], "label": ["pos", "neg"]}


def test_the_same_name_twice_makes_two_data_sets(workspace: Workspace, settings: Settings, tmp_path: Path) -> None:
    path = file(tmp_path, "a.csv")
    refs = [library.add_files(workspace, settings, [path]).ref for _ in range(2)]
    assert refs == ["mine:a", "mine:a-2"]


def test_files_named_train_dev_and_test_become_one_set_with_given_splits(
    workspace: Workspace, settings: Settings, tmp_path: Path
) -> None:
    paths = [file(tmp_path, f"reviews_{name}.csv") for name in ("train", "dev", "test")]
    made = library.add_files(workspace, settings, paths)
    assert (made.title, made.rows, made.given_split_column) == ("reviews", 6, "split")
    assert made.load()["split"][:] == ["train"] * 2 + ["validation"] * 2 + ["test"] * 2


def test_a_column_of_split_names_gives_the_splits(workspace: Workspace, settings: Settings, tmp_path: Path) -> None:
    path = file(tmp_path, "a.csv", "text,Split\na,train\nb,Dev\nc,TEST\n")
    assert library.add_files(workspace, settings, [path]).given_split_column == "Split"


def test_files_with_different_columns_are_refused_by_name(
    workspace: Workspace, settings: Settings, tmp_path: Path
) -> None:
    paths = [file(tmp_path, "train.csv"), file(tmp_path, "test.csv", "sentence,label\na,b\n")]
    with pytest.raises(UserError) as error:
        library.add_files(workspace, settings, paths)
    assert error.value.key == "data.files_differ"
    assert "sentence" in error.value.what() and "test.csv" in error.value.what()


def test_a_column_of_numbers_in_one_file_and_text_in_another_is_text(
    workspace: Workspace, settings: Settings, tmp_path: Path
) -> None:
    paths = [file(tmp_path, "train.csv", "text,label\na,1\n"), file(tmp_path, "test.csv", "text,label\nb,x\n")]
    assert library.add_files(workspace, settings, paths).load()["label"][:] == ["1", "x"]


def test_a_file_over_the_limit_is_refused_before_it_is_read(workspace: Workspace, tmp_path: Path) -> None:
    settings = Settings(workspace=workspace.root, upload_limit_mib=0)
    with pytest.raises(UserError) as error:
        library.add_files(workspace, settings, [file(tmp_path, "a.csv")])
    assert error.value.key == "data.too_large"


def test_a_failed_upload_leaves_nothing_behind(workspace: Workspace, settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(UserError):
        library.add_files(workspace, settings, [file(tmp_path, "a.csv", "text,label\na,b,c\n")])
    assert [path for path in workspace.root.rglob("*") if path.is_file()] == []


def test_a_full_disk_is_said_and_leaves_nothing_behind(
    workspace: Workspace, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(keep, "_write", full)
    with pytest.raises(UserError) as error:
        library.add_files(workspace, settings, [file(tmp_path, "a.csv")])
    assert error.value.key == "workspace.disk_full"
    assert [path for path in workspace.root.rglob("*") if path.is_file()] == []


def test_text_encoded_twice_is_mended_in_a_new_version(
    workspace: Workspace, settings: Settings, tmp_path: Path
) -> None:
    wrong = "texte,avis\ncafé crème,bon\nnaïve,bon\n".encode().decode("cp1252")
    first = library.add_files(workspace, settings, [file(tmp_path, "a.csv", wrong)])
    second = library.mend_text(workspace, first.ref)
    assert (second.ref, second.version) == (first.ref, 2)
    assert second.load()["texte"][:] == ["café crème", "naïve"]
    assert first.load()["texte"][0].startswith("cafÃ©")
    assert library.open_data(workspace, first.ref) == second
    assert library.open_data(workspace, first.ref, 1) == first
    assert [step["step"] for step in second.steps] == ["read", "mend_text"]
    with pytest.raises(UserError):
        library.mend_text(workspace, first.ref)


def test_a_sample_is_converted_once_and_opens_by_its_ref(workspace: Workspace) -> None:
    ref = library.list_data(workspace)[0].ref
    first = library.open_data(workspace, ref)
    made = first.arrow.stat().st_mtime_ns
    assert library.open_data(workspace, ref).arrow.stat().st_mtime_ns == made
    assert library.title_of(first, "zh-CN") != library.title_of(first, "en")


@pytest.mark.parametrize("ref", ["mine:none", "sample:none", "other", ""])
def test_a_data_set_that_is_not_there_is_named_with_those_that_are(ref: str, workspace: Workspace) -> None:
    with pytest.raises(UserError) as error:
        library.open_data(workspace, ref)
    assert error.value.key == "data.missing"
    assert library.list_data(workspace)[0].title in error.value.todo()


@pytest.mark.parametrize("name", ["../other", "a/b", "", ".hidden"])
def test_a_name_that_is_a_path_opens_nothing(name: str, workspace: Workspace) -> None:
    with pytest.raises(UserError) as error:
        library.open_data(workspace, f"mine:{name}")
    assert error.value.key == "workspace.bad_name"


def test_a_stranger_sees_and_opens_nothing_of_another_visitor(tmp_path: Path) -> None:
    settings = Settings(workspace=tmp_path / "workspace", public=True)
    mine, theirs = Workspace.open(settings, "me"), Workspace.open(settings, "them")
    made = library.add_files(mine, settings, [file(tmp_path, "secret.csv")])
    assert all(version.ref.startswith("sample:") for version in library.list_data(theirs))
    with pytest.raises(UserError):
        library.open_data(theirs, made.ref)


def test_all_visitors_read_the_same_sample(settings: Settings) -> None:
    public = replace(settings, public=True)
    mine, theirs = (library.open_data(Workspace.open(public, name), "sample:reviews_en") for name in ("me", "them"))
    assert mine.folder == theirs.folder and mine.arrow.exists()
    assert [path.name for path in settings.workspace.glob("visitors/*/samples")] == []


def test_a_removed_data_set_is_gone_and_a_sample_stays(
    workspace: Workspace, settings: Settings, tmp_path: Path
) -> None:
    made = library.add_files(workspace, settings, [file(tmp_path, "a.csv")])
    library.remove(workspace, made.ref)
    assert all(version.ref != made.ref for version in library.list_data(workspace))
    with pytest.raises(UserError):
        library.remove(workspace, "sample:reviews_en")


def test_the_name_of_a_removed_data_set_is_not_given_again(
    workspace: Workspace, settings: Settings, tmp_path: Path
) -> None:
    path = file(tmp_path, "a.csv")
    first = library.add_files(workspace, settings, [path])
    library.remove(workspace, first.ref)
    second = library.add_files(workspace, settings, [path])
    assert second.ref == "mine:a-2" and second.title == "a"
    with pytest.raises(UserError) as error:
        library.open_data(workspace, first.ref)
    assert error.value.key == "data.missing"


def test_a_half_written_version_is_passed_over(workspace: Workspace, settings: Settings, tmp_path: Path) -> None:
    made = library.add_files(workspace, settings, [file(tmp_path, "a.csv")])
    broken = made.folder.parent / "v2"
    broken.mkdir()
    (broken / "version.json").write_text("{", encoding="utf-8")
    assert library.open_data(workspace, made.ref) == made


def test_progress_goes_up_to_the_whole_file(workspace: Workspace, settings: Settings, tmp_path: Path) -> None:
    path = file(tmp_path, "a.csv", "text,label\n" + "some words,pos\n" * 100_000)
    said: list[tuple[str, int, int]] = []
    library.add_files(workspace, settings, [path], progress=lambda *step: said.append(step))
    reads = [done for phase, done, _ in said if phase == "read"]
    assert reads == sorted(reads) and len(reads) > 2
    assert {phase for phase, _, _ in said} == {"read", "save"}
    assert all(0 < done <= total for _, done, total in said)
