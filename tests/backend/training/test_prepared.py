"""Tests of a run's data as the loop takes it: what the plan leaves out is not there, whatever has read the spec."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from backend.data.split import SplitPlan
from backend.training.prepared import prepare
from backend.training.spec import RunSpec
from tests.backend.tables import save_version


def test_rows_left_out_are_not_trained_on_and_the_spec_keeps_it(tmp_path: Path, tiny_encoder: Path) -> None:
    texts = ["a good film", "A  good film", "bad", "a book", "love it", "hate it", "a book"]
    splits = ["train"] * 5 + ["validation", "test"]
    version = save_version(tmp_path / "data", "split", text=texts, label=list("aabbaab"), split=splits)
    spec = RunSpec(
        name="opinions", recipe="single-label-classification", model_ref="", data_ref=version.ref, data_version=1,
        columns={"text": "text", "label": "label"}, split=SplitPlan(leave_out=("leaks", "duplicates")),
        model_path=str(tiny_encoder), data_folder=str(version.folder),
    )  # fmt: skip
    read = RunSpec.from_json(json.loads(json.dumps(spec.to_json())))
    assert read == spec
    (tmp_path / "cache" / "tokens").mkdir(parents=True)
    rows = prepare(read, tmp_path / "cache", lambda done, of: None).splits
    assert {name: split.row_ids.tolist() for name, split in rows.items()} == {
        "train": [0, 2, 4], "validation": [5], "test": [6],
    }  # fmt: skip
    # The tokens are kept for the data, not for the split: a plan that leaves nothing out finds them all.
    whole = prepare(replace(read, split=SplitPlan()), tmp_path / "cache", lambda done, of: None).splits
    assert len(whole["train"]) == 5


def test_a_spec_from_before_rows_could_be_left_out_is_read(tmp_path: Path) -> None:
    spec = RunSpec(
        name="old", recipe="single-label-classification", model_ref="", data_ref="", data_version=1, columns={}
    )
    written = json.loads(json.dumps(spec.to_json()))
    del written["split"]["leave_out"]
    assert RunSpec.from_json(written).split.leave_out == ()
