"""Token classification: what each part of a text is, such as a person, a place, or a verb."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backend.errors import UserError
from backend.exports.snippet import literal
from backend.tasks.base import Example, Input, RunsOn, Span, Spans, Step, Task, check_params, param
from backend.tasks.context import (
    batches,
    context_length,
    encodable,
    limit_to_say,
    limited,
    text_of,
    tokenizer_of,
    unread,
)
from backend.tasks.layers import cut_options, encoder_steps
from backend.tasks.whatif import SWITCHES

if TYPE_CHECKING:
    from transformers import Pipeline

    from backend.models import LoadedModel, ModelFacts

_BATCH = 16
_SHOWN = 24
_MOST_PIECES = 200
# What joins tokens without knowing which of them make a word.
_WITHOUT_WORDS = ("simple", "none")
STRATEGIES = ("simple", "first", "average", "max", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenClassificationParams(RunsOn):
    """How tokens become entities."""

    aggregation_strategy: str = param("simple", choices=STRATEGIES)
    """simple joins tokens of one label; first, average and max settle each word first; none joins nothing."""
    stride: int = param(32, minimum=0, maximum=256, step=1)
    """A long text is read in pieces; so many tokens of one are read again with the next."""

    def __post_init__(self) -> None:
        check_params(self, "tasks.token-classification")


class TokenClassification(Task):
    """One text in, its entities with their places out."""

    name = "token-classification"
    lane = "short"
    inputs = (Input("text"),)
    params = TokenClassificationParams
    auto_class = "AutoModelForTokenClassification"
    what_ifs = tuple(SWITCHES)
    examples = (
        Example("en", {"text": "My name is Sylvain and I work at Hugging Face in Brooklyn."}, course="tasks"),
        Example("en", {"text": "Marie Curie was born in Warsaw in 1867 and moved to Paris to study at the Sorbonne."}),
        Example("zh-CN", {"text": "李华在北京大学学习，毕业后去了上海的华为公司工作。"}),
        Example("zh-CN", {"text": "鲁迅1881年出生于浙江绍兴，曾在日本仙台学医。"}),
    )

    def fits(self, facts: ModelFacts) -> bool:
        """A head that gives one label a token."""
        return facts.architecture.endswith("ForTokenClassification")

    def pipeline(self, loaded: LoadedModel) -> Pipeline:
        """transformers' own, with a tokenizer that knows how much the model reads."""
        from transformers import pipeline

        return pipeline(self.name, model=loaded.model, tokenizer=limited(loaded), device=loaded.model.device)  # type: ignore[call-overload,no-any-return]

    def run(self, pipe: Pipeline, values: Mapping[str, Any], params: TokenClassificationParams) -> Spans:
        """Entities in the order of the text.

        Raises UserError tasks.empty_text, tasks.too_large (stride), tasks.too_many_pieces, tasks.not_a_choice (a way to
        join tokens that takes a fast tokenizer).
        """
        text, arguments = text_of(values), _arguments(pipe, params)
        tokens, limit = _tokens(pipe, text), context_length(pipe)
        whole = "stride" in arguments
        if whole and (count := _pieces(pipe, tokens, params.stride)) > _MOST_PIECES:
            raise UserError("tasks.too_many_pieces", tokens=tokens, count=count, most=_MOST_PIECES)
        return Spans(
            text,
            tuple(_spans(text, pipe(text, **arguments))),
            tokens=tokens,
            tokens_read=min(tokens, limit) if limit and not whole else tokens,
            grouped=params.aggregation_strategy != "none",
        )

    def batch(
        self, pipe: Pipeline, texts: Sequence[str], params: TokenClassificationParams, pairs: Sequence[str] = ()
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """How many entities each text has, and which; shortest first. Empty texts have none.

        A text that would be read in too many pieces has empty cells.
        """
        lengths = {index: len(text) for index, text in enumerate(texts) if text.strip()}
        yield from ((index, {"count": 0, "entities": ""}) for index, text in enumerate(texts) if not text.strip())
        arguments, limit = _arguments(pipe, params), context_length(pipe)
        most = _BATCH if tokenizer_of(pipe).pad_token_id is not None else 1
        for chunk in batches(lengths, most):
            if "stride" in arguments:
                pieces = {index: _pieces(pipe, _tokens(pipe, texts[index]), params.stride) for index in chunk}
                yield from ((index, {"count": None, "entities": ""}) for index in chunk if pieces[index] > _MOST_PIECES)
                chunk = [index for index in chunk if pieces[index] <= _MOST_PIECES]
            if not chunk:
                continue
            answers: Any = pipe([texts[index] for index in chunk], batch_size=most, **arguments)
            for index, rows in zip(chunk, answers, strict=True):
                spans = _spans(texts[index], rows)
                row = {"count": len(spans), "entities": "; ".join(f"{one.word} ({one.label})" for one in spans)}
                # In pieces all is read.
                yield index, row | ({} if "stride" in arguments else unread(_tokens(pipe, texts[index]), limit))

    def steps(self, pipe: Pipeline, values: Mapping[str, Any], params: TokenClassificationParams) -> tuple[Step, ...]:
        """Tokens, tensors, all layers, logits and the best label of each token, then the entities they make."""
        answer = self.run(pipe, values, params)
        tokenizer = tokenizer_of(pipe)
        inputs = tokenizer(answer.text, truncation=True, return_tensors="pt").to(pipe.model.device)
        ids = inputs["input_ids"][0].tolist()
        read = encoder_steps(pipe, inputs, {"text": answer.text}, cut_options(pipe, context_length(pipe)))
        logits = read.output.logits[0].float().cpu()
        labels = pipe.model.config.id2label or {}
        pieces = tokenizer.convert_ids_to_tokens(ids)
        best = logits.softmax(-1).max(-1)
        raw = [
            f"{piece}: " + " ".join(f"{value:.2f}" for value in row[:8].tolist())
            for piece, row in zip(pieces[:_SHOWN], logits, strict=False)
        ]
        named = [
            f"{piece}: {labels[index]} {share:.4f}"
            for piece, index, share in zip(pieces[:_SHOWN], best.indices.tolist(), best.values.tolist(), strict=False)
        ]
        found = [f"{one.word}: {one.label} {one.score:.4f} [{one.start}:{one.end}]" for one in answer.spans]
        return (
            *read.steps,
            Step("token_logits", tuple(raw), str((1, *logits.shape)), f"logits = {read.code}.logits"),
            Step("token_labels", tuple(named), str(tuple(logits.shape)), _LABELS_CODE),
            Step("entities", tuple(found), f"{len(found)}", _entities_code(_arguments(pipe, params))),
        )

    def settled(
        self, pipe: Pipeline, values: Mapping[str, Any], params: TokenClassificationParams
    ) -> Mapping[str, Any]:
        """Whether a long text is read in pieces; and the most tokens read, where the tokenizer does not say it."""
        return {**values, "pieces": _reads_pieces(pipe), "limit": limit_to_say(pipe, context_length(pipe))}

    def snippet(self, source: str, values: Mapping[str, Any], params: TokenClassificationParams) -> str:
        """Prints label, place, score and text of each entity."""
        alone = params.aggregation_strategy == "none"
        stride = "" if alone or not values.get("pieces", True) else f", stride={params.stride}"
        limit = f"finder.tokenizer.model_max_length = {values['limit']}\n" if values.get("limit") else ""
        return f"""from transformers import pipeline

finder = pipeline("token-classification", model={literal(source)}, {params.loaded})
{limit}text = {literal(encodable(str(values.get("text") or "")))}
for row in finder(text, aggregation_strategy="{params.aggregation_strategy}"{stride}):
    print(row["{"entity" if alone else "entity_group"}"], row["start"], row["end"], float(row["score"]))
"""


_LABELS_CODE = """scores = logits.softmax(-1)[0]
labels = [model.config.id2label[place] for place in scores.argmax(-1).tolist()]"""


def _entities_code(arguments: Mapping[str, Any]) -> str:
    """The pipeline's own way of joining tokens, with the model that is there."""
    joins = "".join(f", {name}={literal(value)}" for name, value in arguments.items())
    return f'entities = pipeline("token-classification", model=model, tokenizer=tokenizer)(text{joins})'


def _arguments(pipe: Pipeline, params: TokenClassificationParams) -> dict[str, Any]:
    """What the pipeline is called with beside the text.

    Raises UserError for a stride with no room beside it, and for a way to join that takes a fast tokenizer.
    """
    arguments: dict[str, Any] = {"aggregation_strategy": params.aggregation_strategy}
    tokenizer = tokenizer_of(pipe)
    if not tokenizer.is_fast and params.aggregation_strategy not in _WITHOUT_WORDS:
        choices = ", ".join(_WITHOUT_WORDS)
        raise UserError(
            "tasks.not_a_choice", name="aggregation_strategy", value=params.aggregation_strategy, choices=choices
        )
    if params.aggregation_strategy == "none" or not _reads_pieces(pipe):
        return arguments
    limit = tokenizer.model_max_length - tokenizer.num_special_tokens_to_add() - 1
    if params.stride > limit:
        raise UserError("tasks.too_large", name="stride", value=params.stride, maximum=limit)
    return arguments | {"stride": params.stride}


def _reads_pieces(pipe: Pipeline) -> bool:
    """Whether the pipeline can read a long text in pieces, which it pads to one length."""
    tokenizer = tokenizer_of(pipe)
    return tokenizer.is_fast and tokenizer.pad_token_id is not None


def _tokens(pipe: Pipeline, text: str) -> int:
    """Tokens of a text, special ones included."""
    return len(tokenizer_of(pipe)(text, verbose=False)["input_ids"])


def _pieces(pipe: Pipeline, tokens: int, stride: int) -> int:
    """In how many pieces a text of so many tokens is read."""
    tokenizer = tokenizer_of(pipe)
    added = tokenizer.num_special_tokens_to_add()
    room = tokenizer.model_max_length - added
    return 1 + max(0, -(-(tokens - added - room) // (room - stride)))


def _spans(text: str, rows: Sequence[Mapping[str, Any]]) -> list[Span]:
    """Entities in the order of the text; places in characters (code points), without spaces at their edges."""
    spans = []
    for row in rows:
        start, end = row.get("start"), row.get("end")
        label = str(row.get("entity_group") or row.get("entity"))
        if start is None or end is None:
            spans.append(Span(-1, -1, label, float(row["score"]), str(row["word"])))
            continue
        while start < end and text[start].isspace():
            start += 1
        while end > start and text[end - 1].isspace():
            end -= 1
        spans.append(Span(int(start), int(end), label, float(row["score"]), text[start:end]))
    return sorted(spans, key=lambda one: (one.start, one.end))
