"""Resident memory of the app: idle, after the playground's models, during and after a run in each launcher.

`python -m benchmarks.memory models` measures only what stays after twenty models were tried one after the other.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks._figures import ROOT, Figure, write

# The page's process runs this file with a command on its standard input, so that it is measured from outside.
CHILD = """
import sys, time
from backend.data.library import open_data
from benchmarks._product import product
from benchmarks.samples import MINILM
from backend.tasks import all_tasks
import ui.shell
from backend.warm import warm_up
with product(launcher=sys.argv[1], model_memory_mib=int(sys.argv[2])) as bench:
    warm_up().join()
    print("ready", flush=True)
    for command in sys.stdin:
        if command.startswith("generate"):
            task = all_tasks()["text-generation"]
            ref = "starter:SmolLM2-135M-Instruct"
            with bench.shelf.lease(bench.workspace, ref, task.auto_class) as loaded:
                task.run(task.pipeline(loaded), task.examples[0].values, task.params(max_new_tokens=16))
        elif command.startswith("try "):
            task = all_tasks()["text-classification"]
            with bench.shelf.lease(bench.workspace, "folder:" + command[4:].strip(), task.auto_class) as loaded:
                task.run(task.pipeline(loaded), {"text": "a good movie " * 20}, task.params())
        else:
            bench.train(bench.data("sample:reviews_en"), MINILM, "quick")
        print("done", flush=True)
"""

# Makes the models that are tried, in a process of its own, so that what that takes is not measured.
MODELS = """
import sys
from pathlib import Path
from tests import tiny
from transformers import BertConfig, BertForSequenceClassification
for number in range(int(sys.argv[2])):
    folder = Path(sys.argv[1]) / str(number)
    tiny.save_wordpiece_tokenizer(folder)
    BertForSequenceClassification(BertConfig(
        vocab_size=500, hidden_size=512, num_hidden_layers=2, num_attention_heads=8, intermediate_size=2048,
    )).save_pretrained(folder)
"""
BOUND = 128
"""MiB that loaded models may take together while twenty are tried; each takes about 27, which an answer reads."""
TRIED = 20


@contextmanager
def child(launcher: str, bound: int = 4096) -> Iterator[subprocess.Popen[str]]:
    """The process to be measured."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "child.py"
        script.write_text(CHILD)
        process = subprocess.Popen(
            [sys.executable, str(script), launcher, str(bound)],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=_environ(),
        )  # fmt: skip
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def _environ() -> dict[str, str]:
    import os

    return os.environ | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}


def resident(process: subprocess.Popen[str]) -> float:
    """MiB of the process itself, without its children."""
    import psutil

    return float(psutil.Process(process.pid).memory_info().rss) / 2**20


def wait_for(process: subprocess.Popen[str], word: str) -> None:
    """Read lines until the word comes."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == word:
            return
    raise RuntimeError("the measured process ended")


def order(process: subprocess.Popen[str], command: str) -> float:
    """Send a command; the largest resident size in MiB until it is done."""
    import threading

    assert process.stdin is not None
    process.stdin.write(command + "\n")
    process.stdin.flush()
    waiter = threading.Thread(target=wait_for, args=(process, "done"))
    waiter.start()
    largest = 0.0
    while waiter.is_alive():
        largest = max(largest, resident(process))
        time.sleep(0.1)
    return largest


def twenty_models() -> dict[str, Figure]:
    """What stays after as many models as TRIED were asked once each, within a bound of BOUND MiB."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-c", MODELS, folder, str(TRIED)], cwd=ROOT, env=_environ(), check=True)
        with child("process", BOUND) as process:
            wait_for(process, "ready")
            time.sleep(2)
            before = resident(process)
            sizes = []
            for number in range(TRIED):
                order(process, f"try {folder}/{number}")
                sizes.append(resident(process))
                print(f"model {number + 1}: {sizes[-1]:.0f} MiB", flush=True)
            time.sleep(3)
            after = resident(process)
    return {
        "models: before the first": Figure(before, "MiB"),
        "models: after five": Figure(sizes[4], "MiB"),
        f"models: after {TRIED}": Figure(after, "MiB"),
        f"models: {TRIED} tried, more than before": Figure(after - before, "MiB", f"<= {BOUND + 150}"),
    }


def main() -> None:
    """One process a launcher; the second run in a row tells what stays."""
    if sys.argv[1:] == ["models"]:
        write("memory", twenty_models())
        return
    figures = twenty_models()
    for launcher in ("process", "thread"):
        with child(launcher) as process:
            wait_for(process, "ready")
            time.sleep(2)
            figures[f"{launcher}: idle, libraries loaded"] = Figure(resident(process), "MiB")
            if launcher == "process":
                order(process, "generate")
                figures["after SmolLM2 answered"] = Figure(resident(process), "MiB")
            before = resident(process)
            during = order(process, "train")
            time.sleep(5)
            after = resident(process)
            goal = "<= 50" if launcher == "process" else ""
            figures[f"{launcher}: before the run"] = Figure(before, "MiB")
            figures[f"{launcher}: most during the run"] = Figure(during, "MiB")
            figures[f"{launcher}: after the run"] = Figure(after, "MiB")
            figures[f"{launcher}: after minus before"] = Figure(after - before, "MiB", goal)
    write("memory", figures)


if __name__ == "__main__":
    main()
