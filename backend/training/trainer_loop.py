"""The training loop on transformers.Trainer, with our batches, scoring and record. Imported only where a run trains."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from accelerate.data_loader import prepare_data_loader
from transformers import Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_callback import PrinterCallback

from backend.training import optimization
from backend.training.checkpoint import Moving
from backend.training.prepared import Prepared
from backend.training.sampler import LengthGroupedBatches
from backend.training.spec import RunSpec
from backend.training.watch import Watch


def train(model: Any, spec: RunSpec, prepared: Prepared, watch: Watch) -> None:
    """Train the model in place until its last step, a stop or a pause; scores and news go through the watch."""
    optimization.checkpointing(model, spec.arguments)
    loop = _Loop(model, spec, prepared, watch)
    loop.train()
    # Scored at the end as it will answer afterwards: in full precision.
    loop.accelerator.unwrap_model(model, keep_fp32_wrapper=False)


class _Loop(Trainer):
    def __init__(self, model: Any, spec: RunSpec, prepared: Prepared, watch: Watch) -> None:
        self.seed, self.watch = spec.arguments.seed, watch
        self.rows = prepared.splits["train"]
        super().__init__(
            model=model,
            args=training_arguments(spec, watch.board.folder.path),
            train_dataset=self.rows.features,
            eval_dataset=prepared.splits[watch.watched].features,
            data_collator=watch.pad,
            callbacks=[_Follower(self, watch)],
        )
        self.remove_callback(PrinterCallback)
        self.error_of = optimization.training_loss(spec.arguments, self.rows.targets, len(prepared.labels))
        self.loss_is_scaled_for_ga = True

    def get_train_dataloader(self) -> Any:
        """Batches of like length; their order depends on seed and epoch alone."""
        args, accelerator = self.args, self.accelerator
        together = args.per_device_train_batch_size * args.world_size
        batches = LengthGroupedBatches(
            self.rows.lengths.tolist(), together, self.seed, args.process_index, args.world_size
        )
        # The loader has chance of its own, so that what it draws does not move the dropout.
        loader = torch.utils.data.DataLoader(
            self.rows.features, batch_sampler=batches, collate_fn=self.data_collator, generator=torch.Generator()
        )
        # Each process has its part of the batches already: Accelerate is to move them, not to share them out.
        return prepare_data_loader(loader, accelerator.device, num_processes=1, process_index=0, put_on_device=True)

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The mean over all rows of a step, whichever batch and process they are in.

        Trainer leaves this to the model, and those for sequence classification take the mean over their own batch: with
        accumulated batches or several processes the gradient is then so many times too long.
        """
        output = model(**inputs)
        share = inputs["labels"].numel() / num_items_in_batch * self.accelerator.num_processes
        loss = self.error_of(output, inputs["labels"]) * share
        return (loss, output) if return_outputs else loss

    def _init_training_state(self, max_steps: int, steps_per_epoch: int, *rest: Any) -> tuple[int, int]:
        """(epochs, batches of the present one) that were done before: the watch knows from its checkpoint, not from
        the files that Trainer would have written."""
        super()._init_training_state(max_steps, steps_per_epoch, *rest)
        self.state.global_step = self.watch.step
        epochs, steps = divmod(self.watch.step, steps_per_epoch)
        return epochs, steps * self.args.gradient_accumulation_steps

    def _run_epoch(self, **parts: Any) -> None:  # type: ignore[override]
        """Called by Trainer; that it goes on is what makes it skip."""
        super()._run_epoch(**parts | {"resume_from_checkpoint": "the watch's" if self.watch.resumed else None})

    def _load_rng_state(self, checkpoint: str | None) -> None:
        """Called by Trainer after it has skipped the batches that were done before."""
        self.watch.restore_chance()

    def _maybe_log_save_evaluate(self, *parts: Any, **named: Any) -> None:
        """Called by Trainer after each step, and once more after each epoch."""
        super()._maybe_log_save_evaluate(*parts, **named)
        self.watch.end_step()
        if self.watch.over:
            self.control.should_training_stop = True

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Called by Trainer after it has logged the step."""
        # Else Trainer would score again at the end of the epoch.
        self.control.should_evaluate = False
        return self.watch.evaluate(self.model)


class _Follower(TrainerCallback):
    """Tells the watch of Trainer's steps, and Trainer of what the watch decides."""

    def __init__(self, loop: _Loop, watch: Watch) -> None:
        self.loop, self.watch = loop, watch

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        loop, watch = self.loop, self.watch
        scaler = loop.accelerator.scaler
        watch.begin(Moving(loop.model, loop.optimizer, loop.lr_scheduler, loop._tr_loss, scaler), state.max_steps)
        loop._globalstep_last_logged = watch.logged_step
        state.logging_steps = watch.log_every

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.watch.after_step(state.global_step, state.epoch)
        control.should_evaluate = self.watch.due
        if self.watch.stopped:
            control.should_log = True

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if logs and "loss" in logs:
            norm = logs.get("grad_norm")
            self.watch.log(float(logs["loss"]), float(logs["learning_rate"]), None if norm is None else float(norm))


def training_arguments(spec: RunSpec, folder: Path) -> TrainingArguments:
    """The spec in transformers' words; what is scored, kept and shown is ours."""
    chosen = spec.arguments
    arguments = TrainingArguments(
        output_dir=str(folder / "checkpoints"),
        learning_rate=chosen.learning_rate,
        num_train_epochs=chosen.num_train_epochs,
        max_steps=chosen.max_steps or -1,
        per_device_train_batch_size=chosen.per_device_train_batch_size,
        gradient_accumulation_steps=chosen.gradient_accumulation_steps,
        weight_decay=chosen.weight_decay,
        adam_beta1=chosen.adam_beta1,
        adam_beta2=chosen.adam_beta2,
        adam_epsilon=chosen.adam_epsilon,
        warmup_steps=chosen.warmup_ratio,
        lr_scheduler_type=chosen.lr_scheduler_type,
        lr_scheduler_kwargs=optimization.SCHEDULE_SETTINGS.get(chosen.lr_scheduler_type),
        max_grad_norm=chosen.max_grad_norm,
        bf16=chosen.precision == "bf16",
        fp16=chosen.precision == "fp16",
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
