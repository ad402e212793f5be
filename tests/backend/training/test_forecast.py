"""Forecasts: measured once on this data, reckoned anew for each setting, honest about memory and cut texts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backend.errors import UserError
from backend.models import ModelFacts, ModelShelf
from backend.recipes.base import TrainArguments
from backend.training import forecast as forecasts
from backend.training.forecast import disk_bytes, forecast, free_bytes, known_forecast, refuse_full_disk
from backend.training.spec import Forecast, RunSpec
from tests.backend.training.conftest import Desk


def ask(desk: Desk, draft: RunSpec) -> Forecast:
    return forecast(desk.settings, desk.queue.shelf, desk.workspace, draft)


@pytest.fixture(scope="session")
def made(trained: tuple[Desk, str]) -> tuple[Desk, Forecast]:
    """The forecast of the run that was trained."""
    desk, _ = trained
    return desk, ask(desk, desk.draft)


def test_it_says_steps_splits_and_the_baseline(made: tuple[Desk, Forecast]) -> None:
    _, seen = made
    assert seen.steps == 72 and seen.split_rows == {"train": 96, "validation": 12, "test": 12}
    assert seen.baseline_label == "bad" and seen.baseline_value == 0.5
    assert seen.measured_batches >= 3


def test_it_takes_the_order_of_time_that_the_run_took(made: tuple[Desk, Forecast], trained: tuple[Desk, str]) -> None:
    desk, seen = made
    report = desk.queue.report(desk.workspace, trained[1])
    assert report is not None
    assert seen.seconds_low < seen.seconds < seen.seconds_high
    # Two orders of magnitude: how busy the machine is differs from second to second while tests run.
    assert report.facts["total_seconds"] / 10 < seen.seconds < report.facts["total_seconds"] * 10


def test_memory_and_disk_are_those_of_a_process_with_this_model(made: tuple[Desk, Forecast]) -> None:
    _, seen = made
    assert 100 < seen.memory_mib < 2000 and seen.verdict == "fits"
    assert 0 < seen.disk_mib < 10 and seen.memory_available_mib > seen.memory_mib


def test_more_epochs_take_longer_and_are_not_measured_again(made: tuple[Desk, Forecast]) -> None:
    desk, seen = made
    known = len(forecasts._measured)
    longer = replace(desk.draft.arguments, num_train_epochs=60)
    again = ask(desk, replace(desk.draft, arguments=longer))
    assert again.steps == 720 and again.seconds > seen.seconds and len(forecasts._measured) == known


def test_it_counts_the_texts_that_are_cut_and_the_tokens_not_known(made: tuple[Desk, Forecast]) -> None:
    desk, seen = made
    assert seen.truncated_share == 0 and 0 <= seen.unknown_share < 0.2
    cut = ask(desk, replace(desk.draft, arguments=TrainArguments(max_length=8)))
    assert cut.truncated_share == 1


def test_a_forecast_made_is_known_for_the_same_run_only(made: tuple[Desk, Forecast], trained: tuple[Desk, str]) -> None:
    desk, seen = made
    spec = desk.queue.run(desk.workspace, trained[1]).spec
    assert spec is not None and known_forecast(spec) == seen
    assert known_forecast(replace(spec, columns={"text": "label", "label": "text"})) is None


def test_it_refuses_what_start_would_refuse(made: tuple[Desk, Forecast]) -> None:
    desk, _ = made
    with pytest.raises(UserError, match="no column"):
        ask(desk, replace(desk.draft, columns={"text": "text", "label": "nothing"}))


def test_a_model_that_is_elsewhere_cannot_be_measured(made: tuple[Desk, Forecast]) -> None:
    desk, _ = made
    shelf = ModelShelf(desk.settings)
    with pytest.raises(UserError):
        forecast(desk.settings, shelf, desk.workspace, replace(desk.draft, model_ref="hub:nobody/nothing"))


def test_memory_is_told_apart(made: tuple[Desk, Forecast]) -> None:
    _, seen = made
    assert sum(seen.memory_parts_mib.values()) == pytest.approx(seen.memory_mib)
    # A model of a few kilobytes: all is the program's.
    assert seen.memory_parts_mib["program"] > 0.5 * seen.memory_mib and seen.change is None


def test_the_disk_holds_three_models_two_states_and_the_checkpoints_kept(made: tuple[Desk, Forecast]) -> None:
    desk, _ = made
    keeps = replace(desk.draft.arguments, save_steps=10, save_total_limit=4)
    assert disk_bytes(100, 80, desk.draft) == 2 * 100 + 8 * 80
    assert disk_bytes(100, 80, replace(desk.draft, arguments=keeps), steps=30) == (2 + 3) * 100 + 8 * 80


def test_a_run_that_the_disk_cannot_hold_is_refused_without_measuring(made: tuple[Desk, Forecast]) -> None:
    desk, _ = made
    free = free_bytes(desk.workspace)
    facts = ModelFacts(ref="hub:a/b", title="b", source="hub", path=None, parameters=free // 20)
    unseen = replace(desk.draft, split=replace(desk.draft.split, seed=7))
    with pytest.raises(UserError, match="GB are free"):
        refuse_full_disk(unseen, facts, desk.workspace)
    refuse_full_disk(unseen, replace(facts, parameters=1000), desk.workspace)
    refuse_full_disk(replace(unseen, arguments=TrainArguments(freeze_base=True)), facts, desk.workspace)


def test_a_forecast_made_before_decides_whether_the_disk_suffices(
    made: tuple[Desk, Forecast], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, seen = made
    facts = desk.queue.shelf.facts(desk.workspace, desk.draft.model_ref)
    monkeypatch.setattr(forecasts, "free_bytes", lambda workspace: int(seen.disk_mib * 2**20) - 1)
    with pytest.raises(UserError, match="GB are free"):
        # By the number of its weights alone it would be let through.
        refuse_full_disk(desk.draft, replace(facts, parameters=1), desk.workspace)
