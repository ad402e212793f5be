"""Runs through the product itself: the same backend calls that the page makes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from backend.data.library import add_files, open_data
from backend.data.split import SplitPlan
from backend.data.version import DataVersion
from backend.models import ModelShelf
from backend.recipes import all_recipes
from backend.recipes.base import Preset, Report
from backend.settings import Settings
from backend.training.queue import RunQueue
from backend.training.spec import RunSpec
from backend.workspace import Workspace

RECIPE = "single-label-classification"


@dataclass(slots=True)
class Product:
    """A workspace of its own with the queue that the page would use."""

    settings: Settings
    shelf: ModelShelf
    queue: RunQueue
    workspace: Workspace

    def data(self, source: str | list[Path]) -> DataVersion:
        """A sample by its ref, or files uploaded together."""
        if isinstance(source, str):
            return open_data(self.workspace, source)
        return add_files(self.workspace, self.settings, source)

    def train(
        self, data: DataVersion, model: str, preset: Preset, *, train_rows: str = "", epochs: float | None = None
    ) -> tuple[Report, float]:
        """(report, seconds from Start to Try it) of a run with everything else as the form guesses it."""
        recipe = all_recipes()[RECIPE]
        columns = recipe.guess_columns(data)
        split = SplitPlan(train_rows=train_rows)
        facts = self.shelf.resolve(self.workspace, model)
        rows = self.train_rows(data, split, columns)
        arguments = recipe.preset(preset, facts, rows, "cpu")
        draft = RunSpec(
            name=f"{data.title}-{preset}",
            recipe=RECIPE,
            model_ref=model,
            data_ref=data.ref,
            data_version=data.version,
            columns=columns,
            split=split,
            preset=preset,
            arguments=replace(arguments, num_train_epochs=epochs) if epochs else arguments,
        )
        start = time.perf_counter()
        run_id = self.queue.submit(self.workspace, draft)
        while self.queue.run(self.workspace, run_id).status.state.lives:
            time.sleep(0.2)
        seconds = time.perf_counter() - start
        report = self.queue.report(self.workspace, run_id)
        if report is None:
            raise RuntimeError(f"{run_id}: {self.queue.run(self.workspace, run_id).status}")
        return report, seconds

    @staticmethod
    def train_rows(data: DataVersion, split: SplitPlan, columns: dict[str, str]) -> int:
        """How many rows the split trains on."""
        from backend.data.split import split_rows

        recipe = all_recipes()[RECIPE]
        return len(split_rows(data, split, columns["label"], recipe.usable(data, columns))["train"])


@contextmanager
def product(**settings: Any) -> Iterator[Product]:
    """A product whose workspace goes away at the end."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        chosen = Settings(workspace=Path(folder) / "workspace", offline="yes", **settings)
        shelf = ModelShelf(chosen)
        queue = RunQueue(chosen, shelf)
        try:
            yield Product(chosen, shelf, queue, Workspace.open(chosen))
        finally:
            queue.close()
