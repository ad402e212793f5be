"""Text classification: which label fits a text or a pair of texts, and how surely; or one score for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backend.errors import UserError
from backend.exports.snippet import literal
from backend.tasks.base import Bars, Example, Input, RunsOn, Step, Task, check_params, param
from backend.tasks.context import (
    context_length,
    encodable,
    limit_to_say,
    text_of,
    token_batches,
    tokenizer_of,
    unread,
)
from backend.tasks.label_scores import function_of, label_steps, score_range, table_row, thresholds
from backend.tasks.layers import cut_options, encoder_steps
from backend.tasks.whatif import SWITCHES

if TYPE_CHECKING:
    import torch
    from transformers import BatchEncoding, Pipeline

    from backend.models import ModelFacts

_BATCH = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassificationParams(RunsOn):
    """What may be set beside the text."""

    top_k: int | None = param(None, minimum=1, maximum=1000, step=1, optional=True)
    """How many of the best labels are shown; None is all."""
    function: str = param("auto", choices=("auto", "softmax", "sigmoid", "none"))
    """What turns logits into scores; auto asks the model's config."""
    truncation: bool = param(True)
    """Whether a text longer than the model takes is cut at its end; else it is refused."""

    def __post_init__(self) -> None:
        check_params(self, "tasks.text-classification")


