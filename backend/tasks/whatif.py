"""What if: a text is asked again with one thing changed, and the numbers before and after stand side by side.

Covers: models with a head that gives scores for a text, for each token, or for what a mask stands for.
Does not cover: models that write (their numbers are in next_token.py), encoder-decoders.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backend.errors import UserError
from backend.tasks.context import context_length, encodable, shortened, text_of, tokenizer_of

if TYPE_CHECKING:
    import torch
    from transformers import Pipeline

CHANGED = 1e-3
"""From this difference of a logit on, the answer is another one; below it is what adding in another order does."""
_TOKENS_SHOWN = 8
_VALUES_SHOWN = 6
_MASKS_SHOWN = 2
_OPTIONS_SHOWN = 5
# The neighbour in the batch is longer by about as many tokens.
_PADDING = 6


@dataclass(frozen=True, slots=True)
class WhatIf:
    """One thing changed. key: texts `whatif.{key}`; columns: texts `whatif.column.{name}`, before and after."""

    key: str
    columns: tuple[str, str]
    rows: tuple[tuple[str, str, str], ...]
    """(name, before, after). A name that begins with "=" is the text `whatif.row.{name}`, else a label or a token."""
    code: str
    """The line of Python that does it."""
    change: float | None = None
    """How far the logits moved at most; None where the two cannot be compared."""


def what_if(pipe: Pipeline, values: Mapping[str, Any], key: str) -> WhatIf:
    """Ask again about the text of `values` (and `text_pair`, where there is one).

    key: one of SWITCHES. Raises UserError tasks.empty_text, whatif.encoder_decoder, whatif.no_padding, whatif.full,
    whatif.no_mask or whatif.no_special.
    """
    if pipe.model.config.is_encoder_decoder:
        raise UserError("whatif.encoder_decoder")
    return SWITCHES[key](pipe, text_of(values), encodable(str(values.get("text_pair") or "")).strip())


def _in_a_batch(pipe: Pipeline, text: str, pair: str) -> WhatIf:
    alone, batch = _encoded(pipe, text, pair), _padded(pipe, text, pair)
    before, after = _logits(pipe, alone), _logits(pipe, batch)
    rows = [("=tokens", f"{alone['input_ids'].shape[1]}", f"{batch['input_ids'].shape[1]}")]
    rows += [
        (f"={name}", _first(alone[name]), _first(batch[name]))
        for name in ("input_ids", "attention_mask")
        if name in batch
    ]
    code = 'model(**tokenizer([text, longer_text], padding=True, return_tensors="pt")).logits[0]'
    readings, change = _compared(pipe, alone, before, batch, after)
    return WhatIf("batch", ("alone", "in_batch"), (*rows, *readings), code, change)


def _without_mask(pipe: Pipeline, text: str, pair: str) -> WhatIf:
    masked = _padded(pipe, text, pair)
    if "attention_mask" not in masked:
        raise UserError("whatif.no_mask")
    bare = {**masked, "attention_mask": masked["attention_mask"].new_ones(masked["attention_mask"].shape)}
    before, after = _logits(pipe, masked), _logits(pipe, bare)
    rows = [(f"={name}", _first(masked[name]), _first(bare[name])) for name in ("input_ids", "attention_mask")]
    readings, change = _compared(pipe, masked, before, bare, after)
    code = 'inputs["attention_mask"][:] = 1'
    return WhatIf("mask", ("masked", "unmasked"), (*rows, *readings), code, change)


def _without_special_tokens(pipe: Pipeline, text: str, pair: str) -> WhatIf:
    whole, plain = _encoded(pipe, text, pair), _encoded(pipe, text, pair, special=False)
    if plain["input_ids"].shape[1] in (0, whole["input_ids"].shape[1]):
        raise UserError("whatif.no_special")
    before, after = _logits(pipe, whole), _logits(pipe, plain)
    pieces = [tokenizer_of(pipe).convert_ids_to_tokens(one["input_ids"][0].tolist()) for one in (whole, plain)]
    rows = [("=pieces", shortened(pieces[0]), shortened(pieces[1]))]
    readings, change = _compared(pipe, whole, before, plain, after)
    given = "text, text_pair" if pair else "text"
    code = f'model(**tokenizer({given}, add_special_tokens=False, return_tensors="pt")).logits'
    return WhatIf("special_tokens", ("with_special", "without_special"), (*rows, *readings), code, change)


def _without_head(pipe: Pipeline, text: str, pair: str) -> WhatIf:
    import torch

    inputs = _encoded(pipe, text, pair)
    # The same module that AutoModel.from_pretrained gives.
    with torch.inference_mode():
        hidden = pipe.model.base_model(**inputs).last_hidden_state.float().cpu()  # type: ignore[operator]
    logits = _logits(pipe, inputs)
    numbers = [_numbers(one.flatten()) for one in (logits, hidden)]
    rows = (
        ("=shape", str((1, *logits.shape)), str(tuple(hidden.shape))),
        ("=numbers", numbers[0], numbers[1]),
        ("=model", type(pipe.model).__name__, type(pipe.model.base_model).__name__),
    )
    code = "AutoModel.from_pretrained(folder)(**inputs).last_hidden_state"
    return WhatIf("head", ("with_head", "without_head"), rows, code)


SWITCHES: dict[str, Callable[[Pipeline, str, str], WhatIf]] = {
    "batch": _in_a_batch,
    "mask": _without_mask,
    "special_tokens": _without_special_tokens,
    "head": _without_head,
}


def _encoded(pipe: Pipeline, text: str, pair: str, special: bool = True) -> dict[str, Any]:
    """Tensors of one text or pair, (1, tokens) each, cut to what the model reads.

    special: with the special tokens; without them the text's own tokens are as many.
    """
    tokenizer, limit = tokenizer_of(pipe), context_length(pipe)
    own = 0 if special else tokenizer.num_special_tokens_to_add(pair=bool(pair))
    cut: dict[str, Any] = {"truncation": True, "max_length": limit - own} if limit else {}
    encoded = tokenizer(text, pair or None, add_special_tokens=special, return_tensors="pt", **cut)
    return {name: value.to(pipe.model.device) for name, value in encoded.items()}


def _padded(pipe: Pipeline, text: str, pair: str) -> dict[str, Any]:
    """The text beside a longer one, (2, tokens) each; the text is the first row."""
    tokenizer = tokenizer_of(pipe)
    if tokenizer.pad_token_id is None or pipe.model.config.pad_token_id is None:
        raise UserError("whatif.no_padding")
    alone = _encoded(pipe, text, pair)["input_ids"].shape[1]
    words = text
    while len(words) < len(text) + 4 * _PADDING:
        words += " " + text
    limit = context_length(pipe)
    width = min(alone + _PADDING, limit) if limit else alone + _PADDING
    if width <= alone:
        raise UserError("whatif.full", limit=limit)
    pairs = [pair, pair] if pair else None
    cut: dict[str, Any] = {"truncation": "only_first" if pair else True, "max_length": width}
    encoded = tokenizer([text, words], pairs, padding=True, return_tensors="pt", **cut)
    return {name: value.to(pipe.model.device) for name, value in encoded.items()}


def _logits(pipe: Pipeline, inputs: Mapping[str, Any]) -> torch.Tensor:
    """Of the first row: (labels,) or (tokens, labels)."""
    import torch

    with torch.inference_mode():
        return pipe.model(**inputs).logits[0].float().cpu()  # type: ignore[no-any-return]


def _compared(
    pipe: Pipeline, first: Mapping[str, Any], before: torch.Tensor, second: Mapping[str, Any], after: torch.Tensor
) -> tuple[list[tuple[str, str, str]], float]:
    """A row for each label, for each of the first tokens its best label, or for what may stand in a blank; and how far
    any logit moved."""
    labels: Mapping[Any, str] = pipe.model.config.id2label or {}
    if before.dim() == 2 and before.shape[-1] != len(labels):
        return _at_the_masks(pipe, first, before, second, after)
    if before.dim() == 1:
        rows = [
            (labels[place], f"{old:.4f}", f"{new:.4f}")
            for place, (old, new) in enumerate(zip(before.tolist(), after.tolist(), strict=True))
        ]
        return rows, float((before - after).abs().max())
    # Special tokens and padding have no part in the answer, and are not at the same places.
    pieces, before = _own_tokens(pipe, first, before)
    _, after = _own_tokens(pipe, second, after)
    rows = [
        (piece, _best(labels, old), _best(labels, new))
        for piece, old, new in zip(pieces[:_TOKENS_SHOWN], before, after, strict=False)
    ]
    return rows, float((before - after).abs().max())


def _at_the_masks(
    pipe: Pipeline, first: Mapping[str, Any], before: torch.Tensor, second: Mapping[str, Any], after: torch.Tensor
) -> tuple[list[tuple[str, str, str]], float]:
    """Of logits over the vocabulary, (tokens, vocabulary) each, the largest of before at each of the first masks."""
    tokenizer = tokenizer_of(pipe)
    mask = tokenizer.mask_token_id
    before, after = before[first["input_ids"][0].cpu() == mask], after[second["input_ids"][0].cpu() == mask]
    rows = [
        (str(tokenizer.convert_ids_to_tokens(token)), f"{old[token]:.4f}", f"{new[token]:.4f}")
        for old, new in zip(before[:_MASKS_SHOWN], after, strict=False)
        for token in old.topk(min(_OPTIONS_SHOWN, len(old))).indices.tolist()
    ]
    return rows, float((before - after).abs().max())


def _best(labels: Mapping[Any, str], row: torch.Tensor) -> str:
    return f"{labels[int(row.argmax())]} {float(row.max()):.4f}"


def _own_tokens(pipe: Pipeline, inputs: Mapping[str, Any], logits: torch.Tensor) -> tuple[list[str], torch.Tensor]:
    tokenizer = tokenizer_of(pipe)
    special = set(tokenizer.all_special_ids) - {tokenizer.unk_token_id}
    ids = inputs["input_ids"][0].tolist()
    places = [place for place, one in enumerate(ids) if one not in special]
    pieces = [str(tokenizer.convert_ids_to_tokens(ids[place])) for place in places]
    return pieces, logits[places]


def _first(tensor: torch.Tensor) -> str:
    return shortened(tensor[0].tolist())


def _numbers(values: torch.Tensor) -> str:
    more = " …" if len(values) > _VALUES_SHOWN else ""
    return " ".join(f"{value:.4f}" for value in values[:_VALUES_SHOWN].tolist()) + more
