"""Labels without training, by meaning: which label's vector lies nearest to the text's. Any encoder does it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backend.exports.snippet import literal
from backend.tasks.base import Bars, Example, Input, Step, check_params, param
from backend.tasks.candidate_labels import candidate_steps, labels_of, sentences_of
from backend.tasks.context import numbers, text_of, tokenizer_of
from backend.tasks.embedding import (
    EmbeddingParams,
    EmbeddingTask,
    counted,
    embed,
    embed_each,
    encode,
    first_steps,
    manner_of_pipe,
    manner_to_say,
    unit,
)
from backend.tasks.embedding_code import embed_code

if TYPE_CHECKING:
    from transformers import Pipeline


@dataclass(frozen=True, slots=True, kw_only=True)
class ZeroShotEmbeddingParams(EmbeddingParams):
    """The labels, and how vectors are made."""

    labels: str = param("")
    """Between commas, or one a line."""
    template: str = param("")
    """The sentence that a label is put into, {} in its place; empty: the label alone."""

    def __post_init__(self) -> None:
        check_params(self, "tasks.zero-shot-embedding")


_ABOUT = {"en": "This text is about {}.", "zh-CN": "这段话讲的是{}。"}
_TOPICS = {"en": "sport, business, politics, science, travel", "zh-CN": "体育，财经，科技，娱乐，旅游"}


class ZeroShotEmbedding(EmbeddingTask):
    """One text and labels in, the cosine similarity of each label with the text out."""

    name = "zero-shot-embedding"
    inputs = (Input("text"), Input("labels", kind="setting", lines=2), Input("template", kind="setting", lines=1))
    params = ZeroShotEmbeddingParams
    examples = (
        Example(
            "en",
            {
                "text": "This is a course about the Transformers library",
                "labels": "education, politics, business",
                "template": _ABOUT["en"],
            },
        ),
        Example(
            "en",
            {
                "text": "The central bank left its interest rate unchanged, and shares rose.",
                "labels": _TOPICS["en"],
                "template": _ABOUT["en"],
            },
        ),
        Example(
            "en",
            {
                "text": "I was charged twice for the same order, please send the money back.",
                "labels": "delivery is late\nmoney back\nproduct is broken\nquestion about my account",
                "template": "The customer writes: {}.",
            },
        ),
        Example(
            "zh-CN",
            {
                "text": "国家队昨晚在加时赛中逆转取胜，时隔八年再次闯进决赛。",
                "labels": _TOPICS["zh-CN"],
                "template": _ABOUT["zh-CN"],
            },
        ),
        Example(
            "zh-CN",
            {
                "text": "同一笔订单扣了两次款，请尽快把钱退给我。",
                "labels": "物流太慢，要求退款，商品损坏，账号问题",
                "template": "",
            },
        ),
        Example(
            "zh-CN",
            {
                "text": "研究人员发布了一款新的芯片，功耗只有上一代的一半。",
                "labels": _TOPICS["zh-CN"],
                "template": _ABOUT["zh-CN"],
            },
        ),
    )

    def run(self, pipe: Pipeline, values: Mapping[str, Any], params: ZeroShotEmbeddingParams) -> Bars:
        """Similarities of all labels, nearest first.

        Raises UserError tasks.empty_text, tasks.no_labels, tasks.too_many_labels, tasks.bad_template.
        """
        text, labels = text_of(values), labels_of(params.labels)
        manner = manner_of_pipe(pipe, params)
        vectors = unit(embed(pipe, [text, *sentences_of(labels, params.template)], manner))
        scores = (vectors[1:] @ vectors[0]).tolist()
        tokens, read, _ = counted(pipe, [text], manner)
        unknown = tokenizer_of(pipe).unk_token_id
        ids = encode(pipe, [text], manner)["input_ids"][0].tolist()
        return Bars(
            tuple(sorted(zip(labels, scores, strict=True), key=lambda one: -one[1])),
            exclusive=False,
            tokens=tokens,
            tokens_read=read,
            unknown=ids.count(unknown) if unknown is not None else 0,
            raw=True,
            cosine_from=manner.cosine_from,
        )

    def batch(
        self, pipe: Pipeline, texts: Sequence[str], params: ZeroShotEmbeddingParams, pairs: Sequence[str] = ()
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """Nearest label, its similarity and those of all labels; shortest first. Empty texts give empty cells."""
        labels = labels_of(params.labels)
        manner = manner_of_pipe(pipe, params)
        targets = unit(embed(pipe, sentences_of(labels, params.template), manner))
        yield from ((index, {"label": "", "similarity": None}) for index, text in enumerate(texts) if not text.strip())
        there = [index for index, text in enumerate(texts) if text.strip()]
        for place, vector, cut in embed_each(pipe, [texts[index] for index in there], manner):
            scores = (targets @ unit(vector)).tolist()
            best = max(range(len(labels)), key=scores.__getitem__)
            each = {f"score_{label}": score for label, score in zip(labels, scores, strict=True)}
            yield there[place], {"label": labels[best], "similarity": scores[best], **each, **cut}

    def steps(self, pipe: Pipeline, values: Mapping[str, Any], params: ZeroShotEmbeddingParams) -> tuple[Step, ...]:
        """The text's vector, step by step; then the labels' vectors, the products, and the nearest label."""
        text, labels = text_of(values), labels_of(params.labels)
        manner = manner_of_pipe(pipe, params)
        sentences = sentences_of(labels, params.template)
        vectors = unit(embed(pipe, [text, *sentences], manner))
        scores = (vectors[1:] @ vectors[0]).tolist()
        named = [f"{label}: {score:.4f}" for label, score in zip(labels, scores, strict=True)]
        targets = [f"{one}: {numbers(row, 3)}" for one, row in zip(sentences, vectors[1:].tolist(), strict=True)]
        return (
            *first_steps(pipe, text, manner),
            Step("label_vectors", tuple(targets), str(tuple(vectors[1:].shape)), "targets = embed(sentences)"),
            Step("cosine", tuple(named), f"({len(scores)},)", "scores = targets @ vector"),
            *candidate_steps(labels, scores),
        )

    def snippet(self, source: str, values: Mapping[str, Any], params: ZeroShotEmbeddingParams) -> str:
        """Prints label and similarity of each bar."""
        labels = labels_of(params.labels)
        template = params.template.strip()
        sentences = f'[{literal(template)}.replace("{{}}", label) for label in labels]' if template else "labels"
        begun = embed_code(source, manner_to_say(source, params, values), on=params.place)
        return f"""{begun}text = {literal(text_of(values))}
labels = [{", ".join(literal(label) for label in labels)}]
vectors = embed([text] + {sentences})
for score, label in sorted(zip((vectors[1:] @ vectors[0]).tolist(), labels), reverse=True):
    print(label, score)
"""
