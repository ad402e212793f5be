"""The next token: a continuation with what each of its tokens was drawn from, other roads, and ways of choosing."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from backend.errors import UserError
from backend.tasks.context import ends_of, tokenizer_of
from backend.tasks.decoding import StopAt, TokenQueue, as_written, sampling
from backend.tasks.distribution import Place, place_of, text_of_token
from backend.tasks.text_generation import GenerationParams, prompt_tensors

if TYPE_CHECKING:
    import torch
    from transformers import Pipeline

LENGTH = 24
"""Tokens of a continuation that are looked at."""
BEAMS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """A continuation, token by token, as far as it has come."""

    places: tuple[Place, ...]
    finished: bool = True


@dataclass(frozen=True, slots=True)
class Continuation:
    """One way of choosing: greedy, sampling or beams. log_probability: of all its tokens together, in nats."""

    way: str
    text: str
    tokens: int
    log_probability: float


def look(
    pipe: Pipeline,
    values: Mapping[str, Any],
    params: GenerationParams,
    stop: threading.Event,
    before: Sequence[Place] = (),
    token: int | None = None,
) -> Iterator[Trace]:
    """The trace after each token, the last one finished. Ends within a token of `stop`.

    With `params` of the page the tokens are those of its answer. before, token: the road not taken; the text goes on
    after the tokens of `before` but the last, whose place `token` takes. Raises what `prompt_tensors` raises.
    """
    import torch

    params = replace(params, max_new_tokens=min(LENGTH, params.max_new_tokens))
    inputs = prompt_tensors(pipe, values, params)
    places = list(before)
    if token is not None:
        places[-1] = _taking(pipe, places[-1], token)
        yield Trace(tuple(places), finished=False)
    left = params.max_new_tokens - len(places)
    if left <= 0 or (places and places[-1].taken in ends_of(pipe)):
        yield Trace(tuple(places))
        return
    written = torch.tensor([[one.taken for one in places]], dtype=torch.long, device=pipe.model.device)
    ids = torch.cat([inputs["input_ids"], written], dim=1)
    record = _Record(pipe)

    def write(tokens: TokenQueue, stops: Sequence[threading.Event]) -> None:
        _generate(pipe, ids, params, left, [record, *_drawn(pipe, params)], StopAt(stops), streamer=tokens)

    for place, drawn in enumerate(as_written(write, stop)):
        places.append(record.taking(place, drawn))
        yield Trace(tuple(places), finished=False)
    yield Trace(tuple(places))


def three_ways(
    pipe: Pipeline, values: Mapping[str, Any], params: GenerationParams, stop: threading.Event
) -> Iterator[tuple[Continuation, ...]]:
    """The continuations so far: the likeliest token each time, drawn ones, and BEAMS beams. No repetition penalty."""
    params = replace(params, max_new_tokens=min(LENGTH, params.max_new_tokens), repetition_penalty=1.0)
    inputs = prompt_tensors(pipe, values, params)["input_ids"]
    done: tuple[Continuation, ...] = ()
    for way in ("greedy", "sampling", "beams"):
        chain = _drawn(pipe, replace(params, do_sample=True)) if way == "sampling" else []
        beams = BEAMS if way == "beams" else 1
        whole = _generate(pipe, inputs, params, params.max_new_tokens, chain, StopAt((stop,)), num_beams=beams)
        if stop.is_set():
            return
        done = (*done, _continuation(pipe, way, whole, inputs.shape[1]))
        yield done


class _Record:
    """A logits processor that changes nothing and keeps what it saw, a Place for each token."""

    def __init__(self, pipe: Pipeline) -> None:
        self.pipe = pipe
        self.places: list[tuple[Place, torch.Tensor]] = []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        logits = scores[0].float().cpu()
        self.places.append((place_of(self.pipe, logits), logits))
        return scores

    def taking(self, number: int, token: int) -> Place:
        """The place of that number, with what was drawn there. Its logits are let go."""
        place, logits = self.places[number]
        self.places[number] = (place, logits[:0])
        rank = int((logits > logits[token]).sum())
        return replace(
            place, taken=token, taken_text=text_of_token(self.pipe, token), taken_rank=rank,
            taken_logit=float(logits[token] - logits.max()),
        )  # fmt: skip


def _taking(pipe: Pipeline, place: Place, token: int) -> Place:
    """The place with another of its tokens taken. Raises UserError next_token.not_there."""
    if token not in place.ids:
        raise UserError("next_token.not_there")
    rank = place.ids.index(token)
    return replace(
        place,
        taken=token,
        taken_text=text_of_token(pipe, token),
        taken_rank=rank,
        taken_logit=float(place.logits[rank]),
    )


def _drawn(pipe: Pipeline, params: GenerationParams) -> list[Any]:
    if not params.do_sample:
        return []
    weigh = {"temperature": params.temperature, "top_k": params.top_k, "top_p": params.top_p}
    return sampling(**weigh, seed=params.seed, device=pipe.model.device)  # type: ignore[arg-type]


def _generate(
    pipe: Pipeline,
    ids: torch.Tensor,
    params: GenerationParams,
    length: int,
    chain: list[Any],
    stop: StopAt,
    num_beams: int = 1,
    streamer: TokenQueue | None = None,
) -> torch.Tensor:
    """Prompt and what was written to it, (1, tokens)."""
    import torch

    return pipe.model.generate(  # type: ignore[operator,no-any-return]
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=length,
        repetition_penalty=params.repetition_penalty,
        # As in text_generation: what is drawn is drawn by our own last processor.
        do_sample=False,
        num_beams=num_beams,
        temperature=None,
        top_k=None,
        top_p=None,
        logits_processor=chain or None,
        stopping_criteria=[stop],
        streamer=streamer,
    )


def _continuation(pipe: Pipeline, way: str, whole: torch.Tensor, prompt: int) -> Continuation:
    import torch

    with torch.inference_mode():
        shares = pipe.model(input_ids=whole).logits[0, prompt - 1 : -1].float().log_softmax(-1)
    written = whole[0, prompt:]
    each = shares.gather(-1, written[:, None])
    text = str(tokenizer_of(pipe).decode(written.tolist(), skip_special_tokens=True))
    return Continuation(way, text, len(written), float(each.sum()))
