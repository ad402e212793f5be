"""The smallest change that makes a run fit: reckoned from what was measured, in the order in which it costs least."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backend.recipes.base import TrainArguments
from backend.training.fitting import PARTS, needed_mib, parts_mib, smallest_change
from backend.training.measuring import Measurement

MIB = 2**20
ARGUMENTS = TrainArguments(per_device_train_batch_size=16, max_length=256)
# A model of 400 MiB whose rows keep 100 MiB each at 256 tokens.
MEASURED = Measurement(
    lengths=[20, 100, 400] * 20, unknown_share=0, load_seconds=1, tokenize_row_seconds=0, train_row=[(256, 0.1)],
    score_row=[(256, 0.03)], step_seconds=0.1, memory_mib=300 + 1600 + 1700 + 100, program_mib=300,
    model_bytes=400 * MIB, gradient_bytes=400 * MIB, optimizer_bytes=800 * MIB,
    kept_row=[(64, 20.0), (256, 100.0)], saving_mib=100, save_seconds=1, checkpointed=False, can_checkpoint=True,
    layers=10, width=512, steps=5,
)  # fmt: skip


def test_the_parts_are_the_whole() -> None:
    parts = parts_mib(MEASURED, ARGUMENTS)
    assert tuple(parts) == PARTS and sum(parts.values()) == pytest.approx(MEASURED.memory_mib)
    assert parts["weights"] == 400 and parts["optimizer"] == 800 and parts["activations"] == pytest.approx(1700)


def test_half_the_batch_and_twice_the_accumulation_come_first() -> None:
    change = smallest_change(MEASURED, ARGUMENTS, 3000)
    assert change and change.kinds == ("batch",) and change.memory_mib <= 3000
    assert change.arguments == {
        "per_device_train_batch_size": 8,
        "gradient_accumulation_steps": 2,
        "per_device_eval_batch_size": 32,
    }


def test_where_no_batch_is_small_enough_lora_is() -> None:
    change = smallest_change(MEASURED, ARGUMENTS, 1300)
    assert change and change.kinds[-1] == "lora" and change.arguments["lora_rank"] == 8


def test_a_long_text_with_a_batch_of_one_is_computed_again() -> None:
    single = replace(ARGUMENTS, per_device_train_batch_size=1)
    long = replace(MEASURED, kept_row=[(256, 1700.0)])
    change = smallest_change(long, single, 2700)
    assert change and change.kinds == ("checkpointing",) and change.arguments == {"gradient_checkpointing": True}


def test_what_fits_nowhere_has_no_change() -> None:
    assert smallest_change(MEASURED, ARGUMENTS, 500) is None


def test_a_change_never_needs_less_than_weights_and_optimizer() -> None:
    tiny = replace(ARGUMENTS, per_device_train_batch_size=1, max_length=8, gradient_checkpointing=True)
    assert needed_mib(MEASURED, ARGUMENTS, tiny) >= 300 + 400 + 400 + 800


def test_a_model_that_cannot_compute_activations_again_is_not_told_to() -> None:
    other = replace(MEASURED, can_checkpoint=False)
    for room in (1800, 1500, 1300, 1100):
        with_it, without = (smallest_change(one, ARGUMENTS, room) for one in (MEASURED, other))
        assert without is None or "checkpointing" not in without.kinds
    assert with_it is None or "checkpointing" in with_it.kinds
    chosen = replace(ARGUMENTS, gradient_checkpointing=True)
    assert needed_mib(other, ARGUMENTS, chosen) == pytest.approx(other.memory_mib)


def test_processes_share_the_room() -> None:
    alone, two = smallest_change(MEASURED, ARGUMENTS, 3000), smallest_change(MEASURED, ARGUMENTS, 6000, processes=2)
    assert alone and two and two.arguments == alone.arguments and two.memory_mib == 2 * alone.memory_mib
