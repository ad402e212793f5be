"""One vector a text: what is put before the text, which tokens count, how much is read, and the steps to it.

Covers: encoders, their heads left out, as Sentence Transformers uses them.
Does not cover: decoders, models of two parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from backend.errors import UserError
from backend.exports.snippet import literal
from backend.tasks.base import RunsOn, Step, Task, param
from backend.tasks.context import (
    context_length,
    encodable,
    limit_to_say,
    numbers,
    token_batches,
    tokenizer_of,
    unread,
)
from backend.tasks.embedding_code import POOL, dense_code, load_code
from backend.tasks.layers import cut_options, encoder_steps
from backend.tasks.sentence_modules import (
    Dense,
    Pooling,
    dense_weights,
    modules_of,
    pooling_of,
    read_json,
    through_dense,
)

if TYPE_CHECKING:
    import torch
    from transformers import Pipeline

    from backend.models import LoadedModel, ModelFacts

POOLINGS = ("auto", "mean", "cls", "max")
PREFIXES = ("auto", "none", "query", "passage")
# Kinds of models that read a text whole, from both sides, and need no second text to be given.
ENCODERS = frozenset(
    "albert bert big_bird camembert canine convbert data2vec-text deberta deberta-v2 distilbert electra ernie eurobert "
    "flaubert funnel ibert longformer luke megatron-bert mobilebert modernbert mpnet nomic_bert nystromformer rembert "
    "roberta roberta-prelayernorm roc_bert roformer squeezebert xlm xlm-roberta xlm-roberta-xl xlnet xmod".split()
)
# What such a model is called without a head, and with one that it was trained with from nothing.
_ARCHITECTURES = ("Model", "ForMaskedLM", "ForPreTraining")
# The E5 family was trained with these words before each text. Its instruct models take whole sentences instead.
_E5 = re.compile(r"(?:^|[-_/])e5[-_](?!.*instruct)", re.I)
# Trained at a temperature of 0.01, it hardly ever puts two texts further apart.
_E5_FROM = 0.7
_BATCH = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingParams(RunsOn):
    """How a vector is made of a text."""

    pooling: str = param("auto", choices=POOLINGS)
    """Which hidden states become the vector: the mean of all tokens, the first one, the largest; auto: as trained."""
    prefix: str = param("auto", choices=PREFIXES)
    """What is put before each text; auto: what the model was trained with."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How one model makes a vector of a text."""

    pooling: Pooling
    prefix: str
    limit: int
    """Tokens it reads; 0: as many as the tokenizer says."""
    cosine_from: float
    """Its similarities hardly ever lie lower."""
    dense: tuple[Dense, ...] = ()
    """The layers behind the pooling."""


class EmbeddingTask(Task):
    """A task that compares or shows vectors of texts."""

    lane = "short"
    auto_class = "AutoModel"

    def fits(self, facts: ModelFacts) -> bool:
        """An encoder."""
        return embeds(facts)

    def pipeline(self, loaded: LoadedModel) -> Pipeline:
        """The feature-extraction pipeline: tokenizer and headless model, which `embed` uses with many texts at once.

        Raises UserError models.wrong_kind: others read a text from one side, or need a second one.
        """
        from transformers import pipeline

        if loaded.model.config.model_type not in ENCODERS:
            facts = loaded.facts
            raise UserError(
                "models.wrong_kind", model=facts.title, found=facts.architecture or "-", wanted=_ARCHITECTURES[0]
            )
        return pipeline(  # type: ignore[call-overload,no-any-return]
            "feature-extraction", model=loaded.model, tokenizer=loaded.tokenizer, device=loaded.model.device
        )

    def settled(self, pipe: Pipeline, values: Mapping[str, Any], params: Any) -> Mapping[str, Any]:
        """The most tokens read, where the tokenizer does not say it."""
        return {**values, "limit": limit_to_say(pipe, manner_of_pipe(pipe, params).limit)}


def embeds(facts: ModelFacts) -> bool:
    """An encoder that was made to give vectors, or to be trained further; the head it was trained with is left out."""
    return facts.model_type in ENCODERS and facts.architecture.endswith(_ARCHITECTURES)


