"""What a run will take, from a few measured steps on its own data."""

from __future__ import annotations

import json
import shutil
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from backend.errors import UserError
from backend.models import ModelFacts, ModelShelf, available_bytes
from backend.models.facts import tensor_bytes, weight_files
from backend.recipes import all_recipes
from backend.recipes.base import TrainArguments
from backend.settings import Settings
from backend.training.ahead import ask_child, checked
from backend.training.fitting import parts_mib, smallest_change
from backend.training.measuring import Measurement
from backend.training.optimization import marks, total_steps
from backend.training.sampler import length_grouped
from backend.training.spec import TRAIN_ROWS_SCORED, Forecast, RunSpec
from backend.workspace import Workspace

if TYPE_CHECKING:
    import numpy as np

    from backend.data.version import DataVersion

# What a forecast may be off by: a machine that does other things is slower, length-grouped batches vary.
LOW, HIGH = 0.8, 1.4
TIGHT_SHARE = 0.8
# Handing a run to a child that is ready, the splits, the first and last word of the status.
FIXED_SECONDS = 2.0
# Several processes import torch, each, and find one another before they begin.
LAUNCH_SECONDS = 15.0
# The model and, after a stop, the last one.
MODEL_COPIES = 2
# Of the weights that learn: the best state and a newer one; checkpoints/state.pt, which holds them and two numbers that
# AdamW remembers of each, and the file that replaces it.
LEARNT_COPIES = 2 + 2 * 3
# What LoRA trains beside the head, and what a head has, of all weights.
LORA_LEARNS, HEAD_LEARNS = 0.02, 0.01
MOST_SIMULATED_ROWS = 20_000
TIMEOUT_SECONDS = 120.0
MOST_KEPT = 500
Kept = TypeVar("Kept")

_lock = threading.Lock()
_measured: dict[str, Measurement] = {}
_forecasts: dict[str, Forecast] = {}
_under_way: dict[str, threading.Lock] = {}


def forecast(settings: Settings, shelf: ModelShelf, workspace: Workspace, draft: RunSpec) -> Forecast:
    """Measure a few steps in a child (once per model, data, columns, length and batch) and reckon from them.

    Takes seconds the first time, then milliseconds. Raises UserError: what submit would refuse, or why it cannot be
    measured.
    """
    spec, version = checked(settings, shelf, workspace, draft)
    recipe = all_recipes()[draft.recipe]
    parts = recipe.split(version, draft.columns, draft.split)
    key = _measurement_key(spec)
    with _lock:
        turn = _under_way.setdefault(key, threading.Lock())
    with turn:
        measured = _measured.get(key) or _measure_in_child(workspace, spec)
        with _lock:
            _keep(_measured, key, measured)
            _under_way.pop(key, None)
    made = _reckon(spec, version, parts, measured, workspace)
    with _lock:
        _keep(_forecasts, _run_key(spec), made)
    return made


def _keep(kept: dict[str, Kept], key: str, value: Kept) -> None:
    """Put it last, and forget the oldest beyond MOST_KEPT."""
    kept.pop(key, None)
    kept[key] = value
    while len(kept) > MOST_KEPT:
        del kept[next(iter(kept))]


def known_forecast(spec: RunSpec) -> Forecast | None:
    """The forecast made before for such a run in this process, if any."""
    return _forecasts.get(_run_key(spec))


def _measurement_key(spec: RunSpec) -> str:
    """What a step costs: not epochs, learning rate, seed or split."""
    chosen = spec.arguments
    shape = [chosen.max_length, chosen.per_device_train_batch_size, chosen.per_device_eval_batch_size]
    kind: list[object] = [chosen.freeze_embeddings, bool(chosen.dropout is None or chosen.dropout)]
    kind += [chosen.freeze_base, chosen.precision, chosen.gradient_checkpointing]
    kind += [chosen.lora_rank, chosen.lora_targets, bool(chosen.lora_dropout)]
    # A data set that was removed may have given its name, and so its folder, to another.
    written = (Path(spec.data_folder) / "data.arrow").stat().st_mtime_ns
    model = [spec.model_path, spec.tokenizer_path, spec.new_model]
    return json.dumps([model, spec.data_folder, written, spec.recipe, spec.columns, spec.device, shape, kind])


