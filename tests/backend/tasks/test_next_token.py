"""The next token: weighed as Transformers weighs it, drawn as the page draws it, and other roads."""

from __future__ import annotations

import threading
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from backend.errors import UserError
from backend.tasks import all_tasks
from backend.tasks.distribution import SHOWN, STORED, Place, place_of, weighed
from backend.tasks.next_token import LENGTH, look, three_ways
from backend.tasks.text_generation import GenerationParams

TASK = all_tasks()["text-generation"]
VALUES = {"messages": "the movie was great"}
PARAMS = GenerationParams(max_new_tokens=12, temperature=0.9, top_k=20, top_p=0.9)


def traced(writer: Any, params: GenerationParams, *road: Any) -> tuple[Place, ...]:
    """The places of a whole continuation."""
    *_, last = look(writer, VALUES, params, threading.Event(), *road)
    assert last.finished
    return last.places


def by_the_library(logits: Any, temperature: float, top_k: int, top_p: float) -> Any:
    """The shares of all tokens after Transformers' own warpers."""
    from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    scores = TemperatureLogitsWarper(temperature)(None, logits[None])
    scores = TopKLogitsWarper(top_k)(None, scores) if top_k else scores
    scores = TopPLogitsWarper(top_p)(None, scores) if top_p < 1 else scores
    return scores[0].softmax(-1)


@pytest.mark.parametrize("spread", [0.3, 1.0, 4.0])
def test_options_are_weighed_as_the_library_s_warpers_weigh_them(writer: Any, spread: float) -> None:
    import torch

    # Double: in single precision the library's own running sums are off in the sixth digit.
    logits = torch.randn(398, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * spread
    place = replace(place_of(writer, logits), taken=int(logits.argmin()), taken_rank=397)
    place = replace(place, taken_logit=float(logits.min() - logits.max()))
    for temperature, top_k, top_p in product(
        (0.05, 0.7, 1.0, 1.35, 2.0), (0, 1, 7, 50, STORED), (0.05, 0.5, 0.95, 1.0)
    ):
        shares = by_the_library(logits, temperature, top_k, top_p)
        options, allowed = weighed(place, temperature, top_k, top_p)
        assert allowed == int((shares > 0).sum()), (temperature, top_k, top_p)
        assert len(options) == SHOWN + 1
        assert [one.share for one in options] == pytest.approx([float(shares[one.token]) for one in options], abs=1e-9)
        assert [one.model for one in options] == pytest.approx(logits.softmax(-1)[[o.token for o in options]].tolist())


def test_each_place_holds_what_the_model_says_there(writer: Any) -> None:
    import torch

    params = replace(PARAMS, repetition_penalty=1.0)
    places = traced(writer, params)
    prompt = writer.tokenizer.apply_chat_template(
        [{"role": "user", "content": VALUES["messages"]}], add_generation_prompt=True, return_tensors="pt",
        return_dict=True,
    )["input_ids"]  # fmt: skip
    ids = torch.cat([prompt, torch.tensor([[one.taken for one in places]])], dim=1)
    with torch.inference_mode():
        shares = writer.model(ids).logits[0, prompt.shape[1] - 1 :].softmax(-1)
    for place, row in zip(places, shares, strict=False):
        options, _ = weighed(place, 1.0, 0, 1.0)
        assert [one.model for one in options] == pytest.approx(row[[one.token for one in options]].tolist(), abs=1e-5)
        assert sum(one.taken for one in options) == 1 and options[0].likeliest
        assert options[0].token == int(row.argmax())


@pytest.mark.parametrize("params", [PARAMS, replace(PARAMS, do_sample=False), replace(PARAMS, seed=5)])
def test_the_tokens_are_those_of_the_page_s_answer(writer: Any, params: GenerationParams) -> None:
    written = writer.tokenizer.decode([one.taken for one in traced(writer, params)], skip_special_tokens=True)
    assert written == TASK.run(writer, VALUES, params).text


def test_greedy_takes_the_likeliest_everywhere_and_a_long_answer_is_looked_at_from_its_beginning(writer: Any) -> None:
    places = traced(writer, GenerationParams(do_sample=False, max_new_tokens=100))
    assert {one.taken_rank for one in places} == {0} and len(places) <= LENGTH


def test_the_road_not_taken_goes_on_from_the_token_that_was_clicked(writer: Any) -> None:
    greedy = replace(PARAMS, do_sample=False)
    places = traced(writer, greedy)
    other = places[2].ids[3]
    road = traced(writer, greedy, places[:3], other)
    assert [one.taken for one in road[:3]] == [places[0].taken, places[1].taken, other]
    assert (road[2].taken_rank, len(road)) == (3, len(places))
    # The same as if the model had been given these tokens in the first place.
    again = traced(writer, greedy, places[:3], other)
    assert [one.taken for one in again] == [one.taken for one in road]
    assert [one.logits.tolist() for one in road[:2]] == [one.logits.tolist() for one in places[:2]]


def test_an_end_token_ends_the_road(writer: Any) -> None:
    places = traced(writer, PARAMS)
    end = writer.model.generation_config.eos_token_id
    place = replace(places[0], ids=(*places[0].ids[:9], end), texts=places[0].texts)
    assert [one.taken for one in traced(writer, PARAMS, (place,), end)] == [end]


def test_a_token_that_was_never_there_is_refused(writer: Any) -> None:
    places = traced(writer, PARAMS)
    with pytest.raises(UserError) as caught:
        traced(writer, PARAMS, places[:1], 10**6)
    assert caught.value.key == "next_token.not_there"


def test_told_to_stop_it_ends_within_a_token(writer: Any) -> None:
    # Set before the first token: a tiny model is several ahead of whoever looks.
    (stop := threading.Event()).set()
    traces = [*look(writer, VALUES, GenerationParams(max_new_tokens=LENGTH, do_sample=False), stop)]
    assert all(len(trace.places) <= 1 for trace in traces)


def test_three_ways_of_choosing_and_beams_find_what_is_likelier(writer: Any) -> None:
    *_, ways = three_ways(writer, VALUES, PARAMS, threading.Event())
    assert [one.way for one in ways] == ["greedy", "sampling", "beams"]
    greedy, sampling, beams = ways
    assert all(one.log_probability < 0 and 0 < one.tokens <= 12 for one in ways)
    assert beams.log_probability / beams.tokens >= greedy.log_probability / greedy.tokens - 1e-3
    assert greedy.text == TASK.run(writer, VALUES, replace(PARAMS, do_sample=False, repetition_penalty=1.0)).text
    assert sampling.text == TASK.run(writer, VALUES, replace(PARAMS, repetition_penalty=1.0)).text
    stopped = threading.Event()
    stopped.set()
    assert list(three_ways(writer, VALUES, PARAMS, stopped)) == []


def test_no_text_is_told(writer: Any) -> None:
    with pytest.raises(UserError) as caught:
        list(look(writer, {"messages": " "}, PARAMS, threading.Event()))
    assert caught.value.key == "tasks.empty_text"
