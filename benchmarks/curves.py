"""How often the curve reader is right: over recorded curves of real runs, each with the kind a person gave it.

`record` trains the runs and writes curves/NAME.json, `look` prints them as numbers to judge, no argument reads them.
The kind was given by looking at the numbers, the first of these that holds:
- diverging: the training loss rose to three times its first value, or more, and did not come back to it
- overfitting: the loss on unseen rows has a clear low, from which it rose by a tenth of what it had fallen, while that
  on the training rows went on falling and the score got no better
- noisy: the loss on unseen rows, or score and loss, jump from check to check until the end, by about a tenth
- learning: at the end loss or score on unseen rows still get better
- finished: clearly better than the simplest guess, and nothing moves in the last third
- flat: none of these; the score was never clearly above that of the simplest guess
Curves on which two of these fit as well as each other have no kind, no points, and are not counted. Those held back
were given their kind before the reader read them; at this first look it read 60 of the 70 as a person does, in three
rounds (27 of 32, 21 of 24, 12 of 14), after each of which it was mended. What it reads now is in the figures.
"""

from __future__ import annotations

import csv
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from backend.metrics.curve import Reading, read_curve
from backend.recipes import all_recipes
from backend.recipes.base import LESS_IS_BETTER
from backend.training.spec import MetricPoint
from benchmarks._figures import ROOT, Figure, write
from benchmarks._product import product
from tests.tiny import WORDS, save_encoder

# See above: what was read before anything was mended, and so what to expect of curves never seen.
FIRST_LOOK = {"right": 60, "wrong": 10}
CURVES = Path(__file__).resolve().with_suffix("")
SAMPLES = ROOT / "assets" / "samples"
MINILM = "starter:all-MiniLM-L6-v2"
# A model of MiniLM's first layers, short texts, few rows: a run takes seconds, and its curves are those of any other.
LAYERS = 2
QUICK: dict[str, Any] = {"max_length": 24, "freeze_embeddings": True, "dropout": 0.0, "evaluations": 10}
TRAIN, UNSEEN, TEST = 200, 80, 20
LABEL, LABELS, PAIR, SCORE = (
    "single-label-classification",
    "multi-label-classification",
    "sentence-pair-classification",
    "sentence-pair-regression",
)
REVIEWS, NEWS, FEEDBACK, PARAPHRASES, SCORES = (
    "reviews_en",
    "news_en",
    "feedback_en",
    "paraphrases_en",
    "sentence_pairs_en",
)
# A constant rate leaves the run in the middle of what it does.
STEADY: dict[str, Any] = {"lr_scheduler_type": "constant_with_warmup"}
# Made up, in the words that the tiny model of the tests knows.
OPINIONS, TOPICS = "opinions", "topics"
RECIPES = {
    REVIEWS: LABEL,
    NEWS: LABEL,
    FEEDBACK: LABELS,
    PARAPHRASES: PAIR,
    SCORES: SCORE,
    OPINIONS: LABEL,
    TOPICS: LABEL,
}
SUBJECTS = {
    OPINIONS: {"good": "good great fine love", "bad": "bad poor dull hate awful"},
    TOPICS: {
        "film": "movie film story",
        "sport": "sport team game",
        "shop": "market price food",
        "music": "music play",
    },
}


@dataclass(frozen=True, slots=True)
class Source:
    """Rows of a sample. change: "", shuffled (every answer is of another row), noisy (every third), clear or easy."""

    sample: str
    change: str = ""
    train: int = TRAIN
    unseen: int = UNSEEN


Case = tuple[str, Source, dict[str, Any]]


