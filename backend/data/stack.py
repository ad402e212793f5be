"""Several files as one data set: their rows below each other, their names telling the splits."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from backend.data.read import ReadResult
from backend.data.split import given_split_column, split_of_file
from backend.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa


def common_stem(paths: Sequence[Path]) -> str:
    """What the names of several files share, without the words for splits: reviews_train, reviews_test gives
    reviews."""
    stem = os.path.commonprefix([path.stem for path in paths]).strip("-_. ")
    return stem if len(stem) > 2 else "-".join(path.stem for path in paths[:3])


def stacked(paths: Sequence[Path], results: Sequence[ReadResult]) -> tuple[pa.Table, str]:
    """(all rows, name of the column that says the split, or "")."""
    import pyarrow as pa

    tables = [result.table for result in results]
    first = tables[0].column_names
    for path, table in zip(paths, tables, strict=True):
        if set(table.column_names) != set(first):
            values = {"first": paths[0].name, "first_columns": ", ".join(first[:8])}
            raise UserError("data.files_differ", file=path.name, columns=", ".join(table.column_names[:8]), **values)
    splits = [split_of_file(path.stem) for path in paths]
    if len(paths) > 1 and all(splits):
        column = next(name for name in ("split", "split_2", "given_split") if name not in first)
        tables = [
            table.append_column(column, pa.repeat(split, table.num_rows).cast(pa.string()))
            for table, split in zip(tables, splits, strict=True)
        ]
        return _concatenated(tables), column
    table = _concatenated(tables)
    return table, given_split_column(table)


def _concatenated(tables: list[pa.Table]) -> pa.Table:
    """Rows below each other; a column that is a number in one file and text in another is text in all."""
    import pyarrow as pa

    fields = []
    for name in tables[0].column_names:
        types = {table.schema.field(name).type for table in tables}
        numbers = types <= {pa.int64(), pa.float64()}
        fields.append((name, types.pop() if len(types) == 1 else pa.float64() if numbers else pa.string()))
    schema = pa.schema(fields)
    return pa.concat_tables([table.select(schema.names).cast(schema) for table in tables])
