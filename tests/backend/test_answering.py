"""Asking models of the shelf, on tiny ones."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from backend import answering
from backend.answering import Loading, Reply, ask, inside
from backend.errors import UserError
from backend.models import ModelFacts, ModelShelf
from backend.settings import Settings
from backend.tasks import all_tasks
from backend.tasks.base import Bars, Text
from backend.workspace import Workspace


@pytest.fixture
def shelf(settings: Settings) -> ModelShelf:
    return ModelShelf(settings)


def test_an_answer_comes_after_the_loading_with_its_device_and_steps(
    shelf: ModelShelf, workspace: Workspace, tiny_classifier: Path
) -> None:
    task = all_tasks()["text-classification"]
    events = list(
        ask(
            shelf,
            workspace,
            task,
            f"folder:{tiny_classifier}",
            {"text": "good"},
            task.params(),
            threading.Event(),
            True,
        )
    )
    assert isinstance(events[0], Loading) and isinstance(events[-1], Reply)
    assert isinstance(events[-1].answer, Bars) and events[-1].finished and events[-1].steps
    assert events[-1].device == "cpu" and events[-1].seconds > 0


def test_a_text_streams_and_its_last_reply_is_finished(
    shelf: ModelShelf, workspace: Workspace, tiny_generator: Path
) -> None:
    task = all_tasks()["text-generation"]
    params = task.params(max_new_tokens=12, do_sample=False)
    events = list(
        ask(shelf, workspace, task, f"folder:{tiny_generator}", {"messages": "the film"}, params, threading.Event())
    )
    last = events[-1]
    assert isinstance(last, Reply) and last.finished and isinstance(last.answer, Text) and last.answer.tokens > 0


def test_stopping_ends_a_long_answer(shelf: ModelShelf, workspace: Workspace, tiny_generator: Path) -> None:
    task, stop = all_tasks()["text-generation"], threading.Event()
    params = task.params(max_new_tokens=200, seed=3)
    last: Reply | None = None
    for event in ask(shelf, workspace, task, f"folder:{tiny_generator}", {"messages": "the film"}, params, stop):
        if isinstance(event, Reply):
            last = event
            stop.set()
    assert last is not None and isinstance(last.answer, Text) and last.answer.stopped_by in ("person", "end")


def test_a_model_that_lacks_raises_where_it_was_asked_for(shelf: ModelShelf, workspace: Workspace) -> None:
    task = all_tasks()["text-classification"]
    with pytest.raises(UserError):
        list(ask(shelf, workspace, task, "folder:/nowhere", {"text": "x"}, task.params(), threading.Event()))


def test_who_asks_while_another_text_is_written_is_told_to_wait_and_may_leave_the_queue(
    shelf: ModelShelf, workspace: Workspace, tiny_generator: Path
) -> None:
    task, stop = all_tasks()["text-generation"], threading.Event()
    question = (shelf, workspace, task, f"folder:{tiny_generator}", {"messages": "the film"}, task.params())
    busy, free = threading.Event(), threading.Event()
    held = answering._threads("generate").submit(lambda: (busy.set(), free.wait(60)))
    busy.wait(60)
    phases = []
    for event in ask(*question, stop):
        phases.append(event)
        if event == Loading("turn"):
            stop.set()
    free.set()
    held.result()
    assert phases == [Loading(), Loading("turn")]
    assert isinstance(list(ask(*question, threading.Event()))[-1], Reply)


def test_the_steps_inside_can_be_asked_for_alone(
    shelf: ModelShelf, workspace: Workspace, tiny_classifier: Path
) -> None:
    task = all_tasks()["text-classification"]
    steps = inside(shelf, workspace, task, f"folder:{tiny_classifier}", {"text": "good"}, task.params())
    assert [step.key for step in steps][:2] == ["normalized", "tokens"]


def test_a_model_that_is_being_fetched_holds_up_no_answer_and_stop_ends_the_fetching(
    workspace: Workspace, settings: Settings, tiny_generator: Path
) -> None:
    begun, free = threading.Event(), threading.Event()

    class Slow(ModelShelf):
        """One model is elsewhere, and comes for as long as nobody stops it."""

        def is_here(self, workspace: Workspace, ref: str) -> bool:
            return ref != "hub:far/away" and super().is_here(workspace, ref)

        def resolve(self, workspace: Workspace, ref: str, progress: Any = None) -> ModelFacts:
            while ref == "hub:far/away":
                begun.set()
                free.wait(0.01)
                progress("download", 1, 100)
            return super().resolve(workspace, ref, progress)

    shelf, task, stop = Slow(settings), all_tasks()["text-generation"], threading.Event()
    asked, told = {"messages": "the film"}, list[object]()

    def wait_for_it() -> None:
        told.extend(ask(shelf, workspace, task, "hub:far/away", asked, task.params(), stop))

    first = threading.Thread(target=wait_for_it)
    first.start()
    assert begun.wait(20)
    params = task.params(max_new_tokens=2)
    *_, reply = ask(shelf, workspace, task, f"folder:{tiny_generator}", asked, params, threading.Event())
    assert isinstance(reply, Reply) and reply.finished and first.is_alive()
    stop.set()
    first.join(20)
    assert not first.is_alive() and told and all(isinstance(one, Loading) for one in told)
