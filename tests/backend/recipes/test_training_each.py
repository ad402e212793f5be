"""Each recipe trains a tiny model: what its report holds, and that the saved model answers as a pipeline does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.data.split import SplitPlan
from backend.data.version import DataVersion
from backend.recipes import all_recipes
from backend.recipes.base import Report, TrainArguments
from backend.training.run import train
from backend.training.run_folder import RunFolder
from backend.training.spec import RunSpec, RunState
from tests.backend.tables import save_version

ARGUMENTS = TrainArguments(learning_rate=2e-2, num_train_epochs=10, per_device_train_batch_size=8, evaluations=2)
THINGS = ("film", "book", "food", "team", "game", "music")


def opinions() -> tuple[list[str], list[str]]:
    """60 pairs: what is spoken of, and what is said of it, in every second one good."""
    said = ("awful bad poor hate", "great good fine love")
    return [f"the {THINGS[row // 2 % 6]}" for row in range(60)], [said[row % 2] for row in range(60)]


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished run."""

    folder: RunFolder
    report: Report

    def pipe(self) -> Any:
        from transformers import pipeline

        return pipeline("text-classification", model=str(self.folder.model))


def run(
    root: Path, model: Path, recipe: str, version: DataVersion, columns: dict[str, str], *leave_out: str
) -> Trained:
    """Train in this process, as a launcher's child does."""
    folder = RunFolder(root / "runs" / "r")
    folder.path.mkdir(parents=True)
    (root / "cache").mkdir()
    spec = RunSpec(
        name="r",
        recipe=recipe,
        model_ref=f"folder:{model}",
        model_path=str(model),
        data_ref=version.ref,
        data_version=1,
        data_folder=str(version.folder),
        columns=columns,
        split=SplitPlan(leave_out=leave_out),
        arguments=ARGUMENTS,
        run_id="r",
    )
    folder.write_spec(spec)
    state = train(folder.path, "thread")
    report = folder.report()
    assert state is RunState.DONE and report is not None, folder.log_tail()
    scored = [point.values for point in folder.points() if "eval_loss" in point.values]
    assert set(scored[0]) == {"eval_loss", *(f"eval_{name}" for name in all_recipes()[recipe].metric_names)}
    assert set(report.baseline["test"]) == set(all_recipes()[recipe].metric_names)
    return Trained(folder, report)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Trained:
    root = tmp_path_factory.mktemp("pairs")
    ones, others = opinions()
    labels = [*("yes" if row % 2 else "no" for row in range(60)), "NaN", "none", "NaN"]
    version = save_version(root / "v", one=[*ones, *ones[:3]], two=[*others, *others[:3]], label=labels)
    columns = {"text": "one", "text_pair": "two", "label": "label"}
    return run(root, tiny_encoder, "sentence-pair-classification", version, columns, "unlabelled")


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Trained:
    root = tmp_path_factory.mktemp("scores")
    ones, others = opinions()
    numbers = [*(str(2.5 * (row % 2) + 0.5) for row in range(60)), "inf", "1e308", "high"]
    version = save_version(root / "v", one=[*ones, *ones[:3]], two=[*others, *others[:3]], score=numbers)
    columns = {"text": "one", "text_pair": "two", "score": "score"}
    return run(root, tiny_encoder, "sentence-pair-regression", version, columns)


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Trained:
    root = tmp_path_factory.mktemp("sets")
    texts = [f"{'good film' if row % 2 else 'it'} {'and bad book' if row % 3 else 'and'} {row}" for row in range(60)]
    labels = [["film"] * (row % 2) + ["book"] * bool(row % 3) for row in range(60)]
    version = save_version(root / "v", text=texts, tags=labels)
    return run(root, tiny_encoder, "multi-label-classification", version, {"text": "text", "labels": "tags"})


def test_pairs_are_learnt_and_reported_as_classes(pairs: Trained) -> None:
    test, guess = pairs.report.splits["test"], pairs.report.baseline["test"]
    assert test["accuracy"] > guess["accuracy"] == 0.5
    assert test["matthews_correlation"] > guess["matthews_correlation"] == 0.0
    assert pairs.report.labels == ["no", "yes"] and [sum(row) for row in pairs.report.confusion] == [3, 3]
    assert all({"text", "text_pair", "true", "answer", "confidence"} <= set(row) for row in pairs.report.wrong)


def test_a_model_of_pairs_answers_for_two_texts(pairs: Trained) -> None:
    answer = pairs.pipe()({"text": "the film", "text_pair": "great good fine love"})
    assert (answer if isinstance(answer, dict) else answer[0])["label"] == "yes"


def test_scores_are_learnt_and_reported_with_their_scatter(scores: Trained) -> None:
    report = scores.report
    assert report.headline_metric == "pearson" and report.splits["test"]["pearson"] > 0.9
    assert report.splits["test"]["mae"] < report.baseline["test"]["mae"]
    assert len(report.scatter) == 6 and {true for true, _ in report.scatter} == {0.5, 3.0}
    assert report.labels == [] and report.confusion == [] and 1.5 < float(report.baseline_label) < 2


def test_a_new_head_for_scores_begins_at_their_mean_and_a_trained_one_stays(
    scores: Trained, tiny_encoder: Path
) -> None:
    recipe, targets = all_recipes()["sentence-pair-regression"], np.array([0.5, 3.0, 4.0], np.float32)
    new, trained = (recipe.load_model(str(path), (), ARGUMENTS) for path in (tiny_encoder, scores.folder.model))
    before = trained.classifier.bias.item()
    for model in (new, trained):
        recipe.begin(model, targets)
    assert new.classifier.bias.item() == 2.5
    assert trained.classifier.bias.item() == before


def test_a_model_of_scores_answers_with_the_number_itself(scores: Trained) -> None:
    pipe = scores.pipe()
    high, low = (
        pipe({"text": "the film", "text_pair": said}) for said in ("great good fine love", "awful bad poor hate")
    )
    high, low = (answer if isinstance(answer, dict) else answer[0] for answer in (high, low))
    assert high["label"] == "score" and high["score"] > 2 > low["score"]


def test_sets_are_learnt_and_reported_with_a_threshold_for_each_label(sets: Trained) -> None:
    report = sets.report
    assert report.splits["test"]["f1_micro"] > report.baseline["test"]["f1_micro"]
    assert [row["label"] for row in report.per_label] == ["book", "film"]
    assert {row["label"]: row["threshold"] for row in report.per_label} == report.settled["thresholds"]
    assert report.confusion == []


def test_a_model_of_sets_gives_each_label_a_probability_of_its_own_and_keeps_the_thresholds(sets: Trained) -> None:
    pipe = sets.pipe()
    answers = {row["label"]: row["score"] for row in pipe("good film and bad book 1", top_k=None)}
    assert answers["film"] > 0.5 and answers["book"] > 0.5
    assert pipe.model.config.thresholds == sets.report.settled["thresholds"]
