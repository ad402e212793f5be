"""A Quick look run on the samples: time from Start to Try it, and points above the simplest guess."""

from __future__ import annotations

from backend.recipes import suggest_recipe
from benchmarks._figures import Figure, write
from benchmarks._product import product

MINILM, E5 = "starter:all-MiniLM-L6-v2", "starter:multilingual-e5-small"
# sample, model, most seconds, least points above the baseline
CASES = (
    ("reviews_en", MINILM, 120, 30),
    ("news_zh", E5, 300, 40),
    ("news_en", MINILM, 0, 0),
    ("paraphrases_en", MINILM, 0, 0),
    ("sentence_pairs_en", MINILM, 0, 0),
    ("feedback_en", MINILM, 0, 0),
)
BASELINE = {"accuracy": "majority"}
"""What the simplest guess is called in the name of a figure."""


def main() -> None:
    """Train each through the queue, as the page does."""
    figures = {}
    with product() as bench:
        for sample, model, most_seconds, least_points in CASES:
            data = bench.data(f"sample:{sample}")
            report, seconds = bench.train(data, model, "quick", recipe=suggest_recipe(data))
            metric = report.headline_metric
            score = report.splits["test"][metric]
            points = 100 * (score - report.baseline["test"][metric])
            figures[f"{sample}, Quick look: Start to Try it"] = Figure(
                seconds, "s", f"<= {most_seconds}" if most_seconds else ""
            )
            figures[f"{sample}, Quick look: test {metric} above {BASELINE.get(metric, 'guess')}"] = Figure(
                points, "points", f">= {least_points}" if least_points else ""
            )
            figures[f"{sample}, Quick look: test {metric}"] = Figure(score, "share")
    write("samples", figures)


if __name__ == "__main__":
    main()
