"""Text generation by the quick way (CTranslate2, int8) against plain Transformers: speed, first token, quality.

Perplexity is that of the sample reviews, by both. The two take turns.
"""

from __future__ import annotations

import csv
import math
import statistics
import threading
import time
from typing import Any

from backend.models import ModelShelf
from backend.settings import Settings
from backend.tasks import all_tasks, quick_writing
from backend.tasks.text_generation import GenerationParams
from backend.workspace import Workspace
from benchmarks._figures import ROOT, Figure, write

MODEL = "starter:SmolLM2-135M-Instruct"
ROUNDS, FIRSTS, TOKENS, TEXTS = 5, 15, 120, 60
QUESTION = {"messages": "Explain in ten sentences why the sky is blue, and why it is red in the evening."}


def timed(task: Any, pipe: Any, engine: str, seed: int, most: int = TOKENS) -> tuple[float, float]:
    """(seconds to the first token, tokens a second after it)."""
    params = GenerationParams(engine=engine, max_new_tokens=most, seed=seed)
    began = time.perf_counter()
    first, tokens = 0.0, 0
    for answer in task.stream(pipe, QUESTION, params, threading.Event()):
        first, tokens = first or time.perf_counter() - began, answer.tokens
    return first, (tokens - 1) / (time.perf_counter() - began - first)


def bare(pipe: Any, seed: int) -> float:
    """Seconds to the first token of `generate` with a streamer, by nobody's code but the library's."""
    from transformers import TextIteratorStreamer, set_seed

    tokenizer = pipe.tokenizer
    messages = [{"role": "user", "content": QUESTION["messages"]}]
    set_seed(seed)
    began = time.perf_counter()
    inputs = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True, return_tensors="pt")
    streamer = TextIteratorStreamer(tokenizer, skip_prompt=True)
    options = {"max_new_tokens": 8, "do_sample": True, "temperature": 0.7, "streamer": streamer}
    thread = threading.Thread(target=pipe.model.generate, kwargs={**inputs, **options})
    thread.start()
    # The streamer holds back a word until it is whole: the first piece, empty or not, is the first token.
    next(iter(streamer))
    first = time.perf_counter() - began
    thread.join()
    return first


def perplexities(pipe: Any) -> tuple[float, float]:
    """(plain, quick) on the sample reviews."""
    import ctranslate2
    import torch

    with (ROOT / "assets" / "samples" / "reviews_en.csv").open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)][:TEXTS]
    start = pipe.tokenizer.bos_token
    plain, quick, count = 0.0, 0.0, 0
    writer = ctranslate2.Generator(str(quick_writing.converted(pipe)), device="cpu", compute_type="int8")
    for text in texts:
        pieces = [start, *pipe.tokenizer.convert_ids_to_tokens(pipe.tokenizer(text)["input_ids"])]
        ids = torch.tensor([pipe.tokenizer.convert_tokens_to_ids(pieces)])
        with torch.inference_mode():
            logs = pipe.model(input_ids=ids).logits[0, :-1].log_softmax(-1)
        plain += float(logs.gather(1, ids[0, 1:, None]).sum())
        quick += sum(writer.score_batch([pieces])[0].log_probs)
        count += len(pieces) - 1
    return math.exp(-plain / count), math.exp(-quick / count)


def main() -> None:
    """One table."""
    settings = Settings(offline="yes", device="cpu")
    task = all_tasks()["text-generation"]
    with ModelShelf(settings).lease(Workspace.open(settings), MODEL, task.auto_class) as loaded:
        pipe = task.pipeline(loaded)
        began = time.perf_counter()
        quick_writing.converted(pipe)
        converting = time.perf_counter() - began
        timed(task, pipe, "plain", 0), timed(task, pipe, "quick", 0), bare(pipe, 0)
        runs = [(timed(task, pipe, "plain", n), timed(task, pipe, "quick", n)) for n in range(ROUNDS)]
        # A token is a short thing: more rounds, the three in turn.
        firsts = [
            (*(timed(task, pipe, engine, n, 8)[0] for engine in ("plain", "quick")), bare(pipe, n))
            for n in range(FIRSTS)
        ]
        plain, quick = perplexities(pipe)
    median = statistics.median
    rates = [fast[1] / slow[1] for slow, fast in runs]
    write(
        "writing",
        {
            "plain Transformers, fp32": Figure(median(one[0][1] for one in runs), "tokens/s"),
            "quick: CTranslate2, int8": Figure(median(one[1][1] for one in runs), "tokens/s"),
            "quick : plain": Figure(median(rates), "times", ">= 3"),
            "perplexity, plain": Figure(plain, ""),
            "perplexity, quick : plain": Figure(quick / plain, "times", "<= 1.05"),
            "first token, generate with a streamer": Figure(median(one[2] for one in firsts), "s"),
            "first token, plain : that": Figure(median(one[0] / one[2] for one in firsts), "times", "<= 1.1"),
            "first token, quick : that": Figure(median(one[1] / one[2] for one in firsts), "times"),
            "preparing the model once": Figure(converting, "s"),
        },
    )


if __name__ == "__main__":
    main()
