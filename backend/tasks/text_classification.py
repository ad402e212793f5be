"""Text classification: which label fits a text or a pair of texts, and how surely; or one score for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backend.errors import UserError
from backend.exports.snippet import literal
from backend.tasks.base import Bars, Example, Input, Step, Task, check_params, param
from backend.tasks.context import context_length, tokenizer_of
from backend.tasks.label_scores import function_of, score_range, table_row, thresholds

if TYPE_CHECKING:
    from transformers import BatchEncoding, Pipeline

    from backend.models import ModelFacts

_BATCH = 32
_BATCH_CHARACTERS = 16_000
_SHOWN_VALUES = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassificationParams:
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
    examples = (
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
        text, pair = _text(values), _pair(values)
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

        Where labels do not compete `label` holds all that are given; a model of scores gives its score alone.
        """
        seconds = list(pairs) or [""] * len(texts)
        lengths = [len(text) + len(second) for text, second in zip(texts, seconds, strict=True)]
        order = sorted((index for index, text in enumerate(texts) if text.strip()), key=lengths.__getitem__)
        yield from ((index, {"label": "", "score": None}) for index, text in enumerate(texts) if not text.strip())
        # Without a padding token (GPT-2) texts cannot stand side by side.
        most = (
            _BATCH if pipe.model.config.pad_token_id is not None and tokenizer_of(pipe).pad_token_id is not None else 1
        )
        while order:
            # Long texts go in small batches: between two of them the page counts on, and can stop.
            size = max(1, min(most, _BATCH_CHARACTERS // lengths[order[min(most, len(order)) - 1]]))
            chunk, order = order[:size], order[size:]
            if not params.truncation:
                for index in chunk:
                    _count(pipe, texts[index], params, seconds[index])
            questions = [_question(texts[index], seconds[index]) for index in chunk]
            answers = pipe(questions, batch_size=size, **_arguments(pipe, params))
            for index, rows in zip(chunk, answers, strict=True):
                yield index, table_row(pipe.model.config, function_of(pipe.model.config, params.function), rows)

    def steps(self, pipe: Pipeline, values: Mapping[str, Any], params: ClassificationParams) -> tuple[Step, ...]:
        """Tokens, tensors, logits and scores, as this model makes them of this text."""
        import torch

        text, pair = _text(values), _pair(values)
        _count(pipe, text, params, pair)
        inputs = _encode(pipe, text, pair)
        given = "text, text_pair" if pair else "text"
        with torch.inference_mode():
            logits = pipe.model(**inputs.to(pipe.model.device)).logits[0].float().cpu()
        function = function_of(pipe.model.config, params.function)
        scores = {"softmax": logits.softmax(-1), "sigmoid": logits.sigmoid(), "none": logits}[function]
        labels = pipe.model.config.id2label or {}
        ids = inputs["input_ids"][0].tolist()
        pieces = tokenizer_of(pipe).convert_ids_to_tokens(ids)
        return (
            Step("tokens", (_shortened(pieces),), f"{len(pieces)}", f"pieces = tokenizer({given}).tokens()"),
            Step(
                "tensors",
                tuple(f"{name}: {_shortened(value[0].tolist())}" for name, value in inputs.items()),
                str(tuple(inputs["input_ids"].shape)),
                f'inputs = tokenizer({given}, truncation=True, return_tensors="pt")',
            ),
            Step("logits", _named(labels, logits), f"(1, {len(logits)})", "logits = model(**inputs).logits"),
            Step(function, _named(labels, scores), f"({len(scores)},)", _SCORE_CODE[function]),
        )

    def snippet(self, source: str, values: Mapping[str, Any], params: ClassificationParams) -> str:
        """Prints label and score of each bar."""
        arguments = f"top_k={params.top_k}"
        if params.function != "auto":
            arguments += f', function_to_apply="{params.function}"'
        if params.truncation:
            arguments += ", truncation=True"
        text, pair = _text(values), _pair(values)
        question = f'{{"text": {literal(text)}, "text_pair": {literal(pair)}}}' if pair else literal(text)
        return f"""from transformers import pipeline

classifier = pipeline("text-classification", model={literal(source)}, dtype="float32")
for row in classifier({question}, {arguments}):
    print(row["label"], row["score"])
"""


_SCORE_CODE = {
    "softmax": "scores = logits.softmax(-1)[0]",
    "sigmoid": "scores = logits.sigmoid()[0]",
    "none": "scores = logits[0]",
}


def _text(values: Mapping[str, Any]) -> str:
    text = str(values.get("text") or "")
    if not text.strip():
        raise UserError("tasks.empty_text")
    return text


def _pair(values: Mapping[str, Any]) -> str:
    """The second text, "" where there is none."""
    text = str(values.get("text_pair") or "")
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


def _shortened(values: Sequence[object]) -> str:
    """The first values with spaces between, and how many more there are."""
    more = len(values) - _SHOWN_VALUES
    return " ".join(str(value) for value in values[:_SHOWN_VALUES]) + (f" … (+{more})" if more > 0 else "")


def _named(labels: Mapping[Any, str], values: Any) -> tuple[str, ...]:
    return tuple(f"{labels[index]}: {value:.4f}" for index, value in enumerate(values.tolist()))
