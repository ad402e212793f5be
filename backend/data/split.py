"""Which rows train, which check, which test: given splits are kept, else a seeded stratified 80/10/10."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backend.data.repeats import LEAVABLE, Likeness, without
from backend.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from backend.data.version import DataVersion

SPLITS = ("train", "validation", "test")

_WORDS = {
    **dict.fromkeys(("train", "training", "trn", "训练", "训练集"), "train"),
    **dict.fromkeys(
        ("validation", "valid", "val", "dev", "development", "eval", "验证", "验证集", "开发集"), "validation"
    ),
    **dict.fromkeys(("test", "testing", "tst", "测试", "测试集"), "test"),
}
_SPLIT_COLUMNS = ("split", "splits", "set", "subset", "fold", "partition", "dataset", "划分", "数据集", "集合")
# A slice that is offered in place of another has so many rows, or a quarter of all.
_FITTING = 2000
_SLICE = re.compile(r"(?:train)?\s*\[\s*(-?\d+%?)?\s*:\s*(-?\d+%?)?\s*\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitPlan:
    """How to split, as the form shows and a run's spec keeps it. Shares are parts of 1; validation and test may not
    both be 0."""

    use_given: bool = True
    """Keep the splits the data came with, where it came with any."""
    validation_share: float = 0.1
    test_share: float = 0.1
    stratify: bool = True
    seed: int = 42
    train_rows: str = ""
    """Which of the training rows: a slice expression such as `[:2000]`, `[:10%]` or `[:2000]+[-2000:]`; empty: all."""
    leave_out: tuple[str, ...] = ()
    """What is left out of the training rows, of repeats.LEAVABLE and in its order."""

    def __post_init__(self) -> None:
        unknown = sorted(set(self.leave_out) - set(LEAVABLE))
        if unknown:
            raise UserError("checks.unknown_part", name=unknown[0], known=", ".join(LEAVABLE))
        # JSON and a form know lists only, and the order in which a person chose says nothing.
        object.__setattr__(self, "leave_out", tuple(name for name in LEAVABLE if name in self.leave_out))
        if not (0 <= self.validation_share < 1 and 0 <= self.test_share < 1):
            raise UserError("data.bad_shares", validation=self.validation_share, test=self.test_share)
        if not 0 < self.validation_share + self.test_share < 0.95:
            raise UserError("data.bad_shares", validation=self.validation_share, test=self.test_share)


def split_rows(
    version: DataVersion,
    plan: SplitPlan,
    label_column: str = "",
    usable: Any = None,
    likeness: Callable[[], Likeness] | None = None,
) -> dict[str, np.ndarray]:
    """row_ids of train, validation and test: int64 arrays, disjoint, each sorted.

    A pure function of its arguments. usable: bool array (rows,), the rows that may be used (label and text present);
    None: all. likeness: asked where the plan leaves rows out (`Recipe.split` gives it), and needed then.
    A given split without validation or without test takes it from train, by the plan's shares.
    Raises UserError if a split that the plan asks for would be empty, ValueError without a likeness that is needed.
    """
    import numpy as np

    allowed = np.ones(version.rows, bool) if usable is None else np.asarray(usable, bool)
    parts = _given(version, allowed) if plan.use_given and version.given_split_column else {}
    if not len(parts.get("train", ())):
        parts = {"train": np.flatnonzero(allowed)}
    everything = parts["train"]
    sliced = plan.train_rows.strip()
    if sliced and len(everything):
        parts["train"] = everything[parse_slice(sliced, len(everything))]
    wanted = {"validation": plan.validation_share, "test": plan.test_share}
    missing = {name: share for name, share in wanted.items() if share > 0 and not len(parts.get(name, ()))}
    codes = _codes(version, label_column if plan.stratify else "")
    rest, taken = _take(parts["train"], codes, missing, plan.seed)
    split = {"train": rest, "validation": taken.get("validation"), "test": taken.get("test")}
    result = {}
    for name in SPLITS:
        rows = split[name]
        if rows is None:
            rows = parts.get(name, np.empty(0, np.int64))
        result[name] = np.sort(rows.astype(np.int64))
        if not len(result[name]) and (name == "train" or wanted[name] > 0):
            if len(parts["train"]) < len(everything):
                few = {"expression": sliced, "picked": len(parts["train"]), "rows": len(everything)}
                raise UserError("data.slice_too_short", split=name, **few)
            raise UserError("data.empty_split", split=name, rows=int(allowed.sum()))
    if not plan.leave_out:
        return result
    if likeness is None:
        raise ValueError("a plan that leaves rows out is split by its recipe: Recipe.split")
    return without(result, plan.leave_out, likeness())


def split_counts(
    version: DataVersion,
    plan: SplitPlan,
    label_column: str = "",
    usable: Any = None,
    likeness: Callable[[], Likeness] | None = None,
) -> dict[str, int]:
    """How many rows each split gets."""
    return {name: len(rows) for name, rows in split_rows(version, plan, label_column, usable, likeness).items()}


def parse_slice(expression: str, n: int) -> np.ndarray:
    """Positions 0 .. n-1 that an expression picks, sorted, each once: `[:2000]`, `[-10%:]`,
    `train[:2000]+train[-2000:]`.

    Percent are of n, rounded to the nearest row. Raises UserError data.bad_slice, data.empty_slice, which name a slice
    that fits.
    """
    import numpy as np

    picked, fits = np.zeros(n, bool), min(_FITTING, max(1, n // 4))
    for part in expression.split("+"):
        match = _SLICE.fullmatch(part.strip())
        if not match:
            raise UserError("data.bad_slice", expression=expression, fits=fits)
        picked[slice(*(_bound(bound, n) for bound in match.groups()))] = True
    if not picked.any():
        raise UserError("data.empty_slice", expression=expression, rows=n, fits=fits)
    return np.flatnonzero(picked)


def split_of_file(stem: str) -> str:
    """train, validation or test when a file is named so (`reviews-dev`), else ""."""
    words = [word for word in re.split(r"[\W_\d]+", stem.lower()) if word]
    found = {_WORDS[word] for word in words if word in _WORDS}
    return found.pop() if len(found) == 1 else ""


def given_split_column(table: pa.Table) -> str:
    """The column that says which split a row is in, when all its values are words for splits and there are two or
    more."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for name in table.column_names:
        column = table.column(name)
        if name.strip().lower() in _SPLIT_COLUMNS and pa.types.is_string(column.type) and not column.null_count:
            found = {_WORDS.get(value.strip().lower()) for value in pc.unique(column).to_pylist()}
            if None not in found and "train" in found and len(found) > 1:
                return str(name)
    return ""