def manner_of(source: str, params: EmbeddingParams) -> Manner:
    """How the model in a folder, or of a Hub id that was downloaded, makes its vectors.

    Read from the files of Sentence Transformers (pooling, dense layers, longest text, default prompt) where it has
    them. E5 models are known by their name. Raises UserError tasks.other_modules.
    """
    e5 = bool(_E5.search("/".join(_names(source))))
    prefixes = {"none": "", "query": "query: ", "passage": "passage: "}
    if params.prefix == "auto":
        prompts = read_json(source, "config_sentence_transformers.json")
        prompt = (prompts.get("prompts") or {}).get(prompts.get("default_prompt_name") or "")
        prefix = str(prompt) if prompt else "query: " if e5 else ""
    else:
        prefix = prefixes[params.prefix]
    limit = read_json(source, "sentence_bert_config.json").get("max_seq_length") or 0
    modules, pooling = modules_of(source), cast(Pooling, params.pooling)
    if params.pooling == "auto":
        pooling = pooling_of(source, modules.pooling_folder, bool(prefix)) or "mean"
    return Manner(pooling, prefix, int(limit), _E5_FROM if e5 else 0.0, modules.dense)


def manner_of_pipe(pipe: Pipeline, params: EmbeddingParams) -> Manner:
    """The same for a loaded model, which reads no more tokens than its positions."""
    manner = manner_of(str(pipe.model.name_or_path), params)
    limits = [limit for limit in (manner.limit, context_length(pipe)) if limit]
    return replace(manner, limit=min(limits, default=0))


def manner_to_say(source: str, params: EmbeddingParams, values: Mapping[str, Any]) -> Manner:
    """The same for the code of an answer: with the limit of `settled`, where there is one in its values."""
    manner = manner_of(source, params)
    return replace(manner, limit=values.get("limit", manner.limit))


def search_prefixes(source: str) -> tuple[str, str]:
    """(what stands before a question, what before the texts it is put to), as the model was trained to search."""
    if _E5.search("/".join(_names(source))):
        return "query: ", "passage: "
    prompts = read_json(source, "config_sentence_transformers.json").get("prompts") or {}
    kept = next((prompts[name] for name in ("passage", "document") if prompts.get(name)), "")
    return str(prompts.get("query") or ""), str(kept)


def embed(pipe: Pipeline, texts: Sequence[str], manner: Manner) -> torch.Tensor:
    """(texts, size), float32 on the CPU, not normalized; shortest texts first inside. As Sentence Transformers does."""
    import torch

    vectors: dict[int, torch.Tensor] = {}
    for index, vector, _ in embed_each(pipe, texts, manner):
        vectors[index] = vector
    return torch.stack([vectors[index] for index in range(len(texts))])


def embed_each(
    pipe: Pipeline, texts: Sequence[str], manner: Manner
) -> Iterator[tuple[int, torch.Tensor, dict[str, int]]]:
    """(index, vector, what `unread` says of the text) as they come: sorted by length, so not in the order given."""
    import torch

    layers = dense_weights(str(pipe.model.name_or_path), manner.dense)
    whole = [manner.prefix + text for text in texts] if manner.prefix else texts
    for chunk in token_batches(pipe, whole, range(len(texts)), _BATCH):
        inputs = encode(pipe, [texts[index] for index in chunk], manner)
        with torch.inference_mode():
            states = pipe.model(**inputs).last_hidden_state
            pooled = through_dense(pool(states, inputs["attention_mask"], manner.pooling).float().cpu(), layers)
        for (index, tokens), vector in zip(chunk.items(), pooled, strict=True):
            yield index, vector, unread(tokens, manner.limit)


def encode(pipe: Pipeline, texts: Sequence[str], manner: Manner) -> dict[str, torch.Tensor]:
    """input_ids, attention_mask and what else the model takes, (texts, tokens) each, on its device."""
    options: dict[str, Any] = {"max_length": manner.limit} if manner.limit else {}
    encoded = tokenizer_of(pipe)(
        [manner.prefix + text for text in texts], padding=True, truncation=True, return_tensors="pt", **options
    )
    return dict(encoded.to(pipe.model.device))


