"""Training speed against the way of `run_glue.py` (padded to 128 tokens, fp32 Trainer), and what bounds it.

The rows are real sentences (SST-2) where they are here, else the sample reviews. Speed is rows trained per second,
scoring left out on both sides; the two sides take turns.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from backend.recipes.base import Preset, Report
from benchmarks._figures import ROOT, Figure, write
from benchmarks._product import Product, product
from benchmarks.samples import E5, MINILM

LONG = True
DATA = Path(os.environ.get("WORKBENCH_BENCH_DATA", ROOT.parent / "shared" / "data")) / "sst2_sentences"
PAIRS = 5
ROWS = "[:1500]"
# The plain script needs no more rows to show its speed: every one of its batches is as large as the other.
PLAIN_ROWS = 480
BATCH = 16

# As run_glue.py does by default: every row padded to max_seq_length, the Trainer's own batches.
PLAIN = """
import json, sys, time
from datasets import Dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainerCallback, TrainingArguments
texts, labels = json.load(open(sys.argv[1]))
tokenizer = AutoTokenizer.from_pretrained(sys.argv[2])
tokens = tokenizer(texts, padding="max_length", max_length=128, truncation=True)
rows = Dataset.from_dict(dict(tokens) | {"labels": labels})
class Clock(TrainerCallback):
    def on_train_begin(self, *_, **__):
        self.began = time.perf_counter()
    def on_train_end(self, *_, **__):
        self.seconds = time.perf_counter() - self.began
clock = Clock()
model = AutoModelForSequenceClassification.from_pretrained(sys.argv[2], num_labels=2, dtype="float32")
arguments = TrainingArguments(output_dir=sys.argv[3], per_device_train_batch_size=int(sys.argv[4]), num_train_epochs=1,
                              report_to=[], save_strategy="no", disable_tqdm=True, use_cpu=True)
