"""Test accuracy on real public data, trained through the product; needs the data folder, and says so."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from benchmarks._figures import RESULTS, ROOT, Figure, write
from benchmarks._product import product
from benchmarks.samples import E5, MINILM

LONG = True
DATA = Path(os.environ.get("WORKBENCH_BENCH_DATA", ROOT.parent / "shared" / "data"))
# name, folder, training rows, model, preset, epochs where not the preset's, goal of test accuracy
CASES = (
    ("SST-2 sentences, 4,000 rows", "sst2_sentences", "[:4000]", MINILM, "balanced", None, 0.86),
    ("SST-2 sentences, all 6,920 rows", "sst2_sentences", "", MINILM, "thorough", None, 0.88),
    ("ChnSentiCorp, 4,000 rows", "chnsenticorp", "[:4000]", E5, "quick", None, 0.88),
    ("ChnSentiCorp, 4,000 rows, one epoch", "chnsenticorp", "[:4000]", E5, "quick", 1.0, 0.88),
    ("ChnSentiCorp, 4,000 rows", "chnsenticorp", "[:4000]", E5, "balanced", None, 0.88),
)


def main(wanted: list[str]) -> None:
    """Each case on its own, written as soon as it is done; one that has a result is left out unless named."""
    if not DATA.is_dir():
        sys.exit(f"The public data sets are not here ({DATA}). Set WORKBENCH_BENCH_DATA to their folder.")
    path = RESULTS / "quality.json"
    done = json.loads(path.read_text())["figures"] if path.exists() else {}
    for name, folder, rows, model, preset, epochs, goal in CASES:
        key = f"{name}, {preset}: test accuracy"
        if not (any(word in name for word in wanted) if wanted else key not in done):
            continue
        with product() as bench:
            files = sorted((DATA / folder).glob("*.tsv"))
            report, seconds = bench.train(bench.data(files), model, preset, train_rows=rows, epochs=epochs)  # type: ignore[arg-type]
        test = report.splits["test"]
        write(
            "quality",
            {
                key: Figure(test["accuracy"], "share", f">= {goal}"),
                f"{name}, {preset}: test macro F1": Figure(test["f1_macro"], "share"),
                f"{name}, {preset}: baseline accuracy": Figure(report.baseline["test"]["accuracy"], "share"),
                f"{name}, {preset}: Start to Try it": Figure(seconds / 60, "min"),
            },
        )


if __name__ == "__main__":
    main(sys.argv[1:])
