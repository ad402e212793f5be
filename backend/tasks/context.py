"""What tasks share around a pipeline: its limits, the text that was typed, batches, tokens and tensors to look at."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from backend.errors import UserError
from backend.models.facts import kept_for_padding
from backend.tasks.base import UNREAD, Step

if TYPE_CHECKING:
    from transformers import Pipeline, PreTrainedTokenizerBase

    from backend.models import LoadedModel

# A tokenizer that was told no limit says 1e30.
_NO_LIMIT = 1_000_000_000
_SHOWN_VALUES = 24
_SHOWN_NUMBERS = 6
_BATCH_CHARACTERS = 16_000
# What is read together: on a processor little, which its caches hold, and which nobody waits for long.
_BATCH_TOKENS, _BATCH_TOKENS_ELSEWHERE = 1024, 16_384
# So many texts are counted before the first of them is read.
_COUNTED_TEXTS, _COUNTED_CHARACTERS = 2048, 400_000


def tokenizer_of(pipe: Pipeline) -> PreTrainedTokenizerBase:
    """The tokenizer, which a text pipeline always has; the library's type says it may be None."""
    assert pipe.tokenizer is not None
    return pipe.tokenizer  # type: ignore[return-value]


def context_length(pipe: Pipeline) -> int:
    """Most tokens that fit into the model, special ones included; 0 when neither model nor tokenizer says."""
    return _limit(pipe.model.config, pipe.tokenizer)


def limit_to_say(pipe: Pipeline, limit: int) -> int:
    """The limit for code that loads the tokenizer anew; 0 where that one says it itself, or where there is none."""
    return 0 if tokenizer_of(pipe).init_kwargs.get("model_max_length") == limit else limit


def ends_of(pipe: Pipeline) -> list[int]:
    """The tokens that end what the model writes; none where its configuration names none."""
    ends = pipe.model.generation_config.eos_token_id  # type: ignore[union-attr]
    return ends if isinstance(ends, list) else [] if ends is None else [ends]  # type: ignore[list-item]


def limited(loaded: LoadedModel) -> PreTrainedTokenizerBase:
    """The tokenizer for a pipeline that cuts texts where the tokenizer says, which some say too late or not at all."""
    limit = _limit(loaded.model.config, loaded.tokenizer)
    if not limit or limit == loaded.tokenizer.model_max_length:
        return loaded.tokenizer
    # The model's own tokenizer is shared.
    own = copy.copy(loaded.tokenizer)
    own.model_max_length = limit
    return own


def _limit(config: Any, tokenizer: Any) -> int:
    # The part that reads, of a model made of two.
    config = config.encoder if hasattr(getattr(config, "encoder", None), "model_type") else config
    named = ("max_encoder_position_embeddings", "max_position_embeddings", "n_positions")
    positions = next((getattr(config, name) for name in named if getattr(config, name, None)), 0)
    if positions:
        positions -= kept_for_padding(config.model_type, getattr(config, "pad_token_id", None))
    said = getattr(tokenizer, "model_max_length", 0) or 0
    return min((int(limit) for limit in (positions, said) if 0 < limit < _NO_LIMIT), default=0)


def shortened(values: Sequence[object]) -> str:
    """The first values with spaces between, and how many more there are."""
    more = len(values) - _SHOWN_VALUES
    return " ".join(str(value) for value in values[:_SHOWN_VALUES]) + (f" … (+{more})" if more > 0 else "")


def numbers(values: Sequence[float], most: int = _SHOWN_NUMBERS) -> str:
    """The first values of a vector."""
    return " ".join(f"{value:.4f}" for value in values[:most]) + (" …" if len(values) > most else "")


def encodable(text: str) -> str:
    """The text with a question mark for half of a surrogate pair, as a cut string may end in: tokenizers refuse it."""
    return text.encode("utf-8", "replace").decode("utf-8")


def text_of(values: Mapping[str, Any]) -> str:
    """The text that was typed. Raises UserError tasks.empty_text."""
    text = encodable(str(values.get("text") or ""))
    if not text.strip():
        raise UserError("tasks.empty_text")
    return text


def batches(lengths: Mapping[int, int], most: int) -> Iterator[list[int]]:
    """The keys of lengths (index to characters), shortest first, at most so many at a time.

    Long texts go in small batches: between two of them the page counts on, and can stop.
    """
    order = sorted(lengths, key=lengths.__getitem__)
    while order:
        longest = lengths[order[min(most, len(order)) - 1]]
        size = max(1, min(most, _BATCH_CHARACTERS // max(1, longest)))
        yield order[:size]
        order = order[size:]


def token_batches(
    pipe: Pipeline,
    texts: Sequence[str] | Mapping[int, str],
    chosen: Iterable[int],
    most: int,
    pairs: Sequence[str] = (),
) -> Iterator[dict[int, int]]:
    """The chosen indices of texts as they are best read together, shortest first, at most so many at a time.

    Each with the number of its tokens before any cut. Few tokens of padding, and as many tokens at a time as the device
    takes well. pairs: the second texts, or none.
    """
    characters = {index: len(texts[index]) + (len(pairs[index]) if pairs else 0) for index in chosen}
    order = sorted(characters, key=characters.__getitem__)
    budget = _BATCH_TOKENS if pipe.model.device.type == "cpu" else _BATCH_TOKENS_ELSEWHERE
    limit = context_length(pipe) or _NO_LIMIT
    while order:
        some = order[:_COUNTED_TEXTS]
        while len(some) > 1 and characters[some[-1]] * len(some) > _COUNTED_CHARACTERS:
            some = some[: len(some) // 2]
        order = order[len(some) :]
        seconds = [pairs[index] for index in some] if pairs else None
        ids: Any = tokenizer_of(pipe)([texts[index] for index in some], seconds, verbose=False)["input_ids"]
        tokens = {index: len(row) for index, row in zip(some, ids, strict=True)}
        some.sort(key=tokens.__getitem__)
        while some:
            size = 1
            while size < min(most, len(some)) and (size + 1) * min(tokens[some[size]], limit) <= budget:
                size += 1
            yield {index: tokens[index] for index in some[:size]}
            some = some[size:]


def unread(tokens: int, limit: int) -> dict[str, int]:
    """The cell of a row about a text that is longer than the model reads: by how many tokens. limit: 0 for none."""
    return {UNREAD: tokens - limit} if 0 < limit < tokens else {}


def tensors_step(inputs: Mapping[str, Any], code: str) -> Step:
    """The first row of each tensor that goes into the model, each (rows, tokens)."""
    lines = tuple(f"{name}: {shortened(value[0].tolist())}" for name, value in inputs.items())
    return Step("tensors", lines, str(tuple(inputs["input_ids"].shape)), code)
