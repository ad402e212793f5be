"""Answers in a text: their places, several questions, long texts in windows, "no answer", and the code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backend.errors import UserError
from backend.models import ModelShelf
from backend.settings import Settings
from backend.tasks import all_tasks
from backend.tasks.question_answering import QuestionAnsweringParams
from backend.workspace import Workspace
from tests.backend.tasks.conftest import opened
from tests.plain_python import printed

TASK = all_tasks()["question-answering"]
PARAMS = QuestionAnsweringParams()
CONTEXT = "the film was good. the book was bad and not very good. we love music and sport."
LONG = " ".join(f"story {i} was great fine and dull." for i in range(60)) + " they hate the market news"
ASKED = {"question": "what was good?", "context": CONTEXT}


def test_answers_are_those_of_the_pipeline_and_marked_where_they_stand(answerer: Any) -> None:
    answer = TASK.run(answerer, ASKED, PARAMS)
    plain = answerer(**ASKED, top_k=3, max_seq_len=128, doc_stride=60)
    ((question, found),) = answer.asked
    assert question == ASKED["question"] and answer.windows == 1
    assert [(one.word, one.start, one.end) for one in found] == [(p["answer"], p["start"], p["end"]) for p in plain]
    assert [one.score for one in found] == pytest.approx([p["score"] for p in plain])
    assert all(CONTEXT[one.start : one.end] == one.word for one in found)
    assert [one.word for one in answer.spans] == [found[0].word]


def test_each_line_is_a_question(answerer: Any) -> None:
    both = TASK.run(answerer, ASKED | {"question": "what was good?\n\n who? \n"}, PARAMS)
    assert [question for question, _ in both.asked] == ["what was good?", "who?"]
    assert both.asked[0] == TASK.run(answerer, ASKED, PARAMS).asked[0]


def test_a_long_text_is_read_in_windows_to_its_end(answerer: Any) -> None:
    values = {"question": "who?", "context": LONG}
    answer = TASK.run(answerer, values, PARAMS)
    assert answer.windows > 3
    steps = {step.key: step for step in TASK.steps(answerer, values, PARAMS)}
    assert steps["windows"].shape == f"({answer.windows}, ≤128)"
    assert steps["windows"].lines[-1].endswith(f":{len(LONG)}]")


def test_no_answer_may_win_and_is_no_place(answerer: Any) -> None:
    params = QuestionAnsweringParams(handle_impossible_answer=True, top_k=20, max_answer_len=1)
    values = {"question": "who?", "context": "film"}
    answer = TASK.run(answerer, values, params)
    none = [one for one in answer.asked[0][1] if not one.word]
    assert len(none) == 1 and (none[0].start, none[0].end) == (-1, -1)
    assert all(one.word for one in answer.spans)


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"question": "", "context": CONTEXT}, "no_question"),
        ({"question": " \n ", "context": CONTEXT}, "no_question"),
        ({"question": "who?", "context": ""}, "no_context"),
        ({"question": "who?", "context": " \n "}, "no_context"),
        ({"question": "who?\n" * 30, "context": CONTEXT}, "too_many_questions"),
        ({"question": "good " * 200, "context": "film"}, "question_too_long"),
        ({"question": "who?", "context": "good film " * 100_000}, "too_many_windows"),
    ],
)
def test_what_cannot_be_answered_is_told(answerer: Any, values: dict[str, str], key: str) -> None:
    with pytest.raises(UserError) as caught:
        TASK.run(answerer, values, PARAMS)
    assert caught.value.key == f"tasks.{key}"
    assert caught.value.todo("en") and caught.value.todo("zh-CN")


def test_a_text_shorter_than_its_question_is_answered(answerer: Any) -> None:
    assert TASK.run(answerer, {"question": "what was it that we love?", "context": "music"}, PARAMS).asked[0][1]


def test_the_overlap_is_at_most_half_of_a_window(answerer: Any) -> None:
    params = QuestionAnsweringParams(max_seq_len=30, doc_stride=2000)
    assert TASK.run(answerer, {"question": "who?", "context": CONTEXT * 3}, params).windows > 2


def test_many_questions_share_a_text_many_texts_a_question_or_each_has_its_own(answerer: Any) -> None:
    shared = QuestionAnsweringParams(context=CONTEXT)
    questions = dict(TASK.batch(answerer, ["who?", "", "what was good?"], shared))
    best = TASK.run(answerer, ASKED, PARAMS).asked[0][1][0]
    wanted = {"answer": best.word, "score": pytest.approx(best.score), "start": best.start, "end": best.end}
    assert questions[2] == wanted and questions[1] == {"answer": "", "score": None, "start": None, "end": None}
    texts = dict(
        TASK.batch(answerer, [CONTEXT, LONG], QuestionAnsweringParams(question="what was good?", each="context"))
    )
    assert texts[0] == wanted and texts[1]["answer"]
    pairs = dict(TASK.batch(answerer, ["who?", "what was good?"], PARAMS, [LONG, CONTEXT]))
    assert pairs[1] == wanted
    for params, key in ((PARAMS, "no_context"), (QuestionAnsweringParams(each="context"), "no_question")):
        with pytest.raises(UserError) as caught:
            list(TASK.batch(answerer, ["who?"], params))
        assert caught.value.key == f"tasks.{key}"


def test_words_are_left_whole_but_where_nothing_stands_between_them(answerer: Any) -> None:
    english = TASK.snippet("x", ASKED, PARAMS)
    chinese = TASK.snippet("x", ASKED | {"context": "这部电影很好看"}, PARAMS)
    assert "if True and None" in english and "if False and None" in chinese
    assert TASK.run(answerer, {"question": "好看?", "context": "这部电影很好看"}, PARAMS).asked[0][1]


def test_the_steps_end_in_the_answers(answerer: Any) -> None:
    steps = {step.key: step for step in TASK.steps(answerer, ASKED, PARAMS)}
    assert list(steps) == [
        "normalized", "windows", "tokens", "tensors", "embeddings", "layers", "span_logits", "span_shares", "answers",
    ]  # fmt: skip
    found = TASK.run(answerer, ASKED, PARAMS).asked[0][1]
    assert steps["answers"].lines[0] == f"{found[0].word}: {found[0].score:.4f} [{found[0].start}:{found[0].end}]"


def test_the_snippet_prints_the_answers(settings: Settings, tiny_answerer: Path) -> None:
    asked = [
        (ASKED, PARAMS),
        ({"question": "who?\nwhat's 'bad'?", "context": LONG}, QuestionAnsweringParams(top_k=5, max_answer_len=4)),
        (
            {"question": "好看?", "context": '这部"电影"很好看 \\ film'},
            QuestionAnsweringParams(top_k=4, handle_impossible_answer=True),
        ),
    ]
    with opened(settings, "question-answering", f"folder:{tiny_answerer}") as pipe:
        found = [TASK.run(pipe, values, params) for values, params in asked]
        codes = [TASK.snippet(str(tiny_answerer), TASK.settled(pipe, *one), one[1]) for one in asked]
    for answer, lines in zip(found, map(printed, codes), strict=True):
        rows = [line.split(" ", 3) for line in lines.splitlines()]
        spans = [one for _, spans in answer.asked for one in spans]
        assert [row[3] for row in rows] == [one.word for one in spans]
        assert [float(row[0]) for row in rows] == pytest.approx([one.score for one in spans], abs=1e-5)
        assert [int(row[1]) for row in rows if row[3]] == [one.start for one in spans if one.word]


def test_only_models_that_find_answers_fit(settings: Settings, tiny_answerer: Path, tiny_classifier: Path) -> None:
    shelf, workspace = ModelShelf(settings), Workspace.open(settings)
    assert TASK.fits(shelf.facts(workspace, f"folder:{tiny_answerer}"))
    assert not TASK.fits(shelf.facts(workspace, f"folder:{tiny_classifier}"))
    with pytest.raises(UserError) as caught:
        with shelf.lease(workspace, f"folder:{tiny_classifier}", TASK.auto_class):
            pass
    assert caught.value.key == "models.wrong_kind"
