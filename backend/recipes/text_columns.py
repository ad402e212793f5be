"""What to know of the text columns before Start: empty cells, texts too long to be read whole, columns mixed up."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from backend.errors import UserError
from backend.recipes.base import Finding
from backend.recipes.columns import distinct_values, has_text, label_texts, read_column

if TYPE_CHECKING:
    import numpy as np
    import pyarrow

    from backend.data.version import DataVersion

EMPTY_SHARE = 0.05
# About forty pages: whatever the maximum length is, only the beginning of such a text is read.
LONG_CHARACTERS = 100_000
FEWEST_ROWS = 3
# Names of classes are mostly shorter than that, and much shorter than texts, of which there are hardly so few.
_LONG_NAMES, _TIMES_LONGER, _FEW_TEXTS = 12, 3, 100
_HEAD = 1000


def filled_cells(cells: pyarrow.ChunkedArray) -> np.ndarray:
    """bool (rows,): whether there is anything to read, in a column of any kind."""
    import numpy as np

    if str(cells.type) in ("string", "large_string"):
        return has_text(cells)
    return np.asarray([value is not None and bool(str(value).strip()) for value in cells.to_pylist()], bool)


def text_findings(version: DataVersion, columns: Mapping[str, str], roles: Sequence[str]) -> list[Finding]:
    """Empty cells and very long texts of each text column; rows in which both texts of a pair are the same.

    Raises UserError recipes.same_texts where the two columns of a pair never differ.
    """
    findings = []
    for role in roles:
        cells = read_column(version, columns[role])
        empty = version.rows - int(filled_cells(cells).sum())
        if empty:
            findings.append(empty_finding(version.rows, empty, columns[role], role))
        findings += _long(cells, columns[role])
    if len(roles) == 2:
        findings += _alike(version, *(columns[role] for role in roles))
    return findings


def empty_finding(rows: int, empty: int, column: str, role: str) -> Finding:
    """So many cells of a column are empty. Texts `recipes.finding.empty_{text, label or score}`."""
    key = {"text_pair": "text", "labels": "label"}.get(role, role)
    values = {"empty": empty, "rows": rows, "share": empty / rows, "column": column}
    return Finding("warning" if empty > EMPTY_SHARE * rows else "ok", f"recipes.finding.empty_{key}", values)


def refuse_few(rows: int) -> None:
    """Raise UserError recipes.too_few_rows where there is no row for each of training, checking and testing."""
    if rows < FEWEST_ROWS:
        raise UserError("recipes.too_few_rows", rows=rows, least=FEWEST_ROWS)


def refuse_swapped(
    version: DataVersion, columns: Mapping[str, str], roles: Sequence[str], role: str, names: Collection[str]
) -> None:
    """Raise UserError recipes.swapped where the answers read as texts and a text column as answers, and
    recipes.label_is_text where they are the same. names: the distinct answers."""
    for text_role in roles:
        if version.column(columns.get(text_role, "")) is None:
            # Told by whoever asks for the texts.
            continue
        cells = read_column(version, columns[text_role])
        # Of long columns only the beginning is looked at first: nearly all are told by it to be what they should be.
        head = label_texts(cells.slice(0, _HEAD).to_pylist())
        if head == label_texts(read_column(version, columns[role]).slice(0, _HEAD).to_pylist()) and any(head):
            if _same(version, columns[text_role], columns[role]):
                raise UserError("recipes.label_is_text", column=columns[role], text=columns[text_role])
        if len(set(head)) > _FEW_TEXTS or _mean(names) < _LONG_NAMES:
            continue
        texts = {text for text in label_texts(distinct_values(cells)[0]) if text}
        few = len(texts) <= _FEW_TEXTS and 2 * len(texts) <= version.rows
        if few and _TIMES_LONGER * _mean(texts) < _mean(names) and len(names) > 2 * len(texts):
            raise UserError("recipes.swapped", text=columns[text_role], label=columns[role], values=len(texts))


def _same(version: DataVersion, one: str, other: str) -> bool:
    left, right = (label_texts(read_column(version, name).to_pylist()) for name in (one, other))
    return left == right


def _mean(names: Collection[str]) -> float:
    return sum(map(len, names)) / max(len(names), 1)


def _long(cells: pyarrow.ChunkedArray, column: str) -> list[Finding]:
    import pyarrow
    import pyarrow.compute as pc

    if not pyarrow.types.is_string(cells.type) and not pyarrow.types.is_large_string(cells.type):
        return []
    lengths = pc.fill_null(pc.utf8_length(cells), 0).to_numpy()
    count = int((lengths >= LONG_CHARACTERS).sum())
    if not count:
        return []
    values: dict[str, Any] = {"column": column, "count": count, "characters": int(lengths.max())}
    # As a person counts rows.
    values["row"] = int(lengths.argmax()) + 1
    return [Finding("warning", "recipes.finding.long_text", values)]


def _alike(version: DataVersion, one: str, other: str) -> list[Finding]:
    import numpy as np

    left, right = (label_texts(read_column(version, name).to_pylist()) for name in (one, other))
    alike = np.asarray([bool(a) and a == b for a, b in zip(left, right, strict=True)], bool)
    count = int(alike.sum())
    if count and count == sum(bool(a) and bool(b) for a, b in zip(left, right, strict=True)):
        raise UserError("recipes.same_texts", text=one, text_pair=other, rows=count)
    if not count:
        return []
    level = "warning" if count > EMPTY_SHARE * version.rows else "ok"
    values = {"count": count, "text": one, "text_pair": other}
    return [Finding(level, "recipes.finding.same_texts", values)]  # type: ignore[arg-type]