Trainer(model, arguments, train_dataset=rows, callbacks=[clock]).train()
print(len(rows) / clock.seconds)
"""

# name, model, preset, changes of arguments, other fields of the spec
Variant = tuple[str, str, Preset, dict[str, Any], dict[str, Any]]
VARIANTS: tuple[Variant, ...] = (
    ("Balanced, native loop", MINILM, "balanced", {}, {"loop": "native"}),
    ("LoRA rank 8, dropout 0", MINILM, "balanced", {"lora_rank": 8, "lora_dropout": 0.0}, {}),
    ("LoRA rank 8, dropout 0.1", MINILM, "balanced", {"lora_rank": 8, "lora_dropout": 0.1}, {}),
    ("base frozen, head alone", MINILM, "balanced", {"freeze_base": True}, {}),
    ("multilingual starter, Balanced", E5, "balanced", {}, {}),
    ("multilingual starter, Quick look", E5, "quick", {}, {}),
)
BALANCED: Variant = ("Balanced", MINILM, "balanced", {}, {})
QUICK: Variant = ("Quick look", MINILM, "quick", {}, {})


def plain(texts: list[str], labels: list[int], model: Path, folder: Path) -> float:
    """Rows per second of the plain script."""
    rows = folder / "rows.json"
    rows.write_text(json.dumps([texts, labels]))
    command = [sys.executable, "-c", PLAIN, str(rows), str(model), str(folder / "out"), str(BATCH)]
    environ = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, env=environ)
    return float(answer.stdout.strip().splitlines()[-1])


def ours(bench: Product, data: Any, variant: Variant) -> tuple[float, Report]:
    """(rows per second of training itself, report) of one epoch through the product."""
    _, model, preset, changes, spec = variant
    changes = {"num_train_epochs": 1.0, "per_device_train_batch_size": BATCH, "evaluations": 1} | changes
    report, _ = bench.train(data, model, preset, train_rows=ROWS, spec={"launcher": "process"} | spec, **changes)
    return report.facts["train_rows"] / report.facts["train_seconds"], report


def gemm_gflops() -> float:
    """What this machine's fp32 matrix product reaches at the size of MiniLM's widest layer, in GFLOP/s."""
    import torch

    left, right = torch.randn(BATCH * 32, 384), torch.randn(384, 1536)
    best = 0.0
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(100):
            left @ right
        best = max(best, 100 * 2 * left.numel() * 1536 / (time.perf_counter() - began) / 1e9)
    return best


def encoder_gflop(tokens: float, width: int = 384, inner: int = 1536, layers: int = 6) -> float:
    """Arithmetic of one training step over so many real tokens: forward once, backward twice, attention's products of
    short sentences left out."""
    weights = layers * (4 * width * width + 2 * width * inner)
    return 3 * 2 * weights * tokens / 1e9


def main(wanted: list[str]) -> None:
    """Plain, Balanced, Quick look: PAIRS times over; then each variant beside Balanced. wanted: variants alone."""
    with product() as bench:
        data = bench.data(sorted(DATA.glob("*.tsv")) if DATA.is_dir() else "sample:reviews_en")
        if not wanted:
            against_plain(bench, data)
        for variant in VARIANTS:
            if wanted and variant[0] not in wanted:
                continue
            pairs = [(ours(bench, data, variant)[0], ours(bench, data, BALANCED)[0]) for _ in range(2)]
            ratios = [mine / theirs for mine, theirs in pairs]
            goal = ">= 0.95" if variant[4] else ""
            spread = min(ratios), max(ratios)
            name = f"{variant[0]}: rows per second, of Balanced's"
            write("speed", {name: Figure(statistics.median(ratios), "ratio", goal, spread)})


def against_plain(bench: Product, data: Any) -> None:
    """Balanced and Quick look in turn with the plain script, and what the machine's matrix product would allow."""
    import numpy as np

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        rows = data.load()
        columns = [column.name for column in data.columns][:2]
        texts = [str(text) for text in rows[columns[0]][:PLAIN_ROWS]]
        names = sorted({str(label) for label in rows[columns[1]]})
        labels = [names.index(str(label)) for label in rows[columns[1]][:PLAIN_ROWS]]
        model = bench.shelf.resolve(bench.workspace, MINILM).path
        assert model is not None
        lengths = token_lengths(model, [str(text) for text in rows[columns[0]][:1500]])
        ours(bench, data, QUICK)
        speeds: dict[str, list[float]] = {"plain": [], "Balanced": [], "Quick look": []}
        for _ in range(PAIRS):
            speeds["plain"].append(plain(texts, labels, model, folder))
            for variant in (BALANCED, QUICK):
                speeds[variant[0]].append(ours(bench, data, variant)[0])
            print({name: round(values[-1], 1) for name, values in speeds.items()}, flush=True)
        figures = {}
        for name, goal in (("Balanced", ">= 4.2"), ("Quick look", ">= 6")):
            ratios = [mine / theirs for mine, theirs in zip(speeds[name], speeds["plain"], strict=True)]
            spread = min(ratios), max(ratios)
            figures[f"{name}: rows per second, of run_glue.py's"] = Figure(
                statistics.median(ratios), "ratio", goal, spread
            )
        for name, values in speeds.items():
            figures[f"{name}: rows per second"] = Figure(statistics.median(values), "rows/s")
        gemm = gemm_gflops()
        reached = statistics.median(speeds["Balanced"]) * encoder_gflop(float(np.mean(lengths)))
        figures["measured fp32 matrix product"] = Figure(gemm, "GFLOP/s")
        figures["Balanced: arithmetic on real tokens"] = Figure(reached, "GFLOP/s")
        figures["Balanced: share of the matrix product's speed"] = Figure(reached / gemm, "share")
        write("speed", figures)


def token_lengths(model: Path, texts: list[str]) -> list[int]:
    """Tokens of each text, special ones included."""
    from transformers import AutoTokenizer

    return [len(ids) for ids in AutoTokenizer.from_pretrained(model)(texts)["input_ids"]]


if __name__ == "__main__":
    main(sys.argv[1:])
