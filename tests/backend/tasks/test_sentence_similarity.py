"""Similarity: symmetric, 1 with itself, the same alone, in a batch and by the code; sensible on the starters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backend.errors import UserError
from backend.settings import Settings
from backend.tasks import all_tasks
from backend.tasks.sentence_similarity import SimilarityParams
from tests.backend.tasks.conftest import opened
from tests.plain_python import printed

TASK = all_tasks()["sentence-similarity"]
TEXTS = ["the movie was great", "a good film and a fine story", "market price"]
VALUES = {"texts": "\n".join(TEXTS)}
PARAMS = SimilarityParams()


def test_every_two_texts_get_a_similarity(encoder: Any) -> None:
    answer = TASK.run(encoder, VALUES, PARAMS)
    assert answer.texts == tuple(TEXTS) and answer.cut == 0
    for a in range(3):
        assert answer.values[a][a] == pytest.approx(1, abs=1e-5)
        for b in range(3):
            assert answer.values[a][b] == pytest.approx(answer.values[b][a], abs=1e-6)


def test_texts_that_were_cut_are_counted(encoder: Any) -> None:
    answer = TASK.run(encoder, {"texts": "good\n" + "bad " * 400}, PARAMS)
    assert (answer.cut, answer.limit, answer.tokens) == (1, 128, 405)


@pytest.mark.parametrize(
    ("texts", "key"),
    [(None, "tasks.empty_text"), ("one\n \n", "tasks.too_few_lines"), ("a\n" * 31, "tasks.too_many_lines")],
)
def test_too_few_or_too_many_are_told(encoder: Any, texts: str | None, key: str) -> None:
    with pytest.raises(UserError) as caught:
        TASK.run(encoder, {"texts": texts}, PARAMS)
    assert caught.value.key == key and caught.value.what("zh-CN") and caught.value.todo("en")


def test_two_columns_are_compared_row_by_row(encoder: Any) -> None:
    pairs = ["a good film", "", "market price"]
    rows = dict(TASK.batch(encoder, TEXTS, PARAMS, pairs))
    alone = TASK.run(encoder, {"texts": f"{TEXTS[0]}\n{pairs[0]}"}, PARAMS).values[0][1]
    assert rows[0] == {"similarity": pytest.approx(alone, abs=1e-5)}
    assert rows[1] == {"similarity": None} and rows[2]["similarity"] == pytest.approx(1, abs=1e-5)
    # Of a pair that is too long, both texts together.
    long = dict(TASK.batch(encoder, ["bad " * 400, "film"], PARAMS, ["good " * 300, "bad"]))
    assert long[0]["unread"] == 402 - 128 + 302 - 128 and "unread" not in long[1]


def test_one_column_finds_the_nearest_other_text_of_each(encoder: Any) -> None:
    texts = [*TEXTS, "", "market price", *(f"a bad film {'no ' * n}" for n in range(300))]
    rows = dict(TASK.batch(encoder, texts, PARAMS))
    assert sorted(rows) == list(range(len(texts)))
    assert rows[2] == {"nearest": "market price", "similarity": pytest.approx(1, abs=1e-5)}
    assert rows[3] == {"nearest": "", "similarity": None}
    assert all(row["nearest"] for index, row in rows.items() if index != 3)


def test_a_single_text_has_no_neighbour(encoder: Any) -> None:
    assert dict(TASK.batch(encoder, ["good"], PARAMS)) == {0: {"nearest": "", "similarity": None}}


def test_the_steps_end_in_the_answer(encoder: Any) -> None:
    steps = {step.key: step for step in TASK.steps(encoder, VALUES, PARAMS)}
    assert list(steps)[-2:] == ["all_vectors", "cosine"] and steps["all_vectors"].shape == "(3, 16)"
    row = TASK.run(encoder, VALUES, PARAMS).values[0]
    assert steps["cosine"].lines[0] == " ".join(f"{value:.4f}" for value in row)


def test_the_snippet_prints_the_answer(settings: Settings, tiny_encoder: Path) -> None:
    asked = [
        (VALUES, PARAMS),
        ({"texts": '这部电影 "很好看" \\\n今天天气'}, SimilarityParams(pooling="max", prefix="passage")),
        ({"texts": "good\n" + "bad " * 400}, SimilarityParams(pooling="cls")),
    ]
    codes = [TASK.snippet(str(tiny_encoder), values, params) for values, params in asked]
    with opened(settings, "sentence-similarity", f"folder:{tiny_encoder}") as pipe:
        for (values, params), output in zip(asked, map(printed, codes), strict=True):
            numbers = [float(number) for number in output.split()]
            wanted = [value for row in TASK.run(pipe, values, params).values for value in row]
            assert numbers == pytest.approx(wanted, abs=1e-5)


def test_a_starter_of_many_languages_puts_a_translation_near(settings: Settings, starter_root: Path) -> None:
    with opened(settings, "sentence-similarity", "starter:multilingual-e5-small") as pipe:
        answer = TASK.run(pipe, dict(TASK.examples[-1].values), PARAMS)
    assert answer.cosine_from == 0.7
    assert answer.values[0][1] > answer.values[0][2] + 0.05
