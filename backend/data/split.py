"""Which rows train, which check, which test: given splits are kept, else a seeded stratified 80/10/10."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backend.errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from backend.data.version import DataVersion

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitPlan:
    """How to split, as the form shows and a run's spec keeps it. Shares are parts of 1; validation and test may not both be 0."""

    use_given: bool = True
    """Keep the splits the data came with, where it came with any."""
    validation_share: float = 0.1
    test_share: float = 0.1
    stratify: bool = True
    seed: int = 42
    train_rows: str = ""
    """Which of the training rows: a slice expression such as `[:2000]`, `[:10%]` or `[:2000]+[-2000:]`; empty: all."""

    def __post_init__(self) -> None:
        if not (0 <= self.validation_share < 1 and 0 <= self.test_share < 1):
            raise UserError("data.bad_shares", validation=self.validation_share, test=self.test_share)
        if not 0 < self.validation_share + self.test_share < 0.95:
            raise UserError("data.bad_shares", validation=self.validation_share, test=self.test_share)


def split_rows(
    version: DataVersion, plan: SplitPlan, label_column: str = "", usable: Any = None
) -> dict[str, np.ndarray]:
    """row_ids of train, validation and test: int64 arrays, disjoint, each sorted.

    A pure function of its arguments. usable: bool array (rows,), the rows that may be used (label and text present); None: all.
    A given split without validation or without test takes it from train, by the plan's shares.
    Raises UserError if a split that the plan asks for would be empty.
    """
    raise NotImplementedError
