"""The named endpoints, called as Gradio calls them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from backend.models import ModelShelf
from backend.settings import Settings
from backend.training.queue import RunQueue
from backend.workspace import Workspace
from ui import api
from ui.visitor import Services, enter

REQUEST = gr.Request(session_hash="api")


@pytest.fixture
def endpoints(settings: Settings) -> dict[str, Callable[..., Any]]:
    enter("api", "en", "")
    shelf = ModelShelf(settings)
    page = gr.Blocks()
    with page:
        api.publish(Services(settings, shelf, RunQueue(settings, shelf)))
    return {str(one.api_name): one.fn for one in page.fns.values() if one.fn is not None}


def test_there_is_a_handful_of_endpoints(endpoints: dict[str, Callable[..., Any]]) -> None:
    assert set(endpoints) == {"classify", "generate", "tokenize", "list_models", "list_runs"}


def test_classify_gives_every_label(endpoints: dict[str, Callable[..., Any]], tiny_classifier: Path) -> None:
    scores = endpoints["classify"](str(tiny_classifier), "a good movie", REQUEST)
    assert set(scores) == {"negative", "positive"} and abs(sum(scores.values()) - 1) < 1e-5


def test_generate_says_why_it_ended(endpoints: dict[str, Callable[..., Any]], tiny_generator: Path) -> None:
    answer = endpoints["generate"](str(tiny_generator), "the film", REQUEST, max_new_tokens=5, temperature=0)
    assert 0 < answer["tokens"] <= 5 and answer["stopped_by"] in ("length", "end")


def test_tokenize_gives_offsets_of_the_whole_text(endpoints: dict[str, Callable[..., Any]], tiny_encoder: Path) -> None:
    answer = endpoints["tokenize"](str(tiny_encoder), "a good movie", REQUEST)
    assert [row["piece"] for row in answer["tokens"]] == ["[CLS]", "a", "good", "movie", "[SEP]"]
    assert answer["tokens"][2]["start"] == 2


def test_list_models_says_what_a_run_can_do(
    endpoints: dict[str, Callable[..., Any]], workspace: Workspace, tiny_classifier: Path
) -> None:
    shutil.copytree(tiny_classifier, workspace.folder("runs", "mine") / "model")
    found = {one["ref"]: one for one in endpoints["list_models"](REQUEST)}
    assert found["run:mine"]["tasks"] == ["text-classification"]


def test_a_missing_model_is_an_error_in_words(endpoints: dict[str, Callable[..., Any]]) -> None:
    with pytest.raises(gr.Error, match="/no/such/folder"):
        endpoints["classify"]("/no/such/folder", "x", REQUEST)
