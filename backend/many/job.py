"""A job of many texts on disk: what was asked, the texts, each answer as it came, and what became of it.

spec.json, texts.arrow (mapped, never held), answers.rows (a line an answer as they came: index, tab,
JSON), status.json (written when the state changes), stop (there when a person asked for it).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.answering import Loading
from backend.errors import UserError
from backend.many.source import TEXT, TEXT_PAIR
from backend.tasks.base import UNREAD
from backend.workspace import disk_error, write_json

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH_ROWS = 1024
# In JSON a quotation mark within a text has a backslash before it.
_CUT = re.compile(rb'"%s": [1-9]' % UNREAD.encode())


class State(StrEnum):
    """What a job does, or how it ended."""

    WAITING = "waiting"
    """For another workspace's job."""
    LOADING = "loading"
    ANSWERING = "answering"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"
    CUT_OFF = "cut_off"
    """The app ended before the job did."""

    @property
    def lives(self) -> bool:
        """Whether it has not ended."""
        return self in (State.WAITING, State.LOADING, State.ANSWERING)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """What was asked."""

    job_id: str
    task: str
    model_ref: str
    model_title: str
    params: dict[str, Any]
    title: str
    """The file or the data set; empty for typed lines."""
    data_ref: str
    """Of the data set; empty for anything else."""
    column: str
    rows: int
    empty: int
    """How many texts have nothing in them."""
    pairs: bool
    created: str
    """UTC, ISO 8601."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """What became of it, as status.json keeps it."""

    state: State
    done: int = 0
    cut: int = 0
    """How many of the texts were longer than the model reads."""
    unknown: float = 0.0
    """Part (0-1) of the tokens that the model does not know, as some of the texts have them."""
    seconds: float = 0.0
    """Time of answering, over all goes."""
    device: str = ""
    error: dict[str, Any] | None = None
    """UserError.to_json."""
    pid: int = 0
    pid_created: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as a page shows it."""

    spec: JobSpec
    state: State
    done: int
    seconds: float
    cut: int = 0
    unknown: float = 0.0
    """Both as in Status."""
    seconds_left: float | None = None
    device: str = ""
    loading: Loading | None = None
    """While it is LOADING: how far."""
    error: UserError | None = None

    @property
    def can_go_on(self) -> bool:
        """Whether texts are left."""
        return not self.state.lives and self.done < self.spec.rows


class Texts(Sequence[str]):
    """A column of texts.arrow, read from the mapped file text by text. chosen: only these, in this order."""

    def __init__(self, column: pa.ChunkedArray, chosen: Sequence[int] | None = None) -> None:
        self._column = column
        self._chosen = chosen

    def __len__(self) -> int:
        return len(self._column) if self._chosen is None else len(self._chosen)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        return self._column[index if self._chosen is None else self._chosen[index]].as_py()

    def __iter__(self) -> Iterator[str]:
        if self._chosen is None:
            for chunk in self._column.chunks:
                yield from chunk.to_pylist()
        else:
            for index in self._chosen:
                yield self._column[index].as_py()


@dataclass(frozen=True, slots=True)
class JobFolder:
    """The folder of one job. Writing raises UserError workspace.* for a full disk."""

    path: Path

    @property
    def answers(self) -> Path:
        """A line an answer, as they came."""
        return self.path / "answers.rows"

    def write_texts(self, table: pa.Table) -> None:
        """Texts in the order given."""
        import pyarrow as pa

        target = self.path / "texts.arrow"
        try:
            with pa.OSFile(str(target), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
                for batch in table.to_batches(max_chunksize=_BATCH_ROWS):
                    writer.write_batch(batch)
        except OSError as error:
            raise disk_error(error, target) from error

    def columns(self) -> tuple[pa.ChunkedArray, pa.ChunkedArray | None]:
        """(texts, second texts), mapped. Raises UserError many.gone."""
        import pyarrow as pa

        try:
            table = pa.ipc.open_stream(pa.memory_map(str(self.path / "texts.arrow"))).read_all()
        except (OSError, pa.ArrowInvalid) as error:
            raise UserError("many.gone") from error
        return table[TEXT], table[TEXT_PAIR] if TEXT_PAIR in table.column_names else None

    def write_spec(self, spec: JobSpec) -> None:
        """Once."""
        write_json(self.path / "spec.json", asdict(spec))

    def write_status(self, status: Status) -> None:
        """At each change of the state."""
        write_json(self.path / "status.json", asdict(status))

    def read(self) -> tuple[JobSpec, Status]:
        """Raises OSError, ValueError or TypeError for a folder that holds no job."""
        spec = JobSpec(**json.loads((self.path / "spec.json").read_text(encoding="utf-8")))
        found = json.loads((self.path / "status.json").read_text(encoding="utf-8"))
        return spec, Status(**(found | {"state": State(found["state"])}))

    def append(self, rows: Mapping[int, Mapping[str, Any]]) -> dict[int, int]:
        """Write answers by index, and return where each begins; a later one of an index replaces the earlier."""
        lines = [
            b"%d\t%s\n" % (index, json.dumps(row, ensure_ascii=False, default=float).encode("utf-8", "replace"))
            for index, row in rows.items()
        ]
        try:
            with self.answers.open("ab") as file:
                ends = accumulate(map(len, lines), initial=file.tell())
                file.write(b"".join(lines))
        except OSError as error:
            raise disk_error(error, self.answers) from error
        return dict(zip(rows, ends, strict=False))

    def places(self, rows: int) -> Any:
        """int64 (rows,): where in answers.rows each answer begins, -1 for none. What a kill left half is cut off."""
        import numpy as np

        places = np.full(rows, -1, dtype=np.int64)
        try:
            with self.answers.open("rb") as file:
                place = 0
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    index = int(line[: line.index(b"\t")])
                    if index < rows:
                        places[index] = place
                    place += len(line)
        except FileNotFoundError:
            pass
        return places

    def cut(self) -> int:
        """How many of the answered texts are longer than the model reads. What a kill left half does not count."""
        try:
            with self.answers.open("rb") as file:
                return sum(1 for line in file if line.endswith(b"\n") and _CUT.search(line))
        except FileNotFoundError:
            return 0

    def mend(self) -> None:
        """Cut off what a kill left half: the next answer begins a line of its own."""
        try:
            with self.answers.open("rb+") as file:
                whole = sum(len(line) for line in file if line.endswith(b"\n"))
                file.truncate(whole)
        except FileNotFoundError:
            return
        except OSError as error:
            raise disk_error(error, self.answers) from error

    def ask_to_stop(self) -> None:
        """Seen between two batches, by another process, too."""
        try:
            (self.path / "stop").touch()
        except OSError as error:
            raise disk_error(error, self.path / "stop") from error

    def withdraw_stop(self) -> None:
        """Before it goes on."""
        (self.path / "stop").unlink(missing_ok=True)

    @property
    def stops(self) -> bool:
        """Whether a person asked for it."""
        return os.path.exists(self.path / "stop")
