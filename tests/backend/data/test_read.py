"""Tests of reading files: every format, every encoding, and everything that can be wrong with a file."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest

from backend.data.read import SKIPPABLE, ReadResult, read_table
from backend.errors import UserError

ROWS = [("good thing", "pos"), ("bad thing", "neg"), ("fine, really", "pos")]
CSV = 'text,label\ngood thing,pos\nbad thing,neg\n"fine, really",pos\n'


def read(tmp_path: Path, name: str, content: str | bytes, **options: Any) -> ReadResult:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table(path, **options)


def error_of(tmp_path: Path, name: str, content: str | bytes, **options: Any) -> UserError:
    with pytest.raises(UserError) as error:
        read(tmp_path, name, content, **options)
    for locale in ("en", "zh-CN"):
        assert error.value.what(locale) and error.value.todo(locale)
    return error.value


def rows(result: ReadResult) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in result.table.to_pylist()]


def notes(result: ReadResult) -> list[str]:
    return [note.key.removeprefix("data.note.") for note in result.notes]


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_a_chinese_csv_reads_alike_in_every_encoding(codec: str, tmp_path: Path) -> None:
    text = "标题,类别\n股市今天上涨了,财经\n球队赢得冠军,体育\n新片即将上映,娱乐\n"
    result = read(tmp_path, "a.csv", text.encode(codec))
    assert result.table.column_names == ["标题", "类别"]
    assert rows(result)[1] == ("球队赢得冠军", "体育")


@pytest.mark.parametrize(
    ("delimiter", "note"), [(",", "comma"), (";", "semicolon"), ("\t", "tab"), ("|", "pipe")], ids=lambda v: repr(v)
)
def test_the_delimiter_is_found(delimiter: str, note: str, tmp_path: Path) -> None:
    text = f"text{delimiter}label\n" + f"so, it goes{delimiter}pos\nno{delimiter}neg\n" * 3
    # A comma inside a cell needs quotes when commas separate.
    text = text.replace("so, it goes", '"so, it goes"')
    result = read(tmp_path, "a.csv", text)
    assert rows(result)[0] == ("so, it goes", "pos")
    assert notes(result) == [note]


def test_json_lines_json_and_columns_of_json_read_alike(tmp_path: Path) -> None:
    records = [{"text": text, "label": label} for text, label in ROWS]
    lines = read(tmp_path, "a.jsonl", "\n".join(map(json.dumps, records)))
    array = read(tmp_path, "b.json", json.dumps(records, indent=1))
    wrapped = read(tmp_path, "c.json", json.dumps({"version": "1", "data": records}))
    columns = read(tmp_path, "d.json", json.dumps({"text": [r[0] for r in ROWS], "label": [r[1] for r in ROWS]}))
    named = read(tmp_path, "e.json", "\n".join(map(json.dumps, records)))
    for result in (lines, array, wrapped, columns, named):
        assert rows(result) == ROWS


def test_nested_records_become_columns_with_dots_and_lists_stay(tmp_path: Path) -> None:
    record = {"text": "a", "meta": {"author": {"name": "Li"}, "year": 2024}, "tags": ["x", "y"], "deep": [{"a": 1}]}
    table = read(tmp_path, "a.json", json.dumps([record, {"text": "b"}])).table
    assert table.column_names == ["text", "meta.author.name", "meta.year", "tags", "deep"]
    assert table.to_pylist()[0] == {
        "text": "a", "meta.author.name": "Li", "meta.year": 2024, "tags": ["x", "y"], "deep": '[{"a": 1}]',
    }  # fmt: skip
    assert table.to_pylist()[1]["meta.year"] is None


def test_a_json_column_of_mixed_kinds_is_text(tmp_path: Path) -> None:
    table = read(tmp_path, "a.json", '[{"a": 1, "b": 1}, {"a": "x", "b": 2.5}]').table
    assert table.to_pylist() == [{"a": "1", "b": 1.0}, {"a": "x", "b": 2.5}]


def test_parquet_and_arrow_read_alike_and_class_numbers_get_their_names(tmp_path: Path) -> None:
    from datasets import ClassLabel, Dataset, Features, Value

    features = Features({"text": Value("large_string"), "label": ClassLabel(names=["neg", "pos"])})
    data = Dataset.from_dict({"text": ["a", "b"], "label": [1, 0]}, features=features)
    data.to_parquet(tmp_path / "a.parquet")
    parquet = read_table(tmp_path / "a.parquet")
    pa.feather.write_feather(data.data.table, str(tmp_path / "b.feather"), compression="uncompressed")
    feather = read_table(tmp_path / "b.feather")
    with pa.ipc.new_stream(str(tmp_path / "c.arrow"), data.data.table.schema) as writer:
        writer.write_table(data.data.table)
    stream = read_table(tmp_path / "c.arrow")
    for result in (parquet, feather, stream):
        assert rows(result) == [("a", "pos"), ("b", "neg")]
        assert notes(result) == ["class_names"]


def test_xlsx_reads_the_first_sheet_and_names_the_others(tmp_path: Path) -> None:
    import datetime

    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "评论"
    for row in [
        ("text", "label", "stars", "day"),
        ("好", "pos", 5, datetime.datetime(2024, 5, 1)),
        ("差", "neg", 1.0, None),
    ]:
        sheet.append(row)
    book.create_sheet("other").append(["x"])
    book.save(tmp_path / "a.xlsx")
    result = read_table(tmp_path / "a.xlsx")
    assert rows(result) == [("好", "pos", 5, "2024-05-01"), ("差", "neg", 1, None)]
    assert [note.values for note in result.notes] == [{"sheet": "评论", "others": "other"}]


def test_an_xlsx_named_csv_is_read_as_what_it_is(tmp_path: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["text", "label"])
    sheet.append(["a", "b"])
    book.save(tmp_path / "a.xlsx")
    assert rows(read(tmp_path, "b.csv", (tmp_path / "a.xlsx").read_bytes())) == [("a", "b")]


def test_a_file_without_header_gets_names_and_says_so(tmp_path: Path) -> None:
    text = "a gorgeous , witty , seductive movie .\t1\nno movement , no yuks , not much of anything\t0\n" * 6
    result = read(tmp_path, "train.tsv", text)
    assert result.table.column_names == ["text", "label"]
    assert result.table.num_rows == 12
    assert "no_header" in notes(result)


def test_quotes_that_are_no_quotes_in_a_tsv_are_text(tmp_path: Path) -> None:
    text = 'id\tsentence\n1\t" He said no .\n2\tshe left "\t\n3\t"Yes" , they said .\n'.replace("\t\n", "\n")
    result = read(tmp_path, "a.tsv", text)
    assert [row[1] for row in rows(result)] == ['" He said no .', 'she left "', '"Yes" , they said .']
    assert "quotes_are_text" in notes(result)


def test_two_stray_quotes_in_a_tsv_do_not_swallow_the_rows_between(tmp_path: Path) -> None:
    lines = ['1\t"open', "2\tmiddle", '3\tshut"', "4\tend"]
    result = read(tmp_path, "a.tsv", "id\ttext\n" + "\n".join(lines) + "\n")
    assert [row[0] for row in rows(result)] == [1, 2, 3, 4]


def test_line_ends_inside_quotes_stay_in_the_cell(tmp_path: Path) -> None:
    result = read(tmp_path, "a.csv", 'text,label\n"first\nsecond, ""so""",pos\nb,neg\n')
    assert rows(result) == [('first\nsecond, "so"', "pos"), ("b", "neg")]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1", "2", ""], [1, 2, None]),
        (["1.5", "2", "NA"], [1.5, 2.0, None]),
        (["007", "012", "3"], ["007", "012", "3"]),
        (["1", "x", "3"], ["1", "x", "3"]),
        (["true", "false", "true"], ["true", "false", "true"]),
        (["12345678901234567890", "1", "2"], [12345678901234567890.0, 1.0, 2.0]),
    ],
)
def test_a_column_is_a_number_only_if_all_of_it_is(values: list[str], expected: list[Any], tmp_path: Path) -> None:
    text = "text,value\n" + "".join(f"word,{value}\n" for value in values)
    assert read(tmp_path, "a.csv", text).table.column("value").to_pylist() == expected


