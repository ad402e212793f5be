"""What the tutorials train, trained here through the product on the same data: their figures beside ours.

Their base models are BERT and DistilBERT base (110 and 66 million parameters); ours are the starters (22.7 million, and
21 million beside a vocabulary). Split and length are the tutorials': 128 tokens.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backend.data.split import SplitPlan
from benchmarks._figures import RESULTS, ROOT, Figure, write
from benchmarks._product import product
from benchmarks.samples import E5, MINILM

LONG = True
DATA = Path(os.environ.get("WORKBENCH_BENCH_DATA", ROOT.parent / "shared" / "data"))
SINGLE, PAIR = "single-label-classification", "sentence-pair-classification"
SCORES, MULTI = "sentence-pair-regression", "multi-label-classification"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """columns: role to column name as our reader names it, empty: guessed. split: where the score is taken; with
    "validation" no test rows are set apart. goals, tutorial: by metric."""

    name: str
    folder: str
    files: tuple[str, ...] = ("train.tsv", "validation.tsv")
    recipe: str = SINGLE
    columns: dict[str, str] = field(default_factory=dict)
    split: str = "validation"
    model: str = MINILM
    preset: str = "balanced"
    train_rows: str = ""
    ends: int = 0
    """Only so many rows from the beginning and from the end of the test file; 0: all."""
    changes: dict[str, Any] = field(default_factory=dict)
    goals: dict[str, float] = field(default_factory=dict)
    tutorial: dict[str, float] = field(default_factory=dict)


CASES = (
    Case(
        name="STS-B", folder="stsb", recipe=SCORES, files=("train.csv", "validation.csv"),
        columns={"text": "sentence1", "text_pair": "sentence2", "score": "score"},
        goals={"pearson": 0.87}, tutorial={"pearson": 0.875, "spearman": 0.873},
    ),
    Case(
        name="MRPC", folder="mrpc", recipe=PAIR, preset="thorough",
        columns={"text": "#1 String", "text_pair": "#2 String", "label": "Quality"},
        changes={"metric_for_best_model": "f1"}, goals={"f1": 0.88}, tutorial={"accuracy": 0.843, "f1": 0.891},
    ),
    Case(
        name="STS-B, multilingual", folder="stsb", recipe=SCORES, files=("train.csv", "validation.csv"), model=E5,
        columns={"text": "sentence1", "text_pair": "sentence2", "score": "score"},
        goals={"pearson": 0.87}, tutorial={"pearson": 0.875, "spearman": 0.873},
    ),
    Case(
        name="MRPC, multilingual", folder="mrpc", recipe=PAIR, model=E5,
        columns={"text": "#1 String", "text_pair": "#2 String", "label": "Quality"},
        changes={"metric_for_best_model": "f1"}, goals={"f1": 0.88}, tutorial={"accuracy": 0.843, "f1": 0.891},
    ),
    Case(name="RTE", folder="rte", recipe=PAIR,
         columns={"text": "sentence1", "text_pair": "sentence2", "label": "label"}, goals={"accuracy": 0}),
    Case(
        name="CoLA", folder="cola", columns={"text": "column_4", "label": "column_2"},
        changes={"metric_for_best_model": "matthews_correlation"}, goals={"matthews_correlation": 0},
    ),
    Case(
        name="SST-2 (GLUE), half an epoch", folder="sst2_glue", preset="quick", changes={"num_train_epochs": 0.5},
        goals={"accuracy": 0.90}, tutorial={"accuracy": 0.9094},
    ),
    Case(
        name="IMDb, 4,000 rows", folder="imdb", files=("train.csv", "test.csv"), split="test",
        columns={"text": "text", "label": "label"}, train_rows="[:2000]+[-2000:]",
        goals={"accuracy": 0.85}, tutorial={"accuracy": 0.926, "f1_macro": 0.926},
    ),
    Case(
        name="IMDb, 4,000 rows, multilingual", folder="imdb", files=("train.csv", "test.csv"), split="test", model=E5,
        columns={"text": "text", "label": "label"}, train_rows="[:2000]+[-2000:]",
        goals={"accuracy": 0.85}, tutorial={"accuracy": 0.926, "f1_macro": 0.926},
    ),
    # Reviews say what they think of the film at their end. The book tests on 500 and 500 rows.
    Case(
        name="IMDb, 4,000 rows, their ends read", folder="imdb", files=("train.csv", "test.csv"), split="test",
        columns={"text": "text", "label": "label"}, train_rows="[:2000]+[-2000:]", ends=2000,
        changes={"truncation_side": "left"},
        goals={"accuracy": 0.85}, tutorial={"accuracy": 0.926, "f1_macro": 0.926},
    ),
    Case(
        name="GoEmotions", folder="goemotions", files=("train.tsv", "validation.tsv", "test.tsv"), split="test",
        recipe=MULTI, columns={"text": "column_1", "labels": "column_2"}, preset="quick",
        changes={"num_train_epochs": 1.0}, goals={"f1_micro": 0},
    ),
    Case(
        name="TTC-3600, multilingual", folder="ttc3600_clean", files=("data.csv",), split="test", model=E5,
        goals={"accuracy": 0.85}, tutorial={"accuracy": 0.926, "f1_macro": 0.925},
    ),
    Case(name="TTC-3600, MiniLM", folder="ttc3600_clean", files=("data.csv",), split="test", goals={"accuracy": 0}),
    Case(
        name="ChnSentiCorp, multilingual", folder="chnsenticorp", files=("train.tsv", "validation.tsv", "test.tsv"),
        split="test", model=E5, goals={"accuracy": 0.90},
    ),
    Case(
        name="ChnSentiCorp, MiniLM", folder="chnsenticorp", files=("train.tsv", "validation.tsv", "test.tsv"),
        split="test", goals={"accuracy": 0},
    ),
)  # fmt: skip


def stsb(file: Path, folder: Path) -> Path:
    """The file with the three columns that matter: some of its rows have two cells more, for their source."""
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / file.name
    with file.open(encoding="utf-8") as lines, made.open("w", encoding="utf-8", newline="") as output:
        table = csv.writer(output)
        table.writerow(["sentence1", "sentence2", "score"])
        for line in lines:
            cells = line.rstrip("\n").split("\t")
            table.writerow([cells[5], cells[6], cells[4]])
    return made


def both_ends(file: Path, folder: Path, rows: int) -> Path:
    """A CSV with that many rows of the beginning of a file, and as many of its end."""
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / file.name
    csv.field_size_limit(10**9)
    with file.open(encoding="utf-8", newline="") as source, made.open("w", encoding="utf-8", newline="") as output:
        head, *found = csv.reader(source)
        csv.writer(output).writerows([head, *found[:rows], *found[-rows:]])
    return made


def main(wanted: list[str]) -> None:
    """Each case on its own, written as soon as it is done; one that has a result is left out unless named."""
    if not DATA.is_dir():
        sys.exit(f"The public data sets are not here ({DATA}). Set WORKBENCH_BENCH_DATA to their folder.")
    path = RESULTS / "tutorials.json"
    done = json.loads(path.read_text())["figures"] if path.exists() else {}
    for case in CASES:
        if not (case.name in wanted if wanted else not any(key.startswith(f"{case.name}:") for key in done)):
            continue
        with product() as bench:
            files = [DATA / case.folder / file for file in case.files]
            if case.ends:
                files[-1] = both_ends(files[-1], bench.workspace.root / "ends", case.ends)
            data = bench.data([stsb(file, bench.workspace.root) for file in files] if case.folder == "stsb" else files)
            report, seconds = bench.train(
                data,
                case.model,
                case.preset,  # type: ignore[arg-type]
                recipe=case.recipe,
                columns=case.columns or None,
                split=SplitPlan(test_share=0.0) if case.split == "validation" else None,
                train_rows=case.train_rows,
                max_length=128,
                **case.changes,
            )
        scores, guess = report.splits[case.split], report.baseline[case.split]
        figures = {}
        for name in {**case.goals, **case.tutorial}:
            goal = f">= {case.goals[name]}" if case.goals.get(name) else ""
            figures[f"{case.name}: {case.split} {name}"] = Figure(scores[name], "", goal)
            figures[f"{case.name}: {case.split} {name}, simplest guess"] = Figure(guess[name], "")
            if name in case.tutorial:
                figures[f"{case.name}: {case.split} {name}, tutorial"] = Figure(case.tutorial[name], "")
        figures[f"{case.name}: Start to Try it, {case.preset}"] = Figure(seconds / 60, "min")
        kept = report.facts["state_seconds"] / report.facts["train_seconds"]
        figures[f"{case.name}: share of the training that keeping states took"] = Figure(kept, "", "<= 0.05")
        write("tutorials", figures)


if __name__ == "__main__":
    main(sys.argv[1:])
