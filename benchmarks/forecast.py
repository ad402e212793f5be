"""Forecasts against what then happens: ten runs that differ in recipe, length of text, batch, loop, and in what learns.

Time is from Start to the report, as a person waits; memory is the most that the process that trains ever had resident.
`memory` trains a few steps of each alone, which says nothing of time.
"""

from __future__ import annotations

import csv
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from backend.data.split import SplitPlan
from backend.data.version import DataVersion
from backend.recipes import all_recipes
from backend.recipes.base import Preset
from backend.training.forecast import forecast
from backend.training.spec import Forecast, RunSpec
from benchmarks._figures import ROOT, Figure, write
from benchmarks._product import Product, product
from benchmarks.samples import E5, MINILM

LONG = True
SAMPLES = ROOT / "assets" / "samples"
LABEL, LABELS, PAIR, SCORE = (
    "single-label-classification",
    "multi-label-classification",
    "sentence-pair-classification",
    "sentence-pair-regression",
)
LONGER = 8
"""So many reviews of one kind in a row are a long text."""


@dataclass(frozen=True, slots=True)
class Case:
    """One run. changes: arguments that are not the preset's."""

    name: str
    recipe: str
    data: str
    model: str
    preset: Preset
    loop: str
    changes: dict[str, Any]


CASES = (
    Case("reviews, Quick look", LABEL, "sample:reviews_en", MINILM, "quick", "trainer", {"num_train_epochs": 8}),
    Case("Chinese news, frozen embeddings", LABEL, "sample:news_zh", E5, "balanced", "native", {"num_train_epochs": 2}),
    Case(
        "long texts, whole model", LABEL, "long", MINILM, "thorough", "trainer",
        {"num_train_epochs": 5, "per_device_train_batch_size": 8, "max_length": 256},
    ),
    Case("several labels, Thorough", LABELS, "sample:feedback_en", MINILM, "thorough", "native", {}),
    Case(
        "pairs, LoRA", PAIR, "sample:paraphrases_en", E5, "balanced", "trainer",
        {"lora_rank": 8, "freeze_embeddings": False, "num_train_epochs": 3},
    ),
    Case("scores, Balanced", SCORE, "sample:sentence_pairs_en", MINILM, "balanced", "native", {"num_train_epochs": 12}),
    Case(
        "the head alone, large batches", LABEL, "sample:news_en", E5, "balanced", "trainer",
        {"freeze_base": True, "per_device_train_batch_size": 64, "num_train_epochs": 6},
    ),
    Case(
        "accumulated, activations computed again", LABEL, "long", MINILM, "balanced", "native",
        {
            "gradient_checkpointing": True, "per_device_train_batch_size": 16, "gradient_accumulation_steps": 2,
            "max_length": 256, "num_train_epochs": 4,
        },
    ),
    Case(
        "whole multilingual model", PAIR, "sample:paraphrases_en", E5, "thorough", "trainer",
        {"per_device_train_batch_size": 4, "num_train_epochs": 1, "evaluations": 2},
    ),
    Case(
        "large batches of long texts", LABEL, "long", MINILM, "quick", "trainer",
        {"per_device_train_batch_size": 48, "max_length": 384, "num_train_epochs": 3},
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was foreseen and what came. Seconds and MiB."""

    case: Case
    found: Forecast
    asked_seconds: float
    seconds: float
    memory_mib: float

    @property
    def time_error(self) -> float:
        """Share of what it took."""
        return self.found.seconds / self.seconds - 1

    @property
    def memory_error(self) -> float:
        """Share of what it had."""
        return self.found.memory_mib / self.memory_mib - 1


def main(wanted: list[str]) -> None:
    """Every case, or those whose name has one of these words."""
    outcomes, brief = [], "memory" in wanted
    wanted = [word for word in wanted if word != "memory"]
    with product() as bench, tempfile.TemporaryDirectory() as temporary:
        bench.queue.nursery.warm()
        bench.queue.nursery.ready.wait(300)
        data: dict[str, DataVersion] = {}
        for case in CASES:
            if wanted and not any(word in case.name for word in wanted):
                continue
            if case.data not in data:
                source: Any = [_long_texts(Path(temporary))] if case.data == "long" else case.data
                data[case.data] = bench.data(source)
            if brief:
                case = replace(case, changes=case.changes | {"max_steps": 12, "evaluations": 1})
            outcomes.append(_try(bench, data[case.data], case))
            print(_line(outcomes[-1]), flush=True)
    if not wanted and not brief:
        write("forecast", dict(_figures(outcomes)))


def _try(bench: Product, version: DataVersion, case: Case) -> Outcome:
    draft = _draft(bench, version, case)
    began = time.perf_counter()
    found = forecast(bench.settings, bench.shelf, bench.workspace, draft)
    asked = time.perf_counter() - began
    peak, began = 0.0, time.perf_counter()
    run_id = bench.queue.submit(bench.workspace, draft)
    while (status := bench.queue.run(bench.workspace, run_id).status).state.lives:
        peak = max(peak, _peak_mib(status.pid) if status.launcher else 0.0)
        time.sleep(0.1)
    seconds = time.perf_counter() - began
    report = bench.queue.report(bench.workspace, run_id)
    if report is None:
        raise RuntimeError(f"{case.name}: {status}\n{bench.queue.log_tail(bench.workspace, run_id)}")
    # Where the system does not tell of peaks, the run's own look at its size every second has to do.
    peak = max(peak, report.facts["peak_memory_mib"])
    return Outcome(case=case, found=found, asked_seconds=asked, seconds=seconds, memory_mib=peak)


def _draft(bench: Product, version: DataVersion, case: Case) -> RunSpec:
    from backend.data.split import split_counts

    recipe = all_recipes()[case.recipe]
    columns = recipe.guess_columns(version)
    facts = bench.shelf.resolve(bench.workspace, case.model)
    usable = recipe.usable(version, columns)
    rows = split_counts(version, SplitPlan(), recipe.stratified_by(columns), usable)["train"]
    arguments = replace(recipe.preset(case.preset, facts, rows, "cpu"), **case.changes)
    return RunSpec(
        name=case.name, recipe=case.recipe, model_ref=case.model, data_ref=version.ref, data_version=version.version,
        columns=columns, preset=case.preset, arguments=arguments, loop=case.loop, launcher="process",
    )  # fmt: skip


def _peak_mib(pid: int) -> float:
    """The most memory that a process has had resident; 0 where that cannot be read."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 2**10 for line in status.splitlines() if line.startswith("VmHWM")), 0.0)


def _long_texts(folder: Path) -> Path:
    """Reviews of one kind, eight of them a text."""
    with (SAMPLES / "reviews_en.csv").open(encoding="utf-8", newline="") as file:
        _, *rows = list(csv.reader(file))
    path = folder / "long.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for label in ("negative", "positive"):
            texts = [text for text, given in rows if given == label]
            for start in range(0, len(texts), 3):
                writer.writerow([" ".join((texts * 2)[start : start + LONGER]), label])
    return path


def _figures(outcomes: list[Outcome]) -> Iterator[tuple[str, Figure]]:
    for name, errors in (
        ("time", [abs(one.time_error) for one in outcomes]),
        ("peak memory", [abs(one.memory_error) for one in outcomes]),
    ):
        yield (
            f"{name}: median error of {len(outcomes)} runs",
            Figure(statistics.median(errors), "share", "<= 0.15", (min(errors), max(errors))),
        )
        yield f"{name}: worst error", Figure(max(errors), "share", "<= 0.25")
    # Ten seconds, or a twentieth of the run where that is more.
    asked = [one.asked_seconds / max(10.0, 0.05 * one.seconds) for one in outcomes]
    yield "seconds a forecast takes, of those allowed", Figure(max(asked), "ratio", "<= 1", (min(asked), max(asked)))


def _line(one: Outcome) -> str:
    return (
        f"{one.case.name:42} {one.found.seconds:5.0f} s for {one.seconds:5.0f} s ({one.time_error:+.0%}), "
        f"{one.found.memory_mib:6.0f} MiB for {one.memory_mib:6.0f} ({one.memory_error:+.0%}), "
        f"asked in {one.asked_seconds:.1f} s"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