def test_numbers_with_a_decimal_comma_are_numbers_where_semicolons_separate(tmp_path: Path) -> None:
    table = read(tmp_path, "a.csv", "text;score\na b;3,5\nc;4\n").table
    assert table.column("score").to_pylist() == [3.5, 4.0]


def test_columns_of_the_same_name_are_numbered_whatever_their_case(tmp_path: Path) -> None:
    result = read(tmp_path, "a.csv", "text,Text,,row_id\na,b,c,d\n")
    assert result.table.column_names == ["text", "Text_2", "column_3", "row_id_2"]
    assert notes(result) == ["comma", "double_names", "unnamed_columns"]


def test_ten_thousand_columns_are_read(tmp_path: Path) -> None:
    names = ",".join(f"c{index}" for index in range(10_000))
    row = ",".join(str(index) for index in range(10_000))
    table = read(tmp_path, "a.csv", f"{names}\n{row}\n{row}\n").table
    assert (table.num_columns, table.num_rows) == (10_000, 2)
    assert table.column(9_999).to_pylist() == [9_999, 9_999]


def test_a_text_of_100_000_characters_is_kept_whole(tmp_path: Path) -> None:
    table = read(tmp_path, "a.csv", f"text,label\n{'字' * 100_000},a\n").table
    assert len(table.column("text")[0].as_py()) == 100_000


def test_empty_cells_at_the_end_of_every_line_are_no_column(tmp_path: Path) -> None:
    assert rows(read(tmp_path, "a.csv", "text,label,\na,b,\nc,d,\n")) == [("a", "b"), ("c", "d")]


