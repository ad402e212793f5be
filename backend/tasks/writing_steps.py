"""What happens inside an encoder-decoder model that writes a text: read once, then written token by token."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from backend.tasks.base import Step
from backend.tasks.context import shortened, tensors_step, tokenizer_of

if TYPE_CHECKING:
    from transformers import Pipeline

_CANDIDATES = 8
_NUMBERS = 6
_ROWS = 4
_CHARACTERS = 160


def steps_of(pipe: Pipeline, inputs: Mapping[str, Any], generate: Callable[..., Any], params: Any) -> tuple[Step, ...]:
    """Tokens, tensors, hidden states of the encoder, the decoder's start, chances of the first token, what was written.

    generate: gives the written ids, (texts, tokens); it may be asked for more of the beams.
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
        output = model(**tensors, decoder_input_ids=start)
    states, logits = output.encoder_last_hidden_state[0].float().cpu(), output.logits[0, -1].float().cpu()
    best = logits.topk(min(_CANDIDATES, len(logits)))
    names = [repr(tokenizer.decode([token])) for token in best.indices.tolist()]
    shares = logits.softmax(-1)[best.indices].tolist()
    pieces = tokenizer.convert_ids_to_tokens(ids)
    numbers = [
        f"{piece}: " + " ".join(f"{value:.3f}" for value in row[:_NUMBERS].tolist()) + " …"
        for piece, row in zip(pieces[:_ROWS], states, strict=False)
    ]
    begun = tokenizer.convert_ids_to_tokens(start[0].tolist())
    steps = [
        Step("tokens", (shortened(pieces),), f"{len(ids)}", "pieces = tokenizer.convert_ids_to_tokens(ids)"),
        tensors_step(tensors, 'inputs = tokenizer(text, truncation=True, return_tensors="pt")'),
        Step("encoded", tuple(numbers), str((1, *states.shape)), _ENCODED),
        Step("decoder_start", (shortened(begun),), str(tuple(start.shape)), _START),
        Step("next_logits", _lines(names, best.values.tolist()), f"({len(logits)},)", _LOGITS),
        Step("next_probabilities", _lines(names, shares), f"({len(logits)},)", "chances = logits.softmax(-1)"),
    ]
    if beams > 1:
        texts = [str(tokenizer.decode(row, skip_special_tokens=True)) for row in rows]
        cut = [text if len(text) <= _CHARACTERS else text[:_CHARACTERS] + " …" for text in texts]
        lines = tuple(f"{number} {text}" for number, text in enumerate(cut, 1))
        steps.append(Step("beams", lines, str(tuple(rows.shape)), _BEAMS.format(beams=beams)))
    else:
        written = tokenizer.convert_ids_to_tokens(rows[0].tolist())
        steps.append(Step("written", (shortened(written),), str(tuple(rows.shape)), _WRITTEN))
    return tuple(steps)


_ENCODED = "states = model.get_encoder()(**inputs).last_hidden_state"
_START = "start = torch.tensor([[model.config.decoder_start_token_id]])"
_LOGITS = "logits = model(**inputs, decoder_input_ids=start).logits[0, -1]"
_BEAMS = "written = model.generate(**inputs, num_beams={beams}, num_return_sequences={beams})"
_WRITTEN = "written = model.generate(**inputs, num_beams=1)"


def _lines(names: list[str], values: list[float]) -> tuple[str, ...]:
    return tuple(f"{name}: {value:.4f}" for name, value in zip(names, values, strict=True))
