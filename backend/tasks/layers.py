"""A text's way through a model: normalized, tokens, numbers in, embeddings, the hidden states of every layer.

Covers: encoders, decoders, and the encoder of a model made of two, in one pass whose output the task goes on with.
Does not cover: what the head makes of the last layer, which each task shows itself.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from backend.exports.snippet import literal
from backend.tasks.base import Step
from backend.tasks.context import limit_to_say, numbers, shortened, tensors_step, tokenizer_of
from backend.token_steps import readable_line

if TYPE_CHECKING:
    import torch
    from transformers import Pipeline

_CHARACTERS = 160
_TOKENS = 3
_VALUES = 4
_NORMALIZER = "normalizer = tokenizer.backend_tokenizer.normalizer"
_CALL = "output = model(**inputs, output_hidden_states=True)"


@dataclass(frozen=True, slots=True)
class Read:
    """What a model made of one text, and the steps up to its last layer."""

    steps: tuple[Step, ...]
    output: Any
    code: str
    """How the next step's Python calls the output: by its name, or by asking the model where no step has."""


def encoder_steps(pipe: Pipeline, inputs: Mapping[str, Any], given: Mapping[str, str], options: str = "") -> Read:
    """From a text or a pair to the last layer. What a model or tokenizer does not have is left out.

    The arguments are those of `text_steps`.
    """
    pieces = tokenizer_of(pipe).convert_ids_to_tokens(inputs["input_ids"][0].tolist())
    read = read_through(pipe, inputs, pieces)
    return Read((*text_steps(pipe, inputs, given, options), *read.steps), read.output, read.code)


def text_steps(
    pipe: Pipeline, inputs: Mapping[str, Any], given: Mapping[str, str], options: str = ""
) -> tuple[Step, ...]:
    """From a text or a pair to the numbers that go in.

    inputs: what the tokenizer made of it, (1, tokens) each, on the model's device. given: the texts by what the
    Python calls them. options: Python arguments of the tokenizer, each with its comma before it.
    """
    tokenizer = tokenizer_of(pipe)
    pieces = tokenizer.convert_ids_to_tokens(inputs["input_ids"][0].tolist())
    asked = ", ".join(given) + options
    cut = tokens_code(tokenizer, asked)
    if "token_type_ids" in tokenizer.model_input_names and "token_type_ids" not in inputs:
        asked += ", return_token_type_ids=False"
    return (
        *normalized_steps(tokenizer, given),
        Step("tokens", (shortened(pieces),), f"{len(pieces)}", cut),
        tensors_step(inputs, f'inputs = tokenizer({asked}, return_tensors="pt")'),
    )


def normalized_steps(tokenizer: Any, given: Mapping[str, str]) -> tuple[Step, ...]:
    """The texts as they are before they are cut; none where the tokenizer has no normalizer, or cannot be asked.

    It never sees a special token that stands in a text: what is around that is normalized.
    """
    normalizer = tokenizer.backend_tokenizer.normalizer if tokenizer.is_fast else None
    specials = {one for one in tokenizer.all_special_tokens for text in given.values() if one and one in text}
    if normalizer is None or specials and len(specials) + len(given) > 2:
        return ()
    if specials:
        special, (name, text) = specials.pop(), next(iter(given.items()))
        texts = [special.join(map(normalizer.normalize_str, text.split(special)))]
        name = name if name.isidentifier() else f"({name})"
        code = f"{literal(special)}.join(map(normalizer.normalize_str, {name}.split({literal(special)})))"
    else:
        texts = [normalizer.normalize_str(text) for text in given.values()]
        code = f"normalizer.normalize_str({next(iter(given))})"
        if len(given) > 1:
            code = f"[normalizer.normalize_str(one) for one in ({', '.join(given)})]"
    return (Step("normalized", tuple(map(beginning, texts)), "", f"{_NORMALIZER}\nnormalized = {code}"),)


def tokens_code(tokenizer: Any, asked: str) -> str:
    """The Python for the tokens of a text. asked: what the tokenizer is called with."""
    if tokenizer.is_fast:
        return f"pieces = tokenizer({asked}).tokens()"
    # Slow ones know no tokens of what they have encoded.
    return f'pieces = tokenizer.convert_ids_to_tokens(tokenizer({asked})["input_ids"])'


def beginning(text: str) -> str:
    """The beginning of a text on one line."""
    return readable_line(text[:_CHARACTERS], byte_level=False) + (" …" if len(text) > _CHARACTERS else "")


def read_through(pipe: Pipeline, inputs: Mapping[str, Any], pieces: Sequence[str], from_end: bool = False) -> Read:
    """One pass, and the steps that show its layers: none where the model does not give its hidden states.

    pieces: the tokens; from_end: whether the last of them are shown instead of the first.
    """
    import torch

    takes = inspect.signature(pipe.model.forward).parameters.values()
    told = any(one.name == "output_hidden_states" or one.kind is one.VAR_KEYWORD for one in takes)
    with torch.inference_mode():
        output = pipe.model(**inputs, **({"output_hidden_states": True} if told else {}))
    named = ("hidden_states", "encoder_hidden_states")
    name = next((one for one in named if getattr(output, one, None)), "")
    if not name:
        return Read((), output, "model(**inputs)")
    return Read(layer_steps(output[name], pieces, f"output.{name}", _CALL, from_end), output, "output")


def layer_steps(
    states: Sequence[torch.Tensor], pieces: Sequence[str], name: str, call: str, from_end: bool = False
) -> tuple[Step, ...]:
    """Embeddings, then all layers: of a few tokens the first numbers before the first, after a middle and the last one.

    states: (1, tokens, size) each, the embeddings first; some models shorten the text on the way, or read it into
    places of their own. name: what the Python calls them; call: its line that makes them.
    """
    shapes = [tuple(one.shape) for one in states]
    steps, before = [], f"{call}\n"
    if shapes[0][1] == len(pieces):
        lines = tuple(f"{place}: {row}" for place, row in _rows(states[0], pieces, from_end))
        steps.append(Step("embeddings", lines, str(shapes[0]), f"{before}embeddings = {name}[0]"))
        before = ""
    alike = [(shape, len(list(group))) for shape, group in groupby(shapes)]
    shape = str((len(states), *shapes[0])) if len(alike) == 1 else " + ".join(f"{n} × {one}" for one, n in alike)
    made = f"torch.stack({name})" if len(alike) == 1 else name
    chosen = dict.fromkeys((0, (len(states) - 1) // 2, len(states) - 1))
    lines = tuple(
        f"{layer} {place}: {row}" for layer in chosen for place, row in _rows(states[layer], pieces, from_end)
    )
    return (*steps, Step("layers", lines, shape, f"{before}layers = {made}"))


def _rows(states: torch.Tensor, pieces: Sequence[str], from_end: bool) -> list[tuple[str, str]]:
    """(token, first numbers) of a few tokens of (1, tokens, size); a place where not each token has a vector."""
    count = states.shape[1]
    places = range(count)[-_TOKENS:] if from_end else range(count)[:_TOKENS]
    names = pieces if count == len(pieces) else [str(place) for place in range(count)]
    few = states[0, places.start : places.stop, : _VALUES + 1].float().cpu().tolist()
    return [(str(names[place]), numbers(row, _VALUES)) for place, row in zip(places, few, strict=True)]


def cut_options(pipe: Pipeline, limit: int, how: str = "True") -> str:
    """Python arguments for a text that is cut after so many tokens; 0: it is not."""
    said = limit_to_say(pipe, limit)
    return (f", truncation={how}" if limit else "") + (f", max_length={said}" if said else "")
