"""The forecast card: what the memory is for, and the change that makes a run fit, in both languages."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backend.recipes.base import TrainArguments
from backend.texts import LOCALES
from backend.training.fitting import PARTS
from backend.training.spec import Change, Forecast
from ui.finetune import cards, fit

ARGUMENTS = TrainArguments(per_device_train_batch_size=16)
CHANGE = Change(
    kinds=("batch", "checkpointing", "length", "lora"),
    arguments={
        "per_device_train_batch_size": 4,
        "gradient_accumulation_steps": 4,
        "gradient_checkpointing": True,
        "max_length": 64,
        "lora_rank": 8,
    },
    memory_mib=900,
)
FORECAST = Forecast(
    seconds=60, seconds_low=50, seconds_high=80, memory_mib=3000, memory_available_mib=2000, disk_mib=100,
    disk_available_mib=1000, steps=10, split_rows={}, baseline_label="bad", baseline_value=0.5, truncated_share=0,
    unknown_share=0, measured_batches=6, verdict="exceeds",
    memory_parts_mib=dict.fromkeys(PARTS, 500.0), change=CHANGE,
)  # fmt: skip


@pytest.mark.parametrize("locale", LOCALES)
def test_the_card_tells_every_part_of_the_memory_and_the_change(locale: str) -> None:
    told, change = fit.words(FORECAST, ARGUMENTS, locale)
    card = cards.forecast(FORECAST, locale, told)
    assert card.count("<dt>") == len(PARTS) and fit.MARK in card
    assert "16" in told and "64" in told and "LoRA" in told
    assert change and change["arguments"] == CHANGE.arguments


def test_what_fits_has_no_button() -> None:
    assert fit.words(replace(FORECAST, verdict="fits", change=None), ARGUMENTS, "en") == ("", None)


@pytest.mark.parametrize("found", [replace(FORECAST, change=None), replace(FORECAST, disk_mib=5000)])
def test_where_no_change_helps_the_card_says_what_does(found: Forecast) -> None:
    told, change = fit.words(found, ARGUMENTS, "en")
    assert change is None and fit.MARK not in told and "smaller" in told
