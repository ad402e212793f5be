"""A few real steps of a run, timed: what the forecast is made from. Runs in a child, so that its memory is its own.

Covers: training steps and scoring at the lengths of this data, memory at the longest batch, loading, tokenizing.
Does not cover: several GPUs.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.training.timed_steps import Steps, peak_mib, resident_mib
from backend.workspace import write_json

if TYPE_CHECKING:
    from backend.training.spec import RunSpec

SAMPLE_ROWS = 1000


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
    """The most that was resident, of a whole batch of the longest rows and of writing the model down."""
    program_mib: float
    """Resident before the model came: Python, libraries, rows."""
    model_bytes: int
    gradient_bytes: int
    optimizer_bytes: int
    kept_row: list[tuple[int, float]]
    """MiB that the backward pass needs of a row of a training batch, by its padded length."""
    saving_mib: float
    """Resident more while the model is written: the file is mapped."""
    save_seconds: float
    """Writing the model once."""
    checkpointed: bool
    """Whether activations were computed again."""
    can_checkpoint: bool
    """Whether a model of this kind can do that."""
    layers: int
    width: int
    """Of the hidden layers; 0 where the configuration does not tell."""
    steps: int


def measure(folder: Path) -> None:
    """Measure the run whose spec.json lies in a folder, and write forecast.json or error.json (a UserError) there."""
    from backend.training.causes import explain
    from backend.training.run_folder import RunFolder

    try:
        measurement = _measure(RunFolder(folder).spec(), folder)
    except Exception as error:  # noqa: BLE001 - the border of a child: the page says what went wrong
        import traceback

        traceback.print_exc()
        write_json(folder / "error.json", explain(error, folder).to_json())
        return
    write_json(folder / "forecast.json", asdict(measurement))


def _measure(spec: RunSpec, folder: Path) -> Measurement:
    import numpy as np
    import torch

    from backend.data.describe import unknown_in
    from backend.data.version import DataVersion
    from backend.recipes import all_recipes
    from backend.training.prepared import pad_alike, padding_tokenizer

    recipe = all_recipes()[spec.recipe]
    version = DataVersion.read(Path(spec.data_folder))
    usable = np.flatnonzero(recipe.learnable(version, spec.columns, spec.split))
    chosen = np.sort(np.random.default_rng(spec.arguments.seed).permutation(usable)[:SAMPLE_ROWS])
    rows = version.load().select(chosen)
    tokenizer = padding_tokenizer(spec.tokenizer_path or spec.model_path)
    began = time.perf_counter()
    encoded = recipe.encode(tokenizer, rows, spec.columns, None)["input_ids"]
    tokenizing = time.perf_counter() - began
    lengths = np.asarray([len(ids) for ids in encoded])
    program = resident_mib()
    began = time.perf_counter()
    labels = recipe.learnt_labels(version, spec.columns, spec.split)
    model = recipe.load_model(spec.model_path, labels, spec.arguments, spec.new_model).to(spec.device)
    pad_alike(model, tokenizer)
    loading = time.perf_counter() - began
    steps = Steps(model, spec, len(labels))
    cut = np.sort(np.minimum(lengths, spec.arguments.max_length))
    train, score, memory = steps.time(cut)
    kept = [(length, steps.kept_mib(length)) for length, _ in train]
    size = sum(tensor.numel() * tensor.element_size() for tensor in (*model.parameters(), *model.buffers()))
    optimizer, learning = steps.bytes()
    saving, save_seconds = _written(model, folder / "written")
    config = model.config
    if spec.device == "cuda":
        memory, program, saving = torch.cuda.max_memory_allocated() / 2**20, 0.0, 0.0
    return Measurement(
        lengths=lengths.tolist(),
        unknown_share=unknown_in(encoded, tokenizer),
        load_seconds=loading,
        tokenize_row_seconds=tokenizing / max(len(lengths), 1),
        train_row=train,
        score_row=score,
        step_seconds=steps.optimizer_seconds,
        memory_mib=memory + saving,
        program_mib=program,
        model_bytes=size,
        gradient_bytes=learning,
        optimizer_bytes=optimizer,
        kept_row=kept,
        saving_mib=saving,
        save_seconds=save_seconds,
        checkpointed=steps.checkpointed,
        can_checkpoint=bool(model.supports_gradient_checkpointing),
        layers=int(getattr(config, "num_hidden_layers", 0) or 0),
        width=int(getattr(config, "hidden_size", 0) or 0),
        steps=steps.done,
    )


def _written(model: Any, folder: Path) -> tuple[float, float]:
    """(MiB resident more than ever before, seconds) of writing the model down as a run does."""
    from backend.recipes.lora import merged
    from backend.training.checkpoint import keep_model

    before, began = peak_mib(), time.perf_counter()
    keep_model(merged(model), folder)
    return peak_mib() - before, time.perf_counter() - began
