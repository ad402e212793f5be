"""The fold "How it runs": what it says follows from what is chosen, and its command is the run's."""

from __future__ import annotations

import html
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from backend.models import ModelShelf
from backend.settings import Settings
from backend.training.command import RUN_DIR, native_loop_source
from backend.training.queue import RunQueue
from tests.ui.run_folders import spec
from ui.finetune import form, how_it_runs
from ui.finetune.filled import Filled
from ui.visitor import Services

NOTHING: Any = None
"""No request: the English page of the shared workspace."""


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    """Real services on this test's workspace."""
    settings = replace(settings, device="cpu")
    shelf = ModelShelf(settings)
    queue = RunQueue(settings, shelf)
    yield Services(settings, shelf, queue)
    queue.close()


def words_of(box: str) -> list[str]:
    """The command in a box, as a shell reads it."""
    found = re.search(r"<code>(.*)</code>", box)
    assert found
    return shlex.split(html.unescape(found[1]))


def test_processes_are_asked_for_only_where_accelerate_starts_them(services: Services) -> None:
    with gr.Blocks():
        acts = how_it_runs.HowItRuns(how_it_runs.build(), services)
    alone, together = (acts.follow("native", launcher, 2, NOTHING) for launcher in ("process", "accelerate"))
    assert not alone[acts.parts.processes].visible and together[acts.parts.processes].visible
    assert together[acts.parts.fold].label == "How it runs: native PyTorch loop, 2 processes by accelerate"
    words = words_of(together[acts.parts.command])
    assert words[words.index("--num_processes") + 1] == "2" and words[-1] == RUN_DIR


def test_an_emptied_number_of_processes_breaks_nothing_in_the_fold(services: Services) -> None:
    with gr.Blocks():
        acts = how_it_runs.HowItRuns(how_it_runs.build(), services)
    assert "1" in words_of(acts.follow("trainer", "accelerate", None, NOTHING)[acts.parts.command])


def test_the_command_of_a_run_names_its_folder(services: Services, tmp_path: Path) -> None:
    one = replace(spec("reviews"), launcher="accelerate", processes=2, device="cpu")
    words = words_of(how_it_runs.shown_command(one, tmp_path / "it's here", services, "zh-CN"))
    assert words[-1] == str(tmp_path / "it's here") and "--multi_gpu" in words


@pytest.mark.parametrize(("launcher", "processes"), [("accelerate", 2), ("process", 1)])
def test_a_draft_takes_loop_launcher_and_processes(
    services: Services, tiny_encoder: Path, launcher: str, processes: int
) -> None:
    with gr.Blocks():
        widgets = form.build().inputs
    values = {name: getattr(widget, "value", None) for name, widget in widgets.items()}
    values |= {"data": "sample:reviews_en", "model": f"folder:{tiny_encoder}", "column_text": "text"}
    values |= {"column_label": "label", "loop": "native", "launcher": launcher, "processes": 2}
    draft = Filled.of(services, NOTHING, values).draft()
    assert (draft.loop, draft.launcher, draft.processes) == ("native", launcher, processes)


def test_the_loop_to_read_is_one_page_without_anything_of_trainers() -> None:
    source = native_loop_source()
    assert source.count("\n") < 200
    assert not re.search(r"transformers\.trainer|import Trainer|TrainingArguments", source)