class TextClassification(Task):
    """One text in, or two, a score for each label out; from a model of scores that score."""

    name = "text-classification"
    lane = "short"
    inputs = (Input("text"), Input("text_pair", lines=2, optional=True))
    params = ClassificationParams
    auto_class = "AutoModelForSequenceClassification"
    what_ifs = tuple(SWITCHES)
    examples = (
        Example("en", {"text": "I've been waiting for a HuggingFace course my whole life."}, course="tasks"),
        Example("en", {"text": "I hate this so much!"}, course="tasks"),
        Example("en", {"text": "The battery lasts two days and the screen is lovely. I would buy it again."}),
        Example("en", {"text": "It stopped working after a week, and nobody answers my letters."}),
        Example("en", {"text": "Shares rose on Friday after the central bank left its interest rate unchanged."}),
        Example("zh-CN", {"text": "房间很干净，前台服务也热情，下次出差还住这里。"}),
        Example("zh-CN", {"text": "用了不到一个星期就坏了，客服一直不回复，非常失望。"}),
        Example("zh-CN", {"text": "国家队昨晚在加时赛中逆转取胜，时隔八年再次闯进决赛。"}),
    )

    def fits(self, facts: ModelFacts) -> bool:
        """A head that gives one score a label for the whole text."""
        return facts.architecture.endswith("ForSequenceClassification")

    def run(self, pipe: Pipeline, values: Mapping[str, Any], params: ClassificationParams) -> Bars:
        """Scores of all labels, best first. Raises UserError tasks.empty_text, tasks.text_too_long."""
        text, pair = text_of(values), _pair(values)
        tokens, read, unknown = _count(pipe, text, params, pair)
        function = function_of(pipe.model.config, params.function)
        rows = pipe(_question(text, pair), **_arguments(pipe, params))
        config = pipe.model.config
        labels = [row["label"] for row in rows]
        return Bars(
            tuple((row["label"], row["score"]) for row in rows),
            exclusive=function == "softmax",
            tokens=tokens,
            tokens_read=read,
            unknown=unknown,
            labels=int(pipe.model.config.num_labels or 0),
            raw=function == "none",
            thresholds=thresholds(config, labels) if function == "sigmoid" else (),
            range=score_range(config) if function == "none" else None,
        )

    def batch(
        self, pipe: Pipeline, texts: Sequence[str], params: ClassificationParams, pairs: Sequence[str] = ()
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """Best label, its score and all labels' scores for each text; shortest first. Empty texts give empty cells.

        So do those that are too long where they may not be cut; of each that is too long, by how much. Where labels do
        not compete `label` holds all that are given; a model of scores gives its score alone.
        """
        given = [index for index, text in enumerate(texts) if text.strip()]
        yield from ((index, {"label": "", "score": None}) for index, text in enumerate(texts) if not text.strip())
        # Without a padding token (GPT-2) texts cannot stand side by side.
        most = (
            _BATCH if pipe.model.config.pad_token_id is not None and tokenizer_of(pipe).pad_token_id is not None else 1
        )
        function, limit = function_of(pipe.model.config, params.function), context_length(pipe)
        finish: dict[str, Any] = {"function_to_apply": function, "top_k": params.top_k, "_legacy": False}
        alone = [index for index in given if not pairs or not pairs[index].strip()]
        paired = [index for index in given if pairs and pairs[index].strip()]
        for some, seconds in ((alone, ()), (paired, pairs)):
            for chunk in token_batches(pipe, texts, some, most, seconds):
                over = {index: unread(tokens, limit) for index, tokens in chunk.items()}
                if not params.truncation:
                    yield from ((index, {"label": "", "score": None, **over[index]}) for index in chunk if over[index])
                read = [index for index in chunk if params.truncation or not over[index]]
                if not read:
                    continue
                pair = [seconds[index] for index in read] if seconds else None
                logits = _logits(pipe, [texts[index] for index in read], pair)
                for place, index in enumerate(read):
                    output: Any = {"logits": logits[place : place + 1]}
                    rows = pipe.postprocess(output, **finish)
                    yield index, table_row(pipe.model.config, function, rows) | over[index]

    def steps(self, pipe: Pipeline, values: Mapping[str, Any], params: ClassificationParams) -> tuple[Step, ...]:
        """Text, tokens, tensors, all layers, logits, scores and label, as this model makes them of this text."""
        text, pair = text_of(values), _pair(values)
        _count(pipe, text, params, pair)
        inputs = _encode(pipe, text, pair).to(pipe.model.device)
        given = {"text": text} | ({"text_pair": pair} if pair else {})
        read = encoder_steps(pipe, inputs, given, cut_options(pipe, context_length(pipe)))
        logits = read.output.logits[0].float().cpu()
        function = function_of(pipe.model.config, params.function)
        scores = {"softmax": logits.softmax(-1), "sigmoid": logits.sigmoid(), "none": logits}[function]
        labels = pipe.model.config.id2label or {}
        return (
            *read.steps,
            Step("logits", _named(labels, logits), f"(1, {len(logits)})", f"logits = {read.code}.logits"),
            Step(function, _named(labels, scores), f"({len(scores)},)", _SCORE_CODE[function]),
            *label_steps(pipe.model.config, function, scores),
        )

    def settled(self, pipe: Pipeline, values: Mapping[str, Any], params: ClassificationParams) -> Mapping[str, Any]:
        """The most tokens read, where the tokenizer does not say it."""
        return {**values, "limit": limit_to_say(pipe, context_length(pipe))}

    def snippet(self, source: str, values: Mapping[str, Any], params: ClassificationParams) -> str:
        """Prints label and score of each bar."""
        arguments = f"top_k={params.top_k}"
        if params.function != "auto":
            arguments += f', function_to_apply="{params.function}"'
        if params.truncation:
            arguments += ", truncation=True"
            arguments += f", max_length={values['limit']}" if values.get("limit") else ""
        text, pair = text_of(values), _pair(values)
        question = f'{{"text": {literal(text)}, "text_pair": {literal(pair)}}}' if pair else literal(text)
        return f"""from transformers import pipeline

classifier = pipeline("text-classification", model={literal(source)}, {params.loaded})
for row in classifier({question}, {arguments}):
    print(row["label"], row["score"])
"""


_SCORE_CODE = {
    "softmax": "scores = logits.softmax(-1)[0]",
    "sigmoid": "scores = logits.sigmoid()[0]",
    "none": "scores = logits[0]",
}


def _pair(values: Mapping[str, Any]) -> str:
    """The second text, "" where there is none."""
    text = encodable(str(values.get("text_pair") or ""))
    return text if text.strip() else ""


def _question(text: str, pair: str) -> str | dict[str, str]:
    """What the pipeline is called with."""
    return {"text": text, "text_pair": pair} if pair.strip() else text


def _arguments(pipe: Pipeline, params: ClassificationParams) -> dict[str, Any]:
    """What the pipeline is called with beside the text."""
    function = function_of(pipe.model.config, params.function)
    arguments: dict[str, Any] = {"top_k": params.top_k, "function_to_apply": function}
    limit = context_length(pipe)
    return arguments | ({"truncation": True, "max_length": limit} if limit else {})


def _logits(pipe: Pipeline, texts: list[str], pairs: list[str] | None) -> torch.Tensor:
    """(texts, labels): what the pipeline computes, the texts encoded together, which it does one by one."""
    limit = context_length(pipe)
    options: dict[str, Any] = {"truncation": True, "max_length": limit} if limit else {}
    encoded = tokenizer_of(pipe)(texts, pairs, padding=len(texts) > 1, return_tensors="pt", **options)
    return pipe.forward(encoded)["logits"]  # type: ignore[no-any-return]


def _encode(pipe: Pipeline, text: str, pair: str = "") -> BatchEncoding:
    limit = context_length(pipe)
    options: dict[str, Any] = {"truncation": True, "max_length": limit} if limit else {}
    encoded: BatchEncoding = tokenizer_of(pipe)(text, pair or None, return_tensors="pt", **options)
    return encoded


def _count(pipe: Pipeline, text: str, params: ClassificationParams, pair: str = "") -> tuple[int, int, int]:
    """Tokens of the text or of both, how many the model reads, and how many of these it does not know.

    Raises UserError tasks.text_too_long if the text may not be cut.
    """
    limit = context_length(pipe)
    tokenizer = tokenizer_of(pipe)
    ids = tokenizer(text, pair or None, verbose=False)["input_ids"]
    tokens = len(ids)
    if limit and tokens > limit and not params.truncation:
        raise UserError("tasks.text_too_long", tokens=tokens, limit=limit)
    read = min(tokens, limit) if limit else tokens
    unknown = tokenizer.unk_token_id
    if read < tokens:
        ids = tokenizer(text, pair or None, truncation=True, max_length=limit)["input_ids"]
    return tokens, read, ids.count(unknown) if unknown is not None else 0


def _named(labels: Mapping[Any, str], values: Any) -> tuple[str, ...]:
    return tuple(f"{labels[index]}: {value:.4f}" for index, value in enumerate(values.tolist()))
