"""Cutting the lines of a text file into cells, strictly, going on after a row that cannot be read."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from backend.errors import UserError

CELL_LIMIT = 1 << 22
"""Characters in a cell; a quote that is never closed ends there."""


class QuotesAreText(Exception):
    """The quotes of this file make no sense as quotes; read it again with quotes as ordinary characters."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a file is written. codec and errors as open() takes them; quoting: whether \" means anything."""

    codec: str
    errors: str
    delimiter: str
    quoting: bool = True


class _Lines:
    """Lines with their number, which can be pushed back: the parser goes on after a row that cannot be read."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._pushed: list[str] = []
        self.row: list[str] = []
        self.number = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._pushed.pop() if self._pushed else next(self._lines)
        self.number += 1
        self.row.append(line)
        return line

    def keep_first_only(self) -> None:
        """Give back all lines of the current row but the first."""
        self._pushed.extend(reversed(self.row[1:]))
        self.number -= len(self.row) - 1


@dataclass(slots=True)
class BadRows:
    """Rows that do not fit, counted; the first one explains the error."""

    skip: bool
    count: int = 0
    lines: tuple[int, ...] = ()
    first: UserError | None = None

    def add(self, line: int, error: UserError) -> None:
        """One more, in that line."""
        self.count += 1
        if len(self.lines) < 5:
            self.lines += (line,)
        self.first = self.first or error

    def error(self) -> UserError:
        """The first one, saying how many more there are if there are more."""
        assert self.first is not None
        if self.count == 1:
            return self.first
        return UserError(f"{self.first.key}_many", **self.first.values, more=f"{self.count - 1:,}")


def cut_rows(text: io.TextIOWrapper, dialect: Dialect, bad: BadRows, name: str) -> Iterator[tuple[int, list[str]]]:
    """(line number, cells) of every row that is not blank."""
    # The limit belongs to the process; nothing else here reads cells as long as that.
    csv.field_size_limit(CELL_LIMIT)
    lines = _Lines(text)
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if dialect.quoting else csv.QUOTE_NONE
    reader = csv.reader(lines, delimiter=dialect.delimiter, quoting=quoting, skipinitialspace=True, strict=True)
    many_lines_seen = False
    while True:
        lines.row.clear()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            first = lines.number - len(lines.row) + 1
            if dialect.delimiter == "\t" and dialect.quoting:
                raise QuotesAreText from error
            bad.add(first, UserError("data.quote_open", file=name, line=first, start=lines.row[0].strip()[:80]))
            if not bad.skip and bad.count > 1000:
                return
            lines.keep_first_only()
            continue
        if len(lines.row) > 1 and not many_lines_seen and dialect.delimiter == "\t":
            many_lines_seen = True
            # Two quotes that only happen to be there swallow the rows between them: each line alone has all the cells.
            if all(line.count("\t") == len(cells) - 1 for line in lines.row):
                raise QuotesAreText
        if cells and (len(cells) > 1 or cells[0].strip()):
            yield lines.number - len(lines.row) + 1, cells
