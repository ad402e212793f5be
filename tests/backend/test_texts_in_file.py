"""The texts of uploaded files."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.errors import UserError
from backend.texts_in_file import column_of, columns_of


def test_the_longest_text_column_of_a_file_is_guessed(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("id,label,review\n1,good,a long and friendly text\n2,bad,\n", encoding="utf-8")
    assert columns_of(file) == (["label", "review"], "review")
    assert column_of(file, "review").to_pylist() == ["a long and friendly text", None]


def test_a_text_file_in_gb18030_gives_its_lines(tmp_path: Path) -> None:
    file = tmp_path / "t.txt"
    file.write_bytes("房间很干净，服务也热情。\n\n下次还来住这里。\n".encode("gb18030"))
    assert columns_of(file) == ([], None)
    assert column_of(file, "").to_pylist() == ["房间很干净，服务也热情。", "下次还来住这里。"]


def test_a_table_without_texts_names_its_columns(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("a,b\n1,2\n3,4\n", encoding="utf-8")
    with pytest.raises(UserError, match="a, b"):
        columns_of(file)
