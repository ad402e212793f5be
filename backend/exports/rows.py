"""The rows of a run as Parquet files, one a split, as its script reads them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.data.split import SPLITS
from backend.data.version import DataVersion
from backend.errors import UserError
from backend.recipes import all_recipes
from backend.training.spec import RunSpec
from backend.workspace import disk_error

if TYPE_CHECKING:
    import numpy as np


def write_rows(spec: RunSpec, folder: Path) -> dict[str, int]:
    """train.parquet, validation.parquet and test.parquet: the run's own columns, answers as names, lists of names or
    numbers, in the order in which the run had them. Returns how many rows each has; an empty split has no file.

    Raises UserError after.no_data where the data are gone.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    recipe = all_recipes()[spec.recipe]
    try:
        version = DataVersion.read(Path(spec.data_folder))
    except (OSError, ValueError, KeyError) as error:
        raise UserError("after.no_data", data=spec.data_title or spec.data_ref) from error
    labels = recipe.learnt_labels(version, spec.columns, spec.split)
    targets = recipe.targets(version, spec.columns, labels)
    parts = recipe.split(version, spec.columns, spec.split)
    names = [spec.columns[role] for role in recipe.text_roles]
    rows = version.load().select_columns(names)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for split in SPLITS:
            if not len(parts[split]):
                continue
            chosen = rows.select(parts[split])
            table: dict[str, Any] = {name: pa.array([str(text) for text in chosen[name]]) for name in names}
            table[spec.columns[recipe.roles[-1].name]] = _answers(targets[parts[split]], labels)
            pq.write_table(pa.table(table), folder / f"{split}.parquet")
    except OSError as error:
        raise disk_error(error, folder / "train.parquet") from error
    return {split: len(parts[split]) for split in SPLITS}


def _answers(targets: np.ndarray, labels: tuple[str, ...]) -> Any:
    """Targets as an Arrow array that a person can read."""
    import numpy as np
    import pyarrow as pa

    if not labels:
        return pa.array(targets.astype(np.float64))
    if targets.ndim == 2:
        sets = [[labels[place] for place in np.flatnonzero(row)] for row in targets]
        return pa.array(sets, pa.list_(pa.string()))
    return pa.array([labels[target] for target in targets.tolist()])
