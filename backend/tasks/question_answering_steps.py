"""What happens inside a model that finds answers: windows, tokens, where an answer may begin and where end, spans."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from backend.tasks.base import Span, Step
from backend.tasks.context import shortened, tensors_step, tokenizer_of

if TYPE_CHECKING:
    from transformers import Pipeline

_SHOWN = 8
_WINDOWS = 12


def steps_of(
    pipe: Pipeline, question: str, context: str, answers: Sequence[Span], window: int, stride: int, longest: int
) -> tuple[Step, ...]:
    """The windows; tokens, tensors, logits and chances of the one that the best answer lies in; the spans."""
    asked = {"question": question, "context": context}
    cut: Any = pipe.preprocess
    windows = list(cut(asked, max_seq_len=window, doc_stride=stride))
    tokenizer = tokenizer_of(pipe)
    part = 1 if tokenizer.padding_side == "right" else 0
    ranges = [_range(one["encoding"], part) for one in windows]
    place = next((one.start for one in answers if one.word), 0)
    chosen = next((number for number, (start, end) in enumerate(ranges) if start <= place < end), 0)
    output: Any = pipe.forward(windows[chosen])
    ids = windows[chosen]["input_ids"][0].tolist()
    pieces = tokenizer.convert_ids_to_tokens(ids)
    closed = windows[chosen]["p_mask"][0]
    lines = [f"{number} [{start}:{end}]" for number, (start, end) in enumerate(ranges[:_WINDOWS], 1)]
    if len(ranges) > _WINDOWS:
        lines.append(f"… (+{len(ranges) - _WINDOWS})")
    raw, shares = [], []
    for name in ("start", "end"):
        logits = output[name][0].float()
        chances = logits.masked_fill(closed, -10000.0).softmax(-1)
        best = logits.topk(min(_SHOWN, len(ids))).indices.tolist()
        raw += [f"{name} {pieces[index]}: {logits[index]:.4f}" for index in best]
        best = chances.topk(min(_SHOWN, len(ids))).indices.tolist()
        shares += [f"{name} {pieces[index]}: {chances[index]:.4f}" for index in best]
    spans = [
        f"{one.word or '—'}: {one.score:.4f}" + (f" [{one.start}:{one.end}]" if one.word else "") for one in answers
    ]
    given = {name: windows[chosen][name] for name in pipe.input_names()}  # type: ignore[attr-defined]
    return (
        Step(
            "windows", tuple(lines), f"({len(windows)}, ≤{window})", _WINDOWS_CODE.format(window=window, stride=stride)
        ),
        Step("tokens", (shortened(pieces),), f"{len(ids)}", "pieces = windows.tokens(0)"),
        tensors_step(given, "inputs = {name: torch.tensor([windows[name][0]]) for name in names}"),
        Step("span_logits", tuple(raw), f"2 × {tuple(output['start'].shape)}", _LOGITS),
        Step(
            "span_shares", tuple(shares), f"2 × ({len(ids)},)", "start = start.masked_fill(closed, -10000).softmax(-1)"
        ),
        Step(
            "answers", tuple(spans), f"({len(ids)}, {len(ids)})", f"torch.outer(start, end).triu().tril({longest - 1})"
        ),
    )


_WINDOWS_CODE = (
    'windows = tokenizer(question, context, truncation="only_second", max_length={window}, stride={stride}, '
    "return_overflowing_tokens=True)"
)
_LOGITS = "start, end = model(**inputs).start_logits, model(**inputs).end_logits"


def _range(encoding: Any, part: int) -> tuple[int, int]:
    """Characters of the text that a window holds."""
    places = [offsets for offsets, of in zip(encoding.offsets, encoding.sequence_ids, strict=True) if of == part]
    return (places[0][0], places[-1][1]) if places else (0, 0)
