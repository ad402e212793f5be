"""The shape of a model that is yet to be: the sizes a person chooses, in its architecture's own names.

Does not cover: models of several parts with a configuration each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.errors import UserError
from backend.models.facts import kept_for_padding
from backend.tasks.base import check_params, param

# What configurations call the same thing, where their attribute_map does not say it.
_FEED_FORWARD = ("intermediate_size", "hidden_dim", "ffn_dim", "encoder_ffn_dim", "d_ff", "n_inner")
_MAIN_DROPOUTS = (
    "hidden_dropout_prob",
    "dropout",
    "dropout_rate",
    "resid_pdrop",
    "hidden_dropout",
    "attention_dropout",
)
_TWINS = {"encoder_layers": "decoder_layers", "encoder_attention_heads": "decoder_attention_heads"} | {
    "encoder_ffn_dim": "decoder_ffn_dim",
    "num_layers": "num_decoder_layers",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The sizes that a person chooses for a new model; None leaves one as it is. Texts `anatomy.{name}`.

    Raises UserError, which names the field, for a number outside its limits.
    """

    layers: int | None = param(6, minimum=1, maximum=96, optional=True)
    heads: int | None = param(12, minimum=1, maximum=256, optional=True)
    width: int | None = param(384, minimum=4, maximum=16384, optional=True)
    """Numbers that stand for each token between the layers: hidden_size."""
    feed_forward: int | None = param(1536, minimum=4, maximum=65536, optional=True)
    longest: int | None = param(512, minimum=8, maximum=131072, optional=True)
    """Most tokens of an input: max_position_embeddings, less those that the architecture keeps for padding."""
    dropout: float | None = param(0.1, minimum=0, maximum=0.9, optional=True)

    def __post_init__(self) -> None:
        check_params(self, "anatomy")


def read_configuration(folder: Path) -> Any:
    """The PreTrainedConfig in a model's folder. Raises UserError anatomy.cannot_build."""
    from transformers import AutoConfig

    try:
        return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        # A stranger's configuration, as above.
        raise UserError("anatomy.cannot_build", reason=f"{type(error).__name__}: {str(error)[:200]}") from error


def shape_of(config: Any) -> Shape:
    """The sizes of a configuration; those that no form could hold become None, and are then left as they are."""
    own = {name: value for name, (_, value) in sizes(config).items()}
    longest = own.get("longest")
    if longest is not None:
        own["longest"] = longest - kept_for_padding(config.model_type, getattr(config, "pad_token_id", None))
    kept: dict[str, Any] = dict.fromkeys(("layers", "heads", "width", "feed_forward", "longest", "dropout"))
    for name, value in own.items():
        try:
            Shape(**{name: value})
            kept[name] = value
        except UserError:
            continue
    return Shape(**kept)


def changes(config: Any, shape: Shape, vocabulary: int, specials: Mapping[str, int], segments: bool) -> dict[str, Any]:
    """What to change in a configuration for a new model of this shape, by the configuration's own names.

    Of the tokenizer: vocabulary: its tokens; specials: pad_token_id and others that a configuration names; segments:
    whether it numbers the two texts of a pair.
    Raises UserError anatomy.not_divisible or anatomy.odd_heads.
    """
    own_sizes = sizes(config)
    changed: dict[str, Any] = {"vocab_size": vocabulary, **specials}
    for name in ("layers", "heads", "width", "feed_forward", "longest"):
        value = getattr(shape, name)
        if value is None or name not in own_sizes:
            continue
        own = own_sizes[name][0]
        value += kept_for_padding(config.model_type, specials["pad_token_id"]) if name == "longest" else 0
        changed |= {one: value for one in (own, _TWINS.get(own, own)) if one == own or hasattr(config, one)}
    if shape.dropout is not None:
        changed |= dict.fromkeys(_dropouts(config), shape.dropout)
    if segments and getattr(config, "type_vocab_size", 2) == 1:
        changed["type_vocab_size"] = 2
    return changed | _following(config, shape)


def _following(config: Any, shape: Shape) -> dict[str, Any]:
    """What has to follow the sizes chosen: widths of the heads, heads that are shared, lists with an entry a layer."""
    followed: dict[str, Any] = {}
    before = {name: value for name, (_, value) in sizes(config).items()}
    width, heads = shape.width or before.get("width"), shape.heads or before.get("heads")
    own_head = getattr(config, "head_dim", None)
    # Some give each head a width of its own, whatever the model's.
    free = own_head is not None and own_head * (before.get("heads") or 0) != before.get("width")
    if width and heads and not free:
        if width % heads:
            below = width - width % heads
            raise UserError(
                "anatomy.not_divisible", width=width, heads=heads, below=below or heads, above=below + heads
            )
        if getattr(config, "rope_parameters", None) and width // heads % 2:
            raise UserError("anatomy.odd_heads", width=width, heads=heads, each=width // heads)
        if own_head is not None:
            followed[dict(config.attribute_map).get("head_dim", "head_dim")] = width // heads
    shared = getattr(config, "num_key_value_heads", None)
    if shared and heads:
        wanted = heads if shared == before.get("heads") else min(shared, heads)
        followed["num_key_value_heads"] = next(one for one in range(wanted, 0, -1) if heads % one == 0)
    if width and getattr(config, "pooler_hidden_size", None) == before.get("width"):
        followed["pooler_hidden_size"] = width
    kinds = getattr(config, "layer_types", None)
    if kinds and shape.layers:
        followed["layer_types"] = [kinds[place % len(kinds)] for place in range(shape.layers)]
    return followed


def sizes(config: Any) -> dict[str, tuple[str, Any]]:
    """A configuration's sizes: field of Shape to (its own name in this configuration, value), for those it has."""
    renamed = dict(getattr(config, "attribute_map", {}))
    general = {"layers": "num_hidden_layers", "heads": "num_attention_heads", "width": "hidden_size"}
    own = {name: renamed.get(usual, usual) for name, usual in general.items()}
    own["longest"] = renamed.get("max_position_embeddings", "max_position_embeddings")
    own["feed_forward"] = next((name for name in _FEED_FORWARD if hasattr(config, name)), "")
    own["dropout"] = next((name for name in _MAIN_DROPOUTS if _is_rate(getattr(config, name, None))), "")
    found = {field: (name, getattr(config, name, None)) for field, name in own.items() if name}
    if "feed_forward" in found and found["feed_forward"][1] is None and "width" in found:
        # GPT-2 leaves it open: four times the width.
        found["feed_forward"] = (own["feed_forward"], 4 * (found["width"][1] or 0))
    return {field: pair for field, pair in found.items() if isinstance(pair[1], (int, float))}


def _dropouts(config: Any) -> list[str]:
    """Names of the rates at which a configuration drops numbers in training; not whole layers."""
    return [
        name for name, value in config.to_dict().items() if "drop" in name and "layer" not in name and _is_rate(value)
    ]


def _is_rate(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1
