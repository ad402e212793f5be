"""Labels by meaning: the nearest first, the same from the batch, the steps and the code, right on the starters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backend.errors import UserError
from backend.settings import Settings
from backend.tasks import all_tasks
from backend.tasks.zero_shot_embedding import ZeroShotEmbeddingParams
from tests.backend.tasks.conftest import opened
from tests.plain_python import printed

TASK = all_tasks()["zero-shot-embedding"]
TEXT = "the movie was great, we love it"
PARAMS = ZeroShotEmbeddingParams(labels="film, food， sport、market")


def test_every_label_gets_its_similarity_nearest_first(encoder: Any) -> None:
    bars = TASK.run(encoder, {"text": TEXT}, PARAMS)
    scores = [score for _, score in bars.scores]
    assert {label for label, _ in bars.scores} == {"film", "food", "sport", "market"}
    assert scores == sorted(scores, reverse=True) and all(-1 <= score <= 1.0001 for score in scores)
    assert bars.raw and not bars.exclusive and bars.cosine_from == 0.0 and bars.tokens == 10


def test_the_text_itself_as_a_label_is_as_near_as_can_be(encoder: Any) -> None:
    bars = TASK.run(encoder, {"text": TEXT}, ZeroShotEmbeddingParams(labels=f"food\n{TEXT}"))
    assert bars.scores[0] == (TEXT, pytest.approx(1, abs=1e-5))


def test_the_template_changes_what_is_compared(encoder: Any) -> None:
    framed = ZeroShotEmbeddingParams(labels=PARAMS.labels, template="this is a {} story")
    assert TASK.run(encoder, {"text": TEXT}, framed).scores != TASK.run(encoder, {"text": TEXT}, PARAMS).scores


@pytest.mark.parametrize(
    ("text", "labels", "template", "key"),
    [
        ("", "a, b", "", "tasks.empty_text"),
        (TEXT, " ,; \n", "", "tasks.no_labels"),
        (TEXT, ",".join(f"l{i}" for i in range(101)), "", "tasks.too_many_labels"),
        (TEXT, "a, b", "no place", "tasks.bad_template"),
        (TEXT, "a, b", "{} and {}", "tasks.bad_template"),
        (TEXT, "a, b", "{} and {x}", "tasks.bad_template"),
    ],
)
def test_what_cannot_be_answered_is_said(encoder: Any, text: str, labels: str, template: str, key: str) -> None:
    with pytest.raises(UserError) as caught:
        TASK.run(encoder, {"text": text}, ZeroShotEmbeddingParams(labels=labels, template=template))
    assert caught.value.key == key and caught.value.what("zh-CN") and caught.value.todo("zh-CN")


def test_a_batch_gives_each_text_the_answer_it_gets_alone(encoder: Any) -> None:
    texts = ["a bad film " * (1 + 7 * number % 40) for number in range(40)] + ["", " "]
    rows = dict(TASK.batch(encoder, texts, PARAMS))
    assert sorted(rows) == list(range(42)) and rows[40] == rows[41] == {"label": "", "similarity": None}
    for index in (0, 13, 39):
        alone = TASK.run(encoder, {"text": texts[index]}, PARAMS)
        assert rows[index]["label"] == alone.scores[0][0]
        assert rows[index]["score_food"] == pytest.approx(dict(alone.scores)["food"], abs=1e-5)


def test_the_steps_end_in_the_answer(encoder: Any) -> None:
    steps = {step.key: step for step in TASK.steps(encoder, {"text": TEXT}, PARAMS)}
    assert list(steps) == [
        "normalized", "tokens", "tensors", "embeddings", "layers", "hidden_states", "pooling_mean", "unit_length",
        "label_vectors", "cosine", "candidate",
    ]  # fmt: skip
    bars = TASK.run(encoder, {"text": TEXT}, PARAMS)
    assert set(steps["cosine"].lines) == {f"{label}: {score:.4f}" for label, score in bars.scores}
    assert steps["hidden_states"].shape == "(1, 10, 16)"


def test_the_snippet_prints_the_answer(settings: Settings, tiny_encoder: Path) -> None:
    asked = [
        ({"text": TEXT}, PARAMS),
        (
            {"text": '这部电影\n很好看 "quoted" \\ {'},
            ZeroShotEmbeddingParams(labels='新闻，"市场"', template='这 {} "很"'),
        ),
        ({"text": "bad " * 500}, ZeroShotEmbeddingParams(labels="a, b", pooling="cls", prefix="query")),
        ({"text": TEXT}, ZeroShotEmbeddingParams(labels="a, b", pooling="max")),
    ]
    codes = [TASK.snippet(str(tiny_encoder), values, params) for values, params in asked]
    with opened(settings, "zero-shot-embedding", f"folder:{tiny_encoder}") as pipe:
        for (values, params), output in zip(asked, map(printed, codes), strict=True):
            rows = [line.rsplit(" ", 1) for line in output.splitlines()]
            scores = TASK.run(pipe, values, params).scores
            assert [label for label, _ in rows] == [label for label, _ in scores]
            assert [float(score) for _, score in rows] == pytest.approx([score for _, score in scores], abs=1e-5)


@pytest.mark.parametrize(
    ("starter", "language", "best"),
    [
        ("all-MiniLM-L6-v2", "en", ["education", "business", "money back"]),
        ("multilingual-e5-small", "en", ["education", "business", "money back"]),
        ("multilingual-e5-small", "zh-CN", ["体育", "要求退款", "科技"]),
    ],
)
def test_the_examples_are_answered_well_by_the_starters(
    settings: Settings, starter_root: Path, starter: str, language: str, best: list[str]
) -> None:
    examples = [example.values for example in TASK.examples if example.language == language]
    with opened(settings, "zero-shot-embedding", f"starter:{starter}") as pipe:
        answers = [
            TASK.run(pipe, one, ZeroShotEmbeddingParams(labels=one["labels"], template=one["template"]))
            for one in examples
        ]
    assert [bars.scores[0][0] for bars in answers] == best
