"""The training loop: transformers.Trainer with our batches, scoring and record. Imported only where a run trains."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import DataCollatorWithPadding, Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_callback import PrinterCallback

from backend.errors import UserError
from backend.metrics.record import Recorder
from backend.recipes.base import Recipe
from backend.training.board import Board
from backend.training.prepared import Prepared
from backend.training.sampler import LengthGroupedBatches
from backend.training.scoring import Scores, score
from backend.training.spec import MetricPoint, Phase, RunSpec
from backend.workspace import disk_error

LOGGED_POINTS = 100


class Loop(Trainer):
    """One run from base model to last step. After `train()`: best_step, best_scores, last_scores, train_seconds."""

    def __init__(self, spec: RunSpec, recipe: Recipe, prepared: Prepared, model: Any, board: Board, recorder: Recorder):
        self.spec, self.recipe, self.prepared = spec, recipe, prepared
        self.board, self.recorder = board, recorder
        # Without a validation split the test split is watched, but it may not choose: the last state then is the best.
        self.watched = "validation" if len(prepared.splits["validation"]) else "test"
        self.best_step = 0
        # Of two states with equal metric, the one with the lower loss is the better one.
        self.best_value = (-math.inf, -math.inf)
        self.best_scores: Scores | None = None
        self.last_scores: Scores | None = None
        self.stopped = False
        self.scoring_seconds = 0.0
        self.train_seconds = 0.0
        self.started = time.perf_counter()
        collate = DataCollatorWithPadding(prepared.tokenizer)
        super().__init__(
            model=model,
            args=training_arguments(spec, board.folder.path),
            train_dataset=prepared.splits["train"].features,
            eval_dataset=prepared.splits[self.watched].features,
            data_collator=collate,
            callbacks=[_Follower(self)],
        )
        self.remove_callback(PrinterCallback)

    def get_train_dataloader(self) -> Any:
        """Batches of like length; their order depends on seed and epoch alone."""
        batches = LengthGroupedBatches(
            self.prepared.splits["train"].lengths.tolist(),
            self.args.per_device_train_batch_size,
            self.spec.arguments.seed,
        )
        loader = torch.utils.data.DataLoader(
            self.prepared.splits["train"].features, batch_sampler=batches, collate_fn=self.data_collator
        )
        return self.accelerator.prepare(loader)

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Score the watched split, keep the state when it is the best so far, and record the point."""
        began = time.perf_counter()
        self.board.update(phase=Phase.EVALUATING)
        scores = self.score(self.watched)
        values = self.recipe.metrics(scores.logits, scores.targets, self.prepared.labels)
        step = self.state.global_step
        self.last_scores = scores
        point = {"eval_loss": scores.loss} | {f"eval_{name}": value for name, value in values.items()}
        self.record(step, point)
        value = (values[self.recipe.best_metric], -scores.loss)
        # Before the first step nothing has been learnt: worth a point, but no checkpoint.
        if step and (value > self.best_value or self.watched != "validation"):
            self.best_step, self.best_value, self.best_scores = step, value, scores
            keep_model(self.model, self.board.folder.best)
            self.board.update(best_step=step, best_value=value[0])
        self.board.say(f"step {step}: " + ", ".join(f"{name} {value:.4f}" for name, value in point.items()))
        self.board.update(phase=Phase.TRAINING)
        # Else Trainer would score again at the end of the epoch.
        self.control.should_evaluate = False
        self.scoring_seconds += time.perf_counter() - began
        return point

    def score(self, split: str, rows: int = 0, after_batch: Callable[[int], None] = lambda done: None) -> Scores:
        """The present state's answers to a split, or to so many rows of it."""
        part = self.prepared.splits[split]
        if rows:
            part = part.first(rows, self.spec.arguments.seed)
        size = self.spec.arguments.per_device_eval_batch_size
        return score(self.model, part.features, part.lengths, self.data_collator, size, after_batch)

    def record(self, step: int, values: dict[str, float]) -> None:
        """One point of metrics.jsonl."""
        self.recorder.add(MetricPoint(step, time.perf_counter() - self.started, values))


class _Follower(TrainerCallback):
    """Between the steps: is a stop asked for, is it time to score, how fast is it going."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.rows = 0
        self.scored_at: set[int] = set()
        self.began = 0.0
        self.logged = (0, 0.0)

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        total, loop = state.max_steps, self.loop
        evaluations = min(loop.spec.arguments.evaluations, total)
        self.scored_at = {round(total * part / evaluations) for part in range(1, evaluations + 1)}
        state.logging_steps = max(1, min(10, total // LOGGED_POINTS))
        loop.board.update(phase=Phase.TRAINING, total_steps=total)
        loop.started = self.began = time.perf_counter()
        loop.evaluate()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        loop = self.loop
        # By the part of the epoch, since its last batch may be smaller than the others.
        self.rows = round(state.epoch * len(loop.prepared.splits["train"]))
        control.should_evaluate = state.global_step in self.scored_at
        if loop.board.folder.stop_requested():
            loop.stopped = control.should_training_stop = True
            control.should_evaluate = control.should_log = True
        elapsed = time.perf_counter() - self.began
        training = max(elapsed - loop.scoring_seconds, 1e-9)
        loop.train_seconds = training
        left = (state.max_steps - state.global_step) * training / state.global_step
        # As many scorings are ahead as marks are; each has cost about the same so far.
        ahead = sum(1 for step in self.scored_at if step > state.global_step)
        done = 1 + len(self.scored_at) - ahead
        loop.board.update(
            step=state.global_step,
            epoch=round(state.epoch, 3),
            samples_per_second=round(self.rows / training, 2),
            seconds_left=round(left + loop.scoring_seconds / done * ahead, 1),
        )

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        loop = self.loop
        if not logs or "loss" not in logs:
            return
        if not math.isfinite(logs["loss"]) or not math.isfinite(float(logs.get("grad_norm", 0.0))):
            raise UserError("training.diverged", step=state.global_step, learning_rate=args.learning_rate)
        rows, seconds = self.logged
        speed = (self.rows - rows) / max(loop.train_seconds - seconds, 1e-9)
        self.logged = (self.rows, loop.train_seconds)
        values = {name: float(logs[name]) for name in ("loss", "learning_rate", "grad_norm") if name in logs}
        loop.record(state.global_step, values | {"samples_per_second": speed})


def training_arguments(spec: RunSpec, folder: Path) -> TrainingArguments:
    """The spec in transformers' words; what is scored, kept and shown is ours."""
    chosen = spec.arguments
    arguments = TrainingArguments(
        output_dir=str(folder / "checkpoints"),
        learning_rate=chosen.learning_rate,
        num_train_epochs=chosen.num_train_epochs,
        per_device_train_batch_size=chosen.per_device_train_batch_size,
        gradient_accumulation_steps=chosen.gradient_accumulation_steps,
        weight_decay=chosen.weight_decay,
        warmup_steps=chosen.warmup_ratio,
        lr_scheduler_type=chosen.lr_scheduler_type,
        max_grad_norm=chosen.max_grad_norm,
        seed=chosen.seed,
        optim="adamw_torch_fused",
        logging_first_step=True,
        logging_nan_inf_filter=False,
        eval_strategy="no",
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        dataloader_pin_memory=spec.device == "cuda",
        use_cpu=spec.device == "cpu",
    )
    # With several GPUs Trainer would cut our batches into pieces for all of them.
    arguments._n_gpu = min(arguments.n_gpu, 1)
    return arguments


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
