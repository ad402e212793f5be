"""Test accuracy over three seeds: the fast way of a preset beside the way of `run_glue.py` (padded to 128 tokens, fp32
Trainer, every weight trained, dropout on) at the same learning rate, batch size and number of epochs.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from backend.data.version import DataVersion
from backend.recipes import all_recipes
from backend.recipes.base import Preset
from benchmarks._figures import ROOT, Figure, write
from benchmarks._product import RECIPE, product
from benchmarks.samples import MINILM

LONG = True
DATA = Path(os.environ.get("WORKBENCH_BENCH_DATA", ROOT.parent / "shared" / "data")) / "sst2_sentences"
SEEDS = (1, 2, 3)
ROWS = 1500
PRESETS: tuple[Preset, ...] = ("balanced", "quick")

PLAIN = """
import json, sys
import numpy as np
from datasets import Dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments, set_seed
made = json.load(open(sys.argv[1]))
set_seed(made["seed"])
tokenizer = AutoTokenizer.from_pretrained(made["model"])
def rows(part):
    texts, labels = made[part]
    tokens = tokenizer(texts, padding="max_length", max_length=128, truncation=True)
    return Dataset.from_dict(dict(tokens) | {"labels": labels})
model = AutoModelForSequenceClassification.from_pretrained(made["model"], num_labels=2, dtype="float32")
arguments = TrainingArguments(output_dir=made["folder"], seed=made["seed"], num_train_epochs=made["epochs"],
                              learning_rate=made["rate"], per_device_train_batch_size=made["batch"],
                              per_device_eval_batch_size=64, report_to=[], save_strategy="no", disable_tqdm=True,
                              use_cpu=True)
trainer = Trainer(model, arguments, train_dataset=rows("train"))
trainer.train()
answer = trainer.predict(rows("test"))
print(float((np.argmax(answer.predictions, -1) == answer.label_ids).mean()))
"""


def plain(made: dict[str, Any], folder: Path) -> float:
    """Test accuracy of the plain script."""
    given = folder / "given.json"
    given.write_text(json.dumps(made | {"folder": str(folder / "out")}))
    command = [sys.executable, "-c", PLAIN, str(given)]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return float(answer.stdout.strip().splitlines()[-1])


def examples(data: DataVersion, split: str, most: int | None = None) -> tuple[list[str], list[int]]:
    """(texts, labels from 0) of a split's first rows."""
    rows = data.load().to_pandas()
    rows = rows[rows[data.given_split_column] == split][:most]
    text, label = (column.name for column in data.columns[:2])
    return [str(one) for one in rows[text]], [int(one) for one in rows[label]]


def main() -> None:
    """Each preset with each seed, both ways, one after another."""
    if not DATA.is_dir():
        sys.exit(f"The public data sets are not here ({DATA}). Set WORKBENCH_BENCH_DATA to their folder.")
    with product() as bench, tempfile.TemporaryDirectory() as temporary:
        data = bench.data([DATA / f"{split}.tsv" for split in ("train", "validation", "test")])
        parts = {"train": examples(data, "train", ROWS), "test": examples(data, "test")}
        facts = bench.shelf.resolve(bench.workspace, MINILM)
        for preset in PRESETS:
            chosen = all_recipes()[RECIPE].preset(preset, facts, ROWS, "cpu")
            theirs: list[float] = []
            ours: list[float] = []
            for seed in SEEDS:
                made = parts | {
                    "model": str(facts.path),
                    "seed": seed,
                    "rate": chosen.learning_rate,
                    "epochs": chosen.num_train_epochs,
                    "batch": chosen.per_device_train_batch_size,
                }
                theirs.append(plain(made, Path(temporary)))
                report, _ = bench.train(data, MINILM, preset, train_rows=f"[:{ROWS}]", seed=seed)
                ours.append(report.splits["test"]["accuracy"])
                print(f"{preset}, seed {seed}: {ours[-1]:.4f}, run_glue.py's way {theirs[-1]:.4f}", flush=True)
            figures = {
                f"{preset}: test accuracy, mean of {len(SEEDS)} seeds": Figure(
                    statistics.mean(ours), "share", f">= {min(theirs):.4f}", (min(ours), max(ours))
                ),
                f"{preset}, run_glue.py's way: test accuracy, mean of {len(SEEDS)} seeds": Figure(
                    statistics.mean(theirs), "share", "", (min(theirs), max(theirs))
                ),
            }
            write("seeds", figures)


if __name__ == "__main__":
    main()
