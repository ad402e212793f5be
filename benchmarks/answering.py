"""Answers per second: many texts as a job against the bare pipeline at fixed batch sizes, and a warm single text.

The texts are real sentences of mixed length (SST-2) where they are here, else the sample reviews; all sides take
turns in one process. `python -m benchmarks.answering 5000` answers so many texts where it would be 50,000.
"""

from __future__ import annotations

import csv
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.answering import Reply, ask
from backend.data.library import SAMPLE_DIR
from backend.many import AnsweringJobs, Source, State
from backend.tasks import all_tasks
from benchmarks._figures import ROOT, Figure, write
from benchmarks._product import Product, product
from benchmarks.samples import MINILM

if TYPE_CHECKING:
    from transformers import Pipeline

LONG = True
DATA = Path(os.environ.get("WORKBENCH_BENCH_DATA", ROOT.parent / "shared" / "data")) / "sst2_sentences" / "train.tsv"
TASK = all_tasks()["text-classification"]
TEXTS = 512
MANY = 50_000
SIZES = (1, 8, 16, 32, 64)
ROUNDS = 5
SINGLES = 150


def texts_of() -> list[str]:
    """512 different texts, as they lie in their file: in no order of length."""
    if DATA.exists():
        with DATA.open(encoding="utf-8") as file:
            return [line.rsplit("\t", 1)[0] for line, _ in zip(file, range(TEXTS), strict=False)]
    with (SAMPLE_DIR / "reviews_en.csv").open(encoding="utf-8", newline="") as file:
        return [row["text"] for row, _ in zip(csv.DictReader(file), range(TEXTS), strict=False)]


def classifier(bench: Product, folder: Path) -> str:
    """MiniLM with a head for two labels, the same each time: speed does not ask what it has learnt."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    source = bench.shelf.resolve(bench.workspace, MINILM).path
    torch.manual_seed(0)
    AutoModelForSequenceClassification.from_pretrained(source, num_labels=2, dtype="float32").save_pretrained(folder)
    AutoTokenizer.from_pretrained(source).save_pretrained(folder)
    return f"folder:{folder}"


def answered(bench: Product, jobs: AnsweringJobs, ref: str, texts: list[str]) -> float:
    """Texts a second of a job, from the loaded model to its last answer on disk."""
    source = Source(kind="lines", lines="\n".join(texts))
    job_id = jobs.start(bench.shelf, bench.workspace, TASK, ref, TASK.params(), source)
    jobs.wait(bench.workspace, job_id, 24 * 3600)
    job = jobs.look(bench.workspace, job_id)
    if job is None or job.state is not State.DONE:
        raise RuntimeError(str(job))
    return job.done / job.seconds


def fixed(pipe: Pipeline, texts: list[str], size: int) -> float:
    """Texts a second of the pipeline alone, in the order given."""
    began = time.perf_counter()
    pipe(texts, batch_size=size)
    return len(texts) / (time.perf_counter() - began)


def single(bench: Product, ref: str, text: str) -> float:
    """Seconds of a warm answer, as the page asks for it."""
    began = time.perf_counter()
    *_, last = ask(bench.shelf, bench.workspace, TASK, ref, {"text": text}, TASK.params(), threading.Event())
    assert isinstance(last, Reply) and last.finished
    return time.perf_counter() - began


def bare(pipe: Pipeline, text: str) -> float:
    """Seconds of the pipeline alone."""
    began = time.perf_counter()
    pipe(text, top_k=None)
    return time.perf_counter() - began


def memory_of(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """(what `work` gives, MiB by which this process grew at most meanwhile, those that it keeps)."""
    import psutil

    process, done = psutil.Process(), threading.Event()
    before = most = process.memory_info().rss

    def watch() -> None:
        nonlocal most
        while not done.wait(0.1):
            most = max(most, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        found = work()
    finally:
        done.set()
        watcher.join()
    return found, (most - before) / 2**20, (process.memory_info().rss - before) / 2**20


def spread(values: list[float], unit: str, goal: str = "") -> Figure:
    """Median of a series, with a goal."""
    return Figure(statistics.median(values), unit, goal, (min(values), max(values)))


def main(many: int) -> None:
    """The single text, then throughput in rounds, then the many between two more of the 512."""
    texts, figures = texts_of(), {}
    jobs = AnsweringJobs()
    with product() as bench:
        ref = classifier(bench, bench.workspace.root / "head")
        with bench.shelf.lease(bench.workspace, ref, TASK.auto_class) as loaded:
            pipe = TASK.pipeline(loaded)
        # The single text first: what the many leave in caches and heap is no matter of it.
        text = texts[0]
        pairs = [(single(bench, ref, text), bare(pipe, text)) for _ in range(SINGLES)][5:]
        ratio = statistics.median(a for a, _ in pairs) / statistics.median(b for _, b in pairs)
        figures["warm single text as the page asks"] = spread([1000 * a for a, _ in pairs], "ms")
        figures["warm single text, bare pipeline()"] = spread([1000 * b for _, b in pairs], "ms")
        figures["warm single text / bare pipeline()"] = Figure(ratio, "ratio", "<= 1.1")

        answered(bench, jobs, ref, texts)
        ours: list[float] = []
        theirs: dict[int, list[float]] = {size: [] for size in SIZES}
        for number in range(ROUNDS):
            ours.append(answered(bench, jobs, ref, texts))
            for size in SIZES:
                theirs[size].append(fixed(pipe, texts, size))
            print(
                f"round {number + 1}: {ours[-1]:.0f}",
                *(f"{size}: {theirs[size][-1]:.0f}" for size in SIZES),
                flush=True,
            )
        best = max(SIZES, key=lambda size: statistics.median(theirs[size]))
        figures[f"{len(texts)} texts as a job"] = spread(ours, "texts/s")
        for size in SIZES:
            figures[f"{len(texts)} texts, pipeline(batch_size={size})"] = spread(theirs[size], "texts/s")
        rounds = range(ROUNDS)
        figures["as a job / pipeline(batch_size=1)"] = spread(
            [ours[one] / theirs[1][one] for one in rounds], "ratio", ">= 3.5"
        )
        figures["as a job / best fixed batch size"] = spread(
            [ours[one] / theirs[best][one] for one in rounds], "ratio", ">= 1"
        )

        repeated = [texts[place % len(texts)] for place in range(many)]
        before = answered(bench, jobs, ref, texts)
        rate, grown, kept = memory_of(lambda: answered(bench, jobs, ref, repeated))
        after = answered(bench, jobs, ref, texts)
        figures[f"{many:,} texts as a job"] = Figure(rate, "texts/s")
        figures[f"{many:,} texts / {len(texts)} texts"] = Figure(
            rate / statistics.mean((before, after)), "ratio", ">= 0.95"
        )
        figures[f"{many:,} texts: memory grows at most by"] = Figure(grown, "MiB")
        figures[f"{many:,} texts: memory keeps of that"] = Figure(kept, "MiB", "<= 100")
    write("answering", figures)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else MANY)
