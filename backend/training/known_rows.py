"""The rows of a data set that a finished run's model can be scored on: those whose answers it knows, by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from backend.data.split import SplitPlan
from backend.errors import UserError
from backend.recipes.base import Recipe
from backend.training.spec import RunSpec

if TYPE_CHECKING:
    import numpy as np

    from backend.data.version import DataVersion

ALL = "all"
PARTS = ("test", "validation", "train", ALL)
"""What of a data set can be scored."""
LABELS_NAMED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The rows to score. row_ids: int64, sorted; targets: as Recipe.targets, of these rows."""

    row_ids: np.ndarray
    targets: np.ndarray
    unusable: int
    unknown: int
    unknown_labels: Sequence[str]
    absent_labels: Sequence[str]


def rows_to_score(
    recipe: Recipe, version: DataVersion, columns: Mapping[str, str], labels: Sequence[str], part: str, plan: SplitPlan
) -> Rows:
    """The rows of a part of a data set whose answers the model can give. labels: the model's, in id order.

    Raises UserError: columns that do not fit, elsewhere.no_rows, elsewhere.no_common_labels.
    """
    import numpy as np

    usable = recipe.usable(version, columns)
    if not usable.any():
        raise UserError("elsewhere.no_rows", data=version.title, columns=", ".join(columns.values()))
    if part == ALL:
        rows = np.flatnonzero(usable)
    else:
        rows = recipe.split(version, columns, plan)[part]
        if not len(rows):
            raise UserError("elsewhere.empty_part", data=version.title, rows=int(usable.sum()))
    there = recipe.labels(version, columns)
    spelt = as_spelt(labels, there)
    known_names, names_there = set(spelt), set(there)
    strange = [label for label in there if label not in known_names]
    if labels and len(strange) == len(there):
        raise UserError("elsewhere.no_common_labels", known=_named(labels), found=_named(there), column=_last(columns))
    targets = recipe.targets(version, columns, spelt)
    known = _known(targets, recipe, version, columns, there)[rows]
    if not known.any():
        raise UserError(
            "elsewhere.no_common_labels", known=_named(labels), found=_named(strange), column=_last(columns)
        )
    chosen = rows[known]
    return Rows(
        row_ids=chosen,
        targets=targets[chosen],
        unusable=version.rows - int(usable.sum()),
        unknown=len(rows) - len(chosen),
        unknown_labels=strange[:LABELS_NAMED] if len(chosen) < len(rows) else (),
        absent_labels=[label for label, name in zip(labels, spelt, strict=True) if name not in names_there],
    )


def as_spelt(labels: Sequence[str], there: Sequence[str]) -> tuple[str, ...]:
    """The model's labels as the data spell them: " Good" is "good" where no other label of either is."""
    plain = [label.strip().casefold() for label in there]
    own = [label.strip().casefold() for label in labels]
    # There may be a hundred thousand labels in the data: each is looked up, none looked for.
    here, names = set(there), dict(zip(plain, there, strict=True))
    times, own_times = Counter(plain), Counter(own)
    spelt = []
    for label, name in zip(labels, own, strict=True):
        alike = times[name] == 1 and own_times[name] == 1
        spelt.append(names[name] if label not in here and alike else label)
    return tuple(spelt)


def learnt_rows(recipe: Recipe, spec: RunSpec) -> tuple[DataVersion, np.ndarray] | None:
    """The run's data and the row_ids that it trained on; None where they are gone."""
    from backend.data.version import DataVersion

    try:
        version = DataVersion.read(Path(spec.data_folder))
        return version, recipe.split(version, spec.columns, spec.split)["train"]
    except (OSError, ValueError, KeyError, UserError):
        return None


def _known(
    targets: np.ndarray, recipe: Recipe, version: DataVersion, columns: Mapping[str, str], there: Sequence[str]
) -> np.ndarray:
    """bool (rows,): rows whose answer is one, or all, of those that the model can give."""
    import numpy as np

    if targets.ndim > 1:
        known: np.ndarray = recipe.targets(version, columns, there).sum(axis=1) == targets.sum(axis=1)
        return known
    return targets >= 0 if targets.dtype.kind in "iu" else ~np.isnan(targets)


def _named(labels: Sequence[str]) -> str:
    return ", ".join(labels[:LABELS_NAMED]) + (", …" if len(labels) > LABELS_NAMED else "")


def _last(columns: Mapping[str, str]) -> str:
    """The column of the answer: recipes name it last."""
    return list(columns.values())[-1]
