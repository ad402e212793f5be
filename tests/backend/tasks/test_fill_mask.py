"""Blanks: any model's blank, several at once, another model's mask, the same alone, in a batch and by the code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backend.errors import UserError
from backend.models import ModelShelf
from backend.settings import Settings
from backend.tasks import all_tasks
from backend.tasks.fill_mask import FillMaskParams, _masked
from backend.workspace import Workspace
from tests.backend.tasks.conftest import opened
from tests.plain_python import printed

TASK = all_tasks()["fill-mask"]
PARAMS = FillMaskParams(top_k=3)


def test_a_blank_gets_what_the_pipeline_gives(filler: Any) -> None:
    answer = TASK.run(filler, {"text": "this is a ____ movie."}, PARAMS)
    plain = filler("this is a [MASK] movie.", top_k=3)
    assert answer.pieces == ("this is a ", " movie.") and answer.tokens == 8
    assert answer.options == (tuple((row["token_str"], row["score"]) for row in plain),)


def test_several_blanks_each_have_their_options(filler: Any) -> None:
    answer = TASK.run(filler, {"text": "[MASK] film，______ 好看＿＿＿"}, FillMaskParams(top_k=2))
    assert answer.pieces == ("", " film，", " 好看", "")
    assert [len(options) for options in answer.options] == [2, 2, 2]


@pytest.mark.parametrize(
    ("text", "mask", "key"),
    [
        ("", "[MASK]", "tasks.empty_text"),
        ("nothing missing _ here", "[MASK]", "tasks.no_mask"),
        ("a <mask> film", "[MASK]", "tasks.other_mask"),
        ("a [mask] film", "[MASK]", "tasks.other_mask"),
        ("a [MASK] film", "<mask>", "tasks.other_mask"),
        ("a [MASK] film and <mask>", "[MASK]", "tasks.other_mask"),
    ],
)
def test_a_text_without_a_blank_or_with_another_mask_is_told_the_right_one(text: str, mask: str, key: str) -> None:
    with pytest.raises(UserError) as caught:
        _masked(text, mask)
    assert caught.value.key == key
    if key != "tasks.empty_text":
        assert mask in caught.value.todo("en") and mask in caught.value.todo("zh-CN")


def test_a_blank_may_not_be_cut_off(filler: Any) -> None:
    with pytest.raises(UserError) as caught:
        TASK.run(filler, {"text": "good " * 300 + "____"}, PARAMS)
    assert caught.value.key == "tasks.text_longer" and caught.value.values["tokens"] == 303


def test_a_batch_fills_each_text_as_it_is_filled_alone(filler: Any) -> None:
    texts = ["a ____ film", "no blank", "____ movie is ____", "bad " * 200 + "____", *["the ____ " * n for n in (1, 5)]]
    rows = dict(TASK.batch(filler, texts, PARAMS))
    assert sorted(rows) == list(range(6))
    assert rows[1] == rows[3] == {"answer": "", "token_1": "", "score_1": None}
    alone = TASK.run(filler, {"text": texts[2]}, PARAMS)
    best = [options[0] for options in alone.options]
    assert [rows[2]["token_1"], rows[2]["token_2"]] == [token for token, _ in best]
    assert rows[2]["score_2"] == pytest.approx(best[1][1], abs=1e-5)
    assert "[MASK]" not in rows[2]["answer"] and " movie is " in rows[2]["answer"]


def test_only_these_words_are_compared_and_each_must_be_one_token(filler: Any) -> None:
    params = FillMaskParams(top_k=5, targets="good， bad, good\ngreat")
    answer = TASK.run(filler, {"text": "this is a ____ movie."}, params)
    everything = dict(TASK.run(filler, {"text": "this is a ____ movie."}, FillMaskParams(top_k=50)).options[0])
    assert {token for token, _ in answer.options[0]} == {"good", "bad", "great"}
    assert all(everything.get(token, score) == pytest.approx(score) for token, score in answer.options[0])
    steps = {step.key: step for step in TASK.steps(filler, {"text": "this is a ____ movie."}, params)}
    assert list(steps["mask_shares"].lines) == [f"{token}: {score:.4f}" for token, score in answer.options[0]]
    with pytest.raises(UserError) as caught:
        TASK.run(filler, {"text": "a ____"}, FillMaskParams(targets="good, unheardof"))
    assert caught.value.key == "tasks.target_pieces" and "##" in caught.value.values["pieces"]


def test_the_steps_end_in_the_answer(filler: Any) -> None:
    values = {"text": "____ is a ____"}
    steps = {step.key: step for step in TASK.steps(filler, values, PARAMS)}
    assert list(steps) == [
        "masked", "normalized", "tokens", "tensors", "embeddings", "layers", "mask_logits", "mask_shares",
    ]  # fmt: skip
    options = TASK.run(filler, values, PARAMS).options
    wanted = [f"{n} {token}: {score:.4f}" for n, row in enumerate(options, 1) for token, score in row]
    assert list(steps["mask_shares"].lines) == wanted


def test_the_snippet_prints_the_answer(settings: Settings, tiny_masked: Path) -> None:
    asked = [
        ({"text": 'this "is" a ____ \\ movie'}, PARAMS),
        ({"text": "这部电影[MASK]好看，______很好"}, FillMaskParams(top_k=2)),
        ({"text": "a ____ film"}, FillMaskParams(top_k=5, targets="good, bad")),
    ]
    codes = [TASK.snippet(str(tiny_masked), values, params) for values, params in asked]
    with opened(settings, "fill-mask", f"folder:{tiny_masked}") as pipe:
        for (values, params), output in zip(asked, map(printed, codes), strict=True):
            rows = [line.rsplit(" ", 1) for line in output.splitlines()]
            wanted = [option for options in TASK.run(pipe, values, params).options for option in options]
            assert [token for token, _ in rows] == [token for token, _ in wanted]
            assert [float(score) for _, score in rows] == pytest.approx([score for _, score in wanted], abs=1e-6)


def test_only_models_of_masked_text_fit(settings: Settings, tiny_masked: Path, tiny_encoder: Path) -> None:
    shelf, workspace = ModelShelf(settings), Workspace.open(settings)
    assert TASK.fits(shelf.facts(workspace, f"folder:{tiny_masked}"))
    assert not TASK.fits(shelf.facts(workspace, f"folder:{tiny_encoder}"))
