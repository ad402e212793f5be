"""What generate is given so that it can be watched, stopped, and draws from a generator of its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


class TokenQueue:
    """A streamer: what `generate` puts into it comes out as one token id after another, then None."""

    def __init__(self) -> None:
        self._tokens: queue.SimpleQueue[int | None] = queue.SimpleQueue()
        self._saw_prompt = False

    def put(self, value: torch.Tensor) -> None:
        """Called by generate: first with the prompt, then with each token."""
        if not self._saw_prompt:
            self._saw_prompt = True
            return
        for token in value.flatten().tolist():
            self._tokens.put(token)

    def end(self) -> None:
        """Called by generate after the last token."""
        self._tokens.put(None)

    def get(self) -> int | None:
        """The next token, waited for; None after the last."""
        return self._tokens.get()


def as_written(
    write: Callable[[TokenQueue, Sequence[threading.Event]], object], stop: threading.Event
) -> Iterator[int]:
    """The tokens that `write` puts into a queue, one by one, while it works in a thread of its own.

    write: is given the queue and the events that end it. Closing the iterator ends the writing, too. What `write`
    raises is raised here.
    """
    tokens, ended = TokenQueue(), threading.Event()
    errors: list[Exception] = []

    def run() -> None:
        try:
            write(tokens, (stop, ended))
        except Exception as error:  # noqa: BLE001 - raised again in the thread that asked
            errors.append(error)
        finally:
            tokens.end()

    thread = threading.Thread(target=run, name="generate", daemon=True)
    thread.start()
    try:
        while (token := tokens.get()) is not None:
            yield token
    finally:
        ended.set()
        # The lease on the model may end with this generator: nobody may compute with it then.
        thread.join()
    if errors:
        raise errors[0]


class StopAt:
    """A stopping criterion: true once one of the events is set."""

    def __init__(self, events: Sequence[threading.Event]) -> None:
        self.events = events

    def __call__(self, input_ids: torch.Tensor, scores: Any, **options: Any) -> torch.Tensor:
        import torch

        stop = any(event.is_set() for event in self.events)
        return torch.full((len(input_ids),), stop, dtype=torch.bool, device=input_ids.device)


class Draw:
    """The last logits processor: leaves one token, drawn by its probability with a generator of its own.

    `generate` draws from the process-wide generator, from which a training run in another thread draws its dropout.
    This one draws the same numbers: a fresh process that calls set_seed(seed) and samples gets the same tokens.
    """

    def __init__(self, seed: int, device: torch.device) -> None:
        import torch

        self.generator = torch.Generator(device).manual_seed(seed)

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        import torch

        drawn = torch.multinomial(scores.softmax(-1), 1, generator=self.generator)
        return torch.full_like(scores, float("-inf")).scatter_(-1, drawn, 0.0)


def sampling(*, temperature: float, top_k: int, top_p: float, seed: int, device: torch.device) -> list[Any]:
    """Logits processors that sample, in the order in which `generate` itself applies them."""
    from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    chain: list[Any] = []
    if temperature != 1:
        # A slider at its end gives a whole number, which the warper refuses.
        chain.append(TemperatureLogitsWarper(float(temperature)))
    if top_k:
        chain.append(TopKLogitsWarper(top_k))
    if top_p < 1:
        chain.append(TopPLogitsWarper(top_p))
    return [*chain, Draw(seed, device)]
