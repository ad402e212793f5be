"""What a model is made of, without its weights: its configuration, and its blocks with their parameters.

Covers: any architecture whose modules carry the usual names; what has none of them is grouped as "other".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from backend.errors import UserError
from backend.models.shape import sizes

Kind = Literal["embeddings", "layer", "norm", "pooler", "head", "other"]
Part = Literal["", "attention", "feed_forward", "norm"]

_ACTIVATIONS = ("hidden_act", "activation_function", "activation", "hidden_activation", "feed_forward_proj")
# Longer values are cut.
_RAW_LENGTH = 200
_MOST_LAYERS = 500


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a model. stack: encoder or decoder where there are both; layer: from 1, 0 where it is in none."""

    kind: Kind
    stack: str = ""
    layer: int = 0
    part: Part = ""
    parameters: int = 0
    trained: int = 0
    """How many of them training changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Anatomy:
    """A model as the page draws it."""

    architecture: str
    """Class of the model that is trained: "BertForSequenceClassification"."""
    settings: Sequence[tuple[str, str, Any]]
    """What matters most of the configuration: (key of the text `anatomy.setting.{key}`, its own name, value)."""
    rest: Sequence[tuple[str, str]]
    """The other settings, by name, as text."""
    blocks: Sequence[Block]
    """In the order in which a text goes through them."""
    parameters: int
    trained: int
    bytes: int
    """Of parameters and buffers in memory, as 32-bit floats."""

    @property
    def training_bytes(self) -> int:
        """Least memory for a step: the weights, and of the trained ones gradients and two running means as well."""
        return self.bytes + 3 * 4 * self.trained


def refuse_endless(config: Any) -> None:
    """Raise UserError anatomy.cannot_build for so many layers that building them would hold up all others."""
    text = config.get_text_config()
    for name in ("num_hidden_layers", "num_layers", "decoder_layers", "encoder_layers", "num_decoder_layers"):
        layers = getattr(text, name, 0)
        if isinstance(layers, int) and layers > _MOST_LAYERS:
            raise UserError("anatomy.cannot_build", reason=f"{name} {layers}")


def look_inside(build: Callable[[], Any]) -> Anatomy:
    """Build a model on torch's meta device, where tensors have shapes and no numbers, and take it apart.

    Raises UserError anatomy.cannot_build where the library refuses the configuration.
    """
    import torch

    from backend.models.loading import loading

    try:
        # Building sets the default dtype of the process while it works.
        with loading, torch.device("meta"):
            model = build()
    except UserError:
        raise
    except Exception as error:
        # A stranger's configuration, or sizes that do not go together: any part of transformers may stumble.
        raise UserError("anatomy.cannot_build", reason=f"{type(error).__name__}: {str(error)[:200]}") from error
    tensors = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    found = blocks(model)
    return Anatomy(
        architecture=type(plain(model)).__name__,
        settings=_settings(model.config),
        rest=_rest(model.config),
        blocks=found,
        parameters=sum(block.parameters for block in found),
        trained=sum(block.trained for block in found),
        bytes=sum(tensor.numel() * tensor.element_size() for tensor in tensors.values()),
    )


def blocks(model: Any) -> list[Block]:
    """The blocks of a model in the order of its modules, with their parameters counted. Shared ones count once."""
    counted: dict[Block, tuple[int, int]] = {}
    for name, parameter in named_parameters(model):
        block = block_of(name, model)
        all_of, trained = counted.get(block, (0, 0))
        counted[block] = (
            all_of + parameter.numel(),
            trained + (parameter.numel() if parameter.requires_grad else 0),
        )
    merged = [replace(block, parameters=count, trained=trained) for block, (count, trained) in counted.items()]
    return sorted(merged, key=in_order)


def named_parameters(model: Any) -> Iterator[tuple[str, Any]]:
    """Those that the model computes with: beside a head that learns with an adapter peft keeps the one from before."""
    return ((name, one) for name, one in model.named_parameters() if "original_module" not in name)


def in_order(block: Block) -> tuple[int, bool, int, int]:
    """Sorts blocks as a text goes through them."""
    kinds = ("embeddings", "layer", "other", "norm", "pooler", "head")
    parts = ("attention", "feed_forward", "norm", "")
    return kinds.index(block.kind), block.stack == "decoder", block.layer, parts.index(block.part)


def block_of(name: str, model: Any) -> Block:
    """The block that the parameter of a name belongs to, its numbers not counted."""
    # What an adapter wraps keeps its place.
    name, model = name.removeprefix("base_model.model."), plain(model)
    words = name.split(".")
    stack = next((word for word in words if word in ("encoder", "decoder")), "")
    if not getattr(model.config, "is_encoder_decoder", False):
        stack = ""
    prefix = getattr(model, "base_model_prefix", "")
    prefix = prefix if isinstance(prefix, str) else ""
    if any(word.startswith("pooler") for word in words):
        return Block("pooler")
    numbers = [place for place, word in enumerate(words) if word.isdigit()]
    # A model without a head is itself what others have under the prefix.
    inside = not prefix or prefix == "base_model" or words[0] == prefix or not hasattr(model, prefix)
    if inside and numbers:
        return Block("layer", stack, int(words[numbers[0]]) + 1, _part(words[numbers[0] + 1 : -1]))
    if any("embed" in word or word in ("shared", "wte", "wpe") for word in words):
        return Block("embeddings")
    if not inside:
        return Block("head")
    if any("norm" in word.lower() or word.startswith("ln_") for word in words):
        return Block("norm", stack)
    head = words[0] in ("classifier", "score", "classification_head", "head", "pre_classifier")
    return Block("head" if head else "other")


def plain(model: Any) -> Any:
    """The model within an adapter of peft; any other is itself."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def _part(words: Sequence[str]) -> Part:
    """Of the names of the modules within a layer, outermost first."""
    lower = [word.lower() for word in words]
    if any(("attn" in word or "attention" in word) and "norm" not in word for word in lower):
        return "attention"
    first = next((word for word in lower if not word.isdigit() and word not in ("layer", "albert_layers")), "")
    return "norm" if "norm" in first or re.fullmatch(r"ln_?\d*", first) else "feed_forward"


def _settings(config: Any) -> list[tuple[str, str, Any]]:
    own = sizes(config)
    names: tuple[str, ...] = ("layers", "heads", "width", "feed_forward")
    found = [(name, *own[name]) for name in names if name in own]
    if isinstance(getattr(config, "vocab_size", None), int):
        found.append(("vocabulary", "vocab_size", config.vocab_size))
    names = ("longest", "dropout")
    found += [(name, *own[name]) for name in names if name in own]
    named = next((name for name in _ACTIVATIONS if isinstance(getattr(config, name, None), str)), "")
    return found + ([("activation", named, getattr(config, named))] if named else [])


def _rest(config: Any) -> list[tuple[str, str]]:
    shown = {name for _, name, _ in _settings(config)}
    return [
        (name, str(value)[:_RAW_LENGTH])
        for name, value in sorted(config.to_dict().items())
        if name not in shown and value is not None and not name.startswith("_")
    ]
