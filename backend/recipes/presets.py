"""What Quick look, Balanced and Thorough stand for, by kind and size of model, rows and device."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from backend.recipes.base import Preset, TrainArguments

if TYPE_CHECKING:
    from backend.models import ModelFacts

# Peak learning rates by width of the hidden layers: the wider, the smaller a step it bears.
# (width up to, quick, balanced, thorough)
_RATES = ((384, 1.5e-4, 1e-4, 8e-5), (512, 1e-4, 7e-5, 5e-5), (768, 6e-5, 3e-5, 2e-5), (10**9, 2e-5, 1e-5, 1e-5))
# Rows that a Quick look trains on in all: few are seen three times, of many only a part is.
QUICK_ROWS = 2000
FEW_ROWS = 1500
# To compare two texts is new to most models, and takes more rows to learn than to judge one.
FEW_PAIRS = 5000
# A long text is cut: four times the tokens take over four times as long.
_LENGTHS: dict[Preset, int] = {"quick": 128, "balanced": 192, "thorough": 256}
# Two texts need more room than one, though seldom twice as much.
_PAIR_LENGTHS: dict[Preset, int] = {"quick": 128, "balanced": 256, "thorough": 320}
# From so many weights on, all of them with what the optimizer keeps of each (16 bytes in all) are too much for most
# machines, and LoRA learns as well.
_LORA_FROM = {"cpu": 400_000_000, "mps": 800_000_000, "cuda": 2_000_000_000}
_EVALUATIONS: dict[Preset, int] = {"quick": 3, "balanced": 6, "thorough": 10}


def classification(preset: Preset, facts: ModelFacts, train_rows: int, device: str, texts: int = 1) -> TrainArguments:
    """Arguments to fine-tune an encoder (or, slower, a decoder) as a classifier. texts: how many make a row.

    On a CPU the token embeddings stay as they are (they are most of a multilingual model, and so is their optimizer
    state) and a Quick look has no dropout: together 1.5 times as fast, with equal accuracy over three seeds. Nor has
    Balanced for two texts, which learns better so in its few epochs (STS-B after one, Pearson: 0.85, with dropout
    0.84). Halves are for GPUs: on a processor bf16 has 0.43 of the speed of fp32.
    """
    on_cpu = device == "cpu"
    few = train_rows < FEW_ROWS
    few_of_kind = train_rows < (FEW_ROWS if texts == 1 else FEW_PAIRS)
    rate = next(rates for width, *rates in _RATES if _width(facts) <= width)
    epochs = {
        "quick": min(3.0, max(QUICK_ROWS / max(train_rows, 1), 0.05)),
        "balanced": 5.0 if few_of_kind else 3.0,
        "thorough": 8.0 if few_of_kind else 5.0,
    }[preset]
    longest = facts.max_length or 512
    lengths = _LENGTHS if texts == 1 else _PAIR_LENGTHS
    lora = facts.parameters >= _LORA_FROM.get(device, _LORA_FROM["cuda"])
    return TrainArguments(
        learning_rate=dict(zip(("quick", "balanced", "thorough"), rate, strict=True))[preset] * (10 if lora else 1),
        num_train_epochs=round(epochs, 2),
        # Small batches make more steps of few rows; a GPU is idle on them.
        per_device_train_batch_size=8 if few and preset == "quick" else 16 if few or on_cpu else 32,
        per_device_eval_batch_size=32 if on_cpu else 128,
        max_length=min(lengths[preset], longest),
        precision="bf16" if device == "cuda" else "fp32",
        gradient_checkpointing=lora,
        lora_rank=8 if lora else 0,
        freeze_embeddings=on_cpu and preset != "thorough",
        dropout=0.0 if on_cpu and (preset == "quick" or (preset == "balanced" and texts > 1)) else None,
        warmup_ratio=0.1,
        evaluations=_EVALUATIONS[preset],
    )


def _width(facts: ModelFacts) -> int:
    """Width of the hidden layers; 768, the most common one, where it is unknown."""
    try:
        config = json.loads((facts.path / "config.json").read_text(encoding="utf-8")) if facts.path else {}
    except (OSError, ValueError):
        config = {}
    return int(config.get("hidden_size") or config.get("d_model") or config.get("dim") or 768)
