"""What the pipelines promise, on models built here."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from backend import pipelines
from benchmarks._pipelines_models import fill
from tests import tiny

CONTEXT = "the film was good. the book was bad and not very good. we love music and sport."
LONG = " ".join(f"story {i} was great fine and dull." for i in range(60)) + " they hate the market news"


@pytest.fixture(scope="module")
def qa(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Question answering by a BERT of width 16."""
    folder = tmp_path_factory.mktemp("qa")
    tiny.save_wordpiece_tokenizer(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=128,
    )
    fill(transformers.BertForQuestionAnswering(config)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    pipelines.register()
    return transformers.pipeline("question-answering", model=str(folder), device="cpu")


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A T5 of width 16 that knows prefixes, over the same tokenizer."""
    folder = tmp_path_factory.mktemp("writer")
    tiny.save_wordpiece_tokenizer(folder)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    config = transformers.T5Config(
        vocab_size=len(tokenizer),
        d_model=16,
        d_kv=8,
        d_ff=32,
        num_layers=1,
        num_heads=2,
        decoder_start_token_id=0,
        pad_token_id=0,
        eos_token_id=3,
        task_specific_params={
            "summarization": {"prefix": "story ", "max_new_tokens": 6},
            "translation_en_to_de": {"prefix": "book ", "max_new_tokens": 6},
        },
    )
    fill(transformers.T5ForConditionalGeneration(config)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    pipelines.register()
    return folder


def test_registering_twice_changes_nothing() -> None:
    pipelines.register()
    registry = transformers.pipelines.PIPELINE_REGISTRY
    before = (dict(registry.supported_tasks), registry.check_task)
    pipelines.register()
    assert (dict(registry.supported_tasks), registry.check_task) == before
    assert set(pipelines.TASKS) <= set(registry.get_supported_tasks())


def test_a_language_pair_is_read_from_the_name_and_others_stay_unknown() -> None:
    pipelines.register()
    name, found, pair = transformers.pipelines.check_task("translation_en_to_de")
    assert (name, found["impl"].__name__, pair) == ("translation", "TranslationPipeline", ("en", "de"))
    for wrong in ("translation_en", "translation_nonsense", "question-answerin"):
        with pytest.raises(KeyError, match=wrong):
            transformers.pipelines.check_task(wrong)


def test_an_answer_is_the_text_in_its_place_and_the_best_comes_first(qa: Any) -> None:
    answers = qa(question="what was good?", context=CONTEXT, top_k=5)
    assert len(answers) == 5
    assert all(CONTEXT[one["start"] : one["end"]] == one["answer"] != "" for one in answers)
    scores = [one["score"] for one in answers]
    assert scores == sorted(scores, reverse=True) and all(0 <= score <= 1 for score in scores)
    assert len({one["answer"].lower() for one in answers}) == 5


def test_windows_reach_the_end_of_a_long_context(qa: Any) -> None:
    windows = list(qa.preprocess({"question": "who?", "context": LONG}, max_seq_len=40, doc_stride=8))
    assert [window["is_last"] for window in windows] == [False] * (len(windows) - 1) + [True]
    covered = set()
    for window in windows:
        for (start, stop), part in zip(window["encoding"].offsets, window["encoding"].sequence_ids, strict=True):
            covered |= set(range(start, stop)) if part == 1 else set()
    assert covered == {place for place, letter in enumerate(LONG) if letter != " "}


def test_a_batch_answers_as_one_by_one(qa: Any) -> None:
    asked = {"question": ["who?", "what was bad?", "where?"], "context": [CONTEXT, LONG, CONTEXT]}
    alone, together = (qa(**asked, batch_size=size, max_seq_len=48, top_k=2) for size in (1, 5))
    for one, other in zip(alone, together, strict=True):
        assert [a["answer"] for a in one] == [a["answer"] for a in other]
        assert [a["score"] for a in one] == pytest.approx([a["score"] for a in other], abs=1e-5)


def test_no_answer_is_one_of_the_answers_where_that_is_asked_for(qa: Any) -> None:
    answers = qa(question="who?", context=CONTEXT, top_k=1000, handle_impossible_answer=True)
    assert {"start": 0, "end": 0, "answer": ""}.items() <= next(a for a in answers if a["answer"] == "").items()


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({}, ValueError),
        ({"question": "who?"}, ValueError),
        ({"question": "who?", "context": ""}, ValueError),
        ({"question": "", "context": CONTEXT}, ValueError),
        ({"data": {"question": "who?"}}, KeyError),
        ({"question": ["who?", "what?"], "context": [CONTEXT]}, ValueError),
        ({"question": "who?", "context": CONTEXT, "top_k": 0}, ValueError),
        ({"question": "who?", "context": LONG, "max_seq_len": 30, "doc_stride": 31}, ValueError),
    ],
)
def test_what_cannot_be_asked_is_refused(qa: Any, asked: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        qa(**asked)


def test_a_saved_pipeline_carries_no_code(qa: Any, tmp_path: Path) -> None:
    qa.save_pretrained(tmp_path)
    assert not list(tmp_path.glob("*.py"))
    again = transformers.pipeline("question-answering", model=str(tmp_path), device="cpu")
    assert again("who?", CONTEXT) == qa("who?", CONTEXT)


def test_the_prefix_of_the_task_goes_before_every_text(writer: Path) -> None:
    plain = transformers.pipeline("text2text-generation", model=str(writer), device="cpu")
    for task, prefix, key in (
        ("summarization", "story ", "summary_text"),
        ("translation_en_to_de", "book ", "translation_text"),
    ):
        pipe = transformers.pipeline(task, model=plain.model, tokenizer=plain.tokenizer, device="cpu")
        expected = plain(prefix + CONTEXT, max_new_tokens=6)[0]["generated_text"]
        assert pipe(CONTEXT) == [{key: expected}]
        assert pipe([CONTEXT, CONTEXT]) == [{key: expected}] * 2


def test_translation_without_languages_takes_the_first_pair_and_says_so(writer: Path) -> None:
    with pytest.warns(UserWarning, match="translation_en_to_de"):
        pipe = transformers.pipeline("translation", model=str(writer), device="cpu")
    assert (pipe.task, pipe.prefix) == ("translation_en_to_de", "book ")


def test_several_texts_for_one(writer: Path) -> None:
    pipe = transformers.pipeline("text2text-generation", model=str(writer), device="cpu", max_new_tokens=5)
    both = pipe([CONTEXT, "the film"], num_beams=3, num_return_sequences=2)
    assert [len(records) for records in both] == [2, 2]
    tensors = pipe("the film", num_beams=3, num_return_sequences=2, return_tensors=True)
    assert all(isinstance(record["generated_token_ids"], torch.Tensor) for record in tensors)
    assert pipe([]) == []


@pytest.mark.filterwarnings("ignore:Unfeasible length constraints")
def test_lengths_that_do_not_fit_are_warned_of(writer: Path, caplog: pytest.LogCaptureFixture) -> None:
    pipe = transformers.pipeline("summarization", model=str(writer), device="cpu")
    with caplog.at_level(logging.WARNING, logger="backend.pipelines"):
        pipe("film", min_length=9, max_length=8)
    assert "min_length=9 must be inferior" in caplog.text and "input_length is only" in caplog.text


@pytest.mark.parametrize("wrong", [5, None, {"text": "film"}])
def test_only_text_is_written_about(writer: Path, wrong: Any) -> None:
    pipe = transformers.pipeline("text2text-generation", model=str(writer), device="cpu")
    with pytest.raises(TypeError):
        pipe(wrong)