def cases() -> Iterator[Case]:
    """(name, rows, arguments) of every run. What its curves then show is judged by looking at them."""
    for number, (sample, rate, epochs) in enumerate(
        (
            (REVIEWS, 2e-5, 4), (REVIEWS, 5e-5, 2), (NEWS, 3e-5, 5), (NEWS, 1e-4, 2), (FEEDBACK, 1e-4, 8),
            (SCORES, 5e-5, 4), (REVIEWS, 1e-5, 8), (OPINIONS, 3e-3, 2), (TOPICS, 3e-3, 3), (OPINIONS, 1e-3, 4),
            (TOPICS, 1e-3, 8), (OPINIONS, 5e-4, 6), (TOPICS, 5e-3, 2), (NEWS, 3e-4, 3), (SCORES, 2e-4, 3),
        ), 1
    ):  # fmt: skip
        yield f"short-{number}", Source(sample), {"learning_rate": rate, "num_train_epochs": epochs} | STEADY
    yield "faster-1", Source(REVIEWS), {"learning_rate": 8e-5, "num_train_epochs": 4} | STEADY
    for number, (sample, rate, epochs) in enumerate(
        (
            (OPINIONS, 5e-3, 8), (TOPICS, 5e-3, 10), (OPINIONS, 1e-2, 10), (TOPICS, 1e-2, 8), (OPINIONS, 3e-3, 15),
            (TOPICS, 3e-3, 20), (REVIEWS, 3e-4, 6), (NEWS, 4e-4, 7), (FEEDBACK, 8e-4, 10), (SCORES, 4e-4, 7),
        ), 1
    ):  # fmt: skip
        yield f"long-{number}", Source(sample), {"learning_rate": rate, "num_train_epochs": epochs}
    for number, (sample, rate) in enumerate(
        (
            (OPINIONS, 1e-7), (TOPICS, 1e-6), (OPINIONS, 1e-5), (REVIEWS, 1e-8), (SCORES, 1e-7), (FEEDBACK, 1e-7),
            (REVIEWS, 0.005), (NEWS, 0.01), (PARAPHRASES, 0.003), (SCORES, 0.01),
        ), 1
    ):  # fmt: skip
        yield f"rate-{number}", Source(sample), {"learning_rate": rate, "num_train_epochs": 3}
    for number, (sample, rate, epochs) in enumerate(
        (
            (OPINIONS, 1e-3, 4), (TOPICS, 3e-4, 6), (OPINIONS, 1e-2, 30), (TOPICS, 1e-2, 30), (NEWS, 5e-4, 8),
            (SCORES, 5e-4, 8),
        ), 1
    ):  # fmt: skip
        yield f"random-{number}", Source(sample, "shuffled"), {"learning_rate": rate, "num_train_epochs": epochs}
    for number, (source, rate, epochs) in enumerate(
        (
            (Source(OPINIONS, "noisy", 60), 1e-2, 40), (Source(TOPICS, train=30), 1e-2, 60),
            (Source(OPINIONS, "noisy"), 2e-2, 30), (Source(TOPICS, "noisy"), 1e-2, 40),
            (Source(REVIEWS, train=40), 5e-4, 16), (Source(PARAPHRASES, train=80), 4e-4, 12),
            (Source(NEWS, train=40), 6e-4, 16), (Source(REVIEWS, "noisy", 120), 5e-4, 12),
            (Source(SCORES, train=50), 6e-4, 16), (Source(FEEDBACK, train=50), 2e-3, 20),
        ), 1
    ):  # fmt: skip
        yield f"few-{number}", source, {"learning_rate": rate, "num_train_epochs": epochs, "evaluations": 12}
    for number, (sample, rate, clip) in enumerate(
        (
            (OPINIONS, 0.1, 0), (TOPICS, 0.1, 0), (OPINIONS, 0.05, 1), (TOPICS, 0.03, 0), (REVIEWS, 0.1, 0),
            (NEWS, 0.1, 0), (SCORES, 0.1, 0), (PARAPHRASES, 0.1, 1), (FEEDBACK, 0.1, 0), (SCORES, 0.03, 1),
            (REVIEWS, 0.03, 1), (NEWS, 0.05, 1),
        ), 1
    ):  # fmt: skip
        wild = {"max_grad_norm": clip, "lr_scheduler_type": "constant", "warmup_ratio": 0, "num_train_epochs": 3}
        yield f"wild-{number}", Source(sample), {"learning_rate": rate} | wild
    for number, (sample, rate, batch) in enumerate(
        (
            (OPINIONS, 2e-2, 2), (TOPICS, 3e-2, 4), (OPINIONS, 3e-2, 4), (TOPICS, 2e-2, 2), (OPINIONS, 5e-2, 8),
            (REVIEWS, 2e-3, 4), (NEWS, 2e-3, 4), (PARAPHRASES, 1e-3, 4), (SCORES, 2e-3, 4), (REVIEWS, 1e-3, 2),
        ), 1
    ):  # fmt: skip
        jumpy = {"lr_scheduler_type": "constant", "warmup_ratio": 0, "num_train_epochs": 3, "evaluations": 16}
        # A few rows to check on make coarse, jumpy scores.
        yield f"jumpy-{number}", Source(sample, unseen=20), jumpy | {
            "learning_rate": rate, "per_device_train_batch_size": batch,
        }  # fmt: skip

    for number, (sample, rate, epochs, changes) in enumerate(
        (
            (OPINIONS, 5e-3, 4, {}), (TOPICS, 5e-3, 8, {}), (OPINIONS, 1e-3, 5, STEADY), (TOPICS, 1e-3, 6, STEADY),
            (OPINIONS, 1e-2, 12, {}), (TOPICS, 1e-2, 12, {}), (TOPICS, 2e-3, 4, STEADY), (OPINIONS, 2e-3, 3, STEADY),
            (TOPICS, 3e-2, 4, STEADY | {"evaluations": 16}), (OPINIONS, 3e-2, 4, STEADY | {"evaluations": 16}),
            (TOPICS, 2e-2, 4, STEADY | {"evaluations": 16}), (OPINIONS, 3e-3, 10, {}), (TOPICS, 3e-3, 14, {}),
            (TOPICS, 5e-4, 8, STEADY), (OPINIONS, 1e-3, 8, {}), (TOPICS, 5e-3, 12, {}),
        ), 1
    ):  # fmt: skip
        yield f"easy-{number}", Source(sample, "easy"), {"learning_rate": rate, "num_train_epochs": epochs} | changes
        source = Source(sample, "clear", unseen=40 if changes.get("evaluations") else UNSEEN)
        yield f"clear-{number}", source, {"learning_rate": rate, "num_train_epochs": epochs} | changes

    yield from later_cases()


