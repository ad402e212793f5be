"""What happens inside a model that goes on with a text: prompt, tokens, layers, and what may come next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from backend.tasks.base import Step
from backend.tasks.context import tokenizer_of
from backend.tasks.layers import beginning, normalized_steps, read_through, tokens_code

if TYPE_CHECKING:
    import torch
    from transformers import Pipeline

_LINES = 24
_TOKENS = 24
_CANDIDATES = 8
_TEMPLATE = "prompt = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)"


def steps_of(pipe: Pipeline, inputs: Mapping[str, torch.Tensor], prompt: str | Sequence[object]) -> tuple[Step, ...]:
    """Prompt, tokens, tensors, all layers and the likeliest first tokens of the answer.

    inputs: what the model is given, (1, tokens) each; prompt: the bare text, or a chat that the template wrote out.
    """
    tokenizer, ids = tokenizer_of(pipe), inputs["input_ids"][0].tolist()
    read = read_through(pipe, inputs, tokenizer.convert_ids_to_tokens(ids), from_end=True)
    logits = read.output.logits[0, -1].float().cpu()
    best = logits.topk(min(_CANDIDATES, len(logits)))
    names = [repr(tokenizer.decode([token])) for token in best.indices.tolist()]
    raw = [f"{name}: {value:.2f}" for name, value in zip(names, best.values.tolist(), strict=True)]
    shares = logits.softmax(-1)[best.indices].tolist()
    chances = [f"{name}: {share:.1%}" for name, share in zip(names, shares, strict=True)]
    return (
        *_prompt_steps(pipe, inputs, prompt),
        *read.steps,
        Step("next_logits", tuple(raw), f"({len(logits)},)", f"logits = {read.code}.logits[0, -1]"),
        Step("next_probabilities", tuple(chances), f"({len(logits)},)", "probabilities = logits.softmax(-1)"),
    )


def _prompt_steps(
    pipe: Pipeline, inputs: Mapping[str, torch.Tensor], prompt: str | Sequence[object]
) -> tuple[Step, ...]:
    """From a chat or a bare text to the numbers that go in, of which the last are shown."""
    tokenizer, ids = tokenizer_of(pipe), inputs["input_ids"][0].tolist()
    if isinstance(prompt, str):
        before, asked = normalized_steps(tokenizer, {"prompt": prompt}), "prompt"
    else:
        written = [beginning(line) for line in str(tokenizer.decode(ids)).splitlines()]
        if len(written) > _LINES:
            written = ["…", *written[-_LINES:]]
        before = (Step("template", tuple(written), "", _TEMPLATE),)
        # The template has put the special tokens there.
        asked = "prompt, add_special_tokens=False"
    bare = ", return_token_type_ids=False" if "token_type_ids" in tokenizer.model_input_names else ""
    pieces = _shortened(tokenizer.convert_ids_to_tokens(ids))
    lines = tuple(f"{name}: {_shortened(value[0].tolist())}" for name, value in inputs.items())
    return (
        *before,
        Step("tokens", (pieces,), f"{len(ids)}", tokens_code(tokenizer, asked)),
        Step("tensors", lines, f"(1, {len(ids)})", f'inputs = tokenizer({asked}{bare}, return_tensors="pt")'),
    )


def _shortened(values: Sequence[object]) -> str:
    """The last values with spaces between: a prompt's end is what the answer follows."""
    more = len(values) - _TOKENS
    return (f"(+{more}) … " if more > 0 else "") + " ".join(str(value) for value in values[-_TOKENS:])
