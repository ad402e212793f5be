"""Tests of what is said about a data set: kinds, empty cells, values, lengths, labels, tokens."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from backend.data import describe, library
from backend.data.version import DataVersion
from backend.recipes import all_recipes
from backend.settings import Settings
from backend.workspace import Workspace


@pytest.fixture
def make(workspace: Workspace, settings: Settings, tmp_path: Path):  # type: ignore[no-untyped-def]
    """A data set from the text of a CSV."""

    def made(text: str) -> DataVersion:
        path = tmp_path / "a.csv"
        path.write_text(text, encoding="utf-8")
        return library.add_files(workspace, settings, [path])

    return made


def reviews(rows: int = 40) -> str:
    lines = (f"review number {i} {'x' * i},{'pos' if i % 4 else 'neg'},{i % 5},{i / 7}" for i in range(rows))
    return "text,label,stars,score\n" + "\n".join(lines) + "\n"


def test_every_column_gets_its_kind_range_and_histogram(make) -> None:  # type: ignore[no-untyped-def]
    found = describe.describe(make(reviews()))
    assert [(column.name, column.kind) for column in found.columns] == [
        ("text", "text"), ("label", "text"), ("stars", "integer"), ("score", "number"),
    ]  # fmt: skip
    stars = found.column("stars")
    assert stars is not None
    assert (stars.minimum, stars.median, stars.maximum, stars.distinct) == (0, 2, 4, 5)
    assert all(sum(column.histogram) == 40 for column in found.columns)
    text = found.column("text")
    assert text is not None and text.maximum == len("review number 39 " + "x" * 39)


def test_text_and_label_are_guessed(make) -> None:  # type: ignore[no-untyped-def]
    found = describe.describe(make(reviews()))
    assert (found.text_column, found.label_column) == ("text", "label")


def test_a_mark_in_a_few_rows_is_not_taken_for_the_label(make) -> None:  # type: ignore[no-untyped-def]
    lines = "".join(f"c{i % 3},{i % 2},{'*' if i % 5 == 0 else ''},a sentence of number {i}\n" for i in range(40))
    found = describe.describe(make("a,b,c,d\n" + lines))
    assert (found.text_column, found.label_column) == ("d", "b")


def test_the_columns_guessed_are_those_a_recipe_would_take(make) -> None:  # type: ignore[no-untyped-def]
    lines = "".join(f"say {i} words,{i % 3},a remark of many words about row number {i}\n" for i in range(40))
    version = make("utterance,intent,remark\n" + lines)
    found = describe.describe(version)
    taken = all_recipes()["single-label-classification"].guess_columns(version)
    assert {"text": found.text_column, "label": found.label_column} == taken == {"text": "utterance", "label": "intent"}


def test_empty_cells_and_repeated_rows_are_counted(make) -> None:  # type: ignore[no-untyped-def]
    found = describe.describe(make("text,label\na,x\na,x\nb,\na,x\n"))
    label = found.column("label")
    assert label is not None and label.empty == 1
    assert found.duplicates == 2


def test_a_table_of_ten_thousand_columns_is_described_by_its_first(make) -> None:  # type: ignore[no-untyped-def]
    names = ",".join(f"c{index}" for index in range(10_000))
    row = ",".join("1" for _ in range(10_000))
    found = describe.describe(make(f"{names}\n{row}\n{row}\n"))
    assert (len(found.columns), found.all_columns) == (describe.COLUMN_LIMIT, 10_000)


def test_a_new_data_set_in_the_folder_of_one_deleted_by_hand_is_described_anew(make) -> None:  # type: ignore[no-untyped-def]
    first = make("text,label\na,x\n")
    describe.describe(first)
    shutil.rmtree(first.folder.parent)
    second = make("text,label\na,x\nb,y\n")
    assert second.folder == first.folder
    assert describe.describe(second).rows == 2


def test_unknown_tokens_and_lengths_are_counted_without_the_special_ones(make, tiny_encoder: Path) -> None:  # type: ignore[no-untyped-def]
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_encoder)
    known = next(word for word in tokenizer.get_vocab() if word.isalpha() and word.islower() and len(word) > 2)
    version = make(f"text,label\n{known},x\n{known} ☃☃☃,y\n")
    facts = describe.token_facts(version, "text", tokenizer)
    assert facts.unknown_share == describe.unknown_share(version, "text", tokenizer) == pytest.approx(1 / 3)
    # [CLS] and [SEP] stand around the word.
    assert (facts.texts, facts.median, facts.maximum) == (2, 4, 4)


def test_texts_are_sampled_evenly_and_always_the_same(make) -> None:  # type: ignore[no-untyped-def]
    version = make(reviews(1000))
    texts = describe.some_texts(version, "text", 10)
    assert [int(text.split()[2]) for text in texts] == list(range(0, 1000, 100))


def test_rows_with_an_empty_cell_are_told_from_whole_ones(make) -> None:  # type: ignore[no-untyped-def]
    version = make("text,label\na,x\n,y\nc,\nd,y\n")
    assert describe.filled(version, "text", "label").tolist() == [True, False, False, True]
    assert describe.filled(version).all()