def later_cases() -> Iterator[Case]:
    """Those that are held back: recorded when the reader was made."""
    for number, (source, rate, epochs, changes) in enumerate(
        (
            (Source(OPINIONS, "easy", 150), 4e-3, 7, {}), (Source(TOPICS, "easy", 150), 8e-3, 9, {}),
            (Source(TOPICS, "easy", 250), 7e-4, 6, STEADY), (Source(OPINIONS, "easy", 250), 7e-4, 4, STEADY),
            (Source(OPINIONS, "shuffled", 100), 2e-2, 40, {}), (Source(TOPICS, "clear", 40), 2e-2, 40, {}),
            (Source(TOPICS, "easy"), 5e-6, 5, {}), (Source(OPINIONS, "shuffled"), 5e-4, 5, {}),
            (Source(OPINIONS, "clear", unseen=40), 6e-2, 4, STEADY | {"evaluations": 14}),
            (Source(TOPICS, "easy", unseen=40), 8e-2, 4, STEADY | {"evaluations": 14}),
            (Source(REVIEWS), 4e-4, 4, {}), (Source(NEWS), 1.2e-4, 4, STEADY), (Source(NEWS), 0.06, 2, STEADY),
            (Source(REVIEWS), 0.07, 2, STEADY), (Source(SCORES), 0.05, 2, STEADY),
            (Source(REVIEWS, train=60), 3e-4, 14, {}),
            (Source(PARAPHRASES), 1e-7, 2, {}), (Source(NEWS, "shuffled", 100), 6e-4, 9, {}),
            (Source(OPINIONS, "easy", 120), 1e-2, 25, {}), (Source(TOPICS, "easy", 120), 2e-2, 25, {}),
            (Source(OPINIONS, "easy", unseen=40), 5e-2, 4, STEADY | {"evaluations": 14}),
            (Source(TOPICS, "clear", 250), 8e-4, 8, STEADY), (Source(OPINIONS, "noisy", 100), 1e-2, 30, {}),
            (Source(PARAPHRASES), 2e-3, 2, STEADY | {"evaluations": 14, "per_device_train_batch_size": 4}),
        ), 1
    ):  # fmt: skip
        yield f"later-{number}", source, {"learning_rate": rate, "num_train_epochs": epochs} | changes

    yield from last_cases()


def last_cases() -> Iterator[Case]:
    """Recorded when the first ones held back had been looked at and the reader been mended."""
    for number, (source, rate, epochs, changes) in enumerate(
        (
            (Source(TOPICS, "easy", 170), 6e-3, 10, {}), (Source(OPINIONS, "easy", 120), 8e-4, 8, STEADY),
            (Source(OPINIONS, "clear", 60), 1.5e-2, 40, {}), (Source(TOPICS, "noisy", 120), 1.5e-2, 30, {}),
            (Source(TOPICS, "clear"), 1e-6, 4, {}), (Source(OPINIONS, "shuffled", 220), 8e-4, 4, {}),
            (Source(TOPICS, "easy", unseen=40), 6e-2, 4, STEADY | {"evaluations": 14}),
            (Source(OPINIONS, "easy", unseen=30), 7e-2, 4, STEADY | {"evaluations": 15}),
            (Source(NEWS), 0.08, 1.5, STEADY), (Source(FEEDBACK), 0.07, 1.5, STEADY),
            (Source(NEWS, train=150), 2.5e-4, 4, STEADY), (Source(REVIEWS, "noisy", 80), 5e-4, 12, {}),
            (Source(OPINIONS, "easy", 300), 6e-3, 8, {}), (Source(TOPICS, "easy", 300), 5e-4, 8, STEADY),
        ), 1
    ):  # fmt: skip
        yield f"last-{number}", source, {"learning_rate": rate, "num_train_epochs": epochs} | changes


