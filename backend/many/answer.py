"""Answering a job: batch by batch from its texts into its folder.

What computes is the lane's thread, a batch at a time: in between, single questions have their turn.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from backend.answering import Loading, take_turn
from backend.data.describe import evenly, unknown_in
from backend.many.job import Job, JobFolder, JobSpec, State, Status, Texts
from backend.models import ModelShelf
from backend.tasks import all_tasks
from backend.tasks.base import UNREAD
from backend.tasks.context import encodable, tokenizer_of
from backend.warm import libraries, libraries_are_in
from backend.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np

_TURN_SECONDS = 0.25
_LOOK_SECONDS = 0.2
# A text costs about its length, up to where models cut it, and a little more.
_COST_MOST, _COST_LEAST = 2000, 50
# So many texts show which tokens the model does not know.
_LOOKED_AT = 200


@dataclass(slots=True)
class Live:
    """A job that has not ended, as its thread knows it."""

    workspace: Workspace
    folder: JobFolder
    spec: JobSpec
    status: Status
    loading: Loading | None = None
    share: float = 0.0
    """Part (0-1) of the work of this go that is done."""
    seconds: float = 0.0
    """Time of answering of this go."""
    ended: threading.Event = field(default_factory=threading.Event)
    places: np.ndarray | None = None
    """As JobFolder.places; None before the first answer."""

    def keep(self, answers: Mapping[int, Mapping[str, Any]]) -> None:
        """Write answers by index, and count those of texts that are too long."""
        assert self.places is not None
        for index, place in self.folder.append(answers).items():
            self.places[index] = place
        cut = sum(1 for row in answers.values() if row.get(UNREAD))
        self.status = replace(self.status, cut=self.status.cut + cut)


def seen(live: Live) -> Job:
    """What a page sees of a job under way."""
    left = live.seconds / live.share * (1 - live.share) if live.share > 0.01 and live.seconds > 1 else None
    return Job(
        spec=live.spec,
        state=live.status.state,
        done=live.status.done,
        cut=live.status.cut,
        unknown=live.status.unknown,
        seconds=live.status.seconds + live.seconds,
        seconds_left=left,
        device=live.status.device,
        loading=live.loading,
    )


def answer(shelf: ModelShelf, live: Live) -> State:
    """Answer what is not answered yet, batch by batch into the folder. Raises what loading and answering raise."""
    spec, folder = live.spec, live.folder
    task = all_tasks()[spec.task]
    first, second = folder.columns()
    live.places = folder.places(spec.rows)
    answered = live.places >= 0
    chosen = (~answered).nonzero()[0]
    cost = _costs(first)[chosen]
    whole, spent = max(1, int(cost.sum())), 0
    met: dict[int, Mapping[str, Any]] = {}
    live.status = replace(live.status, state=State.LOADING, done=int(answered.sum()), cut=folder.cut())
    live.loading = Loading("load" if libraries_are_in() else "libraries")
    libraries()

    def loading(*progress: Any) -> None:
        live.loading = Loading(*progress)

    params = task.params(**spec.params)
    lease = shelf.lease(live.workspace, spec.model_ref, task.auto_class, loading, params.device, params.dtype)
    with lease as loaded, _heeded(folder) as stop:
        pipe = task.pipeline(loaded)
        live.loading = None
        unknown = _unknown(tokenizer_of(pipe), [first] if second is None else [first, second])
        live.status = replace(live.status, state=State.ANSWERING, device=str(pipe.device.type), unknown=unknown)
        texts, pairs = Texts(first, chosen.tolist()), Texts(second, chosen.tolist()) if second is not None else ()
        # Only what writes can be stopped within an answer.
        told: dict[str, Any] = {"stop": stop} if task.streams else {}
        rows = task.batch(pipe, texts, params, pairs, **told)
        began = time.perf_counter()
        while not folder.stops:
            got, more = take_turn(task.lane, lambda: _some(rows))
            news = {int(chosen[place]): row for place, row in got}
            # What is told before all have met is no answer.
            if task.compares:
                met |= news
            else:
                live.keep(news)
            for place, _ in got:
                spent += 0 if answered[chosen[place]] else int(cost[place])
                answered[chosen[place]] = True
            live.status = replace(live.status, done=int(answered.sum()))
            live.seconds, live.share = time.perf_counter() - began, min(1.0, spent / whole)
            if not more and stop.is_set() and not answered.all():
                break
            if not more:
                live.keep(met)
                return State.DONE
    return State.STOPPED


@contextmanager
def _heeded(folder: JobFolder) -> Iterator[threading.Event]:
    """An event that is set soon after a person asked the job to stop: a batch that is being computed ends by it."""
    stop, over = threading.Event(), threading.Event()

    def watch() -> None:
        while not over.wait(_LOOK_SECONDS):
            if folder.stops:
                stop.set()
                return

    watcher = threading.Thread(target=watch, name="many-stop", daemon=True)
    watcher.start()
    try:
        yield stop
    finally:
        over.set()
        watcher.join()


def _some(rows: Iterator[tuple[int, Mapping[str, Any]]]) -> tuple[list[tuple[int, Mapping[str, Any]]], bool]:
    """(the next answers, whether there may be more): as many as come in _TURN_SECONDS, at least one."""
    until, got = time.perf_counter() + _TURN_SECONDS, []
    for row in rows:
        got.append(row)
        if time.perf_counter() >= until:
            return got, True
    return got, False


def _unknown(tokenizer: Any, columns: Sequence[Any]) -> float:
    """Share (0-1) of tokens that the tokenizer does not know, of some of the texts, spread evenly over them."""
    places = evenly(len(columns[0]), _LOOKED_AT).tolist()
    some = [encodable(texts[place].as_py()[:_COST_MOST]) for texts in columns for place in places]
    return unknown_in(tokenizer(some, verbose=False)["input_ids"], tokenizer)


def _costs(texts: Any) -> np.ndarray:
    """int64 (rows,): what each text costs, in characters."""
    import numpy as np
    import pyarrow.compute as pc

    costs: np.ndarray = np.minimum(pc.utf8_length(texts).to_numpy(), _COST_MOST).astype(np.int64) + _COST_LEAST
    return costs
