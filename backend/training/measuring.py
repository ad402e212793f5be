"""A few real steps of a run, timed: what the forecast is made from. Runs in a child, so that its memory is its own.

Covers: training steps and scoring at the lengths of this data, memory at the longest batch, loading, tokenizing.
Does not cover: several GPUs.
"""

from __future__ import annotations

import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.workspace import write_json

if TYPE_CHECKING:
    import numpy as np

    from backend.training.spec import RunSpec

SAMPLE_ROWS = 1000
# Lengths at which steps are timed, as shares of the rows sorted by length: batches are grouped by length.
QUANTILES = (0.1, 0.5, 0.9, 1.0)
BUDGET_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """forecast.json. Lists of (tokens a row, seconds) are sorted by tokens."""

    lengths: list[int]
    """Tokens of each sampled row, uncut."""
    unknown_share: float
    load_seconds: float
    tokenize_row_seconds: float
    train_row: list[tuple[int, float]]
    """Seconds a row of a training batch takes, by its padded length."""
    score_row: list[tuple[int, float]]
    """The same for scoring."""
    step_seconds: float
    """What a step costs whatever its rows: the optimizer."""
    memory_mib: float
    model_bytes: int
    steps: int


def measure(folder: Path) -> None:
    """Measure the run whose spec.json lies in a folder, and write forecast.json or error.json (a UserError) there."""
    from backend.training.causes import explain
    from backend.training.run_folder import RunFolder

    try:
        measurement = _measure(RunFolder(folder).spec())
    except Exception as error:  # noqa: BLE001 - the border of a child: the page says what went wrong
        import traceback

        traceback.print_exc()
        write_json(folder / "error.json", explain(error, folder).to_json())
        return
    write_json(folder / "forecast.json", asdict(measurement))


def _measure(spec: RunSpec) -> Measurement:
    import numpy as np
    import torch

    from backend.data.describe import unknown_in
    from backend.data.version import DataVersion
    from backend.recipes import all_recipes
    from backend.training.prepared import pad_alike, padding_tokenizer

    recipe = all_recipes()[spec.recipe]
    version = DataVersion.read(Path(spec.data_folder))
    usable = np.flatnonzero(recipe.usable(version, spec.columns))
    chosen = np.sort(np.random.default_rng(spec.arguments.seed).permutation(usable)[:SAMPLE_ROWS])
    rows = version.load().select(chosen)
    tokenizer = padding_tokenizer(spec.tokenizer_path or spec.model_path)
    began = time.perf_counter()
    encoded = recipe.encode(tokenizer, rows, spec.columns, None)["input_ids"]
    tokenizing = time.perf_counter() - began
    lengths = np.asarray([len(ids) for ids in encoded])
    began = time.perf_counter()
    labels = recipe.labels(version, spec.columns)
    model = recipe.load_model(spec.model_path, labels, spec.arguments, spec.new_model).to(spec.device)
    pad_alike(model, tokenizer)
    loading = time.perf_counter() - began
    steps = _Steps(model, spec, len(labels))
    cut = np.sort(np.minimum(lengths, spec.arguments.max_length))
    train, score, memory = steps.time(cut)
    size = sum(tensor.numel() * tensor.element_size() for tensor in (*model.parameters(), *model.buffers()))
    if spec.device == "cuda":
        memory = torch.cuda.max_memory_allocated() / 2**20
    return Measurement(
        lengths=lengths.tolist(),
        unknown_share=unknown_in(encoded, tokenizer),
        load_seconds=loading,
        tokenize_row_seconds=tokenizing / max(len(lengths), 1),
        train_row=train,
        score_row=score,
        step_seconds=steps.optimizer_seconds,
        memory_mib=memory,
        model_bytes=size,
        steps=steps.done,
    )


class _Steps:
    """Training steps on made-up tokens: what a step costs depends on its shape, not on the words."""

    def __init__(self, model: Any, spec: RunSpec, labels: int) -> None:
        import torch

        from backend.training.optimization import checkpointing

        self.model, self.spec, self.labels = model, spec, labels
        checkpointing(model, spec.arguments)
        self.trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.AdamW(self.trained, lr=1e-9, fused=spec.device != "mps")
        self.optimizer_seconds = 0.0
        self.done = 0

    def time(self, lengths: np.ndarray) -> tuple[list[tuple[int, float]], list[tuple[int, float]], float]:
        """(training, scoring) as Measurement has them, and the peak of resident memory with a whole batch, in MiB."""
        import numpy as np

        train_rows = self.spec.arguments.per_device_train_batch_size
        score_rows = self.spec.arguments.per_device_eval_batch_size
        places = sorted({int(np.quantile(lengths, share, method="nearest")) for share in QUANTILES})
        began = time.perf_counter()
        # The first step of a process takes up to ten times as long: kernels are chosen, memory is fetched.
        self._train(2, places[0])
        self._score(2, places[0])
        token_seconds = self._train(2, places[0]) / 2 / places[0]
        train: list[tuple[int, float]] = []
        score: list[tuple[int, float]] = []
        base = memory = peak_mib()
        for length in places:
            left = max(BUDGET_SECONDS - (time.perf_counter() - began), 0.2) / 3
            rows = max(2, min(train_rows, int(left / (token_seconds * length))))
            train.append((length, self._train(rows, length) / rows))
            token_seconds = max(train[-1][1] / length, 1e-9)
            memory = max(memory, base + (peak_mib() - base) * train_rows / rows)
        # After all training, whose memory is multiplied where it was for a part of a batch only.
        for length, row_seconds in train:
            left = max(BUDGET_SECONDS - (time.perf_counter() - began), 0.2) / 3
            # Scoring a row takes less than half of what training on it takes.
            rows = max(2, min(score_rows, int(2 * left / max(row_seconds, 1e-9))))
            score.append((length, self._score(rows, length)))
        return train, score, max(memory, peak_mib())

    def _train(self, rows: int, length: int) -> float:
        """Seconds of forward, backward and clipping; the optimizer's are kept apart."""
        import torch

        from backend.training.optimization import computing_in

        batch = self._batch(rows, length)
        began = time.perf_counter()
        self.model.train()
        with computing_in(self.spec.device, self.spec.arguments):
            loss = self.model(**batch, labels=self._labels(rows)).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.trained, 1.0)
        self._wait()
        between = time.perf_counter()
        self.optimizer.step()
        self.optimizer.zero_grad()
        self._wait()
        took = time.perf_counter() - between
        # The first one makes the optimizer's state.
        self.optimizer_seconds = min(took, self.optimizer_seconds or took)
        self.done += 1
        return between - began

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


def peak_mib() -> float:
    """Most resident memory this process ever had."""
    if sys.platform == "win32":
        import psutil

        return float(psutil.Process().memory_info().peak_wset / 2**20)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
