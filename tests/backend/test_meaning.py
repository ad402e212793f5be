"""Search by meaning: the nearest rows as an exact comparison gives them, an index that goes on, and what is refused."""

from __future__ import annotations

import csv
import threading
from pathlib import Path

import numpy as np
import pytest

from backend import meaning
from backend.data import library
from backend.data.version import DataVersion
from backend.errors import UserError
from backend.models import ModelShelf
from backend.settings import Settings
from backend.workspace import Workspace
from tests.plain_python import printed

TEXTS = ["the movie was great", "", "market price", "a good film and a fine story", "  ", "今天天气很好"]


def table(workspace: Workspace, settings: Settings, folder: Path, texts: list[str]) -> DataVersion:
    path = folder / "rows.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["text", "number"], *([text, row] for row, text in enumerate(texts))])
    return library.add_files(workspace, settings, [path])


@pytest.fixture
def data(workspace: Workspace, settings: Settings, tmp_path: Path) -> DataVersion:
    return table(workspace, settings, tmp_path, TEXTS)


@pytest.fixture
def shelf(settings: Settings) -> ModelShelf:
    return ModelShelf(settings)


def made(shelf: ModelShelf, workspace: Workspace, data: DataVersion, ref: str) -> meaning.Index:
    for _ in meaning.make(shelf, workspace, data, "text", ref):
        pass
    return meaning.index_of(shelf, workspace, data, "text", ref)


def test_the_nearest_rows_come_first_and_empty_cells_never(
    shelf: ModelShelf, workspace: Workspace, data: DataVersion, tiny_encoder: Path
) -> None:
    ref = f"folder:{tiny_encoder}"
    index = made(shelf, workspace, data, ref)
    found = meaning.find(shelf, workspace, data, "text", ref, " market price ")
    assert found.rows == index.rows() == len(TEXTS)
    assert found.hits[0] == meaning.Hit(2, pytest.approx(1.0, abs=1e-5))
    assert sorted(hit.row_id for hit in found.hits) == [0, 2, 3, 5]
    assert [hit.score for hit in found.hits] == sorted((hit.score for hit in found.hits), reverse=True)
    assert len(meaning.find(shelf, workspace, data, "text", ref, "film", 2).hits) == 2


def test_the_code_gives_the_same_scores(
    shelf: ModelShelf, workspace: Workspace, data: DataVersion, tiny_encoder: Path
) -> None:
    ref = f"folder:{tiny_encoder}"
    made(shelf, workspace, data, ref)
    found = meaning.find(shelf, workspace, data, "text", ref, "a great story")
    texts = [TEXTS[hit.row_id] for hit in found.hits]
    code = meaning.snippet(found.source, texts, "a great story")
    lines = [line.split("  ", 1) for line in printed(code).splitlines()]
    assert [text for _, text in lines] == texts
    for (score, _), hit in zip(lines, found.hits, strict=True):
        assert float(score) == pytest.approx(hit.score, abs=2e-4)


def test_an_index_that_was_cut_off_goes_on_and_ends_as_a_whole_one(
    shelf: ModelShelf, workspace: Workspace, settings: Settings, tmp_path: Path, tiny_encoder: Path
) -> None:
    data = table(workspace, settings, tmp_path, [f"the film number {row}" for row in range(700)])
    ref = f"folder:{tiny_encoder}"
    index = made(shelf, workspace, data, ref)
    whole = index.vectors.read_bytes()
    # As a crash leaves it: some rows, and half of one.
    index.vectors.write_bytes(whole[: 100 * index.size() * 4 + 7])
    assert index.rows() == 100
    assert meaning.find(shelf, workspace, data, "text", ref, "film").rows == 100
    assert made(shelf, workspace, data, ref).rows() == 700
    again, first = (np.frombuffer(one, np.float32) for one in (index.vectors.read_bytes(), whole))
    assert again == pytest.approx(first, abs=1e-5)


def test_two_who_ask_look_at_one_index_and_either_can_stop_it(
    shelf: ModelShelf, workspace: Workspace, settings: Settings, tmp_path: Path, tiny_encoder: Path
) -> None:
    data = table(workspace, settings, tmp_path, [f"the film number {row}" for row in range(20_000)])
    ref = f"folder:{tiny_encoder}"
    first = meaning.make(shelf, workspace, data, "text", ref)
    next(first)
    second = meaning.make(shelf, workspace, data, "text", ref)
    next(second)
    assert sum(thread.name == "meaning" for thread in threading.enumerate()) == 1
    while meaning.index_of(shelf, workspace, data, "text", ref).rows() == 0:
        next(second)
    meaning.stop(shelf, workspace, data, "text", ref)
    assert all(list(one) is not None for one in (first, second))
    assert 0 < meaning.index_of(shelf, workspace, data, "text", ref).rows() < data.rows


def test_new_rows_make_a_new_index(
    shelf: ModelShelf, workspace: Workspace, settings: Settings, tmp_path: Path, data: DataVersion, tiny_encoder: Path
) -> None:
    ref = f"folder:{tiny_encoder}"
    other = table(workspace, settings, tmp_path, ["only one"])
    folders = {meaning.index_of(shelf, workspace, one, "text", ref).folder for one in (data, other)}
    assert len(folders) == 2


def test_an_encoder_with_the_head_of_its_first_training_searches_for_half_an_emoji_too(
    shelf: ModelShelf, workspace: Workspace, data: DataVersion, tiny_masked: Path
) -> None:
    ref = f"folder:{tiny_masked}"
    made(shelf, workspace, data, ref)
    cut, whole = (meaning.find(shelf, workspace, data, "text", ref, f"good {end}") for end in ("\ud83d", "?"))
    assert cut.hits and cut.hits == whole.hits


def test_what_cannot_be_searched_is_told(
    shelf: ModelShelf, workspace: Workspace, data: DataVersion, tiny_encoder: Path, tiny_classifier: Path
) -> None:
    for column, ref, question, key in (
        ("nothing", f"folder:{tiny_encoder}", "a", "data.no_column"),
        ("text", f"folder:{tiny_classifier}", "a", "meaning.wrong_model"),
        ("text", f"folder:{tiny_encoder}", "  ", "tasks.empty_text"),
    ):
        with pytest.raises(UserError) as caught:
            meaning.find(shelf, workspace, data, column, ref, question)
        assert caught.value.key == key and caught.value.what("zh-CN") and caught.value.todo("en")
    assert meaning.find(shelf, workspace, data, "text", f"folder:{tiny_encoder}", "a") == meaning.Found((), 0)


def test_the_multilingual_starter_finds_a_chinese_row_for_an_english_question(
    shelf: ModelShelf, workspace: Workspace, settings: Settings, tmp_path: Path, starter_root: Path
) -> None:
    texts = ["这家餐厅的汤是凉的", "昨天股市大跌", "客服很快就解决了问题", "快递晚到了一个星期"]
    data = table(workspace, settings, tmp_path, texts)
    ref = "starter:multilingual-e5-small"
    made(shelf, workspace, data, ref)
    found = meaning.find(shelf, workspace, data, "text", ref, "The parcel came too late")
    assert texts[found.hits[0].row_id] == "快递晚到了一个星期" and found.cosine_from > 0
