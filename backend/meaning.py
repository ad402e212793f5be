"""Rows of a data set found by what they mean: each text of a column as a vector on disk, and a question's nearest ones.

The search is exact, one product of all vectors with the question's: a million vectors of 384 numbers are 1.5 GB read
from disk. An approximate index (FAISS) would answer sooner, sometimes wrongly, for a library more.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from backend.answering import Loading
from backend.data.query import cells
from backend.data.version import DataVersion
from backend.errors import UserError
from backend.models import ModelShelf
from backend.tasks.context import encodable
from backend.tasks.embedding import EmbeddingParams, Manner, embed, manner_of, manner_of_pipe, search_prefixes, unit
from backend.tasks.sentence_similarity import SentenceSimilarity
from backend.warm import libraries
from backend.workspace import Workspace, disk_error, keep_newest, stamp, write_json

if TYPE_CHECKING:
    from transformers import Pipeline

MOST_FOUND = 100
KEPT = 8
"""Indexes of a workspace that stay."""
RESERVE_BYTES = 64 << 20
# Read, turned into vectors and written at a time: the texts of one batch are of like length only within these.
_ROWS = 512
_BLOCK = 65_536
_TELL_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Counted:
    """How far the reading has come."""

    done: int
    total: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Hit:
    """A row that was found. score: cosine similarity of its text and the question, -1 to 1."""

    row_id: int
    score: float


@dataclass(frozen=True, slots=True)
class Found:
    """Hits, best first, of the first `rows` rows of the data set: those that are in the index."""

    hits: tuple[Hit, ...]
    rows: int
    cosine_from: float = 0.0
    """The model's similarities hardly ever lie lower."""
    seconds: float = 0.0
    """For the question's vector and the search, the model loaded."""
    source: str = ""
    """The model's folder."""


