"""Vectors: those of the pipeline itself, pooled; the map; the same from the batch and the code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from backend.errors import UserError
from backend.settings import Settings
from backend.tasks import all_tasks
from backend.tasks.feature_extraction import FeatureParams, flat
from tests.backend.tasks.conftest import opened
from tests.plain_python import printed

TASK = all_tasks()["feature-extraction"]
TEXT = "the movie was great"
MANY = {"texts": "a good film\na bad book\nmarket price\nthis is the food"}


def test_the_vector_is_the_mean_of_what_the_pipeline_gives(encoder: Any) -> None:
    import torch

    plain = torch.tensor(encoder(TEXT))[0]
    answer = TASK.run(encoder, {"texts": TEXT}, FeatureParams(normalize=False))
    assert answer.values[0] == pytest.approx(plain.mean(0).tolist(), abs=1e-5)
    assert answer.norms[0] == pytest.approx(float(plain.mean(0).norm()), abs=1e-4)
    assert answer.states == (1, 6, 16) and answer.tokens == 6 and answer.places == ()


def test_a_vector_is_one_long_unless_told_otherwise(encoder: Any) -> None:
    answer = TASK.run(encoder, {"texts": TEXT}, FeatureParams())
    assert sum(value * value for value in answer.values[0]) == pytest.approx(1, abs=1e-5)


def test_several_texts_lie_on_a_map(encoder: Any) -> None:
    answer = TASK.run(encoder, MANY, FeatureParams())
    assert len(answer.places) == 4 and 0 < answer.kept <= 1
    assert sum(x for x, _ in answer.places) == pytest.approx(0, abs=1e-6)


def test_equal_texts_have_no_map(encoder: Any) -> None:
    import torch

    assert flat(torch.ones(5, 3)) == ((), 0.0)
    assert TASK.run(encoder, {"texts": "good\ngood\ngood"}, FeatureParams()).places == ()


def test_no_text_is_told(encoder: Any) -> None:
    with pytest.raises(UserError):
        TASK.run(encoder, {"texts": " \n"}, FeatureParams())


def test_a_batch_gives_each_text_the_vector_it_gets_alone(encoder: Any) -> None:
    rows = dict(TASK.batch(encoder, ["good", "", "this is a bad movie"], FeatureParams()))
    alone = TASK.run(encoder, {"texts": "this is a bad movie"}, FeatureParams())
    assert rows[1] == {"norm": None, "vector": ""}
    assert json.loads(rows[2]["vector"]) == pytest.approx(list(alone.values[0]), abs=1e-5)
    assert rows[2]["norm"] == pytest.approx(alone.norms[0], abs=1e-4)


def test_the_steps_end_in_the_vector_or_the_map(encoder: Any) -> None:
    one = TASK.steps(encoder, {"texts": TEXT}, FeatureParams())
    assert [step.key for step in one][-1] == "unit_length"
    assert [step.key for step in TASK.steps(encoder, {"texts": TEXT}, FeatureParams(normalize=False))][
        -1
    ] == "pooling_mean"
    assert [step.key for step in TASK.steps(encoder, MANY, FeatureParams())][-1] == "map"


def test_the_snippet_prints_the_answer(settings: Settings, tiny_encoder: Path) -> None:
    asked = [({"texts": TEXT}, FeatureParams(normalize=False)), (MANY, FeatureParams(pooling="cls"))]
    codes = [TASK.snippet(str(tiny_encoder), values, params) for values, params in asked]
    with opened(settings, "feature-extraction", f"folder:{tiny_encoder}") as pipe:
        for (values, params), output in zip(asked, map(printed, codes), strict=True):
            answer = TASK.run(pipe, values, params)
            lines = output.splitlines()
            assert lines[0] == str((len(answer.texts), 16))
            numbers = [float(number) for line in lines[1:] for number in line.split()]
            wanted = [value for row in answer.values for value in row[:8]]
            wanted += [value for place in answer.places for value in place]
            assert numbers == pytest.approx(wanted, abs=1e-5)
