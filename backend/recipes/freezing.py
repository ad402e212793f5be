"""Which parts of a model learn, and which stay as they are."""

from __future__ import annotations

from typing import Any

from backend.recipes.base import TrainArguments


def freeze(model: Any, arguments: TrainArguments) -> None:
    """Exclude from training what the arguments say: everything but the head, or the embeddings."""
    if arguments.freeze_base:
        freeze_base(model)
    elif arguments.freeze_embeddings:
        freeze_embeddings(model)


def freeze_embeddings(model: Any) -> None:
    """Exclude token embeddings, and position embeddings where they stand with them, from training."""
    embeddings = getattr(model.base_model, "embeddings", None) or model.get_input_embeddings()
    for parameter in embeddings.parameters():
        parameter.requires_grad = False


def freeze_base(model: Any) -> None:
    """Exclude everything but the head from training."""
    heads = head_names(model)
    for name, parameter in model.named_parameters():
        if not any(part in heads for part in name.split(".")):
            parameter.requires_grad = False


def head_names(model: Any) -> list[str]:
    """The modules that make the answer: those beside the base model, and its pooler, which many models have new."""
    body = model.base_model
    beside = [
        name
        for name, module in model.named_children()
        if module is not body and next(module.parameters(), None) is not None
    ]
    return [*beside, *(name for name, _ in body.named_children() if name == "pooler")]


def parameter_counts(model: Any) -> tuple[int, int]:
    """(numbers that learn, numbers in all)."""
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in model.parameters()]
    return sum(size for size, learns in sizes if learns), sum(size for size, _ in sizes)
