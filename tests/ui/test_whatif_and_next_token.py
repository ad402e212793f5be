"""What the switches and the chances of a token look like, and what their handlers give for a real model."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from backend.errors import UserError
from backend.tasks import all_tasks
from backend.tasks.whatif import WhatIf
from ui.playground import next_token, next_token_view, whatif
from ui.playground.asking import Stops
from ui.visitor import Services, enter

VALUES = {"messages": "the <b>movie</b> was great"}
WEIGHTS = {"temperature": 1.0, "top_k": 0, "top_p": 1.0}


@pytest.fixture
def page(services: Services, tiny_generator: Path) -> Iterator[Any]:
    """(handlers by name, widgets, what was asked last, request)."""
    enter("n", "en", "")
    params = all_tasks()["text-generation"].params(max_new_tokens=6, do_sample=False)
    with gr.Blocks() as blocks:
        rail, asked = gr.Radio(sorted(all_tasks())), gr.State(None)
        parts = next_token.build()
        next_token.wire(parts, rail, asked, services, Stops())
    handlers = {one.fn.__name__: one.fn for one in blocks.fns.values() if one.fn}
    yield handlers, parts, ("text-generation", f"folder:{tiny_generator}", VALUES, params), gr.Request(session_hash="n")


def last(updates: Iterator[dict[Any, Any]], widget: Any) -> Any:
    """What a widget shows in the end."""
    return [one[widget] for one in updates if widget in one][-1]


class Clicked:
    """What a click in HTML tells."""

    def __init__(self, **data: str) -> None:
        self._data = data


def test_a_look_draws_the_tokens_their_chances_and_then_another_road(page: Any) -> None:
    handlers, parts, asked, request = page
    updates = list(handlers["run"](asked, request))
    looked = last(iter(updates), parts.looked)
    trace = looked.trace
    view, bars = last(iter(updates), parts.view), last(iter(updates), parts.bars)
    assert view.count("data-place=") == len(trace.places) == 6 and bars.count("data-token=") == 10
    assert "likeliest" in bars and "taken" in bars and last(iter(updates), parts.run).interactive
    # The answer took the likeliest: its sliders weigh nothing.
    assert [last(iter(updates), one) for one in parts.weights.values()] == [1.0, 0, 1.0]
    number, view, bars = handlers["choose"](Clicked(place="2"), looked, 1.0, 0.0, 1.0, request)
    assert number == 2 and 'data-place="2" aria-pressed="true"' in view and "Chances of token 3" in bars
    assert "1 of" in handlers["weigh"](looked, 2, 1.0, 1, 1.0, request)
    token = trace.places[2].ids[4]
    # A slider at its end gives a whole number.
    road = last(handlers["take_road"](Clicked(token=str(token)), looked, 2, 2, 0, 1, request), parts.looked).trace
    assert [one.taken for one in road.places[:3]] == [*(one.taken for one in trace.places[:2]), token]


def test_three_ways_stand_side_by_side(page: Any) -> None:
    handlers, parts, asked, request = page
    table = last(handlers["compare"](asked, request), parts.compared)
    assert table.count("<tr>") == 4 and all(name in table for name in ("Greedy", "Sampling", "Beams"))


def test_what_fails_stands_where_the_numbers_would_and_the_buttons_come_back(page: Any) -> None:
    handlers, parts, asked, request = page
    updates = list(handlers["run"]((asked[0], "hub:owner/not-here", *asked[2:]), request))
    assert "owner/not-here" in last(iter(updates), parts.waiting) and last(iter(updates), parts.run).interactive


def test_without_an_answer_there_is_nothing_to_look_at(page: Any) -> None:
    handlers, _, asked, request = page
    for before in (None, ("text-classification", *asked[1:])):
        with pytest.raises(gr.Error, match="no answer yet"):
            list(handlers["run"](before, request))


def test_the_fold_is_there_for_tasks_that_write_on(page: Any) -> None:
    show = page[0]["show_fold"]
    assert [name for name in all_tasks() if show(name).visible] == ["text-generation"] and not show(None).visible


def test_texts_of_models_are_escaped_and_spaces_are_seen() -> None:
    assert next_token_view._visible(" <i>\n") == "·&lt;i&gt;↵"
    found = WhatIf("batch", ("alone", "in_batch"), (("=tokens", "1", "2"), ("<i>", "<b>", "3")), "a < b", 0.5)
    for locale in ("en", "zh-CN"):
        shown = whatif.render(found, locale)
        assert "<i>" not in shown and "a &lt; b" in shown and "0.5" in shown


def test_a_switch_asks_the_last_text_again(services: Services, tiny_classifier: Path) -> None:
    enter("w", "en", "")
    request = gr.Request(session_hash="w")
    with gr.Blocks() as blocks:
        asked, parts = gr.State(None), whatif.build()
        whatif.wire(parts, asked, services)
    handlers = {one.fn.__name__: one.fn for one in blocks.fns.values() if one.fn}
    task = all_tasks()["text-classification"]
    before = (task.name, f"folder:{tiny_classifier}", {"text": "a good film"}, task.params())
    put_back = whatif.put_back(parts, task)
    assert len(put_back[parts.switch].choices) == 4 and not put_back[parts.place].visible and put_back[parts.view] == ""
    assert "padding" in handlers["ask_again"]("batch", before, request)
    empty = (*before[:2], {"text": " "}, before[3])
    assert "error-card" in handlers["ask_again"]("mask", empty, request)


def test_stopping_ends_a_look(page: Any) -> None:
    handlers, _, asked, request = page
    running = handlers["run"](asked, request)
    next(running)
    assert handlers["stop"](request).interactive is False
    thread = threading.Thread(target=lambda: list(running))
    thread.start()
    thread.join(60)
    assert not thread.is_alive()


def test_an_unknown_settings_kind_is_refused() -> None:
    with pytest.raises(UserError) as caught:
        next_token._settings(None)
    assert caught.value.key == "next_token.nothing"
