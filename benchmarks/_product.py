"""Runs through the product itself: the same backend calls that the page makes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping
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
        self,
        data: DataVersion,
        model: str,
        preset: Preset,
        *,
        recipe: str = RECIPE,
        columns: dict[str, str] | None = None,
        split: SplitPlan | None = None,
        train_rows: str = "",
        epochs: float | None = None,
        spec: Mapping[str, Any] | None = None,
        **changes: Any,
    ) -> tuple[Report, float]:
        """(report, seconds from Start to Try it) of a run with everything else as the form guesses it.

        spec: other fields of RunSpec. changes: arguments where they are not the preset's.
        """
        chosen = all_recipes()[recipe]
        columns = columns or chosen.guess_columns(data)
        split = replace(split or SplitPlan(), train_rows=train_rows)
        facts = self.shelf.resolve(self.workspace, model)
        rows = len(chosen.split(data, columns, split)["train"])
        arguments = chosen.preset(preset, facts, rows, "cpu")
        if epochs:
            changes["num_train_epochs"] = epochs
        draft = RunSpec(
            name=f"{data.title}-{preset}",
            recipe=recipe,
            model_ref=model,
            data_ref=data.ref,
            data_version=data.version,
            columns=columns,
            split=split,
            preset=preset,
            arguments=replace(arguments, **changes),
            **(spec or {}),
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
