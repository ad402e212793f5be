"""Whether the first row of a table names its columns, and the names a table gets."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from backend.data.notes import Note
from backend.data.version import ROW_ID

_KNOWN = {
    *"text label labels sentence sentence1 sentence2 score title headline topic category class id idx index".split(),
    *"split review comment content question answer context target source sentiment stars rating summary".split(),
    *"文本 标签 标题 类别 内容 评论 分类 句子 问题 答案 编号 序号 情感 正文".split(),
}
_NUMBER = re.compile(r"[-+]?(\d+([.,]\d*)?|[.,]\d+)([eE][-+]?\d+)?%?")
_SENTENCE_END = (".", "!", "?", "。", "！", "？", "…")


def is_number(cell: str) -> bool:
    """Whether a cell holds a number as people write it."""
    return bool(_NUMBER.fullmatch(cell.strip()))


def first_row_is_data(first: Sequence[str], rest: Sequence[Sequence[str]]) -> bool:
    """Whether the first row looks like the rows below it rather than like names. rest: the next rows, at most some
    hundred."""
    cells = [cell.strip() for cell in first]
    if any(cell.lower() in _KNOWN for cell in cells) or not rest:
        return False
    if not any(cells):
        return False
    for index, cell in enumerate(cells):
        below = [row[index].strip() for row in rest if index < len(row) and row[index].strip()]
        if not below or not cell:
            continue
        if is_number(cell) and sum(map(is_number, below)) > 0.9 * len(below):
            return True
        distinct = len(set(below))
        # A class name that comes again below, in a column of few different values.
        if cell in below and len(below) >= 4 and distinct <= max(2, len(below) // 4):
            return True
        if len(cell) > 60 or (len(cell) > 20 and cell.endswith(_SENTENCE_END)):
            return True
    return False


def made_up_names(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Names for a table without any: text and label when it has two columns that look so, else column_1, column_2..."""
    names = [f"column_{index + 1}" for index in range(width)]
    if width == 1:
        return ["text"]
    if width == 2 and len(rows) > 3:
        columns = [[row[index].strip() for row in rows if index < len(row)] for index in range(2)]
        distinct = [len(set(column)) for column in columns]
        few = 0 if distinct[0] < distinct[1] else 1
        if distinct[few] <= max(2, len(rows) // 4):
            return ["label", "text"] if few == 0 else ["text", "label"]
    return names


def clean_names(cells: Sequence[str]) -> tuple[list[str], list[Note]]:
    """Column names that are there, different (whatever their case) and not row_id; notes say what was changed."""
    names: list[str] = []
    notes: list[Note] = []
    taken: set[str] = {ROW_ID}
    counts = Counter(" ".join(cell.split()).lower() for cell in cells)
    doubled = sorted({cell.strip() for cell in cells if cell.strip() and counts[" ".join(cell.split()).lower()] > 1})
    for index, cell in enumerate(cells):
        wanted = " ".join(cell.replace("\ufeff", "").split())[:200] or f"column_{index + 1}"
        name, number = wanted, 1
        while name.lower() in taken:
            number += 1
            name = f"{wanted}_{number}"
        taken.add(name.lower())
        names.append(name)
    if doubled:
        notes.append(Note("data.note.double_names", {"names": ", ".join(doubled[:5])}, "warning"))
    unnamed = sum(not cell.strip() for cell in cells)
    if unnamed:
        notes.append(Note("data.note.unnamed_columns", {"count": unnamed}))
    return names, notes
