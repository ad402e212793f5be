"""What a person would call the values of a column, and the Arrow types that stand for it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

_INTEGER = r"^\s*[-+]?(0|[1-9]\d{0,17})\s*$"
_NUMBER = r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$"
_COMMA_NUMBER = r"^\s*[-+]?\d+(,\d+)?\s*$"
# A code such as 007 or a telephone number, not a number.
_LEADING_ZERO = r"^\s*[-+]?0\d"
# What programs write where there is no label, in lower case.
NO_LABEL = frozenset(("nan", "none", "null", "n/a", "na", "<na>", "#n/a"))
_HEAD_ROWS = 200
_NO_NUMBER = ("NA", "N/A", "NaN", "nan", "null", "NULL", "None", "-")


def kind_of(data_type: pa.DataType) -> str:
    """text, integer, number, boolean, list or other."""
    import pyarrow as pa

    types = pa.types
    if types.is_string(data_type) or types.is_large_string(data_type):
        return "text"
    if types.is_boolean(data_type):
        return "boolean"
    if types.is_integer(data_type):
        return "integer"
    if types.is_floating(data_type) or types.is_decimal(data_type):
        return "number"
    if types.is_list(data_type) or types.is_large_list(data_type) or types.is_fixed_size_list(data_type):
        return "list"
    return "other"


def typed(table: pa.Table, comma_is_point: bool = False) -> pa.Table:
    """A table of text with its columns of numbers as numbers.

    A column is a number only if every filled cell of it is one; cells such as NA or null are then empty.
    """
    import pyarrow as pa

    columns = [_typed_column(column, comma_is_point) for column in table.columns]
    return pa.Table.from_arrays(columns, names=table.column_names)


def _typed_column(column: pa.ChunkedArray, comma_is_point: bool) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.compute as pc

    # Most columns of text show it in their first rows, and a look at those is cheap.
    head = [None if value in _NO_NUMBER else value for value in column.slice(0, _HEAD_ROWS).to_pylist()]
    kind = _kind_of_numbers([value for value in head if value is not None], comma_is_point)
    if kind == "text" or (not kind and len(column) <= _HEAD_ROWS):
        return column
    if len(column) <= _HEAD_ROWS:
        number = int if kind == "integer" else float
        return pa.chunked_array([[None if text is None else number(text.replace(",", ".")) for text in head]])
    blank = pc.is_in(column, value_set=pa.array(_NO_NUMBER))
    filled = pc.if_else(blank, None, column)
    if filled.null_count == len(column) or _any(column, _LEADING_ZERO):
        return column
    plain_text = pc.utf8_trim_whitespace(pc.replace_substring_regex(filled, r"^\s*\+", ""))
    if _all(filled, _INTEGER):
        return pc.cast(plain_text, pa.int64())
    if _all(filled, _NUMBER):
        return pc.cast(plain_text, pa.float64())
    if comma_is_point and _all(filled, _COMMA_NUMBER):
        return pc.cast(pc.replace_substring(plain_text, ",", "."), pa.float64())
    return column


def _kind_of_numbers(values: list[str], comma_is_point: bool) -> str:
    """integer, number, text; "" when there is no value to tell by."""
    if not values:
        return ""
    if any(re.search(_LEADING_ZERO, value) for value in values):
        return "text"
    if all(re.search(_INTEGER, value) for value in values):
        return "integer"
    patterns = (_NUMBER, _COMMA_NUMBER) if comma_is_point else (_NUMBER,)
    return "number" if any(all(re.search(pattern, value) for value in values) for pattern in patterns) else "text"


def _all(values: Any, pattern: str) -> bool:
    import pyarrow.compute as pc

    return bool(pc.all(pc.match_substring_regex(values, pattern), skip_nulls=True, min_count=0).as_py())


def _any(values: Any, pattern: str) -> bool:
    import pyarrow.compute as pc

    return bool(pc.any(pc.match_substring_regex(values, pattern), skip_nulls=True, min_count=0).as_py())


def plain(table: pa.Table) -> pa.Table:
    """A table from Parquet or Arrow in the few types the product knows: large and dictionary text, decimals, dates and
    nested records become text or numbers; bytes become their length in words, since nothing here reads them."""
    import pyarrow as pa

    columns = [_plain_column(column) for column in table.columns]
    return pa.Table.from_arrays(columns, names=table.column_names)


def _plain_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    import json

    import pyarrow as pa
    import pyarrow.compute as pc

    kind, types = column.type, pa.types
    if types.is_dictionary(kind):
        return _plain_column(pc.cast(column, kind.value_type))
    if types.is_string(kind) or types.is_boolean(kind) or kind in (pa.int64(), pa.float64()):
        return column
    if types.is_integer(kind):
        return pc.cast(column, pa.int64(), safe=False)
    if types.is_floating(kind) or types.is_decimal(kind):
        return pc.cast(column, pa.float64(), safe=False)
    if types.is_large_string(kind) or types.is_string_view(kind) or types.is_null(kind) or types.is_temporal(kind):
        return pc.cast(column, pa.string())
    if kind_of(kind) == "list" and kind_of(kind.value_type) in ("text", "integer", "number", "boolean"):
        return column
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind):
        return pa.chunked_array(
            [pa.array([None if v is None else f"{len(v)} bytes" for v in column.to_pylist()], pa.string())]
        )
    texts = [
        None if value is None else json.dumps(value, ensure_ascii=False, default=str) for value in column.to_pylist()
    ]
    return pa.chunked_array([pa.array(texts, pa.string())])
