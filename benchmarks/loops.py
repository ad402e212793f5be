"""The native loop's samples per second against Trainer's: same rows, batches and arguments, in processes alike."""

from __future__ import annotations

import statistics
import sys
import time
from dataclasses import replace
from typing import Any

from backend.recipes import all_recipes
from backend.recipes.base import TrainArguments
from backend.training.spec import Loop, RunSpec, RunState
from benchmarks._figures import Figure, write
from benchmarks._product import RECIPE, Product, product
from benchmarks.samples import MINILM

PAIRS = 5
SAMPLE = "sample:reviews_en"
# Nothing but steps: scored once, at the end.
ARGUMENTS = TrainArguments(
    learning_rate=5e-5, num_train_epochs=1, per_device_train_batch_size=16, max_length=128, evaluations=1
)
TITLES = {"full": "whole model, dropout as saved", "quick": "embeddings frozen, no dropout"}


def train(bench: Product, loop: Loop, arguments: TrainArguments) -> tuple[float, dict[str, float]]:
    """(samples per second of training itself, the validation split's scores) of one run in a process of its own."""
    version = bench.data(SAMPLE)
    recipe = all_recipes()[RECIPE]
    draft = RunSpec(
        name=loop,
        recipe=RECIPE,
        model_ref=MINILM,
        data_ref=version.ref,
        data_version=version.version,
        columns=recipe.guess_columns(version),
        arguments=arguments,
        launcher="process",
        loop=loop,
    )
    run_id = bench.queue.submit(bench.workspace, draft)
    while (status := bench.queue.run(bench.workspace, run_id).status).state.lives:
        time.sleep(0.1)
    report = bench.queue.report(bench.workspace, run_id)
    if report is None or status.state is not RunState.DONE:
        raise RuntimeError(f"{status}\n{bench.queue.log_tail(bench.workspace, run_id)}")
    facts: Any = report.facts
    rows = facts["train_rows"] * arguments.num_train_epochs
    return rows / facts["train_seconds"], dict(report.splits["validation"])


def main(pairs: int = PAIRS) -> None:
    """Trainer, native, native, Trainer: `pairs` times over, for a whole model and for a quick look."""
    figures = {}
    with product() as bench:
        for name, arguments in (
            ("full", ARGUMENTS),
            ("quick", replace(ARGUMENTS, freeze_embeddings=True, dropout=0.0)),
        ):
            ratios, gaps = [], []
            for number in range(pairs):
                order: tuple[Loop, ...] = ("trainer", "native")
                measured = {loop: train(bench, loop, arguments) for loop in (order, order[::-1])[number % 2]}
                ratios.append(measured["native"][0] / measured["trainer"][0])
                gaps.append(abs(measured["native"][1]["accuracy"] - measured["trainer"][1]["accuracy"]))
                print(f"{name}: native {measured['native'][0]:.1f}, Trainer {measured['trainer'][0]:.1f} samples/s")
            spread = min(ratios), max(ratios)
            title = f"native loop: samples per second of Trainer's, {TITLES[name]}"
            figures[title] = Figure(statistics.median(ratios), "ratio", ">= 0.95", spread)
            title = f"native loop: largest difference in validation accuracy, {TITLES[name]}"
            figures[title] = Figure(100 * max(gaps), "points", "<= 0.5")
    write("loops", figures)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else PAIRS)
