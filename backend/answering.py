"""Asking a model of the shelf, off the caller's thread, as a stream of what happens meanwhile.

Each lane has threads of its own, so that a long text being written does not hold up a classification.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from backend.models import ModelFacts, ModelShelf
from backend.tasks.base import Answer, Lane, Step, Task
from backend.tasks.whatif import WhatIf, what_if
from backend.warm import libraries, libraries_are_in
from backend.workspace import Workspace

if TYPE_CHECKING:
    from transformers import Pipeline

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
            steps = task.steps(pipe, values, params) if with_steps and not stop.is_set() else ()
            tell(replace(last, finished=True, steps=steps, values=task.settled(pipe, values, params)))

    yield from _in_lane(task.lane, work, stop)


def inside(
    shelf: ModelShelf, workspace: Workspace, task: Task, ref: str, values: Mapping[str, Any], params: Any
) -> tuple[Step, ...]:
    """What happens inside for one input, without the answer."""
    with shelf.lease(workspace, ref, task.auto_class) as loaded:
        return task.steps(task.pipeline(loaded), values, params)


def asked_again(
    shelf: ModelShelf, workspace: Workspace, task: Task, ref: str, values: Mapping[str, Any], key: str
) -> WhatIf:
    """One of the task's `what_ifs` about one input. Raises what loading and `what_if` raise."""
    with shelf.lease(workspace, ref, task.auto_class) as loaded:
        return what_if(task.pipeline(loaded), values, key)


def look_inside(
    shelf: ModelShelf,
    workspace: Workspace,
    task: Task,
    ref: str,
    look: Callable[[Pipeline], Iterator[Any]],
    stop: threading.Event,
) -> Iterator[Loading | Seen]:
    """Loading, then a Seen for each thing that `look` gives, in the task's lane. Raises as `ask` does.

    Closing the iterator sets `stop`, which `look` is to heed.
    """

    def work(tell: Callable[[Any], None]) -> None:
        with shelf.lease(workspace, ref, task.auto_class, lambda *progress: tell(Loading(*progress))) as loaded:
            pipe = task.pipeline(loaded)
            tell(Loading("answer"))
            for what in look(pipe):
                tell(Seen(what))

    yield from _in_lane(task.lane, work, stop)


def take_turn(lane: Lane, work: Callable[[], T]) -> T:
    """What `work` gives, computed in a thread of the lane when its turn comes: a part of something longer."""
    return _threads(lane).submit(work).result()


@cache
def _threads(lane: Lane) -> ThreadPoolExecutor:
    """Kept, since each new thread that computes makes OpenMP threads of its own."""
    return ThreadPoolExecutor(LANES[lane], thread_name_prefix=f"lane-{lane}")


def _in_lane(lane: Lane, work: Callable[[Callable[[Any], None]], None], stop: threading.Event) -> Iterator[Any]:
    """Run `work` in a thread of the lane; yield what it tells, leaving out what is outdated when the reader is slow."""
    told: queue.SimpleQueue[Event | Seen | BaseException | None] = queue.SimpleQueue()

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
                return
            if isinstance(item, BaseException):
                raise item
    finally:
        stop.set()