@dataclass(frozen=True, slots=True)
class Index:
    """The vectors of a column's first rows, float32 of length 1 (0 for a cell without a word), one after another."""

    folder: Path

    @property
    def vectors(self) -> Path:
        """(rows, size) without a header: it grows at its end."""
        return self.folder / "vectors.f32"

    def size(self) -> int:
        """Numbers in a vector; 0 before the first one."""
        try:
            return int(json.loads((self.folder / "index.json").read_text(encoding="utf-8"))["size"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0

    def rows(self) -> int:
        """Rows that are in, whole ones: of what a crash left half written nothing counts."""
        size = self.size()
        return self.vectors.stat().st_size // (4 * size) if size and self.vectors.exists() else 0

    def nearest(self, question: np.ndarray, count: int) -> list[Hit]:
        """The rows most like the question, float32 (size,) of length 1; best first, of equals the first row first."""
        rows, size = self.rows(), self.size()
        if not rows:
            return []
        vectors = np.memmap(self.vectors, np.float32, "r", shape=(rows, size))
        scores = np.empty(rows, np.float32)
        for start in range(0, rows, _BLOCK):
            block = vectors[start : start + _BLOCK]
            # Cells without a word lie nowhere.
            scores[start : start + len(block)] = np.where(block.any(axis=1), block @ question, -np.inf)
        best = np.argsort(-scores, kind="stable")[:count]
        return [Hit(int(row), float(scores[row])) for row in best if np.isfinite(scores[row])]


@dataclass(slots=True)
class _Making:
    """An index that is being made; every page that asks for it looks at the same, and each can stop it."""

    stop: threading.Event = field(default_factory=threading.Event)
    told: Loading | Counted = field(default_factory=Loading)
    ended: threading.Event = field(default_factory=threading.Event)
    error: BaseException | None = None


_making: dict[Path, _Making] = {}
_lock = threading.Lock()


def index_of(shelf: ModelShelf, workspace: Workspace, version: DataVersion, column: str, ref: str) -> Index:
    """Where the vectors of this column by this model are, or would be. Raises UserError data.no_column, models.*."""
    if version.column(column) is None:
        raise UserError("data.no_column", column=column, columns=", ".join([one.name for one in version.columns][:12]))
    facts = shelf.facts(workspace, ref)
    if not SentenceSimilarity().fits(facts):
        raise UserError("meaning.wrong_model", model=facts.title)
    weights = sorted(facts.path.glob("*.safetensors")) if facts.path else []
    made_of = [
        [version.ref, version.version, stamp(version.arrow), column],
        [facts.ref, [[path.name, stamp(path)] for path in weights]],
    ]
    digest = hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:32]
    return Index(workspace.root / "cache" / "meaning" / digest)


def make(
    shelf: ModelShelf, workspace: Workspace, version: DataVersion, column: str, ref: str
) -> Iterator[Loading | Counted]:
    """Loading, then Counted as rows become vectors, until all are in or somebody stops it. Goes on where it had ended.

    The work is done in a thread of its own and outlives the page that asked; who asks next sees it go on.
    Raises UserError of index_of, of loading a model, meaning.disk_full and the workspace's for a failed write.
    """
    index = index_of(shelf, workspace, version, column, ref)
    if index.rows() >= version.rows:
        return
    with _lock:
        making = _making.get(index.folder)
        if making is None:
            making = _making[index.folder] = _Making()
            work = (making, index, shelf, workspace, version, column, ref)
            threading.Thread(target=_work, args=work, name="meaning", daemon=True).start()
    while not making.ended.wait(_TELL_SECONDS):
        yield making.told
    if making.error:
        raise making.error


def stop(shelf: ModelShelf, workspace: Workspace, version: DataVersion, column: str, ref: str) -> None:
    """Let this index end after the rows it is at, where it is being made; what is in can be searched."""
    making = _making.get(index_of(shelf, workspace, version, column, ref).folder)
    if making is not None:
        making.stop.set()


def find(
    shelf: ModelShelf,
    workspace: Workspace,
    version: DataVersion,
    column: str,
    ref: str,
    question: str,
    count: int = 10,
) -> Found:
    """The rows of those that are in whose text is nearest to the question. Raises UserError tasks.empty_text."""
    if not question.strip():
        raise UserError("tasks.empty_text")
    index = index_of(shelf, workspace, version, column, ref)
    rows = index.rows()
    if not rows:
        return Found((), 0)
    libraries()
    task = SentenceSimilarity()
    with shelf.lease(workspace, ref, task.auto_class) as loaded:
        pipe = task.pipeline(loaded)
        began, manner = time.perf_counter(), _manner(pipe, asks=True)
        vector = unit(embed(pipe, [encodable(question.strip())], manner))[0].numpy()
        source = str(pipe.model.name_or_path)
    hits = index.nearest(vector, min(count, MOST_FOUND))
    os.utime(index.folder)
    return Found(tuple(hits), rows, manner.cosine_from, time.perf_counter() - began, source)


def snippet(source: str, texts: Sequence[str], question: str) -> str:
    """Plain Python that ranks these texts by the same model and words before them, without this product."""
    from backend.exports.snippet import literal
    from backend.tasks.embedding_code import embed_code

    asked, kept = search_prefixes(source)
    manner = manner_of(source, EmbeddingParams(prefix="none"))
    lines = "".join(f"    {literal(text)},\n" for text in texts)
    return f"""{embed_code(source, manner)}texts = [
{lines}]
vectors = embed([{literal(kept)} + text for text in texts])
question = embed([{literal(asked + question)}])
scores = (vectors @ question.T)[:, 0]
for row in scores.argsort(descending=True).tolist():
    print(f"{{scores[row]:.4f}}  {{texts[row]}}")
"""


def _work(
    making: _Making,
    index: Index,
    shelf: ModelShelf,
    workspace: Workspace,
    version: DataVersion,
    column: str,
    ref: str,
) -> None:
    task = SentenceSimilarity()
    try:
        making.told = Loading("libraries")
        libraries()

        def tell(*progress: Any) -> None:
            making.told = Loading(*progress)

        with shelf.lease(workspace, ref, task.auto_class, tell) as loaded:
            _fill(making, index, task.pipeline(loaded), version, column)
    except OSError as error:
        making.error = disk_error(error, index.vectors)
    except BaseException as error:  # noqa: BLE001 - raised again for each page that looks
        making.error = error
    finally:
        with _lock:
            _making.pop(index.folder, None)
        making.ended.set()


def _fill(making: _Making, index: Index, pipe: Pipeline, version: DataVersion, column: str) -> None:
    manner, began, before = _manner(pipe, asks=False), time.perf_counter(), index.rows()
    size = index.size() or int(unit(embed(pipe, ["a"], manner)).shape[1])
    index.folder.mkdir(parents=True, exist_ok=True)
    need, free = (version.rows - before) * size * 4 + RESERVE_BYTES, shutil.disk_usage(index.folder).free
    if need > free:
        raise UserError("meaning.disk_full", need=need >> 20, free=free >> 20, folder=index.folder.parent)
    write_json(index.folder / "index.json", {"size": size})
    keep_newest(index.folder.parent, KEPT, _making)
    with index.vectors.open("ab") as file:
        file.truncate(before * size * 4)
        done = before
        source = cells(version, column, before)
        while not making.stop.is_set() and (texts := list(islice(source, _ROWS))):
            # As if all of them had been read at this pace.
            pace = (time.perf_counter() - began) / max(1, done - before)
            making.told = Counted(done, version.rows, pace * done)
            vectors = np.zeros((len(texts), size), np.float32)
            said = [place for place, text in enumerate(texts) if text.strip()]
            if said:
                vectors[said] = unit(embed(pipe, [texts[place] for place in said], manner)).numpy()
            file.write(vectors.tobytes())
            file.flush()
            done += len(texts)


def _manner(pipe: Pipeline, asks: bool) -> Manner:
    """How texts become vectors; asks: of a question, else of what is searched."""
    manner = manner_of_pipe(pipe, EmbeddingParams(prefix="none"))
    asked, kept = search_prefixes(str(pipe.model.name_or_path))
    return replace(manner, prefix=asked if asks else kept)
