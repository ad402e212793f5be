"""What is known of a model from its files alone: config, file headers, tokenizer files. Nothing is loaded."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Literal

from backend.errors import UserError

Source = Literal["starter", "run", "folder", "cache", "hub"]
Progress = Callable[[str, int, int], None]
"""(phase, done, total): phase is download or load; done and total in bytes, total 0 when unknown."""

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "tokenizer.model",
    "sentencepiece.bpe.model",
    "bpe.codes",
    "vocab.bpe",
    "emoji.json",
)
# A tokenizer of bytes or code points has no vocabulary file, only its class in tokenizer_config.json.
_VOCABULARIES = frozenset(TOKENIZER_FILES) - {"special_tokens_map.json", "added_tokens.json", "chat_template.jinja"}
_LFS_START = b"version https://git-lfs"
_HEADS_WITH_LABELS = ("ForSequenceClassification", "ForTokenClassification")
_LONGEST_HEADER = 100 << 20
# Kinds whose tokens are numbered from behind the padding token's id: the positions before have no token.
_NUMBERED_BEHIND_PADDING = frozenset(
    "camembert data2vec-text esm ibert layoutlmv3 lilt longformer luke markuplm mpnet roberta "
    "roberta-prelayernorm xlm-roberta xlm-roberta-xl xmod".split()
)
# Of a stranger's configuration: the names of labels stand in memory, and on the page.
_MOST_LABELS = 100_000
# What files of a wrong make raise where they are read as if they were right.
_MISMADE = (TypeError, ValueError, AttributeError, KeyError, RecursionError, OverflowError)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What is known of a model without loading it, from its config and file headers."""

    ref: str
    """`starter:NAME`, `run:RUN_ID`, `folder:PATH` or `hub:OWNER/NAME` (cache and Hub alike), as specs keep it."""
    title: str
    source: Source
    path: Path | None
    """Local folder that from_pretrained takes; None for a Hub model not downloaded yet."""
    architecture: str = ""
    """First of config.architectures: "BertForSequenceClassification"."""
    model_type: str = ""
    parameters: int = 0
    """Parameter count; 0 when unknown."""
    bytes: int = 0
    """Size of the weights on disk."""
    languages: tuple[str, ...] = ()
    """("en",), ("multilingual",) or () when unknown."""
    labels: tuple[str, ...] = ()
    """id2label in id order when it has a classification head."""
    inputs: int = 1
    """How many texts it reads at a time, as far as its config tells: 2 when it was trained on pairs."""
    max_length: int = 0
    """Longest input in tokens; 0 when unknown."""
    has_tokenizer: bool = True
    has_chat_template: bool = False


def read_facts(
    folder: Path, *, ref: str, title: str, source: Source, languages: tuple[str, ...] = (), weights: bool = True
) -> ModelFacts:
    """Facts of a local model folder.

    weights: whether the weights must lie in it. Raises UserError models.no_config, bad_config, no_weights,
    missing_shards, lfs_pointer, broken_weights or cut_weights.
    """
    config = read_config(folder, title)
    try:
        return _facts_of(config, folder, ref, title, source, languages, weights)
    except _MISMADE as error:
        raise UserError("models.bad_config", model=title, reason=f"{type(error).__name__}: {error}"[:200]) from error


def _facts_of(
    config: dict[str, Any],
    folder: Path,
    ref: str,
    title: str,
    source: Source,
    languages: tuple[str, ...],
    weights: bool,
) -> ModelFacts:
    files = weight_files(folder, title) if weights else []
    for file in files:
        refuse_pointer(file, title)
    tokenizer = _read_json(folder / "tokenizer_config.json")
    architectures = config.get("architectures") or [""]
    return ModelFacts(
        ref=ref,
        title=title,
        source=source,
        path=folder,
        architecture=str(architectures[0]),
        model_type=str(config.get("model_type", "")),
        parameters=sum(_parameters(file, title) for file in files if file.suffix == ".safetensors"),
        bytes=sum(file.stat().st_size for file in files),
        languages=languages,
        labels=_labels(config, str(architectures[0])),
        inputs=_inputs(config),
        max_length=_max_length(config, tokenizer),
        has_tokenizer=any((folder / name).is_file() for name in _VOCABULARIES),
        has_chat_template=bool(tokenizer.get("chat_template")) or (folder / "chat_template.jinja").is_file(),
    )


def read_config(folder: Path, title: str) -> dict[str, Any]:
    """config.json as it is. Raises UserError when it lacks or cannot be read."""
    path = folder / "config.json"
    if not path.is_file():
        if base := _read_json(folder / "adapter_config.json").get("base_model_name_or_path"):
            raise UserError("models.only_adapter", model=title, base=base)
        found = sorted(entry.name for entry in folder.iterdir() if not entry.name.startswith("."))[:6]
        raise UserError("models.no_config", model=title, folder=folder, found=", ".join(found) or "-")
    refuse_pointer(path, title)
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError("models.bad_config", model=title, reason=str(error)[:200]) from error
    if not isinstance(config, dict) or not isinstance(config.get("model_type", ""), str):
        raise UserError("models.bad_config", model=title, reason="model_type")
    return config


