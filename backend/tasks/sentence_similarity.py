"""Sentence similarity: how near in meaning two texts are, or each two of several."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backend.exports.snippet import literal
from backend.tasks.base import Example, Input, Matrix, Step, check_params
from backend.tasks.context import numbers
from backend.tasks.embedding import (
    EmbeddingParams,
    EmbeddingTask,
    counted,
    embed,
    embed_each,
    first_steps,
    lines_of,
    manner_of_pipe,
    manner_to_say,
    unit,
)
from backend.tasks.embedding_code import embed_code

if TYPE_CHECKING:
    import torch
    from transformers import Pipeline


MOST_TEXTS = 30
# Rows of the matrix of all texts that are worked out at a time.
_ROWS = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarityParams(EmbeddingParams):
    """How vectors are made."""

    def __post_init__(self) -> None:
        check_params(self, "tasks.sentence-similarity")


class SentenceSimilarity(EmbeddingTask):
    """Two or more texts in, the cosine similarity of each two out."""

    name = "sentence-similarity"
    compares = True
    inputs = (Input("texts", kind="lines", lines=5),)
    params = SimilarityParams
    examples = (
        Example("en", {"texts": "A man is playing a guitar.\nSomebody plays an instrument."}),
        Example(
            "en",
            {
                "texts": "How do I reset my password?\nI cannot log in to my account.\nWhere is my parcel?\n"
                "When will my order arrive?\nThe soup was cold."
            },
        ),
        Example("en", {"texts": "The bank raised its interest rate.\nWe sat on the bank of the river."}),
        Example("zh-CN", {"texts": "今天天气很好。\n外面阳光明媚。"}),
        Example(
            "zh-CN",
            {"texts": "怎样修改密码？\n我登录不了账号。\n我的快递到哪儿了？\n订单什么时候能送到？\n这道汤是凉的。"},
        ),
        Example("zh-CN", {"texts": "How do I bake bread?\n如何烤面包？\n昨天股市大跌。"}),
    )

    @property
    def takes_pairs(self) -> bool:
        """Two columns of a file are compared row by row."""
        return True

    def run(self, pipe: Pipeline, values: Mapping[str, Any], params: SimilarityParams) -> Matrix:
        """All similarities. Raises UserError tasks.empty_text, tasks.too_few_lines, tasks.too_many_lines."""
        texts = lines_of(values.get("texts"), 2, MOST_TEXTS)
        manner = manner_of_pipe(pipe, params)
        tokens, _, cut = counted(pipe, texts, manner)
        return Matrix(
            tuple(texts),
            tuple(tuple(row) for row in _similarities(pipe, texts, params).tolist()),
            cosine_from=manner.cosine_from,
            tokens=tokens,
            cut=cut,
            limit=manner.limit,
        )

    def batch(
        self, pipe: Pipeline, texts: Sequence[str], params: SimilarityParams, pairs: Sequence[str] = ()
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """With pairs the similarity of each two; without, which other text is the nearest to each, and how near.

        While the texts are read their rows come empty; once all are, they come again.
        """
        import torch

        both = [*texts, *pairs]
        there = [index for index, text in enumerate(both) if text.strip()]
        blank: dict[str, Any] = {"similarity": None} if pairs else {"nearest": "", "similarity": None}
        yield from ((index, dict(blank)) for index, text in enumerate(texts) if not text.strip())
        found: dict[int, torch.Tensor] = {}
        cut: dict[int, dict[str, int]] = {}
        for place, vector, left in embed_each(pipe, [both[index] for index in there], manner_of_pipe(pipe, params)):
            index = there[place]
            found[index] = unit(vector)
            if left:
                # Of a pair, what was not read of either.
                one = index % len(texts)
                cut[one] = {name: count + cut.get(one, {}).get(name, 0) for name, count in left.items()}
            if index < len(texts):
                yield index, {**blank, **left}
        if pairs:
            for index in range(len(texts)):
                two = found.get(index), found.get(len(texts) + index)
                near = float(two[0] @ two[1]) if two[0] is not None and two[1] is not None else None
                yield index, {"similarity": near, **cut.get(index, {})}
            return
        if len(there) < 2:
            return
        vectors = torch.stack([found[index] for index in there])
        for first in range(0, len(there), _ROWS):
            scores = vectors[first : first + _ROWS] @ vectors.T
            # A text is not its own neighbour.
            scores[range(len(scores)), range(first, first + len(scores))] = -2.0
            best = scores.max(1)
            for row, (score, near) in enumerate(zip(best.values.tolist(), best.indices.tolist(), strict=True)):
                index = there[first + row]
                yield index, {"nearest": texts[there[near]], "similarity": score, **cut.get(index, {})}

    def steps(self, pipe: Pipeline, values: Mapping[str, Any], params: SimilarityParams) -> tuple[Step, ...]:
        """The first text's vector, step by step; then all vectors, and their products."""
        texts = lines_of(values.get("texts"), 2, MOST_TEXTS)
        manner = manner_of_pipe(pipe, params)
        vectors = unit(embed(pipe, texts, manner))
        scores = vectors @ vectors.T
        rows = tuple(f"{number}: {numbers(row, 4)}" for number, row in enumerate(vectors.tolist(), 1))
        return (
            *first_steps(pipe, texts[0], manner),
            Step("all_vectors", rows, str(tuple(vectors.shape)), "vectors = embed(texts)"),
            Step(
                "cosine",
                tuple(numbers(row, MOST_TEXTS) for row in scores.tolist()),
                str(tuple(scores.shape)),
                "scores = vectors @ vectors.T",
            ),
        )

    def snippet(self, source: str, values: Mapping[str, Any], params: SimilarityParams) -> str:
        """Prints a row of similarities for each text."""
        texts = lines_of(values.get("texts"), 2, MOST_TEXTS)
        listed = "".join(f"    {literal(text)},\n" for text in texts)
        return f"""{embed_code(source, manner_to_say(source, params, values), on=params.place)}texts = [
{listed}]
vectors = embed(texts)
for row in (vectors @ vectors.T).tolist():
    print(*row)
"""


def _similarities(pipe: Pipeline, texts: Sequence[str], params: SimilarityParams) -> torch.Tensor:
    """(texts, texts), between -1 and 1."""
    vectors = unit(embed(pipe, texts, manner_of_pipe(pipe, params)))
    return (vectors @ vectors.T).clamp(-1, 1)
