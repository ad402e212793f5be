"""An address holds task, model and input, fills them in again, and junk in it changes nothing."""

from __future__ import annotations

import gradio as gr
import pytest

from backend.tasks import all_tasks
from ui import playground_tab
from ui.playground import sharing
from ui.visitor import Services, enter, typed_before

TASK = all_tasks()["text-classification"]
MARKS = 'a&b=c #1 + "2" 100% ?\n房间很干净 🙂'


def test_what_an_address_holds_is_what_it_fills_in(services: Services) -> None:
    query, left_out = sharing.query_of(TASK, "hub:owner/name", {"text": MARKS, "text_pair": None})
    link = sharing.read("?" + query, services)
    assert link == sharing.Link(TASK.name, "hub:owner/name", {"inputs.text": MARKS}) and not left_out
    assert query.isascii() and "&" not in query.partition("text=")[2]


def test_every_input_of_a_task_goes_along(services: Services) -> None:
    task = all_tasks()["zero-shot-classification"]
    values = {"text": "a", "labels": "x, y", "template": "It is {}."}
    link = sharing.read(sharing.query_of(task, "starter:x", values)[0], services)
    assert link is not None and link.given == {f"inputs.{name}": text for name, text in values.items()}


def test_of_a_chat_the_address_holds_what_was_said_last(services: Services) -> None:
    task = all_tasks()["text-generation"]
    chat = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    link = sharing.read(sharing.query_of(task, "starter:x", {"messages": chat})[0], services)
    assert link is not None and link.given == {"inputs.messages": "c"}


@pytest.mark.parametrize("text", ["a" * 2_001, "房" * 800])
def test_a_text_too_long_for_an_address_is_left_out_and_that_is_known(text: str, services: Services) -> None:
    query, left_out = sharing.query_of(TASK, "starter:x", {"text": text, "text_pair": "short"})
    link = sharing.read(query, services)
    assert left_out and link is not None and link.given == {"inputs.text_pair": "short"} and link.model == "starter:x"
    assert len(query) < 8_000


@pytest.mark.parametrize(
    "query",
    ["", "?", "?__theme=dark", "?task=cooking&text=a", "?text=a", "?task", "?" + "a=b&" * 99, "?task=%FF%00&model=%%"],
)
def test_junk_in_an_address_changes_nothing(query: str, services: Services) -> None:
    assert sharing.read(query, services) is None


def test_what_cannot_be_a_model_is_none(services: Services) -> None:
    link = sharing.read(f"?task={TASK.name}&model=%3Cscript%3E&text=a", services)
    assert link == sharing.Link(TASK.name, None, {"inputs.text": "a"})


def test_a_model_that_is_not_here_is_said_in_the_card_and_stays_in_its_box(services: Services) -> None:
    enter("s", "en", "")
    request = gr.Request(session_hash="s")
    link = sharing.read(f"?task={TASK.name}&model=hub:owner/name&text=a", services)
    assert link is not None
    card = sharing.missing(link, services, request)
    assert "owner/name" in card and "error-card" in card
    kept = {"kept": {link.task: dict(link.given)}, "models": {link.task: link.model}}
    updates = playground_tab.show_task(services, request, link.task, kept, card)
    assert updates[1]["kept"][TASK.name] == {"inputs.text": "a"}
    assert updates[2].value == "hub:owner/name" and updates[3].value == card


def test_the_address_comes_with_what_the_browser_says() -> None:
    assert typed_before('{"address": "?task=fill-mask"}') == {"address": "?task=fill-mask"}
