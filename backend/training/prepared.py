"""A run's data as the loop takes it: splits of token ids, tokenized once and kept in the workspace's cache."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backend.data.split import SPLITS
from backend.data.version import ROW_ID, DataVersion
from backend.recipes import all_recipes
from backend.training.spec import RunSpec
from backend.workspace import disk_error, keep_newest, stamp

CHUNK_ROWS = 1000
KEPT_IN_CACHE = 20
Progress = Callable[[int, int], None]
"""(rows done, rows in all)."""


@dataclass(frozen=True, slots=True)
class Split:
    """Rows of one split. features: datasets.Dataset of input_ids and labels. lengths: tokens, row_ids: both (rows,)."""

    features: Any
    lengths: np.ndarray
    row_ids: np.ndarray

    def __len__(self) -> int:
        return len(self.row_ids)

    @property
    def targets(self) -> np.ndarray:
        """The answers wanted: label ids int64 (rows,), 0 or 1 float32 (rows, labels), or scores float32 (rows,)."""
        return targets_of(self.features)

    def first(self, rows: int, seed: int) -> Split:
        """At most so many rows, drawn at random but always the same ones."""
        if len(self) <= rows:
            return self
        chosen = np.sort(np.random.default_rng(seed).permutation(len(self))[:rows])
        return Split(self.features.select(chosen), self.lengths[chosen], self.row_ids[chosen])


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything the loop needs but the model."""

    version: DataVersion
    labels: tuple[str, ...]
    tokenizer: Any
    splits: Mapping[str, Split]


def prepare(spec: RunSpec, cache: Path, progress: Progress) -> Prepared:
    """Split and tokenize a run's data. Raises UserError where the data does not allow it."""
    recipe = all_recipes()[spec.recipe]
    version = DataVersion.read(Path(spec.data_folder))
    usable = recipe.learnable(version, spec.columns, spec.split)
    labels = recipe.learnt_labels(version, spec.columns, spec.split)
    parts = recipe.split(version, spec.columns, spec.split)
    tokenizer = padding_tokenizer(spec.tokenizer_path or spec.model_path, spec.arguments.truncation_side)
    features = _features(spec, version, tokenizer, labels, usable, cache, progress)
    lengths = _lengths(features)
    known = np.asarray(features[ROW_ID], dtype=np.int64)
    splits = {}
    for name in SPLITS:
        places = np.searchsorted(known, parts[name])
        splits[name] = Split(features.select(places).remove_columns(ROW_ID), lengths[places], known[places])
    return Prepared(version, labels, tokenizer, splits)


def targets_of(features: Any) -> np.ndarray:
    """The labels of features as an array: whole numbers as int64, others as float32."""
    targets = np.asarray(features["labels"])
    return targets.astype(np.int64 if targets.dtype.kind in "iu" else np.float32)


def padding_tokenizer(path: str, truncation_side: str = "own") -> Any:
    """The tokenizer of a model folder. Models that write have no token to pad with: there the end of text pads.

    truncation_side: as in TrainArguments.
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True, trust_remote_code=False)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    if truncation_side != "own":
        tokenizer.truncation_side = truncation_side
    return tokenizer


def pad_alike(model: Any, tokenizer: Any) -> None:
    """Have the model take for padding what the tokenizer pads with: a decoder reads the last token before it."""
    model.config.get_text_config().pad_token_id = tokenizer.pad_token_id


def _features(
    spec: RunSpec,
    version: DataVersion,
    tokenizer: Any,
    labels: Sequence[str],
    usable: np.ndarray,
    cache: Path,
    progress: Progress,
) -> Any:
    from datasets import concatenate_datasets, load_from_disk

    folder = cache / "tokens" / _key(spec, version, tokenizer, labels)
    if (folder / "state.json").exists():
        os.utime(folder)
        return load_from_disk(str(folder))
    recipe = all_recipes()[spec.recipe]
    wanted = [*dict.fromkeys(spec.columns.values()), ROW_ID]
    rows = version.load().select_columns(wanted).select(np.flatnonzero(usable))
    parts = []
    for start in range(0, len(rows), CHUNK_ROWS):
        chunk = rows[start : start + CHUNK_ROWS]
        parts.append(recipe.preprocess(tokenizer, chunk, spec.columns, labels, spec.arguments.max_length))
        progress(min(start + CHUNK_ROWS, len(rows)), len(rows))
    features = concatenate_datasets(parts)
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        features.save_to_disk(str(temporary))
        temporary.rename(folder)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        # Another run may have kept the same rows in the meantime.
        if not folder.exists():
            raise disk_error(error, folder) from error
    keep_newest(folder.parent, KEPT_IN_CACHE)
    return load_from_disk(str(folder))


def _key(spec: RunSpec, version: DataVersion, tokenizer: Any, labels: Sequence[str]) -> str:
    """Decides the tokens: data, tokenizer, columns, labels and the length they are cut to."""
    words = tokenizer.backend_tokenizer.to_str() if tokenizer.is_fast else repr(sorted(tokenizer.get_vocab().items()))
    parts = [
        [version.ref, version.version, *stamp(version.arrow)],
        [hashlib.sha256(words.encode()).hexdigest(), tokenizer.truncation_side],
        [spec.recipe, dict(spec.columns), list(labels), spec.arguments.max_length],
    ]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _lengths(features: Any) -> np.ndarray:
    """Tokens of each row, from the Arrow lists themselves: no Python list is made."""
    import pyarrow.compute

    return pyarrow.compute.list_value_length(features.data.column("input_ids")).to_numpy()  # type: ignore[no-any-return]
