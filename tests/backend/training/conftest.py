"""What the tests of runs share: one nursery, forty rows of two kinds, and a run already trained."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from backend.data.library import add_files
from backend.models import ModelShelf
from backend.recipes.base import TrainArguments
from backend.settings import Settings
from backend.training.nursery import shared_nursery
from backend.training.queue import RunQueue, RunSummary
from backend.training.spec import RunSpec, RunStatus
from backend.workspace import Workspace

RECIPE = "single-label-classification"
ARGUMENTS = TrainArguments(learning_rate=1e-2, num_train_epochs=6, per_device_train_batch_size=8, evaluations=3)
ENDLESS = TrainArguments(num_train_epochs=1000, per_device_train_batch_size=4, evaluations=2)


def write_csv(path: Path) -> Path:
    """120 short texts: `good` ones speak of films, `bad` ones of books, in words that the tiny tokenizer knows."""
    lines = ["text,label"]
    for number in range(60):
        lines.append(f"it was a great film and we love it {number},good")
        lines.append(f"this book is awful and they hate it {number},bad")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@dataclass
class Desk:
    """A workspace with data, and the queue that serves it."""

    settings: Settings
    workspace: Workspace
    queue: RunQueue
    draft: RunSpec

    def wait(self, run_id: str, until: Callable[[RunStatus], bool], seconds: float = 120) -> RunSummary:
        """The run as soon as its status fulfils `until`."""
        deadline = time.monotonic() + seconds
        pause = __import__("threading").Event()
        while True:
            run = self.queue.run(self.workspace, run_id)
            if until(run.status):
                return run
            assert time.monotonic() < deadline, f"{run.status}\n{self.queue.log_tail(self.workspace, run_id)}"
            pause.wait(0.05)

    def ended(self, run_id: str) -> RunSummary:
        """The run once it neither waits nor trains."""
        return self.wait(run_id, lambda status: not status.state.lives)


def make_desk(root: Path, model: Path, launcher: str = "process", **knobs: object) -> Desk:
    """A desk in a folder of its own."""
    settings = Settings(workspace=root / "workspace", offline="yes", launcher=launcher, device="cpu", **knobs)  # type: ignore[arg-type]
    workspace = Workspace.open(settings, "me")
    root.mkdir(parents=True, exist_ok=True)
    version = add_files(workspace, settings, [write_csv(root / "opinions.csv")])
    draft = RunSpec(
        name="opinions",
        recipe=RECIPE,
        model_ref=f"folder:{model}",
        data_ref=version.ref,
        data_version=version.version,
        columns={"text": "text", "label": "label"},
        arguments=ARGUMENTS,
    )
    return Desk(settings, workspace, RunQueue(settings, ModelShelf(settings)), draft)


@pytest.fixture(scope="session", autouse=True)
def nursery() -> Iterator[None]:
    """One for all: importing torch takes longer than any of these runs."""
    shared_nursery().warm()
    yield
    shared_nursery().close()


@pytest.fixture
def desk(tmp_path: Path, tiny_encoder: Path) -> Desk:
    """A desk whose runs are child processes."""
    return make_desk(tmp_path, tiny_encoder)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> tuple[Desk, str]:
    """A desk and its finished run. Read-only."""
    desk = make_desk(tmp_path_factory.mktemp("trained"), tiny_encoder)
    run_id = desk.queue.submit(desk.workspace, desk.draft)
    desk.ended(run_id)
    return desk, run_id
