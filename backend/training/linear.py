"""A linear layer fitted to features: scikit-learn's regressions, folded into one weight matrix and one bias."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

# Inverse strengths of regularisation, as LogisticRegression's C; for Ridge 1 / C.
STRENGTHS = (0.01, 0.001, 0.003, 0.03, 0.1, 0.0003)
MOST_ITERATIONS = 1000
# Of the gradient; the answers of the last digits are not worth their time.
TOLERANCE = 1e-3
# What is added under the lowest intercept for a label of which no row was seen.
NEVER = 10.0


@dataclass(frozen=True, slots=True)
class Linear:
    """weight: (outputs, width), bias: (outputs,), both float32."""

    weight: np.ndarray
    bias: np.ndarray

    def logits(self, features: np.ndarray) -> np.ndarray:
        """features: (rows, width) float32. Gives (rows, outputs) float32."""
        logits: np.ndarray = features @ self.weight.T + self.bias
        return logits


class Fitter:
    """Standardises features once, then fits them with whatever strength is asked for.

    features: (rows, width). targets: label ids int64 (rows,), 0 or 1 float32 (rows, labels), or scores float32 (rows,).
    outputs: how many numbers the layer gives. centred: whether it has a bias.
    """

    def __init__(self, features: np.ndarray, targets: np.ndarray, outputs: int, centred: bool = True) -> None:
        self.targets, self.outputs, self.centred = targets, outputs, centred
        self.mean = features.mean(axis=0, dtype=np.float64) if centred else np.zeros(features.shape[1])
        deviation = features.std(axis=0, dtype=np.float64) if centred else np.sqrt((features**2).mean(axis=0))
        # A feature that never changes says nothing; dividing by next to nothing would make it loud.
        self.scale = np.where(deviation > 1e-8, deviation, np.inf)
        self.rows = (features - self.mean) / self.scale

    def fit(self, strength: float) -> Linear:
        """The layer for features as they came in."""
        if self.targets.ndim == 2:
            parts = [self._yes_or_no(column, strength) for column in self.targets.T]
            weight, bias = np.stack([part[0] for part in parts]), np.asarray([part[1] for part in parts])
        elif self.targets.dtype.kind in "iu":
            weight, bias = self._one_of(strength)
        else:
            weight, bias = self._score(strength)
        weight = weight / self.scale
        bias = bias - weight @ self.mean
        return Linear(weight.astype(np.float32), bias.astype(np.float32))

    def _one_of(self, strength: float) -> tuple[np.ndarray, np.ndarray]:
        weight = np.zeros((self.outputs, self.rows.shape[1]))
        seen = np.unique(self.targets)
        if len(seen) == 1:
            bias = np.full(self.outputs, -NEVER)
            bias[seen] = 0.0
            return weight, bias
        model = self._logistic(strength).fit(self.rows, self.targets)
        coefficients, intercepts = model.coef_, np.broadcast_to(model.intercept_, len(model.coef_))
        if len(seen) == 2:
            # Of two labels scikit-learn keeps the second one's; a softmax of halves is the same sigmoid.
            coefficients = np.concatenate([-coefficients, coefficients]) / 2
            intercepts = np.concatenate([-intercepts, intercepts]) / 2
        weight[seen] = coefficients
        bias = np.full(self.outputs, intercepts.min() - NEVER)
        bias[seen] = intercepts
        return weight, bias

    def _yes_or_no(self, targets: np.ndarray, strength: float) -> tuple[np.ndarray, float]:
        yes = int(targets.sum())
        if yes in (0, len(targets)):
            return np.zeros(self.rows.shape[1]), float(np.log((yes + 0.5) / (len(targets) - yes + 0.5)))
        model = self._logistic(strength).fit(self.rows, targets.astype(np.int64))
        return model.coef_[0], float(np.ravel(model.intercept_)[0])

    def _score(self, strength: float) -> tuple[np.ndarray, np.ndarray]:
        from sklearn.linear_model import Ridge

        model = Ridge(alpha=1 / strength, fit_intercept=self.centred).fit(self.rows, self.targets)
        return np.atleast_2d(model.coef_), np.atleast_1d(model.intercept_)

    def _logistic(self, strength: float) -> Any:
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=strength, fit_intercept=self.centred, max_iter=MOST_ITERATIONS, tol=TOLERANCE)


def mean_loss(logits: np.ndarray, targets: np.ndarray) -> float:
    """The loss that the model's own class computes for such targets, mean over rows."""
    import torch
    from torch.nn import functional

    given, wanted = torch.from_numpy(logits), torch.from_numpy(targets)
    if targets.ndim == 2:
        loss = functional.binary_cross_entropy_with_logits(given, wanted)
    elif targets.dtype.kind in "iu":
        loss = functional.cross_entropy(given, wanted)
    else:
        loss = functional.mse_loss(given[:, 0], wanted)
    return float(loss)