def pool(states: torch.Tensor, mask: torch.Tensor, pooling: Pooling) -> torch.Tensor:
    """states (texts, tokens, size), mask (texts, tokens), 0 on padding -> (texts, size)."""
    import torch

    if pooling == "cls":
        return states[:, 0]
    if pooling == "lasttoken":
        places = torch.arange(len(states), device=states.device)
        return states[places, (mask * torch.arange(mask.shape[1], device=mask.device)).argmax(1)]
    counted = mask.unsqueeze(-1).to(states.dtype)
    if pooling == "max":
        return states.masked_fill(counted == 0, float("-inf")).amax(1)
    many = counted.sum(1).clamp(min=1e-9)
    return (states * counted).sum(1) / (many.sqrt() if pooling == "mean_sqrt_len" else many)


def unit(vectors: torch.Tensor) -> torch.Tensor:
    """The same directions with length 1: their products are cosine similarities."""
    import torch

    return torch.nn.functional.normalize(vectors, dim=-1)


def counted(pipe: Pipeline, texts: Sequence[str], manner: Manner) -> tuple[int, int, int]:
    """(tokens of all texts, tokens read of them, texts that were cut)."""
    rows = tokenizer_of(pipe)([manner.prefix + text for text in texts], verbose=False)["input_ids"]
    lengths = [len(row) for row in rows]
    read = [min(length, manner.limit) if manner.limit else length for length in lengths]
    return sum(lengths), sum(read), sum(a < b for a, b in zip(read, lengths, strict=True))


def lines_of(text: Any, least: int, most: int) -> list[str]:
    """The lines that hold something. Raises UserError tasks.empty_text, tasks.too_few_lines, tasks.too_many_lines."""
    lines = [line.strip() for line in encodable(str(text or "")).splitlines() if line.strip()]
    if not lines:
        raise UserError("tasks.empty_text")
    if len(lines) < least:
        raise UserError("tasks.too_few_lines", count=len(lines), least=least)
    if len(lines) > most:
        raise UserError("tasks.too_many_lines", count=f"{len(lines):,}", most=most)
    return lines


def first_steps(pipe: Pipeline, text: str, manner: Manner) -> tuple[Step, ...]:
    """From a text to its vector: through all layers, then the last hidden states pooled, and made as long as 1."""
    inputs = encode(pipe, [text], manner)
    given = f"{literal(manner.prefix)} + text" if manner.prefix else "text"
    cut = cut_options(pipe, manner.limit) or ", truncation=True"
    read = encoder_steps(pipe, inputs, {given: manner.prefix + text}, cut)
    states = read.output.last_hidden_state
    pooled = pool(states, inputs["attention_mask"], manner.pooling)[0].float().cpu()
    dense, vector = _dense_steps(str(pipe.model.name_or_path), manner, pooled)
    pieces = tokenizer_of(pipe).convert_ids_to_tokens(inputs["input_ids"][0].tolist())
    rows = states[0, :4].float().cpu().tolist()
    shown = [f"{piece}: {numbers(row)}" for piece, row in zip(pieces, rows, strict=False)]
    return (
        *read.steps,
        Step(
            "hidden_states",
            (*shown, *(("…",) if len(pieces) > 4 else ())),
            str(tuple(states.shape)),
            f"states = {read.code}.last_hidden_state",
        ),
        Step(f"pooling_{manner.pooling}", (numbers(pooled.tolist()),), f"({len(pooled)},)", POOL[manner.pooling]),
        *dense,
        Step(
            "unit_length",
            (f"÷ {float(vector.norm()):.4f}", numbers(unit(vector).tolist())),
            f"({len(vector)},)",
            "vector = torch.nn.functional.normalize(vector, dim=-1)",
        ),
    )


def _dense_steps(source: str, manner: Manner, vector: torch.Tensor) -> tuple[list[Step], torch.Tensor]:
    """A step for each dense layer, and what comes out of the last one."""
    steps = []
    for layer, weights in zip(manner.dense, dense_weights(source, manner.dense), strict=True):
        vector = through_dense(vector, [weights])
        code = f"dense = {load_code(layer)}\n{dense_code('vector', 'dense', layer)}"
        steps.append(Step("dense", (numbers(vector.tolist()),), f"({len(vector)},)", code))
    return steps, vector


def _names(source: str) -> list[str]:
    """The parts of a folder or id that may be the model's name: the last one, and that of the Hub's cache."""
    parts = Path(source).parts
    return [part.split("--")[-1] for part in parts if part.startswith("models--")] + list(parts[-1:])
