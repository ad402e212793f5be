"""Asking a model of the shelf: one input or many, off the caller's thread, as a stream of what happens meanwhile.

Each lane has threads of its own, so that a long text being written does not hold up a classification.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from backend.models import ModelFacts, ModelShelf
from backend.tasks.base import Answer, Lane, Step, Table, Task
from backend.warm import libraries, libraries_are_in
from backend.workspace import Workspace

LANES: dict[Lane, int] = {"short": 2, "generate": 1}
"""How many questions each lane answers at a time."""


@dataclass(frozen=True, slots=True)
class Loading:
    """What comes before the answer. done and total in bytes, 0 when unknown.

    phase: start, turn (others are before it in the lane), libraries, download, load or answer.
    """

    phase: str = "start"
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, or as much of it as there is."""

    answer: Answer
    facts: ModelFacts
    device: str
    seconds: float
    """Time of answering, without loading the model."""
    finished: bool = True
    steps: tuple[Step, ...] = ()
    """What happened inside, where that was asked for."""


@dataclass(frozen=True, slots=True)
class Counted:
    """How far many texts have come."""

    done: int
    total: int
    seconds: float


Event = Loading | Reply | Counted


def ask(
    shelf: ModelShelf,
    workspace: Workspace,
    task: Task,
    ref: str,
    values: Mapping[str, Any],
    params: Any,
    stop: threading.Event,
    with_steps: bool = False,
) -> Iterator[Event]:
    """Loading, then Reply; the last Reply is finished. Raises what loading and answering raise, in the caller's thread.

    Closing the iterator sets `stop`.
    """

    def work(tell: Callable[[Event], None]) -> None:
        with shelf.lease(workspace, ref, task.auto_class, lambda *progress: tell(Loading(*progress))) as loaded:
            pipe = task.pipeline(loaded)
            tell(Loading("answer"))
            device = str(pipe.device.type)
            began = time.perf_counter()
            last: Reply | None = None
            for answer in task.stream(pipe, values, params, stop):
                last = Reply(answer, loaded.facts, device, time.perf_counter() - began, finished=False)
                tell(last)
            assert last is not None, "a task gives at least one answer"
            tell(replace(last, finished=True, steps=task.steps(pipe, values, params) if with_steps else ()))

    yield from _in_lane(task.lane, work, stop)


def inside(
    shelf: ModelShelf, workspace: Workspace, task: Task, ref: str, values: Mapping[str, Any], params: Any
) -> tuple[Step, ...]:
    """What happens inside for one input, without the answer."""
    with shelf.lease(workspace, ref, task.auto_class) as loaded:
        return task.steps(task.pipeline(loaded), values, params)


def ask_many(
    shelf: ModelShelf,
    workspace: Workspace,
    task: Task,
    ref: str,
    texts: Sequence[str],
    params: Any,
    stop: threading.Event,
    pairs: Sequence[str] = (),
) -> Iterator[Event]:
    """Loading, then Counted, then one Reply with a Table: the texts as given, those answered before `stop`.

    pairs: the second texts, as many, for a task that takes two.
    """

    def work(tell: Callable[[Event], None]) -> None:
        with shelf.lease(workspace, ref, task.auto_class, lambda *progress: tell(Loading(*progress))) as loaded:
            pipe = task.pipeline(loaded)
            began = time.perf_counter()
            rows: dict[int, dict[str, Any]] = {}
            tell(Counted(0, len(texts), 0.0))
            for index, row in task.batch(pipe, texts, params, pairs):
                rows[index] = row
                tell(Counted(len(rows), len(texts), time.perf_counter() - began))
                if stop.is_set():
                    break
            table = _table(texts, pairs, rows)
            tell(Reply(table, loaded.facts, str(pipe.device.type), time.perf_counter() - began))

    yield from _in_lane(task.lane, work, stop)


def _table(texts: Sequence[str], pairs: Sequence[str], rows: Mapping[int, Mapping[str, Any]]) -> Table:
    columns = tuple(dict.fromkeys(name for index in sorted(rows) for name in rows[index]))
    given = [*zip(texts, pairs, strict=True)] if pairs else [(text,) for text in texts]
    return Table(
        ("text", *(("text_pair",) if pairs else ()), *columns),
        tuple((*given[index], *(rows[index].get(name) for name in columns)) for index in sorted(rows)),
    )


@cache
def _threads(lane: Lane) -> ThreadPoolExecutor:
    """Kept, since each new thread that computes makes OpenMP threads of its own."""
    return ThreadPoolExecutor(LANES[lane], thread_name_prefix=f"lane-{lane}")


def _in_lane(lane: Lane, work: Callable[[Callable[[Event], None]], None], stop: threading.Event) -> Iterator[Event]:
    """Run `work` in a thread of the lane; yield what it tells, leaving out what is outdated when the reader is slow."""
    told: queue.SimpleQueue[Event | BaseException | None] = queue.SimpleQueue()

    def run() -> None:
        try:
            if not libraries_are_in():
                told.put(Loading("libraries"))
                libraries()
            if not stop.is_set():
                work(told.put)
            told.put(None)
        except BaseException as error:  # noqa: BLE001 - raised again below, in the thread that asked
            told.put(error)

    yield Loading()
    turn = _threads(lane).submit(run)
    waits = False
    try:
        while True:
            news: Event | None = None
            try:
                item = told.get(timeout=0.2)
            except queue.Empty:
                if stop.is_set() and turn.cancel():
                    return
                if not waits and not turn.running() and not turn.done():
                    waits = True
                    yield Loading("turn")
                continue
            while isinstance(item, (Loading, Reply, Counted)):
                news = item
                if told.empty():
                    break
                item = told.get()
            if news is not None:
                yield news
            if item is None:
                return
            if isinstance(item, BaseException):
                raise item
    finally:
        stop.set()
