"""One vector a text: what is put before the text, which tokens count, how much is read, and the Python for it.

Covers: encoders without a head, as Sentence Transformers uses them. Does not cover: decoders, dense layers on top.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from backend.errors import UserError
from backend.exports.snippet import literal
from backend.tasks.base import Step, Task, param
from backend.tasks.context import batches, context_length, shortened, tensors_step, tokenizer_of

if TYPE_CHECKING:
    import torch
    from transformers import Pipeline

    from backend.models import LoadedModel, ModelFacts

Pooling = Literal["mean", "cls", "max"]
POOLINGS = ("auto", "mean", "cls", "max")
PREFIXES = ("auto", "none", "query", "passage")
# Kinds of models that read a text whole, from both sides, and need no second text to be given.
ENCODERS = frozenset(
    "albert bert big_bird camembert canine convbert data2vec-text deberta deberta-v2 distilbert electra ernie eurobert "
    "flaubert funnel ibert longformer luke megatron-bert mobilebert modernbert mpnet nomic_bert nystromformer rembert "
    "roberta roberta-prelayernorm roc_bert roformer squeezebert xlm xlm-roberta xlm-roberta-xl xlnet xmod".split()
)
# The E5 family was trained with these words before each text. Its instruct models take whole sentences instead.
_E5 = re.compile(r"(?:^|[-_/])e5[-_](?!.*instruct)", re.I)
# Trained at a temperature of 0.01, it hardly ever puts two texts further apart.
_E5_FROM = 0.7
_BATCH = 32
_SHOWN_VALUES = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddingParams:
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


class EmbeddingTask(Task):
    """A task that compares or shows vectors of texts."""

    lane = "short"
    auto_class = "AutoModel"

    def fits(self, facts: ModelFacts) -> bool:
        """An encoder without a head."""
        return embeds(facts)

    def pipeline(self, loaded: LoadedModel) -> Pipeline:
        """The feature-extraction pipeline: tokenizer and headless model, which `embed` uses with many texts at once."""
        from transformers import pipeline

        return pipeline(  # type: ignore[call-overload,no-any-return]
            "feature-extraction", model=loaded.model, tokenizer=loaded.tokenizer, device=loaded.model.device
        )


def embeds(facts: ModelFacts) -> bool:
    """An encoder without a head: it was made to give vectors, or to be trained further."""
    return facts.model_type in ENCODERS and facts.architecture.endswith("Model")


def manner_of(source: str, params: EmbeddingParams) -> Manner:
    """How the model in a folder, or of a Hub id that was downloaded, makes its vectors.

    Read from the files of Sentence Transformers (pooling, longest text, default prompt) where it has them. E5 models
    are known by their name.
    """
    pooling = params.pooling
    if pooling == "auto":
        said = _read(source, "1_Pooling/config.json")
        pooling = "cls" if said.get("pooling_mode_cls_token") else "max" if said.get("pooling_mode_max_tokens") else ""
    e5 = bool(_E5.search("/".join(_names(source))))
    prefixes = {"none": "", "query": "query: ", "passage": "passage: "}
    if params.prefix == "auto":
        prompts = _read(source, "config_sentence_transformers.json")
        prompt = (prompts.get("prompts") or {}).get(prompts.get("default_prompt_name") or "")
        prefix = str(prompt) if prompt else "query: " if e5 else ""
    else:
        prefix = prefixes[params.prefix]
    limit = _read(source, "sentence_bert_config.json").get("max_seq_length") or 0
    return Manner(cast(Pooling, pooling or "mean"), prefix, int(limit), _E5_FROM if e5 else 0.0)


def manner_of_pipe(pipe: Pipeline, params: EmbeddingParams) -> Manner:
    """The same for a loaded model, which reads no more tokens than its positions."""
    manner = manner_of(str(pipe.model.name_or_path), params)
    limits = [limit for limit in (manner.limit, context_length(pipe)) if limit]
    return Manner(manner.pooling, manner.prefix, min(limits, default=0), manner.cosine_from)


def search_prefixes(source: str) -> tuple[str, str]:
    """(what stands before a question, what before the texts it is put to), as the model was trained to search."""
    if _E5.search("/".join(_names(source))):
        return "query: ", "passage: "
    prompts = _read(source, "config_sentence_transformers.json").get("prompts") or {}
    kept = next((prompts[name] for name in ("passage", "document") if prompts.get(name)), "")
    return str(prompts.get("query") or ""), str(kept)


def embed(pipe: Pipeline, texts: Sequence[str], manner: Manner) -> torch.Tensor:
    """(texts, size), float32 on the CPU, not normalized; shortest texts first inside. As Sentence Transformers does."""
    import torch

    vectors: dict[int, torch.Tensor] = {}
    for index, vector in embed_each(pipe, texts, manner):
        vectors[index] = vector
    return torch.stack([vectors[index] for index in range(len(texts))])


def embed_each(pipe: Pipeline, texts: Sequence[str], manner: Manner) -> Iterator[tuple[int, torch.Tensor]]:
    """(index, vector) as they come: sorted by length, so not in the order given."""
    import torch

    for chunk in batches({index: len(text) for index, text in enumerate(texts)}, _BATCH):
        inputs = encode(pipe, [texts[index] for index in chunk], manner)
        with torch.inference_mode():
            states = pipe.model(**inputs).last_hidden_state
            pooled = pool(states, inputs["attention_mask"], manner.pooling).float().cpu()
        yield from zip(chunk, pooled, strict=True)


def encode(pipe: Pipeline, texts: Sequence[str], manner: Manner) -> dict[str, torch.Tensor]:
    """input_ids, attention_mask and what else the model takes, (texts, tokens) each, on its device."""
    options: dict[str, Any] = {"max_length": manner.limit} if manner.limit else {}
    encoded = tokenizer_of(pipe)(
        [manner.prefix + text for text in texts], padding=True, truncation=True, return_tensors="pt", **options
    )
    return dict(encoded.to(pipe.model.device))


def pool(states: torch.Tensor, mask: torch.Tensor, pooling: Pooling) -> torch.Tensor:
    """states (texts, tokens, size), mask (texts, tokens), 0 on padding -> (texts, size)."""
    if pooling == "cls":
        return states[:, 0]
    counted = mask.unsqueeze(-1).to(states.dtype)
    if pooling == "max":
        return states.masked_fill(counted == 0, float("-inf")).amax(1)
    return (states * counted).sum(1) / counted.sum(1).clamp(min=1e-9)


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
    lines = [line.strip() for line in str(text or "").splitlines() if line.strip()]
    if not lines:
        raise UserError("tasks.empty_text")
    if len(lines) < least:
        raise UserError("tasks.too_few_lines", count=len(lines), least=least)
    if len(lines) > most:
        raise UserError("tasks.too_many_lines", count=f"{len(lines):,}", most=most)
    return lines


def first_steps(pipe: Pipeline, text: str, manner: Manner) -> tuple[Step, ...]:
    """From a text to its vector: tokens, tensors, hidden states, pooled, made as long as 1."""
    import torch

    inputs = encode(pipe, [text], manner)
    with torch.inference_mode():
        states = pipe.model(**inputs).last_hidden_state
        vector = pool(states, inputs["attention_mask"], manner.pooling)[0].float().cpu()
    pieces = tokenizer_of(pipe).convert_ids_to_tokens(inputs["input_ids"][0].tolist())
    rows = states[0].float().cpu().tolist()
    given = f'"{manner.prefix}" + text' if manner.prefix else "text"
    shown = [f"{piece}: {numbers(row)}" for piece, row in zip(pieces[:4], rows[:4], strict=True)]
    return (
        Step("tokens", (shortened(pieces),), f"{len(pieces)}", f"pieces = tokenizer({given}).tokens()"),
        tensors_step(inputs, f'inputs = tokenizer({given}, truncation=True, return_tensors="pt")'),
        Step(
            "hidden_states",
            (*shown, *(("…",) if len(pieces) > 4 else ())),
            str(tuple(states.shape)),
            "states = model(**inputs).last_hidden_state",
        ),
        Step(f"pooling_{manner.pooling}", (numbers(vector.tolist()),), f"({len(vector)},)", _POOL[manner.pooling]),
        Step(
            "unit_length",
            (f"÷ {float(vector.norm()):.4f}", numbers(unit(vector).tolist())),
            f"({len(vector)},)",
            "vector = torch.nn.functional.normalize(vector, dim=-1)",
        ),
    )


def numbers(values: Sequence[float], most: int = _SHOWN_VALUES) -> str:
    """The first values of a vector."""
    return " ".join(f"{value:.4f}" for value in values[:most]) + (" …" if len(values) > most else "")


def embed_code(source: str, manner: Manner, normalized: bool = True) -> str:
    """Python that defines `embed(texts)` with exactly this model, without this product."""
    prefix = f"{literal(manner.prefix)} + text for text in texts" if manner.prefix else ""
    given = f"[{prefix}]" if prefix else "texts"
    length = f", max_length={manner.limit}" if manner.limit else ""
    last = "torch.nn.functional.normalize(vectors, dim=-1)" if normalized else "vectors"
    mask = '    mask = inputs["attention_mask"].unsqueeze(-1)\n' if manner.pooling != "cls" else ""
    return f"""import torch
