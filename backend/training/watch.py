"""What both training loops do between their steps: score, keep the best state, record, tell, and heed what is asked.

A loop calls `begin` before its first step, `after_step` after each, `log` whenever it has a loss to tell, and
`end_step` when nothing more happens at the step; it ends when the watch says that it is over.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable
from typing import Any

from backend.errors import UserError
from backend.metrics.curve import diverging
from backend.metrics.record import Recorder
from backend.recipes.base import LESS_IS_BETTER, Recipe
from backend.training.board import Board
from backend.training.checkpoint import Moving, Saved, keep_best, keep_model, pack, set_chance, unpack, write_state
from backend.training.optimization import marks
from backend.training.prepared import Prepared
from backend.training.resuming import inputs
from backend.training.scoring import Scores, score
from backend.training.spec import MetricPoint, Phase, RunSpec

LOGGED_POINTS = 100
STATE_SHARE = 25
# What of a watch goes into the state that a run goes on from.
KEPT = (
    "step", "best_step", "best_value", "shown", "rows", "scoring_seconds", "train_seconds", "state_seconds",
    "logged_step", "_worse", "_logged",
)  # fmt: skip


class Watch:
    """One run from its first score to its last. Imported only where a run trains."""

    is_main = True
    process = 0

    def __init__(
        self, spec: RunSpec, recipe: Recipe, prepared: Prepared, board: Board, recorder: Recorder, pad: Any,
        saved: Saved | None = None,
    ):  # fmt: skip
        """pad: the collator that makes a batch of features. saved: what the run goes on from."""
        self.spec, self.recipe, self.prepared = spec, recipe, prepared
        self.board, self.recorder, self.pad = board, recorder, pad
        self.metric = spec.best_metric(recipe)
        # Without a validation split the test split is watched, but it may not choose: the last state then is the best.
        self.watched = "validation" if len(prepared.splits["validation"]) else "test"
        self.best_step = 0
        # Of two states with equal metric, the one with the lower loss is the better one.
        self.best_value = (-math.inf, -math.inf)
        self.shown: float | None = None
        """The chosen metric of the best state, as it is told."""
        self.best_scores: Scores | None = None
        self.last_scores: Scores | None = None
        self.stopped = self.paused = False
        self.ended_early = False
        """The last checks brought nothing better, as often as the arguments allow: the loop ends here."""
        self._worse = 0
        self._moving: Any = None
        self._saved = saved
        self.resumed = saved is not None
        self.step: int = saved["watch"]["step"] if saved else 0
        self.logged_step = self.total_steps = 0
        self.log_every = 1
        self.scoring_seconds = 0.0
        self.train_seconds = 0.0
        self.state_seconds = 0.0
        """What keeping the state to go on from has cost so far."""
        self.rows = 0
        self._started = time.perf_counter()
        self._scored_at: set[int] = set()
        self._logged = (0, 0.0)
        self._losses: list[float] = []
        self._over_at = self._committed = -1
        # When the state was last written, and how long that took.
        self._written, self._cost = time.perf_counter(), 0.0
        self._state_due = False

    def begin(self, moving: Moving, total_steps: int) -> None:
        """The first step comes next: score the model as it is, so that every curve starts at the true "before".

        Where the run goes on, put everything back as it was after the last step that was kept.
        """
        self.total_steps, self._moving = total_steps, moving
        self._scored_at = marks(total_steps, self.spec.arguments)
        self.log_every = self.spec.arguments.logging_steps or max(1, min(10, total_steps // LOGGED_POINTS))
        self.board.update(phase=Phase.TRAINING, total_steps=total_steps)
        self._started = self._written = time.perf_counter()
        if self._saved is None:
            self.evaluate(moving.model)
        else:
            self._go_on(self._saved)

    def after_step(self, step: int, epoch: float) -> None:
        """An optimizer step was made; epoch: how many are done, with the part of the present one."""
        self.step = step
        # By the part of the epoch, since its last batch may be smaller than the others.
        self.rows = round(epoch * len(self.prepared.splits["train"]))
        if self.board.gone:
            raise UserError("training.folder_gone")
        asked = self.board.folder.requested()
        self.stopped, self.paused = asked == "stop", asked == "pause"
        # So seldom that it costs a twenty-fifth of the time at most.
        often = max(self.spec.checkpoint_seconds, STATE_SHARE * self._cost)
        self._state_due = time.perf_counter() - self._written > often
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

    def end_step(self) -> None:
        """Keep what the run could go on from, when it is time or when somebody pauses it."""
        if self._over_at == self.step:
            return
        self._over_at = self.step
        if self._is_end:
            self.paused = False
        elif self.paused or self._state_due:
            self._write_state()

    @property
    def over(self) -> bool:
        """Whether the loop ends here."""
        return self.paused or self._is_end

    @property
    def _is_end(self) -> bool:
        return self.stopped or self.ended_early or self.step >= self.total_steps

    @property
    def due(self) -> bool:
        """Whether the state after the present step is to be scored."""
        return self.stopped or self.step in self._scored_at

    def log(self, loss: float, learning_rate: float, grad_norm: float | None = None) -> None:
        """A point of the training curves. Raises UserError training.diverged when a number is none any more."""
        if grad_norm is not None and self.spec.arguments.precision == "fp16" and not math.isfinite(grad_norm):
            # In fp16 gradients run over now and then: that step is left out, and they are scaled less from then on.
            grad_norm = None
        if not math.isfinite(loss) or not math.isfinite(grad_norm or 0.0):
            raise self._diverged()
        self._losses.append(loss)
        if diverging(self._losses):
            raise UserError(
                "training.diverging", step=self.step, learning_rate=self.spec.arguments.learning_rate,
                first=f"{self._losses[0]:.3g}", last=f"{loss:.3g}",
            )  # fmt: skip
        self.logged_step = self.step
        rows, seconds = self._logged
        speed = (self.rows - rows) / max(self.train_seconds - seconds, 1e-9)
        self._logged = (self.rows, self.train_seconds)
        values = {"loss": loss, "learning_rate": learning_rate, "samples_per_second": speed}
        self._record(values | ({} if grad_norm is None else {"grad_norm": grad_norm}))

    def evaluate(self, model: Any) -> dict[str, float]:
        """Score the watched split, keep the state when it is the best so far, and record the point."""
        began = time.perf_counter()
        self.board.update(phase=Phase.EVALUATING)
        # Before the first step nothing is lost by heeding at once who wants no more of it.
        scores = self.score(
            model, self.watched, after_batch=lambda done: None if self.step else self.board.folder.heed()
        )
        if self.step and not math.isfinite(scores.loss):
            raise self._diverged()
        values = self.recipe.metrics(scores.logits, scores.targets, self.prepared.labels) | {"loss": scores.loss}
        self.last_scores = scores
        point = {f"eval_{name}": value for name, value in values.items()}
        self._record(point)
        chosen = -values[self.metric] if self.metric in LESS_IS_BETTER else values[self.metric]
        # A correlation of answers that are all the same is none.
        chosen = -math.inf if math.isnan(chosen) else chosen
        # Before the first step nothing has been learnt: worth a point, but no checkpoint.
        if self.step and ((chosen, -scores.loss) > self.best_value or self.watched != "validation"):
            self.best_step, self.best_value, self.best_scores = self.step, (chosen, -scores.loss), scores
            self.shown = values[self.metric]
            keep_best(model, self.board.folder.best(self.step))
            self._forget_best(self.step, self._committed)
            self.board.update(best_step=self.step, best_value=self.shown)
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
        folder = self.board.folder.checkpoints / f"step-{self.step}"
        keep_model(self._moving.model, folder, self.prepared.tokenizer)
        kept = sorted(folder.parent.glob("step-*"), key=lambda path: int(path.name.removeprefix("step-")))
        for old in kept[: -self.spec.arguments.save_total_limit]:
            shutil.rmtree(old, ignore_errors=True)

    def _write_state(self) -> None:
        """Replace state.pt. All processes take part; the main one writes."""
        began = time.perf_counter()
        if not math.isfinite(float(self._moving.loss_sum)):
            # What has gone wrong since the last point must not take the place of what was good.
            raise self._diverged()
        own = self.gather(self._moving.own())
        if self.is_main:
            state = self._moving.state() | {
                "own": own,
                "metrics_bytes": self.recorder.sync(),
                "inputs": inputs(self.spec),
                "watch": self._place(),
            }
            write_state(self.board.folder.state_file, state)
            self._committed = self.best_step
            self._forget_best(self.best_step)
        self._written = time.perf_counter()
        self._cost = self._written - began
        self.state_seconds += self._cost
        self.board.say(f"state kept at step {self.step}, in {self._cost:.2f} s")

    def _place(self) -> Saved:
        """Where the run is, in plain values and tensors."""
        return {
            **{name: getattr(self, name) for name in KEPT},
            "elapsed": time.perf_counter() - self._started,
            "best_scores": pack(self.best_scores),
            "last_scores": pack(self.last_scores),
        }

    def _go_on(self, saved: Saved) -> None:
        place = saved["watch"]
        for name in KEPT:
            setattr(self, name, place[name])
        self.best_value = (self.best_value[0], self.best_value[1])
        self._started -= place["elapsed"]
        self.best_scores, self.last_scores = unpack(place["best_scores"]), unpack(place["last_scores"])
        self._committed = self.best_step
        if self.is_main:
            self._forget_best(self.best_step)
            points = self.board.folder.points()
            self._losses = [point.values["loss"] for point in points if "loss" in point.values]
        self._moving.restore(saved, self.process)
        # As large as the run itself, and no longer needed.
        del saved["weights"], saved["optimizer"]
        self.board.update(step=self.step, best_step=self.best_step, best_value=place["shown"])
        self.board.say(f"goes on after step {self.step}")

    def restore_chance(self) -> None:
        """Put the random numbers back where they were; for a loop that draws some while it finds its place."""
        if self._saved and self.process < len(self._saved["own"]):
            set_chance(self._saved["own"][self.process]["chance"])

    def _forget_best(self, *steps: int) -> None:
        """Remove the best states but those of these steps."""
        wanted = {self.board.folder.best(step) for step in steps}
        for folder in self.board.folder.checkpoints.glob("best-*"):
            if folder not in wanted:
                shutil.rmtree(folder, ignore_errors=True)

    def _diverged(self) -> UserError:
        return UserError("training.diverged", step=self.step, learning_rate=self.spec.arguments.learning_rate)

    def gather(self, own: Any) -> list[Any]:
        """What each process has of its own; here there is one."""
        return [own]

    def _record(self, values: dict[str, float]) -> None:
        self.recorder.add(MetricPoint(self.step, time.perf_counter() - self._started, values))
