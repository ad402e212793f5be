"""The files that Sentence Transformers leaves in a model's folder: how it pools its tokens, and what follows.

Covers: one pooling of those below, dense layers with Tanh or nothing behind them, Normalize. All else is refused: it
would silently give other vectors.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from backend.errors import UserError

if TYPE_CHECKING:
    import torch

Pooling = Literal["mean", "cls", "max", "mean_sqrt_len", "lasttoken"]
_POOLINGS = ("mean", "cls", "max", "mean_sqrt_len", "lasttoken")
_ORDER = re.compile(r"Transformer Pooling( Dense)*( Normalize)*")
_ACTIVATIONS = {"Tanh": True, "Identity": False}
_WEIGHTS = "model.safetensors"


@dataclass(frozen=True, slots=True)
class Dense:
    """A layer behind the pooling, in a folder of the model's."""

    folder: str
    tanh: bool
    bias: bool


@dataclass(frozen=True, slots=True)
class Modules:
    """What a model's vectors are made with, beside the model."""

    pooling_folder: str = "1_Pooling"
    dense: tuple[Dense, ...] = ()


def modules_of(source: str) -> Modules:
    """What modules.json of a folder, or of a Hub id that was downloaded, says; the usual where there is none.

    Raises UserError tasks.other_modules.
    """
    listed = _parsed(source, "modules.json")
    rows = [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
    if not rows:
        return Modules()
    # Dropout does nothing where nobody trains.
    named = [(str(row.get("type")), str(row.get("path") or "")) for row in rows]
    kinds = [(_kind(name), path) for name, path in named if _kind(name) != "Dropout"]
    if not _ORDER.fullmatch(" ".join(kind for kind, _ in kinds)):
        raise UserError("tasks.other_modules", modules=" → ".join(kind for kind, _ in kinds))
    dense = tuple(_dense(source, path) for kind, path in kinds if kind == "Dense")
    return Modules(next(path for kind, path in kinds if kind == "Pooling"), dense)


def pooling_of(source: str, folder: str, prompted: bool) -> Pooling | None:
    """How the tokens become one vector; None where no file says it.

    prompted: whether words stand before each text. Raises UserError tasks.other_modules.
    """
    said = read_json(source, f"{folder}/config.json")
    mode = said.get("pooling_mode")
    if mode:
        chosen = [str(one) for one in (mode if isinstance(mode, list) else [mode])]
    else:
        chosen = [
            name.removeprefix("pooling_mode_") for name in said if name.startswith("pooling_mode_") and said[name]
        ]
    chosen = [name.removesuffix("_tokens").removesuffix("_token") for name in chosen]
    if len(chosen) > 1 or not set(chosen) <= set(_POOLINGS):
        raise UserError("tasks.other_modules", modules=f"Pooling ({', '.join(chosen)})")
    if prompted and said.get("include_prompt") is False:
        raise UserError("tasks.other_modules", modules="Pooling (include_prompt: false)")
    return cast(Pooling, chosen[0]) if chosen else None


def dense_weights(source: str, dense: Sequence[Dense]) -> list[tuple[torch.Tensor, torch.Tensor | None, bool]]:
    """(weight (out, in), bias (out,), whether Tanh follows) of each layer. Raises UserError tasks.other_modules."""
    if not dense:
        return []
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    layers = []
    for one in dense:
        try:
            found = load_file(str(file_of(source, f"{one.folder}/{_WEIGHTS}")))
            bias = found["linear.bias"].float() if one.bias else None
            layers.append((found["linear.weight"].float(), bias, one.tanh))
        except (OSError, SafetensorError, KeyError) as error:
            raise UserError("tasks.other_modules", modules=f"{one.folder}: {error}"[:200]) from error
    return layers


def through_dense(
    vectors: torch.Tensor, layers: Sequence[tuple[torch.Tensor, torch.Tensor | None, bool]]
) -> torch.Tensor:
    """vectors (..., in of the first layer) -> (..., out of the last one). Raises UserError tasks.other_modules."""
    import torch

    for weight, bias, tanh in layers:
        if weight.shape[-1] != vectors.shape[-1]:
            raise UserError("tasks.other_modules", modules=f"Dense {tuple(weight.shape)}")
        vectors = torch.nn.functional.linear(vectors, weight, bias)
        vectors = vectors.tanh() if tanh else vectors
    return vectors


def read_json(source: str, name: str) -> dict[str, Any]:
    """A small JSON file of a model; empty when it has none."""
    data = _parsed(source, name)
    return data if isinstance(data, dict) else {}


def file_of(source: str, name: str) -> Path | None:
    """A file of a model's folder, or of a Hub id that was downloaded; None where it has none."""
    if Path(source).is_dir():
        return path if (path := Path(source) / name).is_file() else None
    from huggingface_hub import try_to_load_from_cache

    try:
        found = try_to_load_from_cache(source, name)
    except ValueError:
        return None
    return Path(found) if isinstance(found, str) else None


def _parsed(source: str, name: str) -> Any:
    path = file_of(source, name)
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path else None
    except (OSError, ValueError, RecursionError):
        return None


def _kind(name: str) -> str:
    """ "Pooling" of "sentence_transformers.models.Pooling"; the whole name of a class from elsewhere."""
    return name.rpartition(".")[2] if name.startswith("sentence_transformers.") else name


def _dense(source: str, folder: str) -> Dense:
    said = read_json(source, f"{folder}/config.json")
    activation = str(said.get("activation_function")).rpartition(".")[2]
    of_texts = said.get("module_input_name") in (None, "sentence_embedding")
    if activation not in _ACTIVATIONS or not of_texts or file_of(source, f"{folder}/{_WEIGHTS}") is None:
        raise UserError("tasks.other_modules", modules=f"Dense ({folder}, {activation})")
    return Dense(folder, _ACTIVATIONS[activation], said.get("bias") is not False)
