"""What a model makes of texts before its last layer: read within a time, kept in the workspace's cache."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from backend.errors import UserError
from backend.training.prepared import Prepared, Split
from backend.training.spec import RunSpec
from backend.workspace import keep_newest, stamp, write_atomically

# A first answer is to be there in well under half a minute; loading, fitting and saving take some of it.
SECONDS = {"validation": 3.0, "test": 4.0, "train": 12.0}
MOST_ROWS = {"validation": 500, "test": 500, "train": 4000}
FIRST_ROWS = 16
"""Read in any case, however slow the model is."""
BATCH_ROWS = 32
KEPT_IN_CACHE = 12
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Features:
    """values: float32 (rows, width), what the last layer is given; split: those rows, in the same order."""

    values: np.ndarray
    split: Split


@dataclass(slots=True)
class Reader:
    """Reads splits. body: a model with nn.Identity in the place of its last layer, so that it answers with features.

    tell: told after each batch how many rows have been read and how many it will be; answers whether to go on. Once
    not, the reader takes the least it can of what is still to come.
    """

    body: Any
    pad: Any
    seed: int
    tell: Callable[[int, int], bool]
    rows: int = 0
    stopped: bool = False
    _began: float = field(default_factory=time.perf_counter)
    _ahead: dict[str, int] = field(default_factory=dict)

    def read(self, splits: Mapping[str, Split]) -> dict[str, Features]:
        """Rows of each split as far as time and MOST_ROWS allow: drawn at random, but always the same ones first."""
        self._ahead = {name: min(len(splits[name]), most) for name, most in MOST_ROWS.items() if len(splits[name])}
        found = {}
        for name in list(self._ahead):
            places, values = self._some(splits[name], self._ahead.pop(name), SECONDS[name])
            found[name] = Features(values, part_of(splits[name], places))
        return found

    def _some(self, split: Split, most: int, seconds: float) -> tuple[np.ndarray, np.ndarray]:
        """(places in the split, rising, and their features)."""
        order = np.random.default_rng(self.seed).permutation(len(split))[:most]
        read: list[np.ndarray] = []
        parts: list[np.ndarray] = []
        began = time.perf_counter()
        done, size = 0, min(FIRST_ROWS, most)
        while size > 0:
            chosen = order[done : done + size]
            # Batches of like length, so that little is padding.
            chosen = chosen[np.argsort(-split.lengths[chosen], kind="stable")]
            for start in range(0, size, BATCH_ROWS):
                parts.append(self._batch(split, chosen[start : start + BATCH_ROWS]))
                self._told(most - done - start - len(parts[-1]), began + seconds)
            read.append(chosen)
            done += size
            elapsed = time.perf_counter() - began
            # The next rows are to fit into the time that is left; after a stop none do.
            fitting = 0 if self.stopped else int(done / elapsed * (seconds - elapsed))
            size = min(2 * size, fitting, most - done)
        places = np.concatenate(read)
        rising = np.argsort(places)
        return places[rising], np.concatenate(parts)[rising]

    def _batch(self, split: Split, places: np.ndarray) -> np.ndarray:
        import torch

        rows = split.features[places.tolist()]
        rows.pop("labels")
        batch = self.pad([dict(zip(rows, values, strict=True)) for values in zip(*rows.values(), strict=True)])
        with torch.inference_mode():
            output = self.body(**{name: tensor.to(self.body.device) for name, tensor in batch.items()})
        self.rows += len(places)
        features: np.ndarray = output.logits.float().cpu().numpy()
        return features

    def _told(self, left: int, until: float) -> None:
        """Tell how far it is: so many rows are left of this split, and what is ahead, both within their time."""
        now = time.perf_counter()
        rate = self.rows / (now - self._began)
        total = self.rows + min(left, max(0, int(rate * (until - now))))
        total += sum(min(rows, int(rate * SECONDS[name])) for name, rows in self._ahead.items())
        self.stopped |= not self.tell(self.rows, max(total, self.rows))


def part_of(split: Split, places: np.ndarray) -> Split:
    """Some rows of a split, in the order given."""
    return Split(split.features.select(places), split.lengths[places], split.row_ids[places])


def cache_file(cache: Path, spec: RunSpec, prepared: Prepared, kind: str) -> Path:
    """Where such features are kept; model, tokens and the rows of each split decide. kind: how they are made."""
    model, words, version = Path(spec.model_path), Path(spec.tokenizer_path or spec.model_path), prepared.version
    files = [path for ending in ("safetensors", "bin", "json", "txt", "model") for path in model.glob(f"*.{ending}")]
    if words != model:
        files += words.iterdir()
    splits = [[name, _digest(split.row_ids), _digest(split.lengths)] for name, split in prepared.splits.items()]
    parts = [
        [
            kind,
            [[str(path), *stamp(path)] for path in sorted(files)],
            spec.arguments.max_length,
            spec.arguments.truncation_side,
            spec.arguments.seed,
        ],
        [version.ref, version.version, *stamp(version.arrow), spec.recipe, dict(spec.columns), splits],
    ]
    return cache / "features" / f"{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]}.npz"


def _digest(numbers: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(numbers).tobytes()).hexdigest()


def kept_features(file: Path, splits: Mapping[str, Split]) -> dict[str, Features] | None:
    """What was read before; None when it was not, or when the file cannot be used."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            names = [name for name, split in splits.items() if len(split)]
            found = {name: (arrays[f"{name}_rows"], arrays[name]) for name in names}
        os.utime(file)
    except (OSError, ValueError, KeyError, EOFError):
        return None
    return {
        name: Features(values, part_of(splits[name], np.searchsorted(splits[name].row_ids, rows)))
        for name, (rows, values) in found.items()
    }


def keep_features(file: Path, found: Mapping[str, Features]) -> None:
    """Keep them for the next time and forget the oldest. What cannot be kept is read again."""
    arrays = {name: one.values for name, one in found.items()}
    arrays |= {f"{name}_rows": one.split.row_ids for name, one in found.items()}
    packed = BytesIO()
    np.savez(packed, **arrays)  # type: ignore[arg-type]
    try:
        write_atomically(file, packed.getvalue())
    except UserError as error:
        log.warning("features are not kept: %s", error)
        return
    keep_newest(file.parent, KEPT_IN_CACHE)