def record(wanted: Sequence[str]) -> None:
    """Train every case, or those named, that has no file yet."""
    with product(trackio=False) as bench, tempfile.TemporaryDirectory() as temporary:
        folder, seen = Path(temporary), {}
        model = _small_model(bench.shelf.resolve(bench.workspace, MINILM).path, folder / "model")
        tiny = f"folder:{save_encoder(folder / 'tiny')}"
        # One of each kind, then the next of each: a recording that is cut short has some of all.
        turns = sorted(enumerate(cases()), key=lambda turn: int(turn[1][0].partition("-")[2]))
        for number, (name, source, arguments) in turns:
            path = CURVES / f"{name}.json"
            if path.exists() or (wanted and name not in wanted):
                continue
            if source not in seen:
                seen[source] = bench.data([_rows(source, folder)])
            began = time.perf_counter()
            with suppress(RuntimeError):
                # What has no report failed: its curve is as good as any.
                bench.train(
                    seen[source], tiny if source.sample in SUBJECTS else model, "quick",
                    recipe=RECIPES.get(source.sample, LABEL), spec={"launcher": "process"},
                    **QUICK | {"per_device_train_batch_size": 8, "seed": number} | arguments,
                )  # fmt: skip
            run = bench.queue.run(bench.workspace, bench.workspace.names("runs")[0])
            assert run.spec is not None
            metric = run.spec.best_metric(all_recipes()[run.spec.recipe])
            points = bench.queue.points(bench.workspace, run.run_id)
            kept = {
                "kind": "", "held_back": False, "rows": asdict(source), "arguments": arguments,
                "ended": run.status.state, "metric": metric, "baseline": run.status.baseline.get(metric),
                "total_steps": run.status.total_steps, "points": _compact(points, metric),
            }  # fmt: skip
            path.write_text(json.dumps(kept, separators=(",", ":")) + "\n")
            print(f"{name}: {len(points)} points, {time.perf_counter() - began:.0f} s, {run.status.error}", flush=True)


def _small_model(whole: Path | None, folder: Path) -> str:
    """MiniLM with its first layers alone, as a model ref."""
    from transformers import AutoModel, AutoTokenizer

    model = AutoModel.from_pretrained(whole)
    model.encoder.layer = model.encoder.layer[:LAYERS]
    model.config.num_hidden_layers = LAYERS
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(whole).save_pretrained(folder)
    return f"folder:{folder}"


def _rows(source: Source, folder: Path) -> Path:
    """The rows as a file with a column that says of which split each is."""
    rolled = random.Random(0)
    if source.sample in SUBJECTS:
        head, rows = ["text", "label"], list(_sentences(source, rolled))
    else:
        with (SAMPLES / f"{source.sample}.csv").open(encoding="utf-8", newline="") as file:
            head, *rows = list(csv.reader(file))
    rolled.shuffle(rows)
    splits = ["train"] * source.train + ["validation"] * source.unseen + ["test"] * TEST
    share = {"shuffled": 1.0, "noisy": 1 / 3}.get(source.change, 0.0)
    chosen = [row for row in rows if rolled.random() < share]
    answers = [row[-1] for row in chosen]
    rolled.shuffle(answers)
    for row, answer in zip(chosen, answers, strict=True):
        row[-1] = answer
    path = folder / f"{source.sample}{source.change}{source.train}of{source.unseen}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*head, "split"])
        writer.writerows([*row, split] for row, split in zip(rows, splits, strict=False))
    return path


