"""Looking through a data set: search, filter, sort and page over all its rows, by DuckDB on the Arrow file itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backend.data.version import ROW_ID, DataVersion
from backend.errors import UserError

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class RowPage:
    """Rows in the order asked for. rows[i] are the values of row_ids[i], in the order of columns; total counts all
    matches."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    row_ids: tuple[int, ...]
    total: int


def rows(
    version: DataVersion,
    *,
    offset: int = 0,
    limit: int = 25,
    search: str = "",
    where: Mapping[str, Any] | None = None,
    sort: str = "",
    descending: bool = False,
) -> RowPage:
    """One page of the rows that contain `search` (in any column, whatever the case) and have the values of `where`.

    A value of None in where asks for empty cells. Rows that sort alike stay in file order. Raises UserError
    data.no_column.
    """
    table = mapped(version)
    condition, values = _condition(version, search.strip(), dict(where or {}))
    order = f"{ROW_ID}"
    if sort:
        order = f"{_alias(version, sort)} {'DESC' if descending else 'ASC'} NULLS LAST, {ROW_ID}"
    if not condition and not sort:
        # File order is the order of the positions: nothing to ask.
        total, ids = version.rows, list(range(min(offset, version.rows), min(offset + limit, version.rows)))
    else:
        with closing(connect(table)) as database:
            found = f"FROM data {condition}"
            (total,) = first(database, f"SELECT count(*) {found}", values)
            statement = f"SELECT {ROW_ID} {found} ORDER BY {order} LIMIT {int(limit)} OFFSET {int(offset)}"
            ids = [row[0] for row in database.execute(statement, values).fetchall()]
    return RowPage(tuple(column.name for column in version.columns), tuple(_values(table, ids)), tuple(ids), int(total))


def mapped(version: DataVersion) -> pa.Table:
    """The file as a memory-mapped table: row_id, then the columns. Raises UserError data.missing when it is gone."""
    import pyarrow as pa

    try:
        return pa.ipc.open_stream(pa.memory_map(str(version.arrow))).read_all()
    except OSError as error:
        raise UserError("data.missing", name=version.title, titles="") from error


def connect(table: pa.Table) -> duckdb.DuckDBPyConnection:
    """A connection with the table as `data`, its columns called c0, c1, ...: DuckDB does not tell `Text` from `text`.

    Values reach it as parameters only. It sees no file, and takes at most 1 GB and two threads.
    """
    import duckdb

    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": "1GB",
        "threads": 2,
        "enable_external_access": False,
        "python_enable_replacements": False,
    }
    database = duckdb.connect(config=settings)
    database.register("data", table.rename_columns([ROW_ID, *(f"c{index}" for index in range(table.num_columns - 1))]))
    return database


def first(database: duckdb.DuckDBPyConnection, statement: str, values: Sequence[Any] = ()) -> tuple[Any, ...]:
    """The first row of an answer that has one."""
    row = database.execute(statement, list(values)).fetchone()
    return row or ()


def _alias(version: DataVersion, column: str) -> str:
    for index, one in enumerate(version.columns):
        if one.name == column:
            return f"c{index}"
    raise UserError("data.no_column", column=column, columns=", ".join(one.name for one in version.columns[:12]))


def _condition(version: DataVersion, search: str, where: dict[str, Any]) -> tuple[str, list[Any]]:
    parts: list[str] = []
    values: list[Any] = []
    for column, value in where.items():
        alias = _alias(version, column)
        if value is None:
            parts.append(f"{alias} IS NULL")
        else:
            parts.append(f"CAST({alias} AS VARCHAR) = ?")
            values.append(_spelled(value))
    if search:
        hits = [
            f"contains(lower(CAST(c{index} AS VARCHAR)), $s)".replace("$s", "?")
            for index in range(len(version.columns))
        ]
        parts.append("(" + " OR ".join(hits) + ")")
        values += [search.lower()] * len(hits)
    return ("WHERE " + " AND ".join(parts) if parts else ""), values


def _spelled(value: Any) -> str:
    """A value as DuckDB casts it to text."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _values(table: pa.Table, ids: list[int]) -> list[tuple[Any, ...]]:
    # One row at a time: take() on a column of text would copy the whole column.
    pages = [table.slice(row_id, 1).to_pydict() for row_id in ids]
    return [tuple(column[0] for name, column in page.items() if name != ROW_ID) for page in pages]
