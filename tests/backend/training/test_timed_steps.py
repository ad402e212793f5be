"""What is measured for a forecast: whole batches where time allows, and no cold first step among them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from backend.training import timed_steps
from backend.training.timed_steps import LEFTOVERS, Steps

LENGTHS = np.asarray([20] * 10 + [40] * 10)


class Machine(Steps):
    """Steps that take no time: so many seconds a row are told, a hundred times as many for the first step."""

    def __init__(self, row_seconds: float) -> None:
        self.spec = SimpleNamespace(  # type: ignore[assignment]
            arguments=SimpleNamespace(per_device_train_batch_size=16, per_device_eval_batch_size=64)
        )
        self.row_seconds, self.factor = row_seconds, 100.0
        self.checkpointed = False
        self.trained_on: list[tuple[int, int]] = []
        self.scored: list[int] = []
        self.peak = 500.0

    def _train(self, rows: int, length: int) -> float:
        seconds, self.factor = self.row_seconds * rows * self.factor, 1.0
        self.trained_on.append((rows, length))
        self.peak = max(self.peak, 500.0 + rows * length / 16)
        return seconds

    def _score(self, rows: int, length: int) -> float:
        self.scored.append(rows)
        self.peak = max(self.peak, 500.0 + rows * length / 100)
        return self.row_seconds / 3

    def kept_mib(self, length: int) -> float:
        return length / 16 / LEFTOVERS

    def measured(
        self, monkeypatch: pytest.MonkeyPatch, lengths: np.ndarray = LENGTHS
    ) -> tuple[list[tuple[int, float]], float]:
        """(training seconds a row by length, memory)."""
        monkeypatch.setattr(timed_steps, "peak_mib", lambda: self.peak)
        monkeypatch.setattr(timed_steps, "resident_mib", lambda: 500.0)
        train, _, memory = self.time(lengths)
        return train, memory


def test_a_slow_first_step_does_not_keep_whole_batches_from_being_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(row_seconds=0.01)
    train, _ = machine.measured(monkeypatch)
    # Each twice: the first time may have been disturbed.
    assert machine.trained_on[-4:] == [(16, 40)] * 2 + [(16, 20)] * 2 and machine.scored[-2:] == [64, 64]
    assert [seconds for _, seconds in train] == pytest.approx([0.01, 0.01])


def test_memory_is_that_of_a_whole_batch_and_scoring_is_not_multiplied(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Machine(row_seconds=0.01).measured(monkeypatch)[1]
    assert whole == 500 + 16 * 40 / 16
    # A machine so slow that only a part of a batch is measured.
    part = Machine(row_seconds=0.2).measured(monkeypatch)[1]
    assert part == pytest.approx(whole, rel=0.02)


def test_no_batch_is_larger_than_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(row_seconds=0.01)
    machine.measured(monkeypatch, LENGTHS[-4:])
    assert machine.trained_on[-1] == (4, 40)