def weight_files(folder: Path, title: str) -> list[Path]:
    """The files that from_pretrained reads: safetensors where there are any, else pickles. All of them are there."""
    for stem in ("model.safetensors", "pytorch_model.bin"):
        if (folder / stem).is_file():
            return [folder / stem]
        index = folder / f"{stem}.index.json"
        if index.is_file():
            try:
                names = sorted({Path(name).name for name in _read_json(index).get("weight_map", {}).values()})
            except _MISMADE as error:
                raise UserError("models.missing_shards", model=title, files=index.name) from error
            shards = [folder / name for name in names]
            missing = [shard.name for shard in shards if not shard.is_file()]
            if missing or not shards:
                raise UserError("models.missing_shards", model=title, files=", ".join(missing[:3]) or index.name)
            return shards
    raise UserError("models.no_weights", model=title, folder=folder)


def refuse_pointer(file: Path, title: str) -> None:
    """Raise UserError models.lfs_pointer for a file that git-lfs left in the place of the real one."""
    try:
        with file.open("rb") as stream:
            start = stream.read(len(_LFS_START))
    except OSError as error:
        raise UserError("models.broken_weights", model=title, file=file.name, reason=error.strerror or "") from error
    if start == _LFS_START:
        raise UserError("models.lfs_pointer", model=title, file=file.name)


def tensor_bytes(file: Path, title: str) -> dict[str, int]:
    """Bytes each tensor takes in a safetensors file. Raises UserError when it is cut or is none."""
    return {name: end - start for name, (_, start, end) in _header(file, title).items()}


def _parameters(file: Path, title: str) -> int:
    return sum(elements for elements, _, _ in _header(file, title).values())


def _header(file: Path, title: str) -> dict[str, tuple[int, int, int]]:
    """Tensor name to (elements, first byte, byte after the last). The layout is 8 bytes of length, JSON, data."""
    size = file.stat().st_size
    try:
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            if not 0 < length <= min(_LONGEST_HEADER, size - 8):
                raise ValueError("header")
            header = json.loads(stream.read(length))
        tensors = {
            name: (prod(entry["shape"]), *entry["data_offsets"])
            for name, entry in header.items()
            if name != "__metadata__"
        }
        expected = 8 + length + int(max((last for _, _, last in tensors.values()), default=0))
    except (OSError, *_MISMADE) as error:
        raise UserError("models.broken_weights", model=title, file=file.name, reason="safetensors header") from error
    if expected != size:
        raise UserError("models.cut_weights", model=title, file=file.name, size=size, expected=expected)
    return tensors


def _labels(config: dict[str, Any], architecture: str) -> tuple[str, ...]:
    if not architecture.endswith(_HEADS_WITH_LABELS):
        return ()
    names = config.get("id2label")
    if not isinstance(names, dict) or not names:
        count = int(config.get("num_labels") or 2)
        if count > _MOST_LABELS:
            raise ValueError(f"num_labels {count}")
        return tuple(f"LABEL_{index}" for index in range(count))
    try:
        return tuple(str(names[key]) for key in sorted(names, key=int))
    except ValueError:
        return tuple(str(name) for name in names.values())


def _inputs(config: dict[str, Any]) -> int:
    """Our own runs say it; elsewhere labels of entailment tell a model that compares two texts."""
    names = config.get("id2label")
    compares = isinstance(names, dict) and any("entail" in str(name).casefold() for name in names.values())
    return 2 if config.get("workbench_inputs", 2 if compares else 1) == 2 else 1


def _max_length(config: dict[str, Any], tokenizer: dict[str, Any]) -> int:
    """The shorter of what the tokenizer says and what the position embeddings hold."""
    positions = config.get("max_position_embeddings") or config.get("n_positions") or 0
    if positions:
        positions -= kept_for_padding(str(config.get("model_type")), config.get("pad_token_id", 1))
    said = tokenizer.get("model_max_length") or 0
    limits = [int(limit) for limit in (positions, said) if isinstance(limit, (int, float)) and 0 < limit < 1e9]
    return min(limits, default=0)


def kept_for_padding(kind: str, padding: int | None) -> int:
    """How many of a model's positions no token can have. kind: its model_type; padding: its pad_token_id."""
    return (padding or 0) + 1 if kind in _NUMBERED_BEHIND_PADDING else 0


def _read_json(path: Path) -> dict[str, Any]:
    """An optional file: an empty dict when it lacks or is no JSON object."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def titles(facts: Sequence[ModelFacts], most: int = 5) -> str:
    """The first few names, for an error that says what is there."""
    return ", ".join(one.title for one in facts[:most]) or "-"
