"""Feature extraction: a text as the vector of numbers that an encoder makes of it, several texts as a map."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backend.exports.snippet import literal
from backend.tasks.base import Example, Input, Step, Vector, check_params, param
from backend.tasks.embedding import (
    EmbeddingParams,
    EmbeddingTask,
    counted,
    embed,
    embed_each,
    encode,
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


MOST_TEXTS = 100
# Two points are always on one line: a map says something from three on.
LEAST_ON_MAP = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureParams(EmbeddingParams):
    """How vectors are made."""

    normalize: bool = param(True)
    """Whether each vector is given the length 1, as Sentence Transformers does for models of meaning."""

    def __post_init__(self) -> None:
        check_params(self, "tasks.feature-extraction")


class FeatureExtraction(EmbeddingTask):
    """One text or several in, a vector for each out, and from three on where they lie on a map."""

    name = "feature-extraction"
    inputs = (Input("texts", kind="lines", lines=5),)
    params = FeatureParams
    examples = (
        Example("en", {"texts": "I've been waiting for a HuggingFace course my whole life."}, course="behind"),
        Example(
            "en",
            {
                "texts": "The striker scored twice.\nOur team won the final.\nThe goalkeeper was hurt.\n"
                "Shares fell sharply.\nThe bank raised its rate.\nProfits were lower than hoped.\n"
                "Bake it for an hour.\nAdd a pinch of salt.\nThe soup needs more garlic."
            },
        ),
        Example("zh-CN", {"texts": "自然语言处理让计算机理解人的语言。"}),
        Example(
            "zh-CN",
            {
                "texts": "前锋打进了两个球。\n我们队赢得了决赛。\n守门员受伤下场。\n股市大幅下跌。\n央行上调了利率。\n"
                "公司利润不及预期。\n放进烤箱烤一个小时。\n再加一小撮盐。\n这道汤要多放点蒜。"
            },
        ),
    )

    def run(self, pipe: Pipeline, values: Mapping[str, Any], params: FeatureParams) -> Vector:
        """A vector for each line. Raises UserError tasks.empty_text, tasks.too_many_lines."""
        texts = lines_of(values.get("texts"), 1, MOST_TEXTS)
        manner = manner_of_pipe(pipe, params)
        raw = embed(pipe, texts, manner)
        vectors = unit(raw) if params.normalize else raw
        places, kept = flat(vectors)
        tokens, _, cut = counted(pipe, texts, manner)
        read = encode(pipe, texts[:1], manner)["input_ids"].shape[1]
        return Vector(
            tuple(texts),
            tuple(tuple(row) for row in vectors.tolist()),
            tuple(raw.norm(dim=-1).tolist()),
            places,
            kept,
            # Behind the pooling a dense layer may have made the vector another size.
            (1, read, int(pipe.model.config.hidden_size or raw.shape[1])),
            tokens,
            cut,
            manner.limit,
        )

    def batch(
        self, pipe: Pipeline, texts: Sequence[str], params: FeatureParams, pairs: Sequence[str] = ()
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """The vector of each text as a JSON list, and its length before it was made 1. Empty texts give empty cells."""
        there = [index for index, text in enumerate(texts) if text.strip()]
        yield from ((index, {"norm": None, "vector": ""}) for index, text in enumerate(texts) if not text.strip())
        for place, raw, cut in embed_each(pipe, [texts[index] for index in there], manner_of_pipe(pipe, params)):
            vector = unit(raw) if params.normalize else raw
            written = json.dumps([float(f"{value:.7g}") for value in vector.tolist()])
            yield there[place], {"norm": float(raw.norm()), "vector": written, **cut}

    def steps(self, pipe: Pipeline, values: Mapping[str, Any], params: FeatureParams) -> tuple[Step, ...]:
        """The first text's vector, step by step; then the places on the map."""
        texts = lines_of(values.get("texts"), 1, MOST_TEXTS)
        manner = manner_of_pipe(pipe, params)
        steps = first_steps(pipe, texts[0], manner)
        raw = embed(pipe, texts, manner)
        places, _ = flat(unit(raw) if params.normalize else raw)
        if not params.normalize:
            steps = steps[:-1]
        if not places:
            return steps
        lines = tuple(f"{number}: {x:.4f} {y:.4f}" for number, (x, y) in enumerate(places, 1))
        return (*steps, Step("map", lines, f"({len(places)}, 2)", "places = PCA(2).fit_transform(vectors)"))

    def snippet(self, source: str, values: Mapping[str, Any], params: FeatureParams) -> str:
        """Prints shape and first numbers of the vectors, and from three on the places on the map."""
        texts = lines_of(values.get("texts"), 1, MOST_TEXTS)
        listed = "".join(f"    {literal(text)},\n" for text in texts)
        begun = embed_code(source, manner_to_say(source, params, values), params.normalize, on=params.place)
        code = f"""{begun}texts = [
{listed}]
vectors = embed(texts)
print(tuple(vectors.shape))
for vector in vectors:
    print(*vector[:8].tolist())
"""
        if len(texts) < LEAST_ON_MAP:
            return code
        return f"""{code}
from sklearn.decomposition import PCA

for place in PCA(2, svd_solver="full").fit_transform(vectors.double().numpy()):
    print(*place)
"""


def flat(vectors: torch.Tensor) -> tuple[tuple[tuple[float, float], ...], float]:
    """((x, y) of each vector on the plane along which they differ most, share of the variance that it keeps).

    Empty for fewer than three vectors, and where all are the same.
    """
    if len(vectors) < LEAST_ON_MAP or float((vectors - vectors[0]).abs().max()) < 1e-7:
        return (), 0.0
    from sklearn.decomposition import PCA

    plane = PCA(2, svd_solver="full")
    places = plane.fit_transform(vectors.double().numpy())
    return tuple((float(x), float(y)) for x, y in places), float(plane.explained_variance_ratio_.sum())
