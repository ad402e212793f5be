"""Training through the launchers with the page open in a browser, against a plain Trainer script, same arguments."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

from backend.recipes import all_recipes
from backend.recipes.base import TrainArguments
from backend.settings import Settings
from backend.training.spec import RunSpec
from benchmarks._figures import ROOT, Figure, write
from benchmarks.samples import MINILM

LONG = True
PAIRS = 5
SAMPLE = "sample:reviews_en"
ARGUMENTS = TrainArguments(
    learning_rate=5e-5, num_train_epochs=2, per_device_train_batch_size=16, max_length=128, evaluations=1
)

# What a person would write by hand: transformers' own grouping by length, no evaluation, no checkpoints.
PLAIN = """
import json, sys, time
from datasets import load_from_disk
from transformers import (AutoModelForSequenceClassification, AutoTokenizer, DataCollatorWithPadding, Trainer,
                          TrainerCallback, TrainingArguments)
rows, model, arguments = load_from_disk(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
tokenizer = AutoTokenizer.from_pretrained(model)
class Clock(TrainerCallback):
    def on_train_begin(self, *_, **__):
        self.began = time.perf_counter()
    def on_train_end(self, *_, **__):
        self.seconds = time.perf_counter() - self.began
clock = Clock()
trainer = Trainer(
    AutoModelForSequenceClassification.from_pretrained(model, num_labels=2, dtype="float32"),
    TrainingArguments(output_dir=sys.argv[4], report_to=[], save_strategy="no", disable_tqdm=True, use_cpu=True,
                      train_sampling_strategy="group_by_length", length_column_name="length", **arguments),
    train_dataset=rows, data_collator=DataCollatorWithPadding(tokenizer), callbacks=[clock])
trainer.train()
print(json.dumps(len(rows) * arguments["num_train_epochs"] / clock.seconds))
"""


class Page:
    """The product's page, served by this process and open in Chromium; its queue is what the page's buttons call."""

    def __init__(self, workspace: Path) -> None:
        from ui import shell

        self.settings = Settings(workspace=workspace, offline="yes", port=shell.free_port("127.0.0.1", 7960))
        self._browser = threading.Event()
        made: list[shell.Services] = []
        services = shell.Services
        # The page makes its own services; this takes note of them on the way.
        shell.Services = lambda *parts: made.append(services(*parts)) or made[0]  # type: ignore[misc, assignment, func-returns-value]
        page = shell.build_page(self.settings)
        shell.Services = services  # type: ignore[misc]
        self.services = made[0]
        threading.Thread(target=shell.launch, args=(page, self.settings), daemon=True).start()
        self.workspace = self.services.workspace(None)

    def open(self) -> None:
        """Open the page in Chromium, in a process of its own, and leave it open."""
        script = (
            "import sys, time\nfrom playwright.sync_api import sync_playwright\n"
            "with sync_playwright() as play:\n"
            "    browser = play.chromium.launch(executable_path=sys.argv[2] or None, args=['--no-sandbox'])\n"
            "    page = browser.new_page()\n    page.goto(sys.argv[1])\n    page.wait_for_selector('#tabs')\n"
            "    print('open', flush=True)\n    time.sleep(3600)\n"
        )
        chromium = next(
            (path for path in ("/usr/bin/chromium", "/usr/bin/chromium-browser") if Path(path).exists()), ""
        )
        command = [sys.executable, "-c", script, f"http://127.0.0.1:{self.settings.port}/", chromium]
        self.browser = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.browser.stdout is not None and self.browser.stdout.readline().strip() == "open"

    def train(self, launcher: str) -> tuple[float, float]:
        """(samples per second of training itself, seconds from Start to training)."""
        from backend.data.library import open_data

        version = open_data(self.workspace, SAMPLE)
        recipe = all_recipes()["single-label-classification"]
        queue = self.services.queue
        draft = RunSpec(
            name=launcher,
            recipe=recipe.name,
            model_ref=MINILM,
            data_ref=version.ref,
            data_version=version.version,
            columns=recipe.guess_columns(version),
            arguments=ARGUMENTS,
            launcher=launcher,  # type: ignore[arg-type]
        )
        began = time.perf_counter()
        run_id = queue.submit(self.workspace, draft)
        to_training = 0.0
        while (status := queue.run(self.workspace, run_id).status).state.lives:
            if not to_training and status.total_steps:
                to_training = time.perf_counter() - began
            time.sleep(0.05)
        report = queue.report(self.workspace, run_id)
        if report is None:
            raise RuntimeError(str(status))
        rows = report.facts["train_rows"] * ARGUMENTS.num_train_epochs
        return rows / report.facts["train_seconds"], to_training


def plain(folder: Path, model: Path) -> float:
    """Samples per second of the plain script, on the rows and tokens that the product trained on."""
    arguments = {
        name: getattr(ARGUMENTS, name)
        for name in (
            "learning_rate",
            "num_train_epochs",
            "per_device_train_batch_size",
            "weight_decay",
            "max_grad_norm",
        )
    }
    command = [sys.executable, "-c", PLAIN, str(folder), str(model), json.dumps(arguments), str(folder.parent / "out")]
    # As a person's shell would start it, without what this product sets for itself.
    environ = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, env=environ)
    return float(answer.stdout.strip().splitlines()[-1])


def plain_rows(page: Page, folder: Path) -> None:
    """Save the training split's tokens as the plain script loads them."""
    from backend.data.library import open_data
    from backend.training.prepared import prepare

    version = open_data(page.workspace, SAMPLE)
    recipe = all_recipes()["single-label-classification"]
    facts = page.services.shelf.facts(page.workspace, MINILM)
    spec = RunSpec(
        name="plain",
        recipe=recipe.name,
        model_ref=MINILM,
        data_ref=version.ref,
        data_version=version.version,
        columns=recipe.guess_columns(version),
        arguments=replace(ARGUMENTS),
        model_path=str(facts.path),
        data_folder=str(version.folder),
    )
    train = prepare(spec, page.workspace.root / "cache", lambda done, total: None).splits["train"]
    train.features.add_column("length", train.lengths.tolist()).save_to_disk(str(folder))


def main() -> None:
    """Plain, process, plain, thread: PAIRS times over, the page open all the while."""
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as temporary:
        root = Path(temporary)
        page = Page(root / "workspace")
        page.open()
        model = page.services.shelf.facts(page.workspace, MINILM).path
        assert model is not None
        plain_rows(page, root / "rows")
        ratios: dict[str, list[float]] = {"process": [], "thread": []}
        starts: dict[str, list[float]] = {"process": [], "thread": []}
        page.train("process"), page.train("thread")
        for _ in range(PAIRS):
            for launcher in ratios:
                theirs = plain(root / "rows", model)
                ours, to_training = page.train(launcher)
                ratios[launcher].append(ours / theirs)
                starts[launcher].append(to_training)
                print(f"{launcher}: {ours:.1f} against {theirs:.1f} samples/s; training after {to_training:.2f} s")
        page.browser.kill()
        page.services.queue.close()
    figures = {}
    for launcher, values in ratios.items():
        spread = min(values), max(values)
        name = f"{launcher}: samples per second, with the page open, of a plain Trainer's"
        figures[name] = Figure(statistics.median(values), "ratio", ">= 0.95", spread)
        seconds = starts[launcher]
        name = f"{launcher}: Start to training, second and later runs"
        figures[name] = Figure(statistics.median(seconds), "s", "<= 3", (min(seconds), max(seconds)))
    write("training_speed", figures)


if __name__ == "__main__":
    main()
