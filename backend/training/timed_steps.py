"""Training steps on made-up tokens, timed and weighed: what a step costs depends on its shape, not on the words."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from backend.training.optimization import checkpointing

if TYPE_CHECKING:
    import numpy as np

    from backend.training.spec import RunSpec

# Lengths at which steps are timed, as shares of the rows sorted by length: batches are grouped by length.
QUANTILES = (0.1, 0.5, 0.9, 1.0)
BUDGET_SECONDS = 4.0
# Of fewer rows than a batch has, what a step costs whatever its rows (gradients of the embeddings, their norm) would be
# laid on too few.
FEWEST_ROWS = 4
# Optimizer steps that are made: the first makes the optimizer's state, and they all cost the same whatever the batch.
OPTIMIZER_STEPS = 3
# A batch leaves the allocator with more than it needed at any moment.
LEFTOVERS = 1.15
# Of what one layer saves: with checkpointing a layer at a time is computed again, beside gradients as large, and what
# is taken and given back so often leaves gaps.
COMPUTED_AGAIN = 4.5


class Steps:
    """Of one run's model, optimizer and batch sizes."""

    def __init__(self, model: Any, spec: RunSpec, labels: int) -> None:
        import torch

        self.model, self.spec, self.labels = model, spec, labels
        self.checkpointed = bool(spec.arguments.gradient_checkpointing and model.supports_gradient_checkpointing)
        checkpointing(model, spec.arguments)
        self.trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.AdamW(self.trained, lr=1e-9, fused=spec.device != "mps")
        self.optimizer_seconds = 0.0
        self.done = 0

    def time(self, lengths: np.ndarray) -> tuple[list[tuple[int, float]], list[tuple[int, float]], float]:
        """(training, scoring) as Measurement has them, and the peak of resident memory with a whole batch, in MiB."""
        import numpy as np

        # No batch is larger than the data.
        train_rows = min(self.spec.arguments.per_device_train_batch_size, max(2, len(lengths)))
        score_rows = self.spec.arguments.per_device_eval_batch_size
        places = sorted({int(np.quantile(lengths, share, method="nearest")) for share in QUANTILES})
        began = time.perf_counter()
        # The first step of a process takes up to ten times as long: kernels are chosen, memory is fetched.
        self._train(2, places[0])
        self._score(2, places[0])
        token_seconds = self._train(2, places[0]) / 2 / places[0]
        train: list[tuple[int, float]] = []
        score: list[tuple[int, float]] = []
        base = resident_mib()
        # The longest first, as in a run: what a smaller batch needs finds room in what the largest one has left.
        for length in reversed(places):
            left = max(BUDGET_SECONDS - (time.perf_counter() - began), 0.2) / 3
            rows = max(min(FEWEST_ROWS, train_rows), min(train_rows, int(left / (token_seconds * length))))
            row_seconds = self._train(rows, length) / rows
            if row_seconds * rows < left:
                # The first one fetches its memory from the system; those of a run find it there. And a short one may
                # have been disturbed.
                row_seconds = min(row_seconds, self._train(rows, length) / rows)
            train.insert(0, (length, row_seconds))
            token_seconds = max(row_seconds / length, 1e-9)
            if length == places[-1]:
                memory = peak_mib()
                # Gaps grow with the number of steps where layers are computed again.
                if rows < train_rows or self.checkpointed:
                    memory = max(memory, base + LEFTOVERS * self.kept_mib(length) * train_rows)
        for length, row_seconds in train:
            left = max(BUDGET_SECONDS - (time.perf_counter() - began), 0.2) / 3
            # Scoring a row takes less than half of what training on it takes.
            rows = max(2, min(score_rows, int(2 * left / max(row_seconds, 1e-9))))
            score.append((length, self._score(rows, length)))
        return train, score, max(memory, peak_mib())

    def kept_mib(self, length: int) -> float:
        """MiB that the backward pass needs of one row: what the forward pass keeps, and what is computed again."""
        kept = self._saved_mib(length)
        layers = int(getattr(self.model.config, "num_hidden_layers", 0) or 0)
        if not self.checkpointed or not layers:
            return kept
        self.model.activation_checkpointing_disable()
        again = COMPUTED_AGAIN * self._saved_mib(length) / layers
        checkpointing(self.model, self.spec.arguments)
        return kept + again

    def _saved_mib(self, length: int) -> float:
        """MiB that the forward pass of one row saves for the backward pass, weights left out."""
        import torch

        held = (*self.model.parameters(), *self.model.buffers())
        weights = {tensor.untyped_storage().data_ptr() for tensor in held}
        found: dict[int, int] = {}

        def pack(tensor: Any) -> Any:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in weights:
                found[storage.data_ptr()] = storage.nbytes()
            return tensor

        self.model.train()
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            self._loss(1, length)
        return sum(found.values()) / 2**20

    def bytes(self) -> tuple[int, int]:
        """(what the optimizer remembers, one gradient of each weight that learns)."""
        states = (value for state in self.optimizer.state.values() for value in state.values())
        remembered = sum(value.numel() * value.element_size() for value in states)
        return remembered, sum(weight.numel() * weight.element_size() for weight in self.trained)

    def _train(self, rows: int, length: int) -> float:
        """Seconds of forward, backward and clipping; the optimizer's are kept apart."""
        import torch

        began = time.perf_counter()
        self.model.train()
        self._loss(rows, length).backward()
        torch.nn.utils.clip_grad_norm_(self.trained, 1.0)
        self._wait()
        between = time.perf_counter()
        if self.done < OPTIMIZER_STEPS:
            self.optimizer.step()
            self._wait()
            took = time.perf_counter() - between
            self.optimizer_seconds = min(took, self.optimizer_seconds or took)
        self.optimizer.zero_grad()
        self.done += 1
        return between - began

    def _loss(self, rows: int, length: int) -> Any:
        from backend.training.optimization import computing_in

        with computing_in(self.spec.device, self.spec.arguments):
            return self.model(**self._batch(rows, length), labels=self._labels(rows)).loss

    def _labels(self, rows: int) -> Any:
        import torch

        problem, device = self.model.config.problem_type, self.model.device
        if problem == "single_label_classification":
            return torch.zeros(rows, dtype=torch.long, device=device)
        return torch.zeros((rows, self.labels) if problem == "multi_label_classification" else rows, device=device)

    def _score(self, rows: int, length: int) -> float:
        import torch

        batch = self._batch(rows, length)
        self.model.eval()
        began = time.perf_counter()
        with torch.inference_mode():
            self.model(**batch)
        self._wait()
        return (time.perf_counter() - began) / rows

    def _batch(self, rows: int, length: int) -> dict[str, Any]:
        import torch

        ids = torch.randint(5, self.model.config.vocab_size, (rows, length), device=self.model.device)
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}

    def _wait(self) -> None:
        import torch

        if self.spec.device == "cuda":
            torch.cuda.synchronize()


def resident_mib() -> float:
    """Resident memory of this process now."""
    import psutil

    return float(psutil.Process().memory_info().rss / 2**20)


def peak_mib() -> float:
    """Most resident memory this process ever had."""
    if sys.platform == "win32":
        import psutil

        return float(psutil.Process().memory_info().peak_wset / 2**20)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