def _given(version: DataVersion, allowed: np.ndarray) -> dict[str, np.ndarray]:
    import numpy as np

    values: Sequence[str] = _column(version, version.given_split_column).to_pylist()
    names = np.array([_WORDS.get(str(value).strip().lower(), "") for value in values])
    return {name: np.flatnonzero((names == name) & allowed) for name in SPLITS}


def _column(version: DataVersion, name: str) -> pa.ChunkedArray:
    import pyarrow as pa

    return pa.ipc.open_stream(pa.memory_map(str(version.arrow))).read_all().column(name)


def _codes(version: DataVersion, column: str) -> np.ndarray | None:
    """A number for each row's label; None when there is nothing to stratify by (no column, or nearly as many values
    as rows)."""
    import pyarrow.compute as pc

    if not column or version.column(column) is None:
        return None
    encoded = pc.dictionary_encode(_column(version, column), null_encoding="encode").combine_chunks()
    if len(encoded.dictionary) > max(2, version.rows // 2):
        return None
    codes: np.ndarray = encoded.indices.to_numpy(zero_copy_only=False)
    return codes


def _take(
    rows: np.ndarray, codes: np.ndarray | None, shares: dict[str, float], seed: int
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """(what stays, what each share takes). Every label gives its exact part, rounded so that the totals are right.

    A label with one row stays in train; one with two rows gives at most one away. Takes O(rows log rows), however many
    labels there are.
    """
    import numpy as np

    mixed, starts, sizes = _mixed(rows, codes, np.random.default_rng(seed))
    used = np.zeros_like(sizes)
    taken = {}
    for name, share in shares.items():
        counts = _apportion(sizes, share, np.maximum(0, sizes - used - 1))
        taken[name] = mixed[_runs(starts + used, counts)]
        used += counts
    return mixed[_runs(starts + used, sizes - used)], taken


def _mixed(
    rows: np.ndarray, codes: np.ndarray | None, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(the rows, those of one label beside each other and each label's mixed; int64 (labels,): where a label's rows
    begin; how many they are). The labels in the order of their codes; one draw of the generator for each."""
    import numpy as np

    if codes is None:
        return generator.permutation(rows), np.zeros(1, np.int64), np.array([len(rows)])
    found = codes[rows]
    mixed = rows[np.argsort(found, kind="stable")]
    sizes = np.unique(found, return_counts=True)[1]
    ends = np.cumsum(sizes)
    for start, end in zip((ends - sizes).tolist(), ends.tolist(), strict=True):
        generator.shuffle(mixed[start:end])
    return mixed, ends - sizes, sizes


def _runs(starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """start, start + 1, ... of each, as many as its count: int64 (sum of the counts,)."""
    import numpy as np

    before = np.cumsum(counts) - counts
    places: np.ndarray = np.repeat(starts - before, counts) + np.arange(counts.sum())
    return places


def _apportion(sizes: np.ndarray, share: float, most: np.ndarray) -> np.ndarray:
    """Whole numbers near share * size that sum to the rounded share of all, none over its most (largest remainder);
    int64 (labels,) as sizes and most."""
    import numpy as np

    exact = share * sizes
    counts: np.ndarray = np.minimum(exact.astype(np.int64), most)
    # Small shares still give a row: a split of nothing would say nothing.
    short = max(1, round(share * int(sizes.sum()))) - int(counts.sum())
    order = np.lexsort((-sizes, counts - exact))
    counts[order[counts[order] < most[order]][: max(0, short)]] += 1
    return counts


def _bound(text: str | None, n: int) -> int | None:
    if text is None:
        return None
    return round(int(text[:-1]) / 100 * n) if text.endswith("%") else int(text)