from transformers import AutoModel, AutoTokenizer

name = {literal(source)}
tokenizer = AutoTokenizer.from_pretrained(name)
model = AutoModel.from_pretrained(name, dtype="float32").eval()


def embed(texts):
    inputs = tokenizer({given}, padding=True, truncation=True{length}, return_tensors="pt")
    with torch.inference_mode():
        states = model(**inputs).last_hidden_state
{mask}    vectors = {_POOL_MANY[manner.pooling]}
    return {last}


"""


_POOL_MANY = {
    "mean": "(states * mask).sum(1) / mask.sum(1)",
    "cls": "states[:, 0]",
    "max": 'states.masked_fill(mask == 0, float("-inf")).amax(1)',
}
_POOL = {"mean": "vector = states[0].mean(0)", "cls": "vector = states[0, 0]", "max": "vector = states[0].amax(0)"}


def _names(source: str) -> list[str]:
    """The parts of a folder or id that may be the model's name: the last one, and that of the Hub's cache."""
    parts = Path(source).parts
    return [part.split("--")[-1] for part in parts if part.startswith("models--")] + list(parts[-1:])


def _read(source: str, name: str) -> dict[str, Any]:
    """A small JSON file of a model; empty when it has none."""
    path: Any = Path(source) / name
    if not Path(source).is_dir():
        from huggingface_hub import try_to_load_from_cache

        try:
            path = try_to_load_from_cache(source, name)
        except ValueError:
            return {}
    if not isinstance(path, (str, Path)):
        return {}
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}
