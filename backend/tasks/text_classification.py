"""Text classification: which label fits a text, and how surely."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from backend.errors import UserError
from backend.exports.snippet import literal
from backend.tasks.base import Bars, Example, Input, Step, Task, check_params, param
from backend.tasks.context import context_length, tokenizer_of

if TYPE_CHECKING:
    from transformers import BatchEncoding, Pipeline

    from backend.models import ModelFacts

Function = Literal["softmax", "sigmoid", "none"]
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
    """One text in, a score for each label out."""

    name = "text-classification"
    lane = "short"
    inputs = (Input("text"),)
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
        text = _text(values)
        tokens, read, unknown = _count(pipe, text, params)
        function = _function(pipe, params)
        rows = pipe(text, **_arguments(pipe, params))
        return Bars(
            tuple((row["label"], row["score"]) for row in rows),
            exclusive=function == "softmax",
            tokens=tokens,
            tokens_read=read,
            unknown=unknown,
            labels=int(pipe.model.config.num_labels or 0),
            raw=function == "none",
        )

    def batch(
        self, pipe: Pipeline, texts: Sequence[str], params: ClassificationParams
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """Best label, its score and all labels' scores for each text; shortest first. Empty texts give empty cells."""
        order = sorted((index for index, text in enumerate(texts) if text.strip()), key=lambda index: len(texts[index]))
        yield from ((index, {"label": "", "score": None}) for index, text in enumerate(texts) if not text.strip())
        # Without a padding token (GPT-2) texts cannot stand side by side.
        most = (
            _BATCH if pipe.model.config.pad_token_id is not None and tokenizer_of(pipe).pad_token_id is not None else 1
        )
        places = {label: place for place, label in (pipe.model.config.id2label or {}).items()}
        while order:
            # Long texts go in small batches: between two of them the page counts on, and can stop.
            size = max(1, min(most, _BATCH_CHARACTERS // len(texts[order[min(most, len(order)) - 1]])))
            chunk, order = order[:size], order[size:]
            if not params.truncation:
                for index in chunk:
                    _count(pipe, texts[index], params)
            answers = pipe([texts[index] for index in chunk], batch_size=size, **_arguments(pipe, params))
            for index, rows in zip(chunk, answers, strict=True):
                # The same columns in the same order for every text, whatever its best label is.
                by_label = sorted(rows, key=lambda row: places.get(row["label"], 0))
                scores = {f"score_{row['label']}": row["score"] for row in by_label}
                yield index, {"label": rows[0]["label"], "score": rows[0]["score"], **scores}

    def steps(self, pipe: Pipeline, values: Mapping[str, Any], params: ClassificationParams) -> tuple[Step, ...]:
        """Tokens, tensors, logits and scores, as this model makes them of this text."""
        import torch

        text = _text(values)
        _count(pipe, text, params)
        inputs = _encode(pipe, text)
        with torch.inference_mode():
            logits = pipe.model(**inputs.to(pipe.model.device)).logits[0].float().cpu()
        function = _function(pipe, params)
        scores = {"softmax": logits.softmax(-1), "sigmoid": logits.sigmoid(), "none": logits}[function]
        labels = pipe.model.config.id2label or {}
        ids = inputs["input_ids"][0].tolist()
        pieces = tokenizer_of(pipe).convert_ids_to_tokens(ids)
        return (
            Step("tokens", (_shortened(pieces),), f"{len(pieces)}", "pieces = tokenizer.tokenize(text)"),
            Step(
                "tensors",
                tuple(f"{name}: {_shortened(value[0].tolist())}" for name, value in inputs.items()),
                str(tuple(inputs["input_ids"].shape)),
                'inputs = tokenizer(text, truncation=True, return_tensors="pt")',
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
        return f"""from transformers import pipeline

classifier = pipeline("text-classification", model={literal(source)}, dtype="float32")
for row in classifier({literal(_text(values))}, {arguments}):
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


def _arguments(pipe: Pipeline, params: ClassificationParams) -> dict[str, Any]:
    """What the pipeline is called with beside the text."""
    arguments: dict[str, Any] = {"top_k": params.top_k, "function_to_apply": _function(pipe, params)}
    limit = context_length(pipe)
    return arguments | ({"truncation": True, "max_length": limit} if limit else {})


def _encode(pipe: Pipeline, text: str) -> BatchEncoding:
    limit = context_length(pipe)
    options: dict[str, Any] = {"truncation": True, "max_length": limit} if limit else {}
    encoded: BatchEncoding = tokenizer_of(pipe)(text, return_tensors="pt", **options)
    return encoded


def _count(pipe: Pipeline, text: str, params: ClassificationParams) -> tuple[int, int, int]:
    """Tokens of the text, how many the model reads, and how many of these it does not know.

    Raises UserError tasks.text_too_long if the text may not be cut.
    """
    limit = context_length(pipe)
    tokenizer = tokenizer_of(pipe)
    ids = tokenizer(text, verbose=False)["input_ids"]
    tokens = len(ids)
    if limit and tokens > limit and not params.truncation:
        raise UserError("tasks.text_too_long", tokens=tokens, limit=limit)
    read = min(tokens, limit) if limit else tokens
    unknown = tokenizer.unk_token_id
    return tokens, read, ids[:read].count(unknown) if unknown is not None else 0


def _function(pipe: Pipeline, params: ClassificationParams) -> Function:
    """The function that turns logits into scores: the chosen one, else what the pipeline itself would take."""
    if params.function != "auto":
        return params.function  # type: ignore[return-value]
    config = pipe.model.config
    if config.problem_type == "regression":
        return "none"
    return "sigmoid" if config.problem_type == "multi_label_classification" or config.num_labels == 1 else "softmax"


def _shortened(values: Sequence[object]) -> str:
    """The first values with spaces between, and how many more there are."""
    more = len(values) - _SHOWN_VALUES
    return " ".join(str(value) for value in values[:_SHOWN_VALUES]) + (f" … (+{more})" if more > 0 else "")


def _named(labels: Mapping[Any, str], values: Any) -> tuple[str, ...]:
    return tuple(f"{labels[index]}: {value:.4f}" for index, value in enumerate(values.tolist()))
