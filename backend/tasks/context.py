"""A pipeline's tokenizer, and how much text its model takes at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transformers import Pipeline, PreTrainedTokenizerBase

# A tokenizer that was told no limit says 1e30.
_NO_LIMIT = 1_000_000_000
_PADDED_POSITIONS = ("roberta", "xlm-roberta", "xlm-roberta-xl", "camembert")


def tokenizer_of(pipe: Pipeline) -> PreTrainedTokenizerBase:
    """The tokenizer, which a text pipeline always has; the library's type says it may be None."""
    assert pipe.tokenizer is not None
    return pipe.tokenizer  # type: ignore[return-value]


def context_length(pipe: Pipeline) -> int:
    """Most tokens that fit into the model, special ones included; 0 when neither model nor tokenizer says."""
    config = pipe.model.config
    positions = getattr(config, "max_position_embeddings", 0) or getattr(config, "n_positions", 0) or 0
    # These give their first two positions to padding.
    if positions and config.model_type in _PADDED_POSITIONS:
        positions -= 2
    said = getattr(pipe.tokenizer, "model_max_length", 0) or 0
    return min((int(limit) for limit in (positions, said) if 0 < limit < _NO_LIMIT), default=0)
