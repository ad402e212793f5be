"""The training loop in plain PyTorch, on Accelerate: the same run as Trainer's, written to be read from top to bottom.

A model learns by repeating four lines: predict, measure the error, trace it back to every weight, move each weight a
little. Everything else in `train` decides on which texts, how far, and when to look how good the model has become.
Imported only where a run trains.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator
from itertools import count, islice
from typing import Any

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from accelerate.utils import set_seed
from torch.utils.data import DataLoader

from backend.training import optimization
from backend.training.checkpoint import Moving
from backend.training.prepared import Prepared
from backend.training.sampler import LengthGroupedBatches
from backend.training.spec import RunSpec
from backend.training.watch import Watch

Batch = dict[str, torch.Tensor]
"""input_ids and attention_mask: (rows, tokens); labels: (rows,), or (rows, labels) where a text may have several."""


def train(model: Any, spec: RunSpec, prepared: Prepared, watch: Watch) -> None:
    """Train the model in place until its last step, a stop or a pause; scores and news go through the watch."""
    chosen = spec.arguments

    # Accelerate knows the hardware: which device to compute on, in which number format, and whether other processes
    # train along with this one.
    accelerator = Accelerator(
        cpu=spec.device == "cpu",
        mixed_precision=optimization.MIXED_PRECISION[chosen.precision],
        # Layers that are frozen or not used get no gradient, and no process waits for one.
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=not chosen.gradient_checkpointing)],
    )
    # From here on chance means dropout alone. With the same seed a second run is the same run.
    set_seed(chosen.seed)

    # Texts of like length share a batch, so that little of it is padding. Each process takes its part of every batch.
    rows = prepared.splits["train"]
    batches = LengthGroupedBatches(
        rows.lengths.tolist(),
        chosen.per_device_train_batch_size * accelerator.num_processes,
        chosen.seed,
        accelerator.process_index,
        accelerator.num_processes,
    )
    # The loader has chance of its own, so that what it draws does not move the dropout.
    loader = DataLoader(rows.features, batch_sampler=batches, collate_fn=watch.pad, generator=torch.Generator())

    # To the device. With several processes, their gradients are averaged after each backward pass from now on.
    optimization.checkpointing(model, chosen)
    parallel = accelerator.prepare(model)
    # The optimizer moves the weights; the schedule says how far: it warms up, then slows down towards the end.
    total_steps = optimization.total_steps(len(batches), chosen)
    steps_per_epoch = math.ceil(len(batches) / chosen.gradient_accumulation_steps)
    plain_optimizer = optimization.adamw(model, chosen)
    schedule = optimization.schedule(plain_optimizer, chosen, total_steps)
    optimizer = accelerator.prepare(plain_optimizer)
    error_of = optimization.training_loss(chosen, rows.targets, len(prepared.labels))

    # Score the model as it is, so that the curves start at the true "before"; or go on where the run was cut off.
    loss_sum = torch.zeros((), device=accelerator.device)
    watch.begin(Moving(model, plain_optimizer, schedule, loss_sum, accelerator.scaler), total_steps)
    parallel.train()
    step = watch.step

    for epoch in count(step // steps_per_epoch):
        # Steps of this epoch that were made before: none, unless the run goes on in the middle of it.
        done = step % steps_per_epoch
        batches.set_epoch(epoch, skip=done * chosen.gradient_accumulation_steps)
        # One step may use several batches: the effect of a large batch in the memory of a small one.
        for step_in_epoch, group in enumerate(in_groups(loader, chosen.gradient_accumulation_steps), start=done + 1):
            # The loss is the mean over all rows of the step, whichever batch and process they are in.
            answers = sum(batch["labels"].numel() for batch in group)
            all_answers = accelerator.reduce(torch.tensor(answers, device=accelerator.device), "sum")

            for number, batch in enumerate(group, start=1):
                batch = {name: tensor.to(accelerator.device) for name, tensor in batch.items()}
                share = batch["labels"].numel() / all_answers * accelerator.num_processes
                # Processes exchange gradients once a step, after its last batch.
                last = number == len(group)
                with contextlib.nullcontext() if last else accelerator.no_sync(parallel):
                    # 1. Predict: from tokens to a score for each label.
                    output = parallel(**batch)
                    # 2. Measure the error, here the mean over the batch, by its share in the step.
                    loss = error_of(output, batch["labels"]) * share
                    # 3. Trace it back: afterwards each weight knows how it contributed (its gradient).
                    accelerator.backward(loss)
                loss_sum += loss.detach()

            # A batch of strange texts must not throw the weights far off: long gradients are shortened.
            norm = accelerator.clip_grad_norm_(parallel.parameters(), chosen.max_grad_norm or math.inf)
            learning_rate = schedule.get_last_lr()[0]
            # 4. Move each weight a little against its gradient; the next step starts with fresh gradients.
            optimizer.step()
            # In fp16 a step whose gradients ran over is left out; its learning rate is then used again.
            if not optimizer.step_was_skipped:
                schedule.step()
            optimizer.zero_grad()
            step += 1

            # What happens between the steps is the same in every loop: progress, curves, scores, the best state, Stop.
            watch.after_step(step, epoch + step_in_epoch / steps_per_epoch)
            if step == 1 or step % watch.log_every == 0 or watch.stopped:
                mean_loss = accelerator.reduce(loss_sum, "mean").item() / (step - watch.logged_step)
                watch.log(mean_loss, learning_rate, float(norm))
                loss_sum.zero_()
            if watch.due:
                watch.evaluate(model)
            watch.end_step()
            if watch.over:
                # What Accelerate has wrapped around the model for another number format goes: it answers in fp32.
                accelerator.unwrap_model(parallel, keep_fp32_wrapper=False)
                return


def in_groups(loader: Iterable[Batch], size: int) -> Iterator[list[Batch]]:
    """The batches of each step; the last step of an epoch may have fewer."""
    batches = iter(loader)
    while group := list(islice(batches, size)):
        yield group
