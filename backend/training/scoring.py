"""A model's answers to a whole split, sorted by length so that little is padding. Imported only where a run trains."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from backend.training.prepared import targets_of


@dataclass(frozen=True, slots=True)
class Scores:
    """logits: (rows, labels) float32; targets: as Split.targets; in the features' order. loss: mean over rows, nats."""

    logits: np.ndarray
    targets: np.ndarray
    loss: float


def score(
    model: Any, features: Any, lengths: np.ndarray, collate: Any, batch_size: int, after_batch: Callable[[int], None]
) -> Scores:
    """Run the model over every row. after_batch is told how many rows are done. The model's mode is put back."""
    order = np.argsort(-lengths, kind="stable")
    logits: np.ndarray | None = None
    targets = targets_of(features)
    total_loss = 0.0
    was_training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            for start in range(0, len(order), batch_size):
                chosen = order[start : start + batch_size]
                rows = features[chosen.tolist()]
                batch = collate([dict(zip(rows, values, strict=True)) for values in zip(*rows.values(), strict=True)])
                output = model(**{name: tensor.to(model.device) for name, tensor in batch.items()})
                answers = output.logits.float().cpu().numpy()
                if logits is None:
                    logits = np.empty((len(order), answers.shape[1]), dtype=np.float32)
                logits[chosen] = answers
                total_loss += float(output.loss) * len(chosen)
                after_batch(start + len(chosen))
    finally:
        model.train(was_training)
    if logits is None:
        raise ValueError("no rows to score")
    return Scores(logits, targets, total_loss / len(order))
