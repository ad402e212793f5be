"""Asking a model of the shelf, off the caller's thread, as a stream of what happens meanwhile.

Each lane has threads of its own, so that a long text being written does not hold up a classification.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from backend.models import LoadedModel, ModelFacts, ModelShelf
from backend.models.facts import Progress
from backend.tasks.base import Answer, Lane, Step, Task
from backend.tasks.whatif import WhatIf, what_if
from backend.warm import libraries, libraries_are_in
from backend.workspace import Workspace

if TYPE_CHECKING:
    from transformers import Pipeline

Place = Lane | Literal["fetch"]
LANES: dict[Place, int] = {"short": 2, "generate": 1, "fetch": 4}
"""How many questions each lane answers at a time. fetch: how many models are downloaded, which holds up no answer."""


class _Stopped(Exception):
    """Whoever asked waits no longer."""


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
    values: Mapping[str, Any] = field(default_factory=dict)
    """What was asked, as the model took it, for the snippet; in the last one only."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look into a model found, or as much of it as there is."""

    what: Any


Event = Loading | Reply
T = TypeVar("T")


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
    """Loading, then Reply; the last Reply is finished; none where it was stopped before. Raises what loading and
    answering raise, in the caller's thread.

    Closing the iterator sets `stop`.
    """

    def work(tell: Callable[[Event], None]) -> None:
        with _leased(shelf, workspace, ref, task, params, lambda *far: tell(Loading(*far))) as loaded:
            pipe = task.pipeline(loaded)
            tell(Loading("answer"))
            device = str(pipe.device.type)
            began = time.perf_counter()
            last: Reply | None = None
            for answer in task.stream(pipe, values, params, stop):
                last = Reply(answer, loaded.facts, device, time.perf_counter() - began, finished=False)
                tell(last)
            assert last is not None, "a task gives at least one answer"
            steps = task.steps_until(pipe, values, params, stop) if with_steps and not stop.is_set() else ()
            tell(replace(last, finished=True, steps=steps, values=task.settled(pipe, values, params)))

    yield from _fetched(shelf, workspace, ref, stop)
    if not stop.is_set():
        yield from _in_lane(task.lane, work, stop)


def inside(
    shelf: ModelShelf, workspace: Workspace, task: Task, ref: str, values: Mapping[str, Any], params: Any
) -> tuple[Step, ...]:
    """What happens inside for one input, without the answer. In its lane, where a tokenizer is told languages."""

    def work() -> tuple[Step, ...]:
        with _leased(shelf, workspace, ref, task, params) as loaded:
            return task.steps(task.pipeline(loaded), values, params)

    return take_turn(task.lane, work)


def asked_again(
    shelf: ModelShelf, workspace: Workspace, task: Task, ref: str, values: Mapping[str, Any], params: Any, key: str
) -> WhatIf:
    """One of the task's `what_ifs` about one input. Raises what loading and `what_if` raise."""

    def work() -> WhatIf:
        with _leased(shelf, workspace, ref, task, params) as loaded:
            pipe = task.pipeline(loaded)
            return what_if(pipe, task.read_text(pipe, values, params), key)

    return take_turn(task.lane, work)


def look_inside(
    shelf: ModelShelf,
    workspace: Workspace,
    task: Task,
    ref: str,
    params: Any,
    look: Callable[[Pipeline], Iterator[Any]],
    stop: threading.Event,
) -> Iterator[Loading | Seen]:
    """Loading, then a Seen for each thing that `look` gives, in the task's lane. Raises as `ask` does.

    Closing the iterator sets `stop`, which `look` is to heed.
    """

    def work(tell: Callable[[Any], None]) -> None:
        with _leased(shelf, workspace, ref, task, params, lambda *far: tell(Loading(*far))) as loaded:
            pipe = task.pipeline(loaded)
            tell(Loading("answer"))
            for what in look(pipe):
                tell(Seen(what))

    yield from _fetched(shelf, workspace, ref, stop)
    if not stop.is_set():
        yield from _in_lane(task.lane, work, stop)


def _leased(
    shelf: ModelShelf, workspace: Workspace, ref: str, task: Task, params: Any, progress: Progress | None = None
) -> AbstractContextManager[LoadedModel]:
    """The model that the task needs, where the parameters want it."""
    return shelf.lease(workspace, ref, task.auto_class, progress, params.device, params.dtype)


def take_turn(lane: Lane, work: Callable[[], T]) -> T:
    """What `work` gives, computed in a thread of the lane when its turn comes: a part of something longer."""
    return _threads(lane).submit(work).result()


def _fetched(shelf: ModelShelf, workspace: Workspace, ref: str, stop: threading.Event) -> Iterator[Loading]:
    """Loading while a model comes from the Hub: outside of the lanes, which others wait for. `stop` ends it."""
    if shelf.is_here(workspace, ref):
        return

    def work(tell: Callable[[Any], None]) -> None:
        def progress(*far: Any) -> None:
            if stop.is_set():
                raise _Stopped
            tell(Loading(*far))

        shelf.resolve(workspace, ref, progress)

    # Its end is not the end of the question.
    yield from _in_lane("fetch", work, stop, ends=False)


@cache
def _threads(lane: Place) -> ThreadPoolExecutor:
    """Kept, since each new thread that computes makes OpenMP threads of its own."""
    return ThreadPoolExecutor(LANES[lane], thread_name_prefix=f"lane-{lane}")


def _in_lane(
    lane: Place, work: Callable[[Callable[[Any], None]], None], stop: threading.Event, ends: bool = True
) -> Iterator[Any]:
    """Run `work` in a thread of the lane; yield what it tells, leaving out what is outdated when the reader is slow.

    ends: nothing comes after it, so `stop` is set in the end; else only where the iterator is closed before.
    """
    told: queue.SimpleQueue[Event | Seen | BaseException | None] = queue.SimpleQueue()

    def run() -> None:
        try:
            if not libraries_are_in():
                told.put(Loading("libraries"))
                libraries()
            if not stop.is_set():
                work(told.put)
            told.put(None)
        except _Stopped:
            told.put(None)
        except BaseException as error:  # noqa: BLE001 - raised again below, in the thread that asked
            told.put(error)

    yield Loading()
    turn = _threads(lane).submit(run)
    waits, over = False, True
    try:
        while True:
            news: Event | Seen | None = None
            try:
                item = told.get(timeout=0.2)
            except queue.Empty:
                if stop.is_set() and turn.cancel():
                    return
                if not waits and not turn.running() and not turn.done():
                    waits = True
                    yield Loading("turn")
                continue
            while isinstance(item, (Loading, Reply, Seen)):
                news = item
                if told.empty():
                    break
                item = told.get()
            if news is not None:
                yield news
            if item is None:
                over = ends
                return
            if isinstance(item, BaseException):
                raise item
    finally:
        if over:
            stop.set()
