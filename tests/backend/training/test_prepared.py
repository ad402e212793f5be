"""Tests of a run's data as the loop takes it: what the plan leaves out is not there, whatever has read the spec."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from transformers import AutoTokenizer

from backend.data.split import SplitPlan
from backend.recipes.base import TrainArguments
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


def test_a_word_for_no_label_is_no_class_of_a_run_that_leaves_it_out(tmp_path: Path, tiny_encoder: Path) -> None:
    texts = [f"text number {row}" for row in range(20)]
    version = save_version(tmp_path / "data", text=texts, label=["a", "b", "NaN", "b"] * 5)
    spec = RunSpec(
        name="opinions", recipe="single-label-classification", model_ref="", data_ref=version.ref, data_version=1,
        columns={"text": "text", "label": "label"}, split=SplitPlan(validation_share=0.2, test_share=0.2),
        model_path=str(tiny_encoder), data_folder=str(version.folder),
    )  # fmt: skip
    (tmp_path / "cache" / "tokens").mkdir(parents=True)
    whole = prepare(spec, tmp_path / "cache", lambda done, of: None)
    plan = replace(spec.split, leave_out=("unlabelled",))
    without = prepare(replace(spec, split=plan), tmp_path / "cache", lambda done, of: None)
    assert (whole.labels, without.labels) == (("a", "b", "NaN"), ("a", "b"))
    for name, split in without.splits.items():
        # What is checked and tested on are the same rows but for those.
        assert split.row_ids.tolist() == [row for row in whole.splits[name].row_ids.tolist() if row % 4 != 2]
        assert {*split.targets.tolist()} <= {0, 1}


def test_of_a_longer_text_the_end_is_read_where_that_is_asked_for_and_the_tokenizer_keeps_it(
    tmp_path: Path, tiny_encoder: Path
) -> None:
    texts = [f"good film {'very ' * 20}bad book" for _ in range(20)]
    version = save_version(tmp_path / "data", text=texts, label=["a", "b"] * 10)
    spec = RunSpec(
        name="ends", recipe="single-label-classification", model_ref="", data_ref=version.ref, data_version=1,
        columns={"text": "text", "label": "label"}, model_path=str(tiny_encoder), data_folder=str(version.folder),
        arguments=TrainArguments(max_length=8),
    )  # fmt: skip
    (tmp_path / "cache" / "tokens").mkdir(parents=True)
    for side, begins, ends in (("own", "good film", "very"), ("left", "very", "bad book"), ("right", "good", "very")):
        asked = replace(spec, arguments=replace(spec.arguments, truncation_side=side))
        found = prepare(asked, tmp_path / "cache", lambda done, of: None)
        read = found.tokenizer.decode(found.splits["train"].features[0]["input_ids"], skip_special_tokens=True)
        assert read.startswith(begins) and read.endswith(ends) and len(read.split()) == 6
        found.tokenizer.save_pretrained(tmp_path / side)
        kept = AutoTokenizer.from_pretrained(tmp_path / side)
        assert kept.truncation_side == ("left" if side == "left" else "right")


def test_a_spec_from_before_rows_could_be_left_out_is_read(tmp_path: Path) -> None:
    spec = RunSpec(
        name="old", recipe="single-label-classification", model_ref="", data_ref="", data_version=1, columns={}
    )
    written = json.loads(json.dumps(spec.to_json()))
    del written["split"]["leave_out"]
    assert RunSpec.from_json(written).split.leave_out == ()
