"""Runs that `accelerate launch` starts: several processes make the run that one makes, and go when they must."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backend.training.run_folder import RunFolder
from backend.training.spec import RunState
from tests.backend.training.conftest import Desk, make_desk


@pytest.fixture
def desk(tmp_path: Path, tiny_encoder: Path) -> Desk:
    """A desk whose runs say themselves how they start."""
    return make_desk(tmp_path, tiny_encoder, launcher="auto")


def test_two_processes_make_the_run_of_one_with_twice_the_batch(desk: Desk) -> None:
    curves, reports = [], []
    # 96 rows in steps of 14: the last one of an epoch has 12.
    for processes, size in ((1, 14), (2, 7)):
        draft = replace(
            desk.draft,
            loop="native",
            launcher="accelerate" if processes > 1 else "process",
            processes=processes,
            arguments=replace(desk.draft.arguments, per_device_train_batch_size=size, dropout=0.0),
        )
        run_id = desk.queue.submit(desk.workspace, draft)
        status = desk.ended(run_id).status
        assert status.state is RunState.DONE, desk.queue.log_tail(desk.workspace, run_id)
        assert status.launcher == draft.launcher
        points = desk.queue.points(desk.workspace, run_id)
        curves.append([(point.step, point.values["loss"]) for point in points if "loss" in point.values])
        reports.append(RunFolder(desk.workspace.folder("runs", run_id)).report())
    alone, together = curves
    assert [step for step, _ in alone] == [step for step, _ in together]
    assert [loss for _, loss in alone] == pytest.approx([loss for _, loss in together], rel=1e-3)
    assert reports[0] and reports[1]
    assert reports[0].splits["validation"]["accuracy"] == reports[1].splits["validation"]["accuracy"]
