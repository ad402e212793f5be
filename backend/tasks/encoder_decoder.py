"""Asking an encoder-decoder model for a text: its settings, how much it reads, how it searches or draws, what came."""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from backend.errors import UserError
from backend.tasks.base import RunsOn, Text, check_params, param
from backend.tasks.context import ends_of, limited, tokenizer_of
from backend.tasks.decoding import StopAt, TokenQueue, sampling

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from backend.models import LoadedModel

# Where neither model nor tokenizer says how much is read. Memory grows with the square of it.
_MOST_TOKENS = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class WritingParams(RunsOn):
    """How the next token is chosen, how long the text becomes, and how many texts come."""

    max_new_tokens: int = param(128, minimum=1, maximum=1024, step=1)
    min_length: int | None = param(None, minimum=0, maximum=1024, step=1, optional=True)
    """Tokens before the text may end; None: what the model's own configuration says."""
    num_beams: int = param(4, minimum=1, maximum=16, step=1)
    """How many beginnings are followed side by side; 1 always takes the likeliest token. Sampling has one."""
    length_penalty: float | None = param(None, minimum=-5.0, maximum=5.0, optional=True)
    """Power of the length by which a beam's score is divided: above 0 favours long texts. None: the model's own."""
    num_return_sequences: int = param(1, minimum=1, maximum=10, step=1)
    do_sample: bool = param(False)
    """Draw the next token by its probability; else search for the likeliest text."""
    temperature: float = param(1.0, minimum=0.05, maximum=2.0, step=0.05)
    top_k: int = param(50, minimum=0, maximum=200, step=1)
    """Draw only from so many likeliest tokens; 0 is no such limit."""
    top_p: float = param(1.0, minimum=0.05, maximum=1.0, step=0.05)
    """Draw only from the likeliest tokens whose probabilities add up to this; 1 is no such limit."""
    repetition_penalty: float = param(1.0, minimum=1.0, maximum=2.0, step=0.05)
    seed: int = param(0, minimum=0, maximum=2**31 - 1, step=1)
    truncation: bool = param(True)
    """Read the beginning of a text that is too long; else refuse it."""

    def __post_init__(self) -> None:
        check_params(self, "tasks.text2text-generation")
        if self.min_length is not None and self.min_length > self.max_new_tokens:
            raise UserError("tasks.too_large", name="min_length", value=self.min_length, maximum=self.max_new_tokens)
        if not self.do_sample and self.num_return_sequences > self.num_beams:
            raise UserError("tasks.more_than_beams", count=self.num_return_sequences, beams=self.num_beams)

    @property
    def beams(self) -> int:
        """How many beams there are."""
        return 1 if self.do_sample else self.num_beams

    def arguments(self) -> dict[str, Any]:
        """What `generate` is given, but for sampling."""
        given: dict[str, Any] = {"max_new_tokens": self.max_new_tokens, "num_beams": self.beams}
        if self.num_return_sequences > 1:
            given["num_return_sequences"] = self.num_return_sequences
        if self.min_length is not None:
            given["min_length"] = self.min_length
        if self.length_penalty is not None and self.beams > 1:
            given["length_penalty"] = self.length_penalty
        return given | {"repetition_penalty": self.repetition_penalty, "do_sample": self.do_sample}


@dataclass(frozen=True, slots=True)
class Wanted:
    """A pipeline and how it is asked: `before` stands before each text, options go to `preprocess`."""

    pipe: Any
    """A Text2TextGenerationPipeline: the library's types know no such thing."""
    before: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    settled: Mapping[str, Any] = field(default_factory=dict)
    """What the snippet is told of it."""


def inputs_of(wanted: Wanted, text: str, params: WritingParams) -> tuple[Any, int]:
    """The tensors of a text, (1, tokens), cut where it is too long; and how many tokens it has in all.

    Raises UserError tasks.text_too_long, and tasks.too_large where the decoder has no room for so long a text.
    """
    _refuse_no_room(wanted, params)
    limit = tokenizer_of(wanted.pipe).model_max_length
    inputs = wanted.pipe.preprocess(wanted.before + text, **wanted.options)
    tokens = inputs["input_ids"].shape[1]
    if tokens > limit:
        if not params.truncation:
            raise UserError("tasks.text_too_long", tokens=tokens, limit=limit)
        inputs = wanted.pipe.preprocess(wanted.before + text, truncation=True, **wanted.options)
    return inputs, tokens