def _sentences(source: Source, rolled: random.Random) -> Iterator[list[str]]:
    """A few words of its subject among others each; where it is not to be clear, some are of other subjects."""
    subjects = SUBJECTS[source.sample]
    spoken = {word for words in subjects.values() for word in words.split()}
    fillers = [word for word in WORDS if word not in spoken] if source.change in ("clear", "easy") else WORDS
    for _ in range(source.train + source.unseen + TEST):
        label, other = rolled.sample(sorted(subjects), 2)
        easy = source.change == "easy"
        words = rolled.choices(subjects[label].split(), k=rolled.choice((3, 4) if easy else (1, 2, 3)))
        words += [] if fillers is not WORDS else rolled.choices(subjects[other].split(), k=1)
        words += rolled.choices(fillers, k=2 if easy else 5)
        rolled.shuffle(words)
        yield [" ".join(words), label]


def _compact(points: Sequence[MetricPoint], metric: str) -> dict[str, list[list[float]]]:
    """{"train": [[step, loss], ...], "checks": [[step, loss, metric], ...]}."""
    return {
        "train": _columns(points, ("loss",)),
        "checks": _columns(points, ("eval_loss", f"eval_{metric}")),
    }


def _columns(points: Sequence[MetricPoint], names: Sequence[str]) -> list[list[float]]:
    """[step, value, ...] of every point that has the first of these; three digits of each."""
    found = [point for point in points if names[0] in point.values]
    return [[point.step, *(float(f"{point.values.get(name, 0.0):.3g}") for name in names)] for point in found]


def look(wanted: Sequence[str]) -> None:
    """Every curve in a few lines of numbers, without what the reader says."""
    for path in sorted(CURVES.glob("*.json")):
        if wanted and path.stem not in wanted:
            continue
        kept: dict[str, Any] = json.loads(path.read_text())
        train, checks = kept["points"]["train"], kept["points"]["checks"]
        every = max(1, len(train) // 16)
        print(f"\n{path.stem}  {kept['metric']} baseline {kept['baseline']}  {kept['ended']} of {kept['total_steps']}")
        print("  loss  ", *(f"{sum(p[1] for p in train[i : i + every]) / len(train[i : i + every]):.3g}"
                            for i in range(0, len(train), every)))  # fmt: skip
        print("  unseen", *(f"{check[0]}:{check[1]:.3g}/{check[2]:.3g}" for check in checks), flush=True)


def read(kept: dict[str, Any], share: float = 1.0) -> Reading:
    """What the reader says of a recorded curve, or of its first part."""
    points, metric = [], kept["metric"]
    for step, loss in kept["points"]["train"]:
        points.append(MetricPoint(step, 0.0, {"loss": loss, "learning_rate": kept["arguments"]["learning_rate"]}))
    for step, loss, score in kept["points"]["checks"]:
        points.append(MetricPoint(step, 0.0, {"eval_loss": loss, f"eval_{metric}": score}))
    points = [point for point in points if point.step <= share * kept["total_steps"]]
    return read_curve(
        sorted(points, key=lambda point: point.step), metric, metric in LESS_IS_BETTER, kept["total_steps"],
        kept["baseline"], lives=share < 1,
    )  # fmt: skip


def recorded(held_back: bool) -> dict[str, dict[str, Any]]:
    """The recorded curves with a kind, by name: those held back, or those that the reader was made with."""
    found = {path.stem: json.loads(path.read_text()) for path in sorted(CURVES.glob("*.json"))}
    return {name: kept for name, kept in found.items() if kept["kind"] and kept["held_back"] is held_back}


def main() -> None:
    """The share read right, and those read wrong."""
    figures, right, count = {}, 0, 0
    for held_back, title in ((False, "curves it was made with"), (True, "curves held back, after it was mended")):
        wrong = []
        curves = recorded(held_back)
        for name, kept in curves.items():
            if (seen := read(kept).kind) != kept["kind"]:
                wrong.append(f"{name}: {kept['kind']}, read as {seen}")
        print("\n".join([f"{title}: {len(wrong)} of {len(curves)} wrong", *wrong]))
        right, count = right + len(curves) - len(wrong), count + len(curves)
        figures[f"{title}: share of {len(curves)} read right"] = Figure(1 - len(wrong) / len(curves), "share")
    figures[f"curves held back, at the first look: share of {sum(FIRST_LOOK.values())} read right"] = Figure(
        FIRST_LOOK["right"] / sum(FIRST_LOOK.values()), "share"
    )
    figures[f"all: share of {count} read right"] = Figure(right / count, "share", ">= 0.95")
    write("curves", figures)


if __name__ == "__main__":
    verb, *names = sys.argv[1:] or [""]
    if verb == "record":
        record(names)
    elif verb == "look":
        look(names)
    else:
        main()
