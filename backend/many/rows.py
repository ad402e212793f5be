"""The answers of a job in the order of its texts, read row by row from its folder, whatever their number."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from backend.many.job import JobFolder, JobSpec, Texts
from backend.many.source import TEXT, TEXT_PAIR
from backend.tasks.base import Table

_SHOWN = 1000
ROW = "row"
"""Number of a text in what was given, from 1: stands in files where some texts have no answer."""


class Rows:
    """The answered texts of a job. columns: text, text_pair where there are two, and what the task answers."""

    def __init__(self, folder: JobFolder, spec: JobSpec, places: Any = None) -> None:
        """places: what folder.places gives, where it is known already."""
        self._folder = folder
        first, second = folder.columns()
        self._texts = [Texts(column) for column in (first, second) if column is not None]
        if places is None:
            places = folder.places(spec.rows)
        self.found = (places >= 0).nonzero()[0]
        self._places = places[self.found]
        self.given = (TEXT, TEXT_PAIR)[: len(self._texts)]
        self.whole = len(self.found) == spec.rows

    def __len__(self) -> int:
        return len(self.found)

    def read(self, most: int | None = None) -> Iterator[tuple[int, tuple[str, ...], dict[str, Any]]]:
        """(index, its texts, its answer), at most so many."""
        for index, answer in self._answers(most):
            yield index, tuple(column[index] for column in self._texts), answer

    def table(self, most: int) -> Table:
        """The first rows, long texts cut: something to look at."""
        first = [(tuple(text[:_SHOWN] for text in texts), answer) for _, texts, answer in self.read(most)]
        names = list(dict.fromkeys(name for _, answer in first for name in answer))
        rows = ((*texts, *(answer.get(name) for name in names)) for texts, answer in first)
        return Table((*self.given, *names), tuple(rows))

    def kinds(self) -> dict[str, type]:
        """The columns of the answers, in the order in which they come, and what holds all values of each."""
        found: dict[str, type] = {}
        for _, answer in self._answers():
            for name, value in answer.items():
                before = found.setdefault(name, type(None))
                if value is not None and type(value) is not before:
                    found[name] = type(value) if before is type(None) else _wider(before, type(value))
        return {name: str if kind is type(None) else kind for name, kind in found.items()}

    def _answers(self, most: int | None = None) -> Iterator[tuple[int, dict[str, Any]]]:
        if not len(self.found):
            return
        with self._folder.answers.open("rb") as file:
            for index, place in zip(self.found[:most].tolist(), self._places[:most].tolist(), strict=True):
                file.seek(place)
                yield index, json.loads(file.readline().partition(b"\t")[2])


def _wider(one: type, other: type) -> type:
    return float if {one, other} <= {int, float} else str
