"""What is in a data set, in numbers a person asks for: kinds, empty cells, values, lengths, labels, unknown tokens."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.data.query import connect, first, mapped
from backend.data.version import DataVersion
from backend.errors import UserError

if TYPE_CHECKING:
    import duckdb
    import numpy as np

COLUMN_LIMIT = 60
"""Columns described; a table with 10,000 is described by its first ones."""
BINS = 15
UNKNOWN_LIMIT = 0.05
"""Share (0-1) of unknown tokens above which too much of the text is lost to a model: another one is suggested."""
_TOP = 12
_FEW = 12
"""A column with up to this many different values is shown by its values, not by a histogram."""


@dataclass(frozen=True, slots=True)
class ColumnSummary:
    """One column. minimum, median, maximum: of the numbers, or of the lengths in characters for a column of text."""

    name: str
    kind: str
    empty: int
    distinct: int
    """Different values; approximate (2%) above 100,000 rows."""
    top: tuple[tuple[str, int], ...]
    """The most frequent values with their counts, at most 12; empty cells left out."""
    minimum: float | None = None
    median: float | None = None
    maximum: float | None = None
    histogram: tuple[int, ...] = ()
    """Counts in equal steps from minimum to maximum (the last bin of a text ends at its 99th percentile and holds the
    rest)."""

    few: bool = False
    """Whether its values are classes rather than free text or measures."""


@dataclass(frozen=True, slots=True)
class Description:
    """A whole version. text_column and label_column are guesses, "" when nothing fits."""

    rows: int
    bytes: int
    columns: tuple[ColumnSummary, ...]
    all_columns: int
    duplicates: int
    """Rows that repeat an earlier one in every column."""
    text_column: str
    label_column: str

    def column(self, name: str) -> ColumnSummary | None:
        """The summary of that column."""
        return next((column for column in self.columns if column.name == name), None)


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """What a tokenizer makes of some texts of a column. Lengths in tokens, special ones counted."""

    texts: int
    median: int
    long: int
    """95 of 100 texts are not longer than that."""
    maximum: int
    unknown_share: float
    """Part (0-1) of the tokens that the tokenizer does not know."""


def describe(version: DataVersion) -> Description:
    """Numbers of all rows. Computed once per version: a version never changes."""
    try:
        return _describe(version.folder, version.arrow.stat().st_mtime_ns)
    except OSError as error:
        raise UserError("data.missing", name=version.title, titles="") from error


@lru_cache(maxsize=32)
def _describe(folder: Path, written: int) -> Description:
    """The time of writing tells a data set from a later one, where somebody deleted its folder by hand."""
    version = DataVersion.read(folder)
    # DuckDB takes half a second a question on ten thousand columns, so it gets those that are described.
    table = mapped(version).select(range(1 + min(len(version.columns), COLUMN_LIMIT)))
    with closing(connect(table)) as database:
        columns = tuple(
            _summary(database, f"c{index}", column.name, column.kind, version.rows)
            for index, column in enumerate(version.columns[:COLUMN_LIMIT])
        )
        names = ", ".join(f"c{index}" for index in range(min(len(version.columns), COLUMN_LIMIT)))
        hashes = f"SELECT count(*) - count(DISTINCT hash({names})) FROM data"
        (duplicates,) = first(database, hashes)
    return Description(
        version.rows,
        version.bytes,
        columns,
        len(version.columns),
        int(duplicates),
        *_guess(replace(version, columns=version.columns[:COLUMN_LIMIT])),
    )


def filled(version: DataVersion, *columns: str) -> np.ndarray:
    """bool (rows,): the rows in which none of these columns is empty. Raises UserError data.no_column."""
    import numpy as np
    import pyarrow.compute as pc

    table = mapped(version)
    whole = np.ones(version.rows, bool)
    for column in columns:
        whole &= pc.is_valid(table.column(index_of(version, column) + 1)).to_numpy()
    return whole


def unknown_share(version: DataVersion, column: str, tokenizer: Any, sample: int = 500) -> float:
    """Share (0-1) of the tokens of `sample` texts that the tokenizer does not know; 0.0 for one that knows every
    byte."""
    return unknown_in(_encoded(version, column, tokenizer, sample), tokenizer)


def token_facts(version: DataVersion, column: str, tokenizer: Any, sample: int = 500) -> TokenFacts:
    """Lengths and unknown share together, so that the texts become tokens once. Raises UserError data.no_column."""
    encoded = _encoded(version, column, tokenizer, sample)
    lengths = sorted(map(len, encoded)) or [0]
    return TokenFacts(
        len(encoded),
        lengths[len(lengths) // 2],
        lengths[min(len(lengths) - 1, len(lengths) * 95 // 100)],
        lengths[-1],
        unknown_in(encoded, tokenizer),
    )


def _encoded(version: DataVersion, column: str, tokenizer: Any, sample: int) -> Sequence[Sequence[int]]:
    texts = some_texts(version, column, sample)
    # Texts of book length say nothing more about the vocabulary and would take seconds.
    return tokenizer([text[:20_000] for text in texts], verbose=False)["input_ids"] if texts else []


def evenly(rows: int, most: int) -> np.ndarray:
    """int64: at most so many of the places 0 .. rows-1, spread evenly over them, sorted."""
    import numpy as np

    places: np.ndarray = np.unique(np.linspace(0, rows - 1, min(rows, most)).astype(int))
    return places


def unknown_in(encoded: Sequence[Sequence[int]], tokenizer: Any) -> float:
    """Share (0-1) of the tokens of encoded texts that stand for what the tokenizer does not know."""
    unknown = tokenizer.unk_token_id
    # In some tokenizers the end of text and the unknown token are one; there no piece of text is ever unknown.
    if unknown is None or unknown in (tokenizer.eos_token_id, tokenizer.bos_token_id, tokenizer.pad_token_id):
        return 0.0
    special = set(tokenizer.all_special_ids) - {unknown}
    counted = sum(token not in special for ids in encoded for token in ids)
    bad = sum(token == unknown for ids in encoded for token in ids)
    return bad / counted if counted else 0.0


def some_texts(version: DataVersion, column: str, sample: int = 500) -> list[str]:
    """At most `sample` filled cells of a column as text, spread evenly over the rows."""
    index = index_of(version, column)
    cells = mapped(version).column(index + 1)
    step = max(1, version.rows // sample)
    found = (cells[row].as_py() for row in range(0, version.rows, step))
    return [str(value) for value in found if value is not None][:sample]


def index_of(version: DataVersion, column: str) -> int:
    """Where a column stands. Raises UserError data.no_column."""
    for index, one in enumerate(version.columns):
        if one.name == column:
            return index
    raise UserError("data.no_column", column=column, columns=", ".join(one.name for one in version.columns[:12]))


def _summary(database: duckdb.DuckDBPyConnection, alias: str, name: str, kind: str, rows: int) -> ColumnSummary:
    measure = {"integer": alias, "number": alias, "boolean": f"CAST({alias} AS INTEGER)", "list": f"len({alias})"}
    value = measure.get(kind, f"length({alias})")
    distinct = f"approx_count_distinct({alias})" if rows > 100_000 else f"count(DISTINCT {alias})"
    filled, different, low, middle, high, most = first(
        database,
        f"SELECT count({alias}), {distinct}, min({value}), median({value}), quantile_disc({value}, 0.99), max({value}) "
        "FROM data",
    )
    top = database.execute(
        f"SELECT CAST({alias} AS VARCHAR) v, count(*) n FROM data WHERE {alias} IS NOT NULL "
        f"GROUP BY v ORDER BY n DESC, v LIMIT {_TOP}"
    ).fetchall()
    bins: tuple[int, ...] = ()
    if filled and kind != "boolean":
        end = high if kind not in ("integer", "number") else most
        bins = _histogram(database, alias, value, float(low), float(end))
    return ColumnSummary(
        name,
        kind,
        rows - int(filled),
        min(int(different), int(filled)),
        tuple((str(text), int(count)) for text, count in top),
        None if low is None else float(low),
        None if middle is None else float(middle),
        None if most is None else float(most),
        bins,
        _is_few(kind, int(different), int(filled), most),
    )


def _is_few(kind: str, distinct: int, filled: int, longest: float | None) -> bool:
    """Few different values, each of them more than once on average; short ones if there are more than a handful."""
    if not distinct or kind == "list" or 2 * distinct > filled + 2:
        return False
    return distinct <= _FEW or (kind == "text" and distinct <= 100 and (longest or 0) <= 40)


def _histogram(database: duckdb.DuckDBPyConnection, alias: str, value: str, low: float, high: float) -> tuple[int, ...]:
    if high <= low:
        return (int(first(database, f"SELECT count({alias}) FROM data")[0]),)
    width = (high - low) / BINS
    counts = [0] * BINS
    found = database.execute(
        f"SELECT least({BINS - 1}, CAST(floor(({value} - ?) / ?) AS INTEGER)) b, count(*) FROM data "
        f"WHERE {alias} IS NOT NULL AND isfinite(CAST({value} AS DOUBLE)) GROUP BY b",
        [low, width],
    ).fetchall()
    for index, count in found:
        counts[max(0, index)] += int(count)
    return tuple(counts)


def _guess(version: DataVersion) -> tuple[str, str]:
    """(text, label): the columns a recipe would take."""
    from backend.recipes.columns import guess_label, guess_text

    label = guess_label(version)
    text = guess_text(version, taken=(label,))
    if not text and (column := version.column(label)) and column.kind == "text":
        # One column of text only: it is the text, and there is nothing to learn from it yet.
        return label, ""
    return text, label
