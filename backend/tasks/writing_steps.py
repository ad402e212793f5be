"""What happens inside an encoder-decoder model that writes a text: read once, then written token by token."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from backend.tasks.base import Step
from backend.tasks.context import numbers, shortened, tokenizer_of
from backend.tasks.layers import beginning, cut_options, layer_steps, text_steps

_CANDIDATES = 8
_ROWS = 4


def steps_of(
    pipe: Any, inputs: Mapping[str, Any], given: Mapping[str, str], generate: Callable[..., Any], params: Any
) -> tuple[Step, ...]:
    """The encoder's layers and what it hands on, the decoder's start, chances of the first token, what was written.

    given: the text with what stands before it, by what the Python calls it. generate: gives the written ids, (texts,
    tokens); it may be asked for more of the beams.
    """
    import torch

    tokenizer, model = tokenizer_of(pipe), pipe.model
    tensors = {name: value.to(model.device) for name, value in inputs.items() if hasattr(value, "to")}
    ids = tensors["input_ids"][0].tolist()
    beams = min(params.beams, 10)
    rows = generate(num_return_sequences=beams) if beams > 1 else generate()
    # Up to the first token that is the model's own choice: a language may be given.
    forced = inputs.get("forced_bos_token_id", model.generation_config.forced_bos_token_id)  # type: ignore[union-attr]
    start = rows[:1, : 1 if forced is None else 2].to(model.device)
    with torch.inference_mode():
        output = model(**tensors, decoder_input_ids=start, output_hidden_states=True)
    states, logits = output.encoder_last_hidden_state[0].float().cpu(), output.logits[0, -1].float().cpu()
    best = logits.topk(min(_CANDIDATES, len(logits)))
    names = [repr(tokenizer.decode([token])) for token in best.indices.tolist()]
    shares = logits.softmax(-1)[best.indices].tolist()
    pieces = tokenizer.convert_ids_to_tokens(ids)
    handed = [f"{piece}: {numbers(row)}" for piece, row in zip(pieces, states[:_ROWS].tolist(), strict=False)]
    layers = output.encoder_hidden_states
    begun = tokenizer.convert_ids_to_tokens(start[0].tolist())
    return (
        *text_steps(pipe, tensors, given, cut_options(pipe, tokenizer.model_max_length)),
        *(layer_steps(layers, pieces, "output.hidden_states", _ENCODER) if layers else ()),
        Step("encoded", tuple(handed), str((1, *states.shape)), _ENCODED if layers else _ENCODED_ALONE),
        Step("decoder_start", (shortened(begun),), str(tuple(start.shape)), f"start = torch.tensor({start.tolist()})"),
        Step("next_logits", _lines(names, best.values.tolist()), f"({len(logits)},)", _LOGITS),
        Step("next_probabilities", _lines(names, shares), f"({len(logits)},)", "chances = logits.softmax(-1)"),
        _written(pipe, inputs, rows, params, beams),
    )


_ENCODER = "output = model.get_encoder()(**inputs, output_hidden_states=True)"
_ENCODED = "states = output.last_hidden_state"
_ENCODED_ALONE = "states = model.get_encoder()(**inputs).last_hidden_state"
_LOGITS = "logits = model(**inputs, decoder_input_ids=start).logits[0, -1]"


def _written(pipe: Any, inputs: Mapping[str, Any], rows: Any, params: Any, beams: int) -> Step:
    """The texts of several beams, or the tokens of the only one. rows: their ids, (texts, tokens)."""
    tokenizer, code = tokenizer_of(pipe), _generate_code(pipe, inputs, params, beams if beams > 1 else 0)
    if beams <= 1:
        written = tokenizer.convert_ids_to_tokens(rows[0].tolist())
        return Step("written", (shortened(written),), str(tuple(rows.shape)), code)
    texts = [str(tokenizer.decode(row, skip_special_tokens=True)) for row in rows]
    lines = tuple(f"{number} {beginning(text)}" for number, text in enumerate(texts, 1))
    return Step("beams", lines, str(tuple(rows.shape)), code)


def _generate_code(pipe: Any, inputs: Mapping[str, Any], params: Any, beams: int) -> str:
    """The Python that writes the same: the model's own settings for this task, then those of the form."""
    given = {name: value for name, value in pipe.settings.items() if name not in ("max_length", "pad_token_id")}
    given |= params.arguments() | ({"num_return_sequences": beams} if beams else {})
    if params.do_sample:
        given |= {name: getattr(params, name) for name in ("temperature", "top_k", "top_p")}
    if "forced_bos_token_id" in inputs:
        given["forced_bos_token_id"] = inputs["forced_bos_token_id"]
    seeded = f"set_seed({params.seed})\n" if params.do_sample else ""
    arguments = "".join(f", {one}={value!r}" for one, value in given.items())
    return f"{seeded}written = model.generate(**inputs{arguments})"


def _lines(names: list[str], values: list[float]) -> tuple[str, ...]:
    return tuple(f"{name}: {value:.4f}" for name, value in zip(names, values, strict=True))
