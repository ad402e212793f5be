"""Text generation streams, stops within a token, draws from its own generator, and gives code that writes the same."""

from __future__ import annotations

import threading
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from backend.errors import UserError
from backend.settings import Settings
from backend.tasks import all_tasks
from backend.tasks.base import Text
from backend.tasks.text_generation import GenerationParams
from tests.backend.tasks.conftest import opened
from tests.plain_python import printed

TASK = all_tasks()["text-generation"]
ASKED = {"messages": "tell a good story"}


def collected(pipe: Any, params: GenerationParams, values: Any = ASKED) -> list[Text]:
    return list(TASK.stream(pipe, values, params, threading.Event()))


def test_the_stream_grows_token_by_token_and_ends_with_the_whole_answer(writer: Any) -> None:
    params = GenerationParams(max_new_tokens=12, seed=3)
    parts = collected(writer, params)
    assert [part.tokens for part in parts[:-1]] == list(range(1, parts[-1].tokens + 1))
    assert [part.finished for part in parts] == [False] * (len(parts) - 1) + [True]
    assert parts[-1] == TASK.run(writer, ASKED, params)


def test_an_answer_at_its_longest_says_so(writer: Any) -> None:
    answer = TASK.run(writer, ASKED, GenerationParams(max_new_tokens=5, do_sample=False))
    assert (answer.tokens, answer.stopped_by) == (5, "length")


def test_an_answer_that_ends_by_itself_says_so(writer: Any) -> None:
    # Any token ends it: the model need not be taught to.
    kept = writer.model.generation_config.eos_token_id
    writer.model.generation_config.eos_token_id = list(range(400))
    try:
        answer = TASK.run(writer, ASKED, GenerationParams(max_new_tokens=5, do_sample=False))
    finally:
        writer.model.generation_config.eos_token_id = kept
    assert (answer.tokens, answer.stopped_by) == (1, "end")


def test_stop_ends_the_answer_within_a_token_and_keeps_what_was_written(writer: Any) -> None:
    stop = threading.Event()
    computed = []

    def count(*_: Any) -> None:
        computed.append(None)
        if len(computed) == 3:
            stop.set()

    hook = writer.model.lm_head.register_forward_hook(count)
    try:
        last = list(TASK.stream(writer, ASKED, GenerationParams(max_new_tokens=200, do_sample=False), stop))[-1]
    finally:
        hook.remove()
    assert (last.tokens, last.stopped_by, last.finished) == (3, "person", True)
    assert last.text == TASK.run(writer, ASKED, GenerationParams(max_new_tokens=3, do_sample=False)).text


def test_a_stop_that_came_first_leaves_one_token(writer: Any) -> None:
    stop = threading.Event()
    stop.set()
    last = list(TASK.stream(writer, ASKED, GenerationParams(max_new_tokens=200, do_sample=False), stop))[-1]
    assert (last.tokens, last.stopped_by) == (1, "person")


def test_a_page_that_goes_away_ends_the_writing(writer: Any) -> None:
    before = set(threading.enumerate())
    stream = TASK.stream(writer, ASKED, GenerationParams(max_new_tokens=200, do_sample=False), threading.Event())
    list(islice(stream, 2))
    stream.close()
    assert set(threading.enumerate()) <= before


def test_an_error_while_writing_reaches_whoever_asked(writer: Any) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("out of memory")

    hook = writer.model.lm_head.register_forward_hook(fail)
    try:
        with pytest.raises(RuntimeError, match="out of memory"):
            collected(writer, GenerationParams(max_new_tokens=3))
    finally:
        hook.remove()


def test_the_same_seed_writes_the_same_and_another_seed_something_else(writer: Any) -> None:
    first, again, other = (TASK.run(writer, ASKED, GenerationParams(max_new_tokens=20, seed=s)) for s in (1, 1, 2))
    assert first == again and first != other


