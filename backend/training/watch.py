"""What both training loops do between their steps: score, keep the best state, record, tell, and heed a stop.

A loop calls `begin` before its first step, `after_step` after each, and `log` whenever it has a loss to tell.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from backend.errors import UserError
from backend.metrics.record import Recorder
from backend.recipes.base import LESS_IS_BETTER, Recipe
from backend.training.board import Board
from backend.training.optimization import marks
from backend.training.prepared import Prepared
from backend.training.scoring import Scores, score
from backend.training.spec import MetricPoint, Phase, RunSpec
from backend.workspace import disk_error

LOGGED_POINTS = 100


class Watch:
    """One run from its first score to its last. Imported only where a run trains."""

    def __init__(self, spec: RunSpec, recipe: Recipe, prepared: Prepared, board: Board, recorder: Recorder, pad: Any):
        """pad: the collator that makes a batch of features."""
        self.spec, self.recipe, self.prepared = spec, recipe, prepared
        self.board, self.recorder, self.pad = board, recorder, pad
        self.metric = spec.best_metric(recipe)
        # Without a validation split the test split is watched, but it may not choose: the last state then is the best.
        self.watched = "validation" if len(prepared.splits["validation"]) else "test"
        self.best_step = 0
        # Of two states with equal metric, the one with the lower loss is the better one.
        self.best_value = (-math.inf, -math.inf)
        self.best_scores: Scores | None = None
        self.last_scores: Scores | None = None
        self.stopped = False
        self.ended_early = False
        """The last checks brought nothing better, as often as the arguments allow: the loop ends here."""
        self._worse = 0
        self._model: Any = None
        self.step = self.total_steps = 0
        self.log_every = 1
        self.scoring_seconds = 0.0
        self.train_seconds = 0.0
        self.rows = 0
        self._started = time.perf_counter()
        self._scored_at: set[int] = set()
        self._logged = (0, 0.0)

    def begin(self, model: Any, total_steps: int) -> None:
        """The first step comes next: score the model as it is, so that every curve starts at the true "before"."""
        self.total_steps, self._model = total_steps, model
        self._scored_at = marks(total_steps, self.spec.arguments)
        self.log_every = self.spec.arguments.logging_steps or max(1, min(10, total_steps // LOGGED_POINTS))
        self.board.update(phase=Phase.TRAINING, total_steps=total_steps)
        self._started = time.perf_counter()
        self.evaluate(model)

    def after_step(self, step: int, epoch: float) -> None:
        """An optimizer step was made; epoch: how many are done, with the part of the present one."""
        self.step = step
        # By the part of the epoch, since its last batch may be smaller than the others.
        self.rows = round(epoch * len(self.prepared.splits["train"]))
        if self.board.folder.stop_requested():
            self.stopped = True
        training = max(time.perf_counter() - self._started - self.scoring_seconds, 1e-9)
        self.train_seconds = training
        left = (self.total_steps - step) * training / step
        # As many scorings are ahead as marks are; each has cost about the same so far.
        ahead = sum(1 for mark in self._scored_at if mark > step)
        done = 1 + len(self._scored_at) - ahead
        self.board.update(
            step=step,
            epoch=round(epoch, 3),
            samples_per_second=round(self.rows / training, 2),
            seconds_left=round(left + self.scoring_seconds / done * ahead, 1),
        )
        every = self.spec.arguments.save_steps
        if every and step % every == 0:
            self._keep_checkpoint()

    @property
    def due(self) -> bool:
        """Whether the state after the present step is to be scored."""
        return self.stopped or self.step in self._scored_at

    def log(self, loss: float, learning_rate: float, grad_norm: float | None = None) -> None:
        """A point of the training curves. Raises UserError training.diverged when a number is none any more."""
        if not math.isfinite(loss) or not math.isfinite(grad_norm or 0.0):
            raise UserError("training.diverged", step=self.step, learning_rate=self.spec.arguments.learning_rate)
        rows, seconds = self._logged
        speed = (self.rows - rows) / max(self.train_seconds - seconds, 1e-9)
        self._logged = (self.rows, self.train_seconds)
        values = {"loss": loss, "learning_rate": learning_rate, "samples_per_second": speed}
        self._record(values | ({} if grad_norm is None else {"grad_norm": grad_norm}))

    def evaluate(self, model: Any) -> dict[str, float]:
        """Score the watched split, keep the state when it is the best so far, and record the point."""
        began = time.perf_counter()
        self.board.update(phase=Phase.EVALUATING)
        scores = self.score(model, self.watched)
        values = self.recipe.metrics(scores.logits, scores.targets, self.prepared.labels) | {"loss": scores.loss}
        self.last_scores = scores
        point = {f"eval_{name}": value for name, value in values.items()}
        self._record(point)
        chosen = -values[self.metric] if self.metric in LESS_IS_BETTER else values[self.metric]
        # Before the first step nothing has been learnt: worth a point, but no checkpoint.
        if self.step and ((chosen, -scores.loss) > self.best_value or self.watched != "validation"):
            self.best_step, self.best_value, self.best_scores = self.step, (chosen, -scores.loss), scores
            keep_model(model, self.board.folder.best)
            self.board.update(best_step=self.step, best_value=values[self.metric])
            self._worse = 0
        elif self.step:
            self._worse += 1
            self._end_early()
        self.board.say(f"step {self.step}: " + ", ".join(f"{name} {value:.4f}" for name, value in point.items()))
        self.board.update(phase=Phase.TRAINING)
        self.scoring_seconds += time.perf_counter() - began
        return point

    def score(
        self, model: Any, split: str, rows: int = 0, after_batch: Callable[[int], None] = lambda done: None
    ) -> Scores:
        """The present state's answers to a split, or to so many rows of it."""
        part = self.prepared.splits[split]
        if rows:
            part = part.first(rows, self.spec.arguments.seed)
        size = self.spec.arguments.per_device_eval_batch_size
        return score(model, part.features, part.lengths, self.pad, size, after_batch)

    def _end_early(self) -> None:
        """Enough checks in a row were no better: the planned end is here, unless it is anyway."""
        patience = self.spec.arguments.early_stopping_patience
        if patience and self._worse >= patience and self.step < self.total_steps and not self.stopped:
            self.ended_early = True
            self.board.update(total_steps=self.step)
            self.board.say(f"no better check since step {self.best_step}: the run ends here")

    def _keep_checkpoint(self) -> None:
        """The present state as checkpoints/step-N, with the tokenizer; of these the newest ones stay."""
        folder = self.board.folder.best.with_name(f"step-{self.step}")
        keep_model(self._model, folder)
        self.prepared.tokenizer.save_pretrained(folder)
        kept = sorted(folder.parent.glob("step-*"), key=lambda path: int(path.name.removeprefix("step-")))
        for old in kept[: -self.spec.arguments.save_total_limit]:
            shutil.rmtree(old, ignore_errors=True)

    def _record(self, values: dict[str, float]) -> None:
        self.recorder.add(MetricPoint(self.step, time.perf_counter() - self._started, values))


def keep_model(model: Any, folder: Path) -> None:
    """Replace the model in a folder, so that a crash leaves the old one or the new one. Raises UserError, disk full."""
    temporary = folder.with_name(f".{folder.name}.new")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        model.save_pretrained(temporary)
        shutil.rmtree(folder, ignore_errors=True)
        temporary.rename(folder)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise disk_error(error, folder) from error
    except Exception:
        # safetensors has an error class of its own for a full disk.
        shutil.rmtree(temporary, ignore_errors=True)
        raise
