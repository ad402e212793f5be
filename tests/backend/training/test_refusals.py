"""What Start and Forecast refuse alike: arguments that contradict the model, the data, the device or each other."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.data.library import add_files, open_data
from backend.data.split import SplitPlan
from backend.errors import UserError
from backend.recipes.base import TrainArguments
from backend.training.forecast import forecast
from backend.training.refusals import refuse_unfit, remarks
from backend.training.spec import RunSpec
from tests.backend.training.conftest import Desk


def refused(desk: Desk, draft: RunSpec) -> UserError:
    """What Start says, after Forecast has said the same."""
    with pytest.raises(UserError) as asked:
        forecast(desk.settings, desk.queue.shelf, desk.workspace, draft)
    with pytest.raises(UserError) as started:
        desk.queue.submit(desk.workspace, draft)
    assert str(asked.value) == str(started.value)
    assert not desk.queue.runs(desk.workspace)
    return started.value


def refuse(desk: Desk, draft: RunSpec) -> None:
    """Raise what Start would."""
    version = open_data(desk.workspace, draft.data_ref, draft.data_version)
    refuse_unfit(draft, version, desk.queue.shelf.facts(desk.workspace, draft.model_ref), "cpu")


def test_a_model_without_a_tokenizer_is_refused_rather_than_trained_on_nothing(desk: Desk, tmp_path: Path) -> None:
    source = Path(desk.draft.model_ref.removeprefix("folder:"))
    bare = tmp_path / "bare"
    bare.mkdir()
    for name in ("config.json", "model.safetensors"):
        shutil.copy(source / name, bare / name)
    assert refused(desk, replace(desk.draft, model_ref=f"folder:{bare}")).key == "models.no_tokenizer"


def test_texts_longer_than_the_model_reads_are_refused_with_its_limit(desk: Desk) -> None:
    most = desk.queue.shelf.facts(desk.workspace, desk.draft.model_ref).max_length
    assert most > 0
    error = refused(desk, replace(desk.draft, arguments=TrainArguments(max_length=most + 1)))
    assert error.key == "training.too_long" and str(most) in error.what("en")


def with_arguments(desk: Desk, **arguments: Any) -> RunSpec:
    """The desk's draft with other arguments."""
    return replace(desk.draft, arguments=TrainArguments(**arguments))


@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        ({"precision": "fp16"}, "arguments.fp16_on_processor"),
        ({"metric_for_best_model": "rouge"}, "arguments.other_metric"),
        ({"lora_rank": 8, "freeze_base": True}, "arguments.lora_and_frozen"),
        ({"lora_rank": 8, "lora_targets": "q_proj"}, "arguments.no_such_target"),
        ({"max_steps": 1, "warmup_ratio": 0.5}, "arguments.only_warm_up"),
        ({"max_steps": 10, "eval_steps": 11}, "arguments.no_check_in_run"),
        ({"max_steps": 10, "save_steps": 11}, "arguments.no_checkpoint_in_run"),
    ],
)
def test_what_cannot_work_is_refused_before_start(desk: Desk, arguments: dict[str, Any], key: str) -> None:
    error = refused(desk, with_arguments(desk, **arguments))
    assert error.key == key and error.todo("zh-CN") and "{" not in error.todo()


def test_a_lora_target_that_the_model_lacks_is_answered_with_those_it_has(desk: Desk) -> None:
    error = refused(desk, with_arguments(desk, lora_rank=8, lora_targets="q_proj, value"))
    assert error.values == {"targets": "q_proj", "known": "dense, key, query, value"}
    refuse(desk, with_arguments(desk, lora_rank=8, lora_targets="query, value"))


def test_a_slice_beyond_the_end_is_refused_with_the_rows_there_are(desk: Desk) -> None:
    error = refused(desk, replace(desk.draft, split=SplitPlan(train_rows="[5000:]")))
    assert error.key == "data.empty_slice" and error.values["rows"] == 120


def test_a_plan_that_leaves_out_all_labels_but_one_is_refused(desk: Desk, tmp_path: Path) -> None:
    rows = "".join(f"it was a great film {row},{('good', 'NaN')[row % 2]}\n" for row in range(60))
    (tmp_path / "words.csv").write_text("text,label\n" + rows, encoding="utf-8")
    version = add_files(desk.workspace, desk.settings, [tmp_path / "words.csv"])
    draft = replace(desk.draft, data_ref=version.ref, data_version=version.version)
    refuse(desk, draft)
    assert refused(desk, replace(draft, split=SplitPlan(leave_out=("unlabelled",)))).key == "checks.one_label_left"


def test_early_stopping_needs_rows_to_check_on(desk: Desk) -> None:
    draft = replace(
        with_arguments(desk, early_stopping_patience=2), split=SplitPlan(validation_share=0.0, test_share=0.2)
    )
    assert refused(desk, draft).key == "arguments.early_without_checks"


def test_a_number_beyond_its_limit_is_named_with_the_limit() -> None:
    with pytest.raises(UserError) as caught:
        TrainArguments(per_device_train_batch_size=0)
    assert caught.value.values["name"] == "per_device_train_batch_size" and "1" in caught.value.todo()


def test_an_absurd_learning_rate_is_refused_with_the_limit_and_a_usual_one() -> None:
    with pytest.raises(UserError) as caught:
        TrainArguments(learning_rate=10)
    assert "10" in caught.value.what() and "0.1" in caught.value.what() and "5e-5" in caught.value.todo()


@pytest.mark.parametrize("arguments", [{"class_weights": "balanced"}, {"label_smoothing_factor": 0.1}])
def test_what_only_classes_have_is_refused_elsewhere(desk: Desk, arguments: dict[str, Any]) -> None:
    (desk.workspace.root / "pairs.csv").write_text(
        "a,b,score\n" + "\n".join(f"a film {n},a movie {n},{n / 7:.2f}" for n in range(40)), encoding="utf-8"
    )
    version = add_files(desk.workspace, desk.settings, [desk.workspace.root / "pairs.csv"])
    draft = replace(
        with_arguments(desk, **arguments), recipe="sentence-pair-regression", data_ref=version.ref,
        data_version=version.version, columns={"text": "a", "text_pair": "b", "score": "score"},
    )  # fmt: skip
    assert refused(desk, draft).key == "arguments.no_classes"


def test_halves_on_a_processor_are_allowed_with_a_word(desk: Desk) -> None:
    refuse(desk, with_arguments(desk, precision="bf16"))
    assert [finding.key for finding in remarks("bf16", 0, 0, "cpu")] == ["arguments.bf16_slow"]
    assert remarks("bf16", 0, 0, "cuda") == remarks("fp32", 8, 0, "cpu") == []