def test_sampling_leaves_the_process_wide_generator_alone(writer: Any) -> None:
    import torch

    before = torch.random.get_rng_state()
    TASK.run(writer, ASKED, GenerationParams(max_new_tokens=10))
    assert torch.equal(before, torch.random.get_rng_state())


def test_the_snippet_prints_the_answer_drawn_or_likeliest_chat_or_bare(
    settings: Settings, tiny_generator: Path
) -> None:
    chat = {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": 'a "good"\nfilm'}]},
            {"role": "assistant", "content": "yes"},
            {"role": "user", "content": "为什么？"},
        ]
    }
    asked: list[tuple[dict[str, Any], GenerationParams]] = [
        (ASKED, GenerationParams(max_new_tokens=15, seed=5)),
        (ASKED, GenerationParams(max_new_tokens=15, do_sample=False, mode="complete")),
        (ASKED, GenerationParams(max_new_tokens=15, temperature=1.0, top_k=0, top_p=1.0, repetition_penalty=1.0)),
        (chat, GenerationParams(max_new_tokens=15, system="be short", mode="chat", seed=9, top_k=3)),
        (ASKED, GenerationParams(max_new_tokens=15, num_return_sequences=3, seed=2)),
        (ASKED, GenerationParams(max_new_tokens=15, do_sample=False, num_beams=3, num_return_sequences=2)),
        (
            ASKED,
            GenerationParams(max_new_tokens=9, min_new_tokens=9, do_sample=False, num_beams=2, length_penalty=-1.0),
        ),
    ]
    codes = [TASK.snippet(str(tiny_generator), values, params) for values, params in asked]
    with opened(settings, "text-generation", f"folder:{tiny_generator}") as pipe:
        answers = [TASK.run(pipe, values, params) for values, params in asked]
    said = ["".join(f"{text}\n" for text in (one.text, *one.others)) for one in answers]
    assert [printed(code) for code in codes] == said
    assert [len(one.others) for one in answers] == [0, 0, 0, 0, 2, 1, 0] and answers[-1].tokens == 9


def test_several_answers_come_whole_and_the_quick_way_writes_one(writer: Any) -> None:
    params = GenerationParams(max_new_tokens=12, num_return_sequences=3, seed=4)
    seen = list(TASK.stream(writer, ASKED, params, threading.Event()))
    assert len(seen) == 1 and seen[0].finished and len({seen[0].text, *seen[0].others}) == 3
    for wrong in (
        {"do_sample": False, "num_return_sequences": 2},
        {"min_new_tokens": 30, "max_new_tokens": 20},
        {"engine": "quick", "num_return_sequences": 2},
        {"engine": "quick", "do_sample": False, "num_beams": 2},
    ):
        with pytest.raises(UserError):
            GenerationParams(**wrong)


def test_of_many_texts_one_that_has_no_room_has_an_empty_answer(writer: Any) -> None:
    params = GenerationParams(max_new_tokens=4, num_return_sequences=2)
    rows = dict(TASK.batch(writer, ["the film", "good " * 5000], params))
    assert rows[1]["answer"] == "" and rows[0]["tokens"] and "answer_2" in rows[0]


def test_a_chat_is_put_through_the_template_with_its_instructions(writer: Any) -> None:
    steps = {step.key: step for step in TASK.steps(writer, ASKED, GenerationParams(system="be kind", max_new_tokens=9))}
    assert "\n".join(steps["template"].lines).startswith("<|im_start|>system\nbe kind<|im_end|>\n<|im_start|>user")
    assert {"tokens", "tensors", "next_logits", "next_probabilities"} < set(steps)


def test_continuing_a_text_adds_nothing_to_it(writer: Any) -> None:
    steps = {step.key: step for step in TASK.steps(writer, ASKED, GenerationParams(mode="complete"))}
    assert "template" not in steps and "im_start" not in steps["tokens"].lines[0]


