"""Ten visitors at once: each asks for a classification about once a second for a minute, while one more has a text
written in the other lane; beside it ten threads that call a bare `pipeline()` in the same way.

Times are from asking to the whole answer, by the app's own endpoints over HTTP. Arrivals are Poisson's, the same for
both sides.
"""

from __future__ import annotations

import json
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks._figures import ROOT, Figure, write
from benchmarks._product import product
from benchmarks.answering import classifier, texts_of

VISITORS = 10
SECONDS = 60.0
WRITER = "starter:SmolLM2-135M-Instruct"
QUESTION = "Explain in ten sentences why the sky is blue, and why it is red in the evening."


@contextmanager
def app(workspace: Path) -> Iterator[str]:
    """The address of an app of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    flags = ["--port", str(port), "--workspace", str(workspace), "--offline", "yes", "--device", "cpu"]
    with (workspace.parent / "app.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "app.py", *flags], cwd=ROOT, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        while process.poll() is None:
            try:
                with urllib.request.urlopen(url, timeout=5):
                    break
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.2)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def called(url: str, endpoint: str, *data: Any) -> Any:
    """What an endpoint answers. Raises RuntimeError with its words where it refuses."""
    body = json.dumps({"data": data}).encode()
    request = urllib.request.Request(f"{url}/gradio_api/call/{endpoint}", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as asked:
        event = json.load(asked)["event_id"]
    with urllib.request.urlopen(f"{url}/gradio_api/call/{endpoint}/{event}", timeout=600) as told:
        kind = ""
        for line in told:
            name, _, value = line.decode().strip().partition(": ")
            if name == "event":
                kind = value
            elif name == "data" and kind == "complete":
                return json.loads(value)[0]
            elif name == "data" and kind == "error":
                raise RuntimeError(value)
    raise RuntimeError("the answer broke off")


def visited(ask: Callable[[str], Any], texts: list[str], visitors: int, seconds: float) -> tuple[list[float], int]:
    """(seconds that each answer took, how many failed): each visitor comes about once a second, whether or not the
    answer before is there."""
    took: list[float] = []
    failed: list[Exception] = []

    def once(text: str) -> None:
        began = time.perf_counter()
        try:
            ask(text)
            took.append(time.perf_counter() - began)
        except Exception as error:  # noqa: BLE001 - counted
            failed.append(error)

    def visit(number: int) -> None:
        chance = random.Random(number)
        asked: list[threading.Thread] = []
        due = time.perf_counter()
        end = due + seconds
        while (due := due + chance.expovariate(1.0)) < end:
            time.sleep(max(0.0, due - time.perf_counter()))
            asked.append(threading.Thread(target=once, args=(chance.choice(texts),)))
            asked[-1].start()
        for one in asked:
            one.join()

    crowd = [threading.Thread(target=visit, args=(number,)) for number in range(visitors)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    for error in failed[:3]:
        print(f"failed: {error!r}", flush=True)
    return took, len(failed)


@contextmanager
def written(write_one: Callable[[], Any]) -> Iterator[list[float]]:
    """Texts are written one after another meanwhile; gives how long each took."""
    done, took = threading.Event(), list[float]()

    def work() -> None:
        while not done.is_set():
            began = time.perf_counter()
            write_one()
            took.append(time.perf_counter() - began)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield took
    finally:
        done.set()
        thread.join()


def p95(took: list[float]) -> float:
    """In ms."""
    return 1000 * statistics.quantiles(took, n=20)[-1]


def measured(ask: Callable[[str], Any], write_one: Callable[[], Any], seconds: float) -> dict[str, float]:
    """One visitor alone, then ten beside the one who has texts written. p95 and median in ms."""
    texts = texts_of()
    for text in texts[:20]:
        ask(text)
    write_one()
    alone, lost = visited(ask, texts, 1, seconds)
    with written(write_one) as texts_written:
        crowd, more = visited(ask, texts, VISITORS, seconds)
    print(f"alone {len(alone)}, ten {len(crowd)}, failed {lost + more}, texts written {len(texts_written)}", flush=True)
    return {
        "alone": p95(alone),
        "ten": p95(crowd),
        "median alone": 1000 * statistics.median(alone),
        "median of ten": 1000 * statistics.median(crowd),
        "answers": len(crowd),
        "failed": lost + more,
        "texts": len(texts_written),
    }


def main(seconds: float) -> None:
    """The app, then bare pipelines."""
    import torch
    from transformers import pipeline, set_seed

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        with product() as bench:
            folder = Path(temporary) / "head"
            ref = classifier(bench, folder)
            writer = str(bench.shelf.resolve(bench.workspace, WRITER).path)
        with app(Path(temporary) / "workspace") as url:
            ours = measured(
                lambda text: called(url, "classify", ref, text),
                lambda: called(url, "generate", WRITER, QUESTION, 120, 0.7, 0),
                seconds,
            )
        short = pipeline("text-classification", model=str(folder), device="cpu")
        long = pipeline("text-generation", model=writer, device="cpu", dtype=torch.float32)

        def write_bare() -> None:
            set_seed(0)
            long([{"role": "user", "content": QUESTION}], max_new_tokens=120, do_sample=True, temperature=0.7)

        bare = measured(lambda text: short(text, top_k=None), write_bare, seconds)
    figures = {
        "p95, one visitor": Figure(ours["alone"], "ms"),
        "p95, ten visitors and one who has a text written": Figure(ours["ten"], "ms"),
        "the second : the first": Figure(ours["ten"] / ours["alone"], "times", "<= 4"),
        "medians of the two, one : ten": Figure(ours["median of ten"] / ours["median alone"], "times"),
        "answers to ten visitors": Figure(ours["answers"], ""),
        "answers that failed": Figure(ours["failed"], "", "<= 0"),
        "texts written meanwhile": Figure(ours["texts"], ""),
        "bare pipelines: p95, one caller": Figure(bare["alone"], "ms"),
        "bare pipelines: p95, ten callers and one who writes": Figure(bare["ten"], "ms"),
        "bare pipelines: the second : the first": Figure(bare["ten"] / bare["alone"], "times"),
        "bare pipelines: texts written meanwhile": Figure(bare["texts"], ""),
    }
    write("visitors", figures)


if __name__ == "__main__":
    main(float(sys.argv[1]) if sys.argv[1:] else SECONDS)
