"""What Start and Forecast refuse alike: a model that cannot read, a text length that it cannot take."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from backend.errors import UserError
from backend.recipes.base import TrainArguments
from backend.training.forecast import forecast
from backend.training.spec import RunSpec
from tests.backend.training.conftest import Desk


def refused(desk: Desk, draft: RunSpec) -> UserError:
    """What Start says, after Forecast has said the same."""
    with pytest.raises(UserError) as asked:
        forecast(desk.settings, desk.queue.shelf, desk.workspace, draft)
    with pytest.raises(UserError) as started:
        desk.queue.submit(desk.workspace, draft)
    assert str(asked.value) == str(started.value)
    assert not desk.queue.runs(desk.workspace)
    return started.value


def test_a_model_without_a_tokenizer_is_refused_rather_than_trained_on_nothing(desk: Desk, tmp_path: Path) -> None:
    source = Path(desk.draft.model_ref.removeprefix("folder:"))
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("config.json", "model.safetensors"):
        shutil.copy(source / name, bare / name)
    assert refused(desk, replace(desk.draft, model_ref=f"folder:{bare}")).key == "models.no_tokenizer"


def test_texts_longer_than_the_model_reads_are_refused_with_its_limit(desk: Desk) -> None:
    most = desk.queue.shelf.facts(desk.workspace, desk.draft.model_ref).max_length
    assert most > 0
    error = refused(desk, replace(desk.draft, arguments=TrainArguments(max_length=most + 1)))
    assert error.key == "training.too_long" and str(most) in error.what("en")