def test_a_ragged_row_is_named_by_its_line_and_can_be_skipped(tmp_path: Path) -> None:
    text = "text,label\na,x\nb, too many,y\nc,x\nd\n" + "e,y\n" * 5
    error = error_of(tmp_path, "a.csv", text)
    assert error.key == "data.ragged_many" and error.key in SKIPPABLE
    assert (error.values["line"], error.values["cells"], error.values["width"]) == (3, 3, 2)
    assert "text, label" in error.what()
    result = read(tmp_path, "a.csv", text, skip_bad_rows=True)
    assert [row[0] for row in rows(result)] == ["a", "c", *"eeeee"]
    assert result.notes[-1].values == {"count": 2, "lines": "3, 5"}


def test_an_unbalanced_quote_is_named_by_its_line_and_can_be_skipped(tmp_path: Path) -> None:
    text = 'text,label\na,x\n"b,y\nc,x\n"d",y\ne,x\n'
    error = error_of(tmp_path, "a.csv", text)
    assert error.key == "data.quote_open" and error.key in SKIPPABLE
    assert error.values["line"] == 3
    result = read(tmp_path, "a.csv", text, skip_bad_rows=True)
    assert [row[0] for row in rows(result)] == ["a", "c", "d", "e"]


def test_a_quote_open_to_the_end_of_the_file_is_named_by_its_line(tmp_path: Path) -> None:
    error = error_of(tmp_path, "a.csv", 'text,label\na,x\nb,y\n"c,x\nd,y\n')
    assert (error.key, error.values["line"]) == ("data.quote_open", 4)


def test_a_broken_json_line_is_named_and_can_be_skipped(tmp_path: Path) -> None:
    text = '{"text": "a"}\n{"text": "b"\n{"text": "c"}\n'
    error = error_of(tmp_path, "a.jsonl", text)
    assert (error.key, error.values["line"]) == ("data.bad_json_line", 2)
    assert rows(read(tmp_path, "a.jsonl", text, skip_bad_rows=True)) == [("a",), ("c",)]


@pytest.mark.parametrize(
    ("name", "content", "key"),
    [
        ("a.csv", b"", "data.empty_file"),
        ("a.csv", b"  \n\n", "data.empty_file"),
        ("a.csv", b"text,label\n", "data.header_only"),
        ("a.csv", b"\x89PNG\r\n\x1a\n" + bytes(100), "data.not_a_table.picture"),
        ("a.csv", b"\xff\xd8\xff\xe0" + bytes(100), "data.not_a_table.picture"),
        ("a.csv", b"%PDF-1.7\n" + bytes(100), "data.not_a_table.pdf"),
        ("a.csv", b"\x1f\x8b\x08" + bytes(100), "data.not_a_table.archive"),
        ("a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), "data.old_excel"),
        ("a.parquet", b"not parquet", "data.broken_file"),
        ("a.parquet", b"PAR1" + bytes(100), "data.broken_file"),
        ("a.arrow", b"ARROW1\0\0" + bytes(100), "data.broken_file"),
        ("a.xlsx", b"PK\x03\x04" + bytes(100), "data.broken_file"),
        ("a.json", b'{"text": [1, 2', "data.bad_json"),
        ("a.json", b'"just a text"', "data.json_shape"),
        ("a.json", b"[]", "data.no_rows"),
        ("a.csv", bytes(range(256)) * 50, "data.not_text"),
    ],
)
def test_a_file_that_is_no_table_is_told_apart(name: str, content: bytes, key: str, tmp_path: Path) -> None:
    error = error_of(tmp_path, name, content)
    assert error.key == key
    assert name in error.what()


def test_a_zip_named_csv_is_an_archive(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.csv", "w") as archive:
        archive.writestr("inside.csv", CSV)
    with pytest.raises(UserError) as error:
        read_table(tmp_path / "a.csv")
    assert error.value.key == "data.not_a_table.archive"


def test_text_encoded_twice_is_noted_with_the_encoding_to_blame(tmp_path: Path) -> None:
    result = read(tmp_path, "a.csv", "text,label\ncafÃ© crÃ¨me,bon\nplain,bon\n")
    assert result.notes[-1].key == "data.note.twice_encoded"
    assert result.notes[-1].values["codec"] == "cp1252"


def test_more_bad_lines_than_good_ones_are_an_error_even_when_skipped(tmp_path: Path) -> None:
    text = "text,label\n" + "a,b\n" * 150 + "a,b,c\n" * 300
    assert error_of(tmp_path, "a.csv", text, skip_bad_rows=True).key == "data.mostly_bad"


def test_one_text_a_line_is_a_table_of_one_column(tmp_path: Path) -> None:
    result = read(tmp_path, "a.txt", "text\nHello, world.\nNo comma here.\nOne, two, three.\n")
    assert result.table.column_names == ["text"]
    assert result.table.num_rows == 3
