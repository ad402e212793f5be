"""A Quick look run on the samples: time from Start to Try it, and points above the majority baseline."""

from __future__ import annotations

from benchmarks._figures import Figure, write
from benchmarks._product import product

MINILM, E5 = "starter:all-MiniLM-L6-v2", "starter:multilingual-e5-small"
# sample, model, most seconds, least points above the baseline
CASES = (("reviews_en", MINILM, 120, 30), ("news_zh", E5, 300, 40), ("news_en", MINILM, 0, 0))


def main() -> None:
    """Train each through the queue, as the page does."""
    figures = {}
    with product() as bench:
        for sample, model, most_seconds, least_points in CASES:
            report, seconds = bench.train(bench.data(f"sample:{sample}"), model, "quick")
            accuracy = report.splits["test"]["accuracy"]
            points = 100 * (accuracy - report.baseline["test"]["accuracy"])
            figures[f"{sample}, Quick look: Start to Try it"] = Figure(
                seconds, "s", f"<= {most_seconds}" if most_seconds else ""
            )
            figures[f"{sample}, Quick look: test accuracy above majority"] = Figure(
                points, "points", f">= {least_points}" if least_points else ""
            )
            figures[f"{sample}, Quick look: test accuracy"] = Figure(accuracy, "share")
    write("samples", figures)


if __name__ == "__main__":
    main()