def own_tokenizer(loaded: LoadedModel) -> PreTrainedTokenizerBase:
    """A tokenizer with a limit in any case, that may be told languages."""
    own = copy.copy(limited(loaded))
    if own.model_max_length > 1_000_000:
        own.model_max_length = _MOST_TOKENS
    if not own.is_fast:
        # The shelf's lock leads to the tokenizer that was copied, and its languages; what it guards are fast ones.
        vars(own).pop("_encode_plus", None)
    return own


def _room(config: Any) -> int:
    """Most tokens that the decoder has positions for, the one it starts with included; 0: as many as one likes."""
    decoder = config.decoder if hasattr(getattr(config, "decoder", None), "model_type") else config
    named = ("max_decoder_position_embeddings", "max_position_embeddings")
    return next((int(getattr(decoder, name)) for name in named if getattr(decoder, name, None)), 0)


def _refuse_no_room(wanted: Wanted, params: WritingParams) -> None:
    """Raise UserError tasks.too_large where the decoder has no positions for so long a text."""
    room = _room(wanted.pipe.model.config)
    if room and params.max_new_tokens >= room:
        raise UserError("tasks.too_large", name="max_new_tokens", value=params.max_new_tokens, maximum=room - 1)


def whole(wanted: Wanted, text: str) -> str:
    """The text with all that stands before it."""
    return (getattr(wanted.pipe, "prefix", None) or "") + wanted.before + text


def generate(
    wanted: Wanted,
    inputs: Mapping[str, Any],
    params: WritingParams,
    streamer: TokenQueue | None = None,
    stops: Sequence[threading.Event] = (),
    **more: Any,
) -> Any:
    """Ids of what is written, (texts, tokens), the token that the decoder starts with first."""
    given = params.arguments() | more
    if streamer is not None:
        given["streamer"] = streamer
    if stops:
        given["stopping_criteria"] = [StopAt(stops)]
    if params.do_sample:
        # Our own last processor draws; what is left to generate is to take the only token left.
        count = given.pop("num_return_sequences", 1)
        inputs = {
            name: value.repeat_interleave(count, 0) if hasattr(value, "repeat_interleave") else value
            for name, value in inputs.items()
        }
        given["do_sample"] = False
        given["logits_processor"] = sampling(
            temperature=params.temperature,
            top_k=params.top_k,
            top_p=params.top_p,
            seed=params.seed,
            device=wanted.pipe.model.device,
        )
    unset = {"temperature": None, "top_k": None, "top_p": None}
    return wanted.pipe.forward(dict(inputs), **unset, **given)["output_ids"].flatten(0, 1)


def answer_of(
    wanted: Wanted, inputs: Mapping[str, Any], given: int, rows: Any, params: WritingParams, stopped: bool = False
) -> Text:
    texts = _texts(wanted.pipe, rows)
    ends = ends_of(wanted.pipe)
    # Without the token that the decoder starts with, which may be the one that ends a text.
    ids = rows[0].tolist()[1:]
    end = next((place for place, token in enumerate(ids, 1) if token in ends), 0)
    tokens = end or len(ids)
    # A model may be made to write its end where the length is used up.
    complete = bool(end) and not (tokens >= params.max_new_tokens and _forced_end(wanted.pipe))
    reason: Any = "end" if complete else "person" if stopped and tokens < params.max_new_tokens else "length"
    read = inputs["input_ids"].shape[1]
    return Text(texts[0], tokens, stopped_by=reason, others=tuple(texts[1:]), given=given, given_read=read)


def _forced_end(pipe: Any) -> bool:
    return pipe.model.generation_config.forced_eos_token_id is not None


def _texts(pipe: Any, rows: Any) -> list[str]:
    """What the pipeline's records say."""
    records = pipe.postprocess({"output_ids": rows[None]})
    return [str(record[f"{pipe.return_name}_text"]) for record in records]


def written_for(
    wanted: Wanted, texts: Sequence[str], params: WritingParams, stops: Sequence[threading.Event] = ()
) -> list[list[str]]:
    """What is written for each of several texts, in one batch; all of them end where one of `stops` is set.

    Raises UserError tasks.too_large, as `inputs_of` does.
    """
    _refuse_no_room(wanted, params)
    given = [wanted.before + text for text in texts]
    pipe, options = wanted.pipe, {**wanted.options, **params.arguments()}
    if stops:
        options["stopping_criteria"] = [StopAt(stops)]
    records = pipe(given, batch_size=len(given), truncation=True, **options)
    key = f"{pipe.return_name}_text"
    return [[str(one[key]) for one in (answer if isinstance(answer, list) else [answer])] for answer in records]
