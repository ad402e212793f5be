"""How well scores were guessed: an evaluate.Metric class that needs no network."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import evaluate
    import numpy as np

REGRESSION_METRICS = ("pearson", "spearman", "mse", "rmse", "mae")


@cache
def regression_metric() -> evaluate.Metric:
    """pearson and spearman (-1 to 1, 0 where one side is constant), mse (the score's unit squared), rmse and mae (its
    unit), all from one pass over the rows."""
    import datasets
    import evaluate
    import numpy as np

    class Regression(evaluate.Metric):  # type: ignore[misc]
        def _info(self) -> evaluate.MetricInfo:
            number = datasets.Value("float32")
            return evaluate.MetricInfo(
                description="regression",
                citation="",
                features=datasets.Features({"predictions": number, "references": number}),
            )

        def _compute(self, predictions: Sequence[float], references: Sequence[float]) -> dict[str, float]:
            given, wanted = np.asarray(predictions, np.float64), np.asarray(references, np.float64)
            return _correlations(given, wanted) | errors(given, wanted)

    return Regression(keep_in_memory=True)


def regression_scores(predictions: np.ndarray, references: np.ndarray) -> dict[str, float]:
    """REGRESSION_METRICS of two float arrays (rows,)."""
    scores: dict[str, float] = regression_metric().compute(predictions=predictions, references=references)
    return scores


def errors(predictions: np.ndarray, references: np.ndarray) -> dict[str, float]:
    """mse, rmse and mae, by numpy alone: the page asks for them of the simplest guess."""
    import numpy as np

    off = np.asarray(predictions, np.float64) - np.asarray(references, np.float64)
    mse = float(np.mean(off**2))
    return {"mse": mse, "rmse": mse**0.5, "mae": float(np.mean(np.abs(off)))}


def _correlations(given: np.ndarray, wanted: np.ndarray) -> dict[str, float]:
    from scipy.stats import pearsonr, spearmanr

    if len(given) < 2 or _constant(given) or _constant(wanted):
        # A model that always says the same knows nothing of the order; scipy's answer would be no number.
        return {"pearson": 0.0, "spearman": 0.0}
    both: dict[str, Any] = {"pearson": pearsonr, "spearman": spearmanr}
    return {name: float(correlation(wanted, given).statistic) for name, correlation in both.items()}


def _constant(values: np.ndarray) -> bool:
    """Whether all values are the same, but for rounding: noise in the last digit correlates with anything."""
    import numpy as np

    return bool(np.ptp(values) <= 1e-6 * max(1.0, float(np.abs(values).max())))
