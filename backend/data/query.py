"""Looking through a data set: search, filter, sort and page over all its rows, by DuckDB on the Arrow file itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
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
    columns: Sequence[str] | None = None,
) -> RowPage:
    """One page of the rows that contain `search` (in any column, whatever the case) and have the values of `where`.

    columns: those whose values come back, None: all; search looks through all of them in any case.
    A value of None in where asks for empty cells. Rows that sort alike stay in file order. Raises UserError
    data.no_column.
    """
    table = mapped(version)
    search, where = search.strip(), dict(where or {})
    wanted = _positions(version, {*where, *([sort] if sort else [])})
    shown = range(len(version.columns)) if columns is None else _positions(version, columns)
    if search or where or sort:
        # DuckDB takes seconds to look at a table of 10,000 columns: it gets those that it is asked about.
        asked = range(len(version.columns)) if search else wanted
        alias = {version.columns[position].name: f"c{index}" for index, position in enumerate(asked)}
        condition, values = _condition(alias, search, where)
        order = f"{alias[sort]} {'DESC' if descending else 'ASC'} NULLS LAST, {ROW_ID}" if sort else ROW_ID
        with closing(connect(table.select([0, *(position + 1 for position in asked)]))) as database:
            (total,) = first(database, f"SELECT count(*) FROM data {condition}", values)
            page = f"SELECT {ROW_ID} FROM data {condition} ORDER BY {order} LIMIT {int(limit)} OFFSET {int(offset)}"
            ids = [row[0] for row in database.execute(page, values).fetchall()]
    else:
        # File order is the order of the positions: nothing to ask.
        total, ids = version.rows, list(range(min(offset, version.rows), min(offset + limit, version.rows)))
    found = _values(table.select([position + 1 for position in shown]), ids)
    return RowPage(tuple(version.columns[position].name for position in shown), tuple(found), tuple(ids), int(total))


def at(version: DataVersion, row_ids: Sequence[int]) -> RowPage:
    """These rows, in the order given."""
    names = tuple(column.name for column in version.columns)
    found = _values(mapped(version).select(list(range(1, len(names) + 1))), list(row_ids))
    return RowPage(names, tuple(found), tuple(row_ids), len(row_ids))


def cells(version: DataVersion, column: str, first: int = 0) -> Iterator[str]:
    """The column's values as texts from row `first` on, an empty cell as "". Raises UserError data.no_column."""
    (position,) = _positions(version, [column])
    for batch in mapped(version).select([position + 1]).slice(first).to_batches(max_chunksize=512):
        for value in batch.column(0).to_pylist():
            yield "" if value is None else str(value)


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


def _positions(version: DataVersion, columns: Iterable[str]) -> Sequence[int]:
    """Where these columns stand, in ascending order."""
    known = {column.name: position for position, column in enumerate(version.columns)}
    for column in columns:
        if column not in known:
            raise UserError("data.no_column", column=column, columns=", ".join([*known][:12]))
    return sorted(known[column] for column in columns)


def _condition(alias: Mapping[str, str], search: str, where: Mapping[str, Any]) -> tuple[str, list[Any]]:
    parts: list[str] = []
    values: list[Any] = []
    for column, value in where.items():
        if value is None:
            parts.append(f"{alias[column]} IS NULL")
        else:
            parts.append(f"CAST({alias[column]} AS VARCHAR) = ?")
            values.append(_spelled(value))
    if search:
        hits = (f"contains(lower(CAST({name} AS VARCHAR)), ?)" for name in alias.values())
        parts.append("(" + " OR ".join(hits) + ")")
        values += [search.lower()] * len(alias)
    return ("WHERE " + " AND ".join(parts) if parts else ""), values


def _spelled(value: Any) -> str:
    """A value as DuckDB casts it to text."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _values(table: pa.Table, ids: list[int]) -> list[tuple[Any, ...]]:
    # One row at a time: take() on a column of text would copy the whole column.
    pages = [table.slice(row_id, 1).to_pydict() for row_id in ids]
    return [tuple(column[0] for column in page.values()) for page in pages]
