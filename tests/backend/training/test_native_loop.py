"""The native loop: the same run as Trainer's, from the first loss to the last score."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from backend.training.spec import RunState
from tests.backend.training.conftest import Desk


def curve(desk: Desk, run_id: str, name: str) -> list[tuple[int, float]]:
    """(step, value) of every point that has the name."""
    points = desk.queue.points(desk.workspace, run_id)
    return [(point.step, point.values[name]) for point in points if name in point.values]


def test_its_losses_norms_rates_and_scores_are_those_of_trainer(trained: tuple[Desk, str]) -> None:
    desk, theirs = trained
    ours = desk.queue.submit(desk.workspace, replace(desk.draft, loop="native"))
    assert desk.ended(ours).status.state is RunState.DONE, desk.queue.log_tail(desk.workspace, ours)
    for name in ("loss", "grad_norm", "learning_rate", "eval_loss", "eval_accuracy"):
        assert curve(desk, ours, name) == curve(desk, theirs, name), name
    assert desk.queue.run(desk.workspace, ours).status.epoch == desk.queue.run(desk.workspace, theirs).status.epoch


@pytest.mark.parametrize("loop", ["native", "trainer"])
def test_a_step_over_several_batches_is_the_step_of_one_large_batch(desk: Desk, loop: Any) -> None:
    losses = []
    # All 96 rows in each step: at once, or as 40, 40 and 16.
    for size, batches in ((96, 1), (40, 3)):
        arguments = replace(
            desk.draft.arguments, per_device_train_batch_size=size, gradient_accumulation_steps=batches, dropout=0.0
        )
        run_id = desk.queue.submit(desk.workspace, replace(desk.draft, loop=loop, arguments=arguments))
        assert desk.ended(run_id).status.state is RunState.DONE, desk.queue.log_tail(desk.workspace, run_id)
        losses.append([loss for _, loss in curve(desk, run_id, "loss")])
    assert len(losses[0]) == 6 and losses[0] == pytest.approx(losses[1], rel=1e-4)
