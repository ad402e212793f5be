"""The files of many answers, read back by the libraries that people open them with."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from backend.many.files import KINDS, write_file
from backend.many.job import JobFolder, JobSpec
from backend.many.rows import Rows

TEXTS = ["房间很干净", "=1+1", "", "a\x0bb"]
ANSWERS: dict[int, dict[str, Any]] = {
    2: {"label": "", "score": None},
    1: {"label": "坏", "score": float("nan"), "score_坏": 1},
    0: {"label": "好", "score": 0.5, "score_坏": 0.25},
    3: {"label": "坏", "score": 1, "score_坏": 0.75},
}


def answered(folder: Path, answers: dict[int, dict[str, Any]] = ANSWERS) -> Rows:
    import pyarrow as pa

    folder.mkdir()
    job = JobFolder(folder)
    job.write_texts(pa.table({"text": TEXTS}))
    job.append(answers)
    spec = JobSpec(
        job_id="x", task="text-classification", model_ref="", model_title="", params={}, title="", data_ref="",
        column="", rows=len(TEXTS), empty=1, pairs=False, created="",
    )  # fmt: skip
    return Rows(job, spec)


def test_csv_begins_with_a_bom_and_holds_no_formula(tmp_path: Path) -> None:
    path = write_file(answered(tmp_path / "job"), "csv", tmp_path / "answers.csv")
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["text", "label", "score", "score_坏"]
    assert [row["text"] for row in rows] == ["房间很干净", "'=1+1", "", "a\x0bb"] and rows[0]["label"] == "好"


def test_xlsx_holds_texts_as_texts(tmp_path: Path) -> None:
    import openpyxl

    path = write_file(answered(tmp_path / "job"), "xlsx", tmp_path / "answers.xlsx")
    sheet = openpyxl.load_workbook(path).worksheets[0]
    values = list(sheet.iter_rows(values_only=True))
    assert values[1] == ("房间很干净", "好", 0.5, 0.25) and values[4][0] == "ab"
    assert sheet["A3"].value == "=1+1" and sheet["A3"].data_type == "s"


def test_jsonl_says_null_for_what_is_no_number(tmp_path: Path) -> None:
    path = write_file(answered(tmp_path / "job"), "jsonl", tmp_path / "answers.jsonl")
    rows = [json.loads(line, parse_constant=pytest.fail) for line in path.read_text(encoding="utf-8").splitlines()]
    assert rows[0] == {"text": "房间很干净", "label": "好", "score": 0.5, "score_坏": 0.25} and rows[1]["score"] is None


def test_parquet_has_one_type_a_column(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    monkeypatch.setattr("backend.many.files._PARQUET_ROWS", 3)
    table = pq.read_table(write_file(answered(tmp_path / "job"), "parquet", tmp_path / "answers.parquet"))
    assert table.schema.field("score").type == pa.float64() and table["text"].to_pylist() == TEXTS
    assert table["score_坏"].to_pylist() == [0.25, 1.0, None, 0.75]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_where_answers_lack_each_row_has_its_number(tmp_path: Path, kind: str) -> None:
    rows = answered(tmp_path / "job", {3: ANSWERS[3]})
    path = write_file(rows, kind, tmp_path / f"answers.{kind}")
    if kind == "jsonl":
        assert json.loads(path.read_text(encoding="utf-8"))["row"] == 4
    if kind == "csv":
        assert path.read_text(encoding="utf-8-sig").splitlines()[0].startswith("row,text,label")


def test_vectors_stay_lists_of_numbers_in_words(tmp_path: Path) -> None:
    rows = answered(tmp_path / "job", {0: {"norm": 1.0, "vector": "[0.5, 0.5]"}})
    path = write_file(rows, "jsonl", tmp_path / "answers.jsonl")
    assert json.loads(path.read_text(encoding="utf-8"))["vector"] == "[0.5, 0.5]"