def test_a_model_without_a_template_continues_and_refuses_to_chat(writer: Any) -> None:
    template, writer.tokenizer.chat_template = writer.tokenizer.chat_template, None
    try:
        assert TASK.run(writer, ASKED, GenerationParams(max_new_tokens=2)).tokens
        with pytest.raises(UserError) as caught:
            TASK.run(writer, ASKED, GenerationParams(max_new_tokens=2, mode="chat"))
    finally:
        writer.tokenizer.chat_template = template
    assert caught.value.key == "tasks.no_chat_template"


def test_a_text_that_leaves_no_room_for_the_answer_is_told_with_its_numbers(writer: Any) -> None:
    with pytest.raises(UserError) as caught:
        TASK.run(writer, {"messages": "good " * 20_000}, GenerationParams(max_new_tokens=50))
    assert caught.value.key == "tasks.prompt_too_long"
    assert caught.value.values["limit"] == 256 and caught.value.values["wanted"] == 50


@pytest.mark.parametrize("messages", ["", " ", [], None, [{"role": "user", "content": ""}]])
def test_no_message_is_told(writer: Any, messages: Any) -> None:
    with pytest.raises(UserError) as caught:
        TASK.run(writer, {"messages": messages}, GenerationParams())
    assert caught.value.key == "tasks.empty_text"


def test_a_chat_that_does_not_end_with_the_person_is_told(writer: Any) -> None:
    with pytest.raises(UserError) as caught:
        TASK.run(writer, {"messages": [{"role": "assistant", "content": "hello"}]}, GenerationParams())
    assert caught.value.key == "tasks.bad_chat"


def test_a_batch_answers_each_text_as_the_page_does(writer: Any) -> None:
    params = GenerationParams(max_new_tokens=4)
    rows = dict(TASK.batch(writer, ["a good story", "", "no"], params))
    assert rows[0]["answer"] == TASK.run(writer, {"messages": "a good story"}, params).text
    assert rows[1] == {"answer": "", "tokens": 0, "stopped_by": ""}


def test_a_batch_ends_within_a_token_and_leaves_out_what_it_was_at(writer: Any) -> None:
    stop, passes = threading.Event(), list[int]()

    def stop_soon(*_: Any) -> None:
        passes.append(1)
        if len(passes) == 55:
            stop.set()

    watched = writer.model.model.register_forward_hook(stop_soon)
    params = GenerationParams(max_new_tokens=50, do_sample=False)
    try:
        rows = dict(TASK.batch(writer, ["good", "a good story", ""], params, stop=stop))
    finally:
        watched.remove()
    assert sorted(rows) == [0, 2] and rows[0]["tokens"] == 50 and len(passes) < 60


@pytest.mark.parametrize("reason", ["System role not supported", "Conversation roles must alternate"])
def test_a_template_that_refuses_a_chat_is_quoted(writer: Any, monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
    template = "{{ raise_exception('" + reason + "') }}"
    monkeypatch.setattr(writer.tokenizer, "chat_template", template)
    with pytest.raises(UserError) as caught:
        TASK.run(writer, {"messages": "hi"}, GenerationParams(system="be kind"))
    assert caught.value.key == "tasks.template_refuses" and reason in caught.value.what("zh-CN")


def test_half_an_emoji_is_read_as_a_question_mark(writer: Any) -> None:
    params = GenerationParams(max_new_tokens=4, do_sample=False)
    assert TASK.run(writer, {"messages": "good \ud83d"}, params) == TASK.run(writer, {"messages": "good ?"}, params)


def test_a_setting_outside_its_limits_is_named() -> None:
    with pytest.raises(UserError) as caught:
        GenerationParams(temperature=9.0)
    assert caught.value.key == "tasks.too_large" and caught.value.values["name"] == "temperature"


def test_the_starter_answers_a_question(settings: Settings, starter_root: Path) -> None:
    with opened(settings, "text-generation", "starter:SmolLM2-135M-Instruct") as pipe:
        values = {"messages": "What is the capital of France? Answer with one word."}
        answer = TASK.run(pipe, values, GenerationParams(max_new_tokens=8, do_sample=False))
    assert "Paris" in answer.text
