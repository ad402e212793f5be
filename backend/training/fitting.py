"""What a run's memory is for, and the smallest change of its arguments with which it fits: reckoned, not measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace

from backend.recipes.base import TrainArguments
from backend.training.measuring import Measurement
from backend.training.spec import Change
from backend.training.timed_steps import COMPUTED_AGAIN, LEFTOVERS

PARTS = ("weights", "gradients", "optimizer", "activations", "saving", "program")
LORA_RANK = 8
# Of the weights, with the new head: what LoRA trains at that rate of a small model; of a large one it is less.
LORA_SHARE = 0.03
# As the presets do: few weights that start from nothing bear a rate ten times as large.
LORA_RATE, MOST_RATE = 10, 1e-3
SHORTEST = 32


def parts_mib(measured: Measurement, arguments: TrainArguments) -> dict[str, float]:
    """What the memory is for, by PARTS; together they are measured.memory_mib."""
    weights, gradients, optimizer = (
        size / 2**20 for size in (measured.model_bytes, measured.gradient_bytes, measured.optimizer_bytes)
    )
    rest = measured.memory_mib - measured.program_mib - weights - gradients - optimizer - measured.saving_mib
    # Gradients come while activations go: where these are few, the peak is less than all parts together.
    kept = max(rest, min(_kept_mib(measured, arguments), measured.memory_mib / 2))
    program = measured.memory_mib - weights - gradients - optimizer - kept - measured.saving_mib
    values = (weights, gradients, optimizer, kept, measured.saving_mib, program)
    return {name: max(0.0, value) for name, value in zip(PARTS, values, strict=True)}


def smallest_change(
    measured: Measurement, arguments: TrainArguments, room_mib: float, processes: int = 1
) -> Change | None:
    """The first of ever larger changes with which the run needs no more than room_mib; None where none is enough.

    processes: how many share the room.
    """
    for kinds, changed in _ladder(arguments, max(measured.lengths, default=0), measured.can_checkpoint):
        need = processes * needed_mib(measured, arguments, changed)
        if need <= room_mib:
            before, after = asdict(arguments), asdict(changed)
            different = {name: value for name, value in after.items() if value != before[name]}
            return Change(kinds=kinds, arguments=different, memory_mib=need)
    return None


def needed_mib(measured: Measurement, arguments: TrainArguments, changed: TrainArguments) -> float:
    """The memory of a run with changed arguments, from what was measured with others."""
    weights, gradients, optimizer = (
        size / 2**20 for size in (measured.model_bytes, measured.gradient_bytes, measured.optimizer_bytes)
    )
    if changed.lora_rank and not arguments.lora_rank:
        # Two numbers are remembered of each weight that learns.
        learning = min(gradients, LORA_SHARE * weights)
        fewer = gradients - learning + max(0.0, optimizer - 2 * learning)
    else:
        fewer = 0.0
    saved = _kept_mib(measured, arguments) - _kept_mib(measured, changed)
    # Below what the gradients need, fewer activations save nothing: both have the same place, one after the other.
    floor = measured.program_mib + weights + gradients + optimizer + measured.saving_mib
    return max(measured.memory_mib - LEFTOVERS * saved, min(floor, measured.memory_mib)) - fewer


def _ladder(
    arguments: TrainArguments, longest: int, can_checkpoint: bool
) -> Iterator[tuple[tuple[str, ...], TrainArguments]]:
    """Ever larger changes: smaller batches, activations computed again, both, shorter texts, LoRA."""
    for changed in _smaller_batches(arguments):
        yield ("batch",), changed
    kinds: tuple[str, ...] = ()
    if can_checkpoint and not arguments.gradient_checkpointing:
        arguments, kinds = replace(arguments, gradient_checkpointing=True), ("checkpointing",)
        yield kinds, arguments
        for changed in _smaller_batches(arguments):
            yield ("batch", *kinds), changed
    least = [*_smaller_batches(arguments)][-1:] or [arguments]
    length = min(arguments.max_length, longest)
    while length // 2 >= SHORTEST:
        length //= 2
        yield _with_batch(arguments, least[0], (*kinds, "length")), replace(least[0], max_length=length)
    if not arguments.lora_rank and not arguments.freeze_base:
        rate = min(arguments.learning_rate * LORA_RATE, max(MOST_RATE, arguments.learning_rate))
        yield (
            _with_batch(arguments, least[0], (*kinds, "lora")),
            replace(least[0], lora_rank=LORA_RANK, learning_rate=rate),
        )


def _with_batch(before: TrainArguments, after: TrainArguments, kinds: tuple[str, ...]) -> tuple[str, ...]:
    smaller = after.per_device_train_batch_size < before.per_device_train_batch_size
    return ("batch", *kinds) if smaller else kinds


def _smaller_batches(arguments: TrainArguments) -> Iterator[TrainArguments]:
    """Half the batch and twice the accumulation, so that a step learns from as many rows; and so on."""
    size, times = arguments.per_device_train_batch_size, arguments.gradient_accumulation_steps
    scored = arguments.per_device_eval_batch_size
    while size % 2 == 0 and times * 2 <= 1024:
        size, times, scored = size // 2, times * 2, max(1, scored // 2)
        yield replace(
            arguments,
            per_device_train_batch_size=size,
            gradient_accumulation_steps=times,
            per_device_eval_batch_size=scored,
        )


def _kept_mib(measured: Measurement, arguments: TrainArguments) -> float:
    """MiB that the forward pass of the longest batch keeps for the backward pass."""
    longest = min(max(measured.lengths, default=0), arguments.max_length)
    row = _row_mib(measured, longest)
    if arguments.gradient_checkpointing and measured.can_checkpoint and not measured.checkpointed and measured.layers:
        # Each layer keeps what came in, 4 bytes a number; one at a time is computed again.
        row = min(row, COMPUTED_AGAIN * row / measured.layers + measured.layers * measured.width * longest * 4 / 2**20)
    # No batch is larger than the data; of large ones a thousand rows are known, which no batch exceeds.
    return min(arguments.per_device_train_batch_size, max(1, len(measured.lengths))) * row


def _row_mib(measured: Measurement, length: int) -> float:
    """Between the lengths measured in a straight line; below the shortest in proportion."""
    known = measured.kept_row
    if length <= known[0][0]:
        return known[0][1] * length / known[0][0]
    for (shorter, less), (longer, more) in zip(known, known[1:], strict=False):
        if length <= longer:
            return less + (more - less) * (length - shorter) / (longer - shorter)
    return known[-1][1]
