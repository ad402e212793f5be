"""What a model reads of the texts: how many are cut, how much its tokenizer does not know, and what would mend it."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backend.data.describe import UNKNOWN_LIMIT, evenly, unknown_in
from backend.data.query import mapped
from backend.data.version import DataVersion
from backend.recipes.base import Recipe
from backend.recipes.checks import EXAMPLES, Check, Example, Fix, shortened
from backend.training.suggest import MULTILINGUAL

if TYPE_CHECKING:
    import numpy as np

SAMPLE_ROWS = 1000
# Texts of book length say nothing more about the vocabulary, are cut in any case, and would take seconds.
_CHARACTERS = 20_000
CUT_SHARE = 0.05
"""Up to this part of the texts may be cut without a word."""
_MULTIPLE = 8
_KEPT = 16


@dataclass(frozen=True, slots=True)
class Tokens:
    """A sample of the rows as tokens. lengths: int64 (rows,), uncut, special ones counted. unknown: part of 1."""

    lengths: np.ndarray
    unknown: float
    unknown_tokens: np.ndarray
    """int64 (rows,): how many tokens of each row the tokenizer does not know."""
    row_ids: np.ndarray
    texts: tuple[str, ...]


_lock = threading.Lock()
_read: dict[tuple[Any, ...], Tokens] = {}


def read_tokens(
    recipe: Recipe, version: DataVersion, columns: Mapping[str, str], tokenizer: Any, tokenizer_name: str
) -> Tokens:
    """At most SAMPLE_ROWS usable rows, spread evenly, as tokens. Kept for each tokenizer_name (a folder) and data."""
    names = tuple(columns[role] for role in recipe.text_roles)
    key = (version.folder, version.arrow.stat().st_mtime_ns, recipe.name, tuple(columns.items()), tokenizer_name)
    with _lock:
        known = _read.get(key)
    if known is not None:
        return known
    found = _tokens(recipe, version, columns, names, tokenizer)
    with _lock:
        _read[key] = found
        while len(_read) > _KEPT:
            del _read[next(iter(_read))]
    return found


def _tokens(
    recipe: Recipe, version: DataVersion, columns: Mapping[str, str], names: Sequence[str], tokenizer: Any
) -> Tokens:
    import numpy as np

    usable = np.flatnonzero(recipe.usable(version, columns))
    chosen = usable[evenly(len(usable), SAMPLE_ROWS)]
    table = mapped(version)
    # One row at a time: take() on a column of text would copy the whole column.
    rows = {name: [str(table.column(name)[row].as_py())[:_CHARACTERS] for row in chosen.tolist()] for name in names}
    encoded = recipe.encode(tokenizer, rows, columns, None)["input_ids"] if len(chosen) else []
    unknown = unknown_in(encoded, tokenizer)
    strange = tokenizer.unk_token_id if unknown else None
    counts = [sum(token == strange for token in ids) if unknown else 0 for ids in encoded]
    texts = tuple(" / ".join(map(shortened, parts)) for parts in zip(*rows.values(), strict=True))
    return Tokens(np.asarray([len(ids) for ids in encoded], np.int64), unknown, np.asarray(counts), chosen, texts)


def token_checks(read: Tokens, max_length: int, longest: int, model_ref: str) -> list[Check]:
    """How many texts max_length cuts and how many tokens are unknown. longest: what the model reads at most."""
    return [_cut(read, max_length, longest), _unknown(read, model_ref)]


def _cut(read: Tokens, max_length: int, longest: int) -> Check:
    import numpy as np

    share = float((read.lengths > max_length).mean()) if len(read.lengths) else 0.0
    if share <= CUT_SHARE:
        return Check(name="cut", level="ok", key="checks.cut", values={"share": share, "length": max_length})
    enough = float(np.quantile(read.lengths, 1 - CUT_SHARE, method="higher"))
    wanted = min(longest, math.ceil(enough / _MULTIPLE) * _MULTIPLE)
    # Batches hold texts of about one length, so time goes with the tokens that are read.
    times = float(np.minimum(read.lengths, wanted).mean() / np.minimum(read.lengths, max_length).mean())
    covered = float((read.lengths <= wanted).mean())
    values = {"share": share, "length": max_length, "wanted": wanted, "covered": covered, "times": times}
    order = np.argsort(-read.lengths, kind="stable")[:EXAMPLES].tolist()
    examples = _examples(read, order, read.lengths)
    if wanted <= max_length:
        # The model itself can read no more.
        return Check(name="cut", level="note", key="checks.cut_by_model", values=values, examples=examples)
    fix = Fix("arguments", {"max_length": wanted})
    return Check(name="cut", level="warning", key="checks.cut", values=values, fix=fix, examples=examples)


def _unknown(read: Tokens, model_ref: str) -> Check:
    import numpy as np

    values = {"share": read.unknown}
    if read.unknown <= UNKNOWN_LIMIT:
        return Check(name="unknown", level="ok", key="checks.unknown", values=values)
    order = np.argsort(-read.unknown_tokens, kind="stable")[:EXAMPLES].tolist()
    fix = Fix("model", MULTILINGUAL) if model_ref != MULTILINGUAL else None
    examples = _examples(read, order, read.unknown_tokens)
    return Check(name="unknown", level="warning", key="checks.unknown", values=values, fix=fix, examples=examples)


def _examples(read: Tokens, order: Sequence[int], numbers: np.ndarray) -> tuple[Example, ...]:
    return tuple(
        Example(read.texts[place], ((int(read.row_ids[place]), "", ""),), int(numbers[place])) for place in order
    )
