"""What the processes that train one run together do alike, and what is left to the main one of them."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import Any

from transformers import DataCollatorWithPadding

from backend.recipes import all_recipes
from backend.training.causes import explain
from backend.training.checkpoint import read_state
from backend.training.group import Group, is_loss_of_another, leave_trouble
from backend.training.prepared import prepare
from backend.training.run import build_model, loop_of, token_cache
from backend.training.run_folder import RunFolder
from backend.training.watch import Watch


class SharedWatch(Watch):
    """A watch in each process: the main one's scores, keeps and records; all of them stop after the same step."""

    def __init__(self, group: Group, *parts: Any) -> None:
        """parts: as Watch takes them."""
        super().__init__(*parts)
        self.group = group
        self.is_main, self.process = group.is_main, group.index

    def after_step(self, step: int, epoch: float) -> None:
        """As Watch does."""
        if self.group.is_main:
            super().after_step(step, epoch)
        else:
            self.step = step
        said = self.group.tell(self.stopped + 2 * self.paused + 4 * self._state_due)
        self.stopped, self.paused, self._state_due = bool(said & 1), bool(said & 2), bool(said & 4)

    def log(self, loss: float, learning_rate: float, grad_norm: float | None = None) -> None:
        """As Watch does."""
        if self.group.is_main:
            super().log(loss, learning_rate, grad_norm)
        self.logged_step = self.step

    def evaluate(self, model: Any) -> dict[str, float]:
        """As Watch does, while the other processes wait; they get no scores."""
        point = super().evaluate(model) if self.group.is_main else {}
        self.ended_early = bool(self.group.tell(self.ended_early))
        return point

    def gather(self, own: Any) -> list[Any]:
        """As Watch does."""
        return self.group.gather(own)


class _Bystander:
    """The board of a process that has nothing to write."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder

    def update(self, **changes: Any) -> None:
        """Nothing: the main process says it."""

    def say(self, line: str) -> None:
        """Nothing: the main process says it."""


def assist(run_dir: Path, group: Group) -> bool:
    """Train along with the main process until it says that this is the end. False: failed, and said why."""
    folder = RunFolder(run_dir)
    try:
        spec = folder.spec()
        # The main process tokenizes.
        group.wait()
        prepared = prepare(spec, token_cache(folder), lambda done, total: None)
        pad = DataCollatorWithPadding(prepared.tokenizer)
        saved = read_state(folder.state_file) if group.tell(0) else None
        watch = SharedWatch(group, spec, all_recipes()[spec.recipe], prepared, _Bystander(folder), None, pad, saved)
        loop_of(spec)(build_model(spec, prepared), spec, prepared, watch)
    except Exception as error:  # noqa: BLE001 - the border of a run: every cause becomes its status
        if not is_loss_of_another(error):
            traceback.print_exc()
            sys.stderr.flush()
            leave_trouble(run_dir, explain(error, run_dir))
        return False
    return True