def _run_key(spec: RunSpec) -> str:
    settled = replace(spec, run_id="", name="", created="", model_title="", data_title="", device="", launcher="auto")
    return json.dumps(settled.to_json(), default=str)


def _measure_in_child(workspace: Workspace, spec: RunSpec) -> Measurement:
    return Measurement(**ask_child("forecast", workspace, spec, TIMEOUT_SECONDS, "training.forecast_failed"))


def _reckon(
    spec: RunSpec, version: DataVersion, parts: dict[str, np.ndarray], measured: Measurement, workspace: Workspace
) -> Forecast:
    import numpy as np

    chosen = spec.arguments
    rows = {name: len(part) for name, part in parts.items()}
    lengths = np.minimum(np.asarray(measured.lengths), chosen.max_length)
    # On the processor they share its cores and its memory; each GPU has its own.
    together = spec.processes
    sharing = together if spec.device == "cpu" else 1
    batches = -(-rows["train"] // (chosen.per_device_train_batch_size * together))
    steps = total_steps(batches, chosen)
    epochs = steps * chosen.gradient_accumulation_steps / max(1, batches)
    training = _epoch_seconds(rows["train"], lengths, spec, measured) * epochs * sharing / together
    training += steps * measured.step_seconds
    checks = len(marks(steps, chosen))
    watched = rows["validation"] or rows["test"]
    scored_rows = watched * (checks + 1) + rows["test"] + min(rows["train"], TRAIN_ROWS_SCORED)
    scoring = scored_rows * float(_interpolated(measured.score_row, lengths).mean())
    # Most checks of a short run are the best so far; of a long run, keeping them is a small part.
    saving = measured.save_seconds * (1 + checks * measured.gradient_bytes / max(1, measured.model_bytes))
    tokenizing = measured.tokenize_row_seconds * sum(rows.values())
    fixed = FIXED_SECONDS + measured.load_seconds + saving + tokenizing + (LAUNCH_SECONDS if together > 1 else 0.0)
    seconds = fixed + training + scoring
    baseline_label, baseline_value = _baseline(spec, version, parts)
    available = available_bytes(spec.device) / 2**20
    disk = disk_bytes(measured.model_bytes, measured.gradient_bytes, spec, steps) / 2**20
    memory = measured.memory_mib * sharing
    verdict = _verdict(memory, available, disk, free_bytes(workspace) / 2**20)
    return Forecast(
        seconds=seconds,
        seconds_low=fixed + LOW * (training + scoring),
        seconds_high=fixed + HIGH * (training + scoring),
        memory_mib=memory,
        memory_available_mib=available,
        memory_parts_mib={name: sharing * size for name, size in parts_mib(measured, chosen).items()},
        disk_mib=disk,
        disk_available_mib=free_bytes(workspace) / 2**20,
        steps=steps,
        split_rows=rows,
        baseline_label=baseline_label,
        baseline_value=baseline_value,
        truncated_share=float((np.asarray(measured.lengths) > chosen.max_length).mean()),
        unknown_share=measured.unknown_share,
        measured_batches=measured.steps,
        verdict=verdict,
        change=None if verdict == "fits" else smallest_change(measured, chosen, TIGHT_SHARE * available, sharing),
    )


def disk_bytes(model_bytes: int, learning_bytes: int, spec: RunSpec, steps: int = 0) -> int:
    """The most that a run has on disk at once. learning_bytes: of the weights that learn. steps: 0 where unknown."""
    chosen = spec.arguments
    if spec.loop == "head":
        return MODEL_COPIES * model_bytes
    kept = chosen.save_total_limit if chosen.save_steps else 0
    if chosen.save_steps and steps:
        kept = min(kept, steps // chosen.save_steps)
    # With LoRA the checkpoints that a person asks for are small.
    copies = MODEL_COPIES + (0 if chosen.lora_rank else kept)
    return copies * model_bytes + LEARNT_COPIES * learning_bytes


def free_bytes(workspace: Workspace) -> int:
    """What the disk under a workspace has left."""
    folder = workspace.root
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def refuse_full_disk(spec: RunSpec, facts: ModelFacts, workspace: Workspace) -> None:
    """Raise UserError forecast.disk_full for a run that would write more than is free.

    From its forecast where there is one, else from the number of the model's weights; a model of which that is not
    known, and one that is new, is let through.
    """
    free, known = free_bytes(workspace), _known_of_draft(spec, facts, workspace)
    if known:
        need = known.disk_mib * 2**20
    elif spec.new_model:
        return
    else:
        weights = 4 * facts.parameters or facts.bytes
        need = disk_bytes(weights, round(weights * _learning_share(facts, spec.arguments)), spec)
        # A model that is on the Hub is fetched first.
        need += facts.bytes if facts.path is None else 0
    if need > free:
        raise UserError("forecast.disk_full", need=f"{need / 1e9:.1f}", free=f"{free / 1e9:.1f}", folder=workspace.root)


def _known_of_draft(draft: RunSpec, facts: ModelFacts, workspace: Workspace) -> Forecast | None:
    """The forecast of a run that has not been given its paths yet."""
    from backend.data.library import open_data

    folder = open_data(workspace, draft.data_ref, draft.data_version).folder
    return known_forecast(replace(draft, model_path=str(facts.path), data_folder=str(folder)))


def _learning_share(facts: ModelFacts, arguments: TrainArguments) -> float:
    """About which part of a model's weights learns."""
    if arguments.freeze_base:
        return HEAD_LEARNS
    if arguments.lora_rank:
        return LORA_LEARNS
    if not arguments.freeze_embeddings or facts.path is None:
        return 1.0
    try:
        files = [file for file in weight_files(facts.path, facts.title) if file.suffix == ".safetensors"]
        sizes = {name: size for file in files for name, size in tensor_bytes(file, facts.title).items()}
    except UserError:
        return 1.0
    frozen = sum(size for name, size in sizes.items() if "embed" in name.lower())
    return 1 - frozen / max(1, sum(sizes.values()))


def _epoch_seconds(rows: int, lengths: np.ndarray, spec: RunSpec, measured: Measurement) -> float:
    """One epoch as the sampler would form its batches, from rows as long as the sampled ones."""
    import numpy as np

    simulated = min(rows, MOST_SIMULATED_ROWS)
    drawn = np.random.default_rng(0).choice(lengths, simulated)
    batches = length_grouped(drawn.tolist(), spec.arguments.per_device_train_batch_size, spec.arguments.seed, 0)
    longest = [drawn[batch].max() for batch in batches]
    row_seconds = _interpolated(measured.train_row, np.asarray(longest))
    return float(row_seconds @ np.asarray([len(batch) for batch in batches])) * rows / simulated


def _interpolated(measured: list[tuple[int, float]], lengths: np.ndarray) -> np.ndarray:
    """Seconds a row of each length takes, between the lengths that were measured."""
    import numpy as np

    known = np.asarray(measured, dtype=float)
    seconds: np.ndarray = np.interp(lengths, known[:, 0], known[:, 1])
    return seconds


def _baseline(spec: RunSpec, version: DataVersion, parts: dict[str, np.ndarray]) -> tuple[str, float]:
    recipe = all_recipes()[spec.recipe]
    labels = recipe.learnt_labels(version, spec.columns, spec.split)
    targets = recipe.targets(version, spec.columns, labels)
    held = parts["test"] if len(parts["test"]) else parts["validation"]
    label, scores = recipe.baseline(targets[parts["train"]], targets[held], labels)
    return label, scores[recipe.best_metric]


def _verdict(memory: float, available: float, disk: float, free: float) -> Literal["fits", "tight", "exceeds"]:
    if memory > available or disk > free:
        return "exceeds"
    return "tight" if memory > TIGHT_SHARE * available else "fits"
