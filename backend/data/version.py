"""One version of a data set: an immutable Arrow file and the recorded steps that made it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datasets import Dataset

ROW_ID = "row_id"
"""Name of the explicit integer column that every version carries, 0 .. rows-1 in file order."""


@dataclass(frozen=True, slots=True)
class Column:
    """kind: text, integer, number, boolean, list or other: what a person would call the values."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class DataVersion:
    """What version.json keeps beside data.arrow. ref: `sample:reviews_en` or `mine:<folder name>`; it names the data
    set."""

    ref: str
    version: int
    title: str
    rows: int
    columns: tuple[Column, ...]
    """Without row_id."""
    folder: Path
    bytes: int
    encoding: str = ""
    given_split_column: str = ""
    """Name of the column that says train / validation / test, when the files or the data gave splits; else empty."""
    steps: tuple[dict[str, Any], ...] = field(default=())
    """What made it: {"step": "read", "file": ..., "encoding": ...}, one dict a step."""

    @property
    def arrow(self) -> Path:
        """The data itself."""
        return self.folder / "data.arrow"

    def column(self, name: str) -> Column | None:
        """The column of that name."""
        return next((column for column in self.columns if column.name == name), None)

    def load(self) -> Dataset:
        """The rows, memory-mapped, with row_id."""
        from datasets import Dataset

        return Dataset.from_file(str(self.arrow))

    def to_json(self) -> dict[str, Any]:
        """What version.json keeps."""
        return asdict(self) | {"folder": None}

    @classmethod
    def read(cls, folder: Path) -> DataVersion:
        """The version in a folder. Raises OSError, ValueError or KeyError for a folder that holds none."""
        data = json.loads((folder / "version.json").read_text(encoding="utf-8"))
        data |= {
            "folder": folder,
            "columns": tuple(Column(**column) for column in data["columns"]),
            "steps": tuple(data["steps"]),
        }
        return cls(**data)
