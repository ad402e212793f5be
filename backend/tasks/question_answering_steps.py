"""What happens inside a model that finds answers: windows, tokens, where an answer may begin and where end, spans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from backend.tasks.base import Span, Step
from backend.tasks.context import shortened, tensors_step, tokenizer_of
from backend.tasks.layers import normalized_steps, read_through

if TYPE_CHECKING:
    from transformers import Pipeline

_SHOWN = 8
_WINDOWS = 12


def steps_of(
    pipe: Pipeline, question: str, context: str, answers: Sequence[Span], window: int, stride: int, longest: int
) -> tuple[Step, ...]:
    """The windows; of the one that the best answer lies in tokens, tensors, layers, logits and chances; the spans."""
    asked = {"question": question, "context": context}
    cut: Any = pipe.preprocess
    windows = list(cut(asked, max_seq_len=window, doc_stride=stride))
    tokenizer = tokenizer_of(pipe)
    part = 1 if tokenizer.padding_side == "right" else 0
    ranges = [_range(one["encoding"], part) for one in windows]
    place = next((one.start for one in answers if one.word), 0)
    chosen = next((number for number, (start, end) in enumerate(ranges) if start <= place < end), 0)
    ids = windows[chosen]["input_ids"][0].tolist()
    pieces = tokenizer.convert_ids_to_tokens(ids)
    closed = windows[chosen]["p_mask"][0]
    lines = [f"{number} [{start}:{end}]" for number, (start, end) in enumerate(ranges[:_WINDOWS], 1)]
    if len(ranges) > _WINDOWS:
        lines.append(f"… (+{len(ranges) - _WINDOWS})")
    given = {name: windows[chosen][name].to(pipe.model.device) for name in pipe.input_names()}  # type: ignore[attr-defined]
    read = read_through(pipe, given, pieces)
    raw, shares = [], []
    for name, found in (("start", read.output.start_logits), ("end", read.output.end_logits)):
        logits = found[0].float().cpu()
        chances = logits.masked_fill(closed, -10000.0).softmax(-1)
        best = logits.topk(min(_SHOWN, len(ids))).indices.tolist()
        raw += [f"{name} {pieces[index]}: {logits[index]:.4f}" for index in best]
        best = chances.topk(min(_SHOWN, len(ids))).indices.tolist()
        shares += [f"{name} {pieces[index]}: {chances[index]:.4f}" for index in best]
    spans = [
        f"{one.word or '—'}: {one.score:.4f}" + (f" [{one.start}:{one.end}]" if one.word else "") for one in answers
    ]
    both = ("question", "context") if part else ("context", "question")
    return (
        *normalized_steps(tokenizer, {name: asked[name] for name in both}),
        Step(
            "windows",
            tuple(lines),
            f"({len(windows)}, ≤{window})",
            f'windows = tokenizer({", ".join(both)}, truncation="only_{"second" if part else "first"}", '
            f"max_length={window}, stride={stride}, return_token_type_ids=True, return_overflowing_tokens=True)",
        ),
        Step("tokens", (shortened(pieces),), f"{len(ids)}", f"pieces = windows.tokens({chosen})"),
        tensors_step(given, f"inputs = {{name: torch.tensor([windows[name][{chosen}]]) for name in {tuple(given)}}}"),
        *read.steps,
        Step("span_logits", tuple(raw), f"2 × {(1, len(ids))}", _LOGITS.format(output=read.code)),
        Step("span_shares", tuple(shares), f"2 × ({len(ids)},)", _shares_code(chosen, bool(part))),
        Step("answers", tuple(spans), f"({len(ids)}, {len(ids)})", _SPANS.format(longest=longest - 1)),
    )


_LOGITS = "start, end = {output}.start_logits[0], {output}.end_logits[0]"
_SPANS = "chances = torch.outer(start, end).triu().tril({longest})"


def _shares_code(chosen: int, question_first: bool) -> str:
    """The Python for where an answer may be: in the text, and on the first token, which stands for "no answer"."""
    lines = ["start, end = start.softmax(-1), end.softmax(-1)"]
    if question_first:
        where = f'zip(windows.sequence_ids({chosen}), windows["input_ids"][{chosen}])'
        lines = [
            f"closed = torch.tensor([part != 1 and token != tokenizer.cls_token_id for part, token in {where}])",
            "start, end = (one.masked_fill(closed, -10000).softmax(-1) for one in (start, end))",
        ]
    return "\n".join(lines)


def _range(encoding: Any, part: int) -> tuple[int, int]:
    """Characters of the text that a window holds."""
    places = [offsets for offsets, of in zip(encoding.offsets, encoding.sequence_ids, strict=True) if of == part]
    return (places[0][0], places[-1][1]) if places else (0, 0)
