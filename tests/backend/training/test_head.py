"""A first answer: what is saved answers as it was scored, for every recipe; features are read once; Stop ends it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.recipes.base import Report, TrainArguments
from backend.training.first_answer import earlier_answer, first_answer_to
from backend.training.linear import Fitter
from backend.training.queue import RunSummary
from backend.training.run import train
from backend.training.run_folder import RunFolder
from backend.training.spec import RunSpec, RunState, RunStatus
from tests.backend.tables import save_version

SINGLE, MULTI = "single-label-classification", "multi-label-classification"
PAIRS, SCORES = "sentence-pair-classification", "sentence-pair-regression"
THINGS = ("film", "book", "food", "team", "game", "music")
SAID = ("awful bad poor hate", "great good fine love")


def table(recipe: str) -> tuple[dict[str, list[Any]], dict[str, str]]:
    """(120 rows by column, role to column), to be learnt from the words."""
    rows = range(120)
    texts = [f"the {THINGS[row % 6]} {SAID[row // 2 % 2]} {row}" for row in rows]
    others = [f"{SAID[row // 3 % 2]} we say" for row in rows]
    if recipe == SINGLE:
        return {"text": texts, "label": ["ny"[row // 2 % 2] for row in rows]}, {"text": "text", "label": "label"}
    if recipe == MULTI:
        tags = [["good"] * (row // 2 % 2) + ["film"] * (row % 6 == 0) for row in rows]
        return {"text": texts, "tags": tags}, {"text": "text", "labels": "tags"}
    if recipe == PAIRS:
        answers: list[Any] = ["ny"[row // 3 % 2] for row in rows]
        columns = {"text": "one", "text_pair": "two", "label": "answer"}
    else:
        answers, columns = (
            [0.5 + 2.5 * (row // 3 % 2) for row in rows],
            {"text": "one", "text_pair": "two", "score": "answer"},
        )
    return {"one": texts, "two": others, "answer": answers}, columns


@dataclass(frozen=True, slots=True)
class Answered:
    """A first answer that has been given."""

    folder: RunFolder
    report: Report

    def pipe(self) -> Any:
        from transformers import pipeline

        return pipeline("text-classification", model=str(self.folder.model))


def spec_of(root: Path, model: Path, recipe: str) -> RunSpec:
    """The spec of a first answer, its data written beside."""
    rows, columns = table(recipe)
    version = save_version(root / "v", **rows)
    draft = RunSpec(
        name="full", recipe=recipe, model_ref=f"folder:{model}", model_path=str(model), data_ref=version.ref,
        data_version=1, data_folder=str(version.folder), columns=columns, new_model={"num_hidden_layers": 2},
        arguments=TrainArguments(learning_rate=1e-3, max_length=64),
    )  # fmt: skip
    return first_answer_to(draft, "first")


def give(root: Path, spec: RunSpec, run_id: str = "r", stopped: bool = False) -> Answered:
    """Run it in this process, as its thread does."""
    folder = RunFolder(root / "runs" / run_id)
    folder.path.mkdir(parents=True)
    folder.write_spec(replace(spec, run_id=run_id))
    if stopped:
        folder.request("stop")
    state = train(folder.path, "thread")
    report = folder.report()
    assert state is (RunState.STOPPED if stopped else RunState.DONE) and report is not None, folder.log_tail()
    return Answered(folder, report)


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> tuple[Path, RunSpec, Answered]:
    """(workspace, spec, answer) of one text with one label."""
    root = tmp_path_factory.mktemp("single")
    spec = spec_of(root, tiny_encoder, SINGLE)
    return root, spec, give(root, spec)


def test_the_saved_model_answers_through_a_plain_pipeline_as_it_was_scored(
    single: tuple[Path, RunSpec, Answered],
) -> None:
    _, spec, answered = single
    rows = [json.loads(line) for line in (answered.folder.path / "metrics.jsonl").read_text().splitlines()]
    texts, labels = (table(SINGLE)[0][name] for name in ("text", "label"))
    with np.load(next((answered.folder.path.parent.parent / "cache" / "features").iterdir())) as kept:
        validation = kept["validation_rows"].tolist()
    pipe = answered.pipe()
    losses = []
    for row in validation:
        shares = {one["label"]: one["score"] for one in pipe(texts[row], top_k=None)}
        losses.append(-np.log(shares[labels[row]]))
    assert np.mean(losses) == pytest.approx(answered.report.splits["validation"]["loss"], abs=2e-4)
    assert rows[-1]["values"]["eval_loss"] == pytest.approx(answered.report.splits["validation"]["loss"], abs=1e-5)


def test_it_is_better_than_the_simplest_guess_on_rows_it_never_saw(single: tuple[Path, RunSpec, Answered]) -> None:
    report = single[2].report
    assert report.splits["test"]["accuracy"] > report.baseline["test"]["accuracy"]
    assert report.splits["test"]["rows"] == 12 and report.facts["train_rows"] == 96
    status = single[2].folder.status()
    assert (status.step, status.total_steps) == (1, 1)
    assert status.best_value == report.splits["validation"]["accuracy"]


def test_a_second_answer_takes_the_features_that_were_kept(single: tuple[Path, RunSpec, Answered]) -> None:
    root, spec, first = single
    file = next((root / "cache" / "features").iterdir())
    written = file.read_bytes()
    again = give(root, spec, "again")
    assert again.report.facts["features_cached"] and not first.report.facts["features_cached"]
    assert again.report.splits["test"] == pytest.approx(first.report.splits["test"], abs=1e-4)
    assert file.read_bytes() == written
    longer = give(root, replace(spec, arguments=TrainArguments(max_length=32)), "longer")
    assert not longer.report.facts["features_cached"]


def test_stop_ends_the_reading_and_the_answer_is_made_from_what_was_read(
    single: tuple[Path, RunSpec, Answered], tmp_path: Path, tiny_encoder: Path
) -> None:
    answered = give(tmp_path, spec_of(tmp_path, tiny_encoder, SINGLE), stopped=True)
    assert answered.report.facts["train_rows"] == 16 and answered.report.facts["stopped"]
    assert answered.pipe()("the film great")[0]["label"] in "ny"
    assert not (tmp_path / "cache" / "features").exists()


def test_several_labels_get_a_threshold_each_which_the_model_keeps(tmp_path: Path, tiny_encoder: Path) -> None:
    answered = give(tmp_path, spec_of(tmp_path, tiny_encoder, MULTI))
    assert answered.report.splits["test"]["f1_micro"] > answered.report.baseline["test"]["f1_micro"]
    pipe = answered.pipe()
    assert pipe.model.config.thresholds == answered.report.settled["thresholds"]
    shares = {one["label"]: one["score"] for one in pipe("the book great good fine love 3", top_k=None)}
    assert shares["good"] > shares["film"]


def test_pairs_are_answered_by_what_stands_in_the_second_text(tmp_path: Path, tiny_encoder: Path) -> None:
    answered = give(tmp_path, spec_of(tmp_path, tiny_encoder, PAIRS))
    assert answered.report.splits["test"]["accuracy"] > answered.report.baseline["test"]["accuracy"]
    assert answered.pipe().model.config.problem_type == "single_label_classification"


def test_scores_of_pairs_come_out_as_the_number_itself(tmp_path: Path, tiny_encoder: Path) -> None:
    answered = give(tmp_path, spec_of(tmp_path, tiny_encoder, SCORES))
    assert answered.report.splits["test"]["pearson"] > 0.5
    true, scored = answered.report.scatter[0]
    assert true in (0.5, 3.0) and answered.pipe().model.config.num_labels == 1 and 0 < scored < 4


def test_a_model_that_has_a_head_for_texts_keeps_what_it_gives_it(tmp_path: Path, tiny_classifier: Path) -> None:
    answered = give(tmp_path, spec_of(tmp_path, tiny_classifier, SINGLE))
    assert answered.pipe().model.config.num_hidden_layers == 1


def test_a_model_that_writes_gives_a_first_answer_too(tmp_path: Path, tiny_generator: Path) -> None:
    answered = give(tmp_path, spec_of(tmp_path, tiny_generator, SINGLE))
    shares = {one["label"]: one["score"] for one in answered.pipe()("the film great", top_k=None)}
    assert sum(shares.values()) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("kind", ["bert", "roberta", "electra", "distilbert"])
def test_the_layer_added_gives_the_head_the_average_of_the_tokens(kind: str) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification

    from backend.training.averaging import average_tokens

    size = {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32} if kind == "distilbert" else {
        "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}  # fmt: skip
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_config(AutoConfig.for_model(kind, vocab_size=50, **size)).eval()
    words = torch.tensor([[5, 6, 7, 8, 9, 10], [5, 11, 12, 1, 1, 1]])
    mask = (words > 1).long()
    with torch.no_grad():
        states = model.base_model(input_ids=words, attention_mask=mask).last_hidden_state
        mean = (states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        assert average_tokens(model) and model.config.num_hidden_layers == 3
        states = model.base_model(input_ids=words, attention_mask=mask).last_hidden_state[:, 0]
    wanted = torch.nn.functional.layer_norm(mean, (16,))
    assert torch.allclose(states, wanted, atol=0.02)


def test_a_label_of_which_no_row_was_read_is_never_the_answer() -> None:
    generator = np.random.default_rng(0)
    features = generator.normal(size=(40, 5)).astype(np.float32)
    targets = np.where(features[:, 0] > 0, 2, 0).astype(np.int64)
    logits = Fitter(features, targets, outputs=4).fit(0.1).logits(features)
    assert (logits.argmax(axis=1) == targets).mean() > 0.9 and logits[:, [1, 3]].max() < logits[:, [0, 2]].min()


def test_a_longer_run_finds_the_first_answer_to_the_same_question(single: tuple[Path, RunSpec, Answered]) -> None:
    spec = single[1]
    whole = replace(spec, loop="trainer", arguments=TrainArguments(num_train_epochs=1))
    runs = [
        RunSummary(run_id=name, spec=made, status=RunStatus(state=state))
        for name, made, state in (
            ("stopped", spec, RunState.STOPPED),
            ("other columns", replace(spec, columns={"text": "label", "label": "text"}), RunState.DONE),
            ("other rows", replace(spec, split=replace(spec.split, train_rows="[:20]")), RunState.DONE),
            ("whole", whole, RunState.DONE),
            ("newest", spec, RunState.DONE),
            ("older", spec, RunState.DONE),
        )
    ]
    found = earlier_answer(whole, runs)
    assert found and found.run_id == "newest"
    assert earlier_answer(whole, runs[:4]) is None and earlier_answer(spec, runs) is None
