"""How a model learns, for every loop alike: steps, optimizer, learning rate, loss, number format.

Everything here is a function of the model and the arguments; no training loop is imported.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from backend.recipes.base import TrainArguments

if TYPE_CHECKING:
    import numpy as np

# What the scheduler functions of transformers take beside the steps.
SCHEDULE_SETTINGS: dict[str, dict[str, float]] = {
    "cosine_with_restarts": {"num_cycles": 2},
    # With power 1 it would be the linear one.
    "polynomial": {"power": 2.0, "lr_end": 0.0},
}
MIXED_PRECISION = {"fp32": "no", "bf16": "bf16", "fp16": "fp16"}
"""The argument `precision` as accelerate calls it."""


def total_steps(batches: int, arguments: TrainArguments) -> int:
    """Optimizer steps of a whole run. batches: of one epoch. The last step of an epoch may have fewer batches."""
    per_epoch = max(1, math.ceil(batches / arguments.gradient_accumulation_steps))
    return arguments.max_steps or math.ceil(arguments.num_train_epochs * per_epoch)


def warmup_steps(arguments: TrainArguments, steps: int) -> int:
    """How many of a run's steps the learning rate rises in."""
    return math.ceil(steps * arguments.warmup_ratio)


def marks(total_steps: int, arguments: TrainArguments) -> set[int]:
    """The steps after which the watched split is scored, the last one among them."""
    if arguments.eval_steps:
        return {*range(arguments.eval_steps, total_steps, arguments.eval_steps), total_steps}
    evaluations = min(arguments.evaluations, total_steps)
    return {round(total_steps * part / evaluations) for part in range(1, evaluations + 1)}


def parameter_groups(model: Any, arguments: TrainArguments) -> list[dict[str, Any]]:
    """What the optimizer moves: the parameters that learn, without weight decay for biases and normalization layers."""
    import torch

    spared = {
        f"{prefix}.{name}" if prefix else name
        for prefix, module in model.named_modules()
        for name, _ in module.named_parameters(recurse=False)
        if name.endswith("bias") or isinstance(module, torch.nn.LayerNorm) or "norm" in type(module).__name__.lower()
    }
    learning = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    return [
        {"params": [p for name, p in learning if name not in spared], "weight_decay": arguments.weight_decay},
        {"params": [p for name, p in learning if name in spared], "weight_decay": 0.0},
    ]


def adamw(model: Any, arguments: TrainArguments) -> Any:
    """The torch.optim.AdamW of a model that is on its device already; fused, which is 1.3 times as fast."""
    import torch

    return torch.optim.AdamW(
        parameter_groups(model, arguments),
        lr=arguments.learning_rate,
        betas=(arguments.adam_beta1, arguments.adam_beta2),
        eps=arguments.adam_epsilon,
        fused=next(model.parameters()).device.type != "mps",
    )


def schedule(optimizer: Any, arguments: TrainArguments, steps: int) -> Any:
    """The LRScheduler that sets the learning rate of each of a run's steps; call its step() after the optimizer's."""
    from transformers import get_scheduler

    return get_scheduler(
        arguments.lr_scheduler_type,
        optimizer,
        num_warmup_steps=warmup_steps(arguments, steps),
        num_training_steps=steps,
        scheduler_specific_kwargs=SCHEDULE_SETTINGS.get(arguments.lr_scheduler_type),
    )


def training_loss(arguments: TrainArguments, targets: np.ndarray, labels: int) -> Callable[[Any, Any], Any]:
    """What a step makes smaller: (model output, the batch's labels) to a scalar, the mean over the batch.

    targets: int64 (rows,), of the training rows. labels: how many there are. It is the model's own loss unless rare
    labels shall weigh more or labels be smoothed, which is for one label a row only.
    """
    if arguments.class_weights == "none" and not arguments.label_smoothing_factor:
        return lambda output, _: output.loss
    import torch

    weights = None
    if arguments.class_weights == "balanced":
        weights = torch.tensor(balanced_weights(targets, labels), dtype=torch.float32)

    def loss(output: Any, wanted: Any) -> Any:
        return torch.nn.functional.cross_entropy(
            output.logits.float(),
            wanted,
            weight=None if weights is None else weights.to(wanted.device),
            label_smoothing=arguments.label_smoothing_factor,
        )

    return loss


def balanced_weights(targets: np.ndarray, labels: int) -> np.ndarray:
    """float64 (labels,): rows / (labels * rows of the label), as scikit-learn's "balanced"; 0 for a label without."""
    import numpy as np

    counts = np.bincount(targets, minlength=labels)
    weights: np.ndarray = np.divide(len(targets), labels * counts, out=np.zeros(labels), where=counts > 0)
    return weights


def computing_in(device: str, arguments: TrainArguments) -> Any:
    """A context in which torch computes in the number format that the arguments ask for."""
    import torch

    kind = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(arguments.precision)
    return torch.autocast(device.partition(":")[0], dtype=kind, enabled=kind is not None)


def checkpointing(model: Any, arguments: TrainArguments) -> None:
    """Have a model compute again in the backward pass what it would keep in memory, where that is asked for."""
    if arguments.gradient_checkpointing and model.supports_gradient_checkpointing:
        model.activation_checkpointing_enable()
