"""The script of a run trains it once more without any code of ours, and gets the same scores."""

from __future__ import annotations

import json
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from backend.errors import UserError
from backend.exports.rows import write_rows
from backend.exports.script import standalone_script
from backend.recipes.base import TrainArguments
from backend.training.run import train
from backend.training.run_folder import RunFolder
from backend.training.spec import RunSpec, RunState
from backend.training.watch import Watch
from tests.backend.tables import save_version

ROOT = Path(__file__).resolve().parents[3]
THINGS = ("film", "book", "food", "team", "game", "music")
SAID = ("awful bad poor hate", "great good fine love")
# One step left out or one batch mixed otherwise moves a loss by a hundredth and more.
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Case:
    """A run, and what is particular about it."""

    recipe: str
    columns: dict[str, str]
    data: dict[str, list[Any]]
    arguments: dict[str, Any] = field(default_factory=dict)
    spec: dict[str, Any] = field(default_factory=dict)
    stopped: bool = False


ROWS = range(60)
ONES = [f"the {THINGS[row // 2 % 6]} is" + " very" * (row % 5) for row in ROWS]
OTHERS = [SAID[row % 2] for row in ROWS]
# Some rows tell nothing, so that scores are neither none nor all.
MIXED = [f"{SAID[row % 2] if row % 7 else 'the one'} {ONES[row]}" for row in ROWS]
CASES = {
    "one label, rare ones weigh more, two batches a step": Case(
        "single-label-classification",
        {"text": "what they said", "label": "verdict"},
        {"what they said": MIXED, "verdict": [("no", "no", "yes", "我们")[row % 4] for row in ROWS]},
        {"class_weights": "balanced", "gradient_accumulation_steps": 2, "lr_scheduler_type": "cosine"},
        {"processes": 2},
    ),
    "several labels, by LoRA": Case(
        "multi-label-classification",
        {"text": "text", "labels": "tags"},
        {"text": MIXED, "tags": [["film"] * (row % 2) + ["book"] * bool(row % 3) for row in ROWS]},
        {"lora_rank": 4, "lora_dropout": 0.1, "evaluations": 3},
    ),
    "pairs, with everything else that changes the loss": Case(
        "sentence-pair-classification",
        {"text": "one", "text_pair": "two", "label": "label"},
        {"one": ONES, "two": OTHERS, "label": [(row % 2) * bool(row % 5) for row in ROWS]},
        {
            "freeze_embeddings": True,
            "dropout": 0.2,
            "label_smoothing_factor": 0.1,
            "early_stopping_patience": 1,
            "max_length": 10,
            "truncation_side": "left",
        },
        {"loop": "native"},
    ),
    "scores, chosen by the loss": Case(
        "sentence-pair-regression",
        {"text": "one", "text_pair": "two", "score": "score"},
        {"one": ONES, "two": OTHERS, "score": [2.5 * (row % 2) + 0.1 * (row % 4) for row in ROWS]},
        {"lr_scheduler_type": "polynomial", "eval_steps": 4, "metric_for_best_model": "loss", "max_steps": 15},
    ),
    "from nothing, only the head": Case(
        "single-label-classification",
        {"text": "text", "label": "label"},
        {"text": MIXED, "label": [("no", "yes")[row % 2] for row in ROWS]},
        {"freeze_base": True, "gradient_checkpointing": True},
        {"new_model": {"hidden_size": 32, "num_hidden_layers": 2}},
    ),
    "stopped by hand": Case(
        "sentence-pair-classification",
        {"text": "one", "text_pair": "two", "label": "label"},
        {"one": ONES, "two": OTHERS, "label": [("no", "maybe", "yes")[row % 3] for row in ROWS]},
        stopped=True,
    ),
}


@dataclass(frozen=True)
class Exported:
    """A finished run, and its script beside its rows."""

    run: RunFolder
    script: Path
    command: list[str]

    def scores(self) -> dict[str, dict[str, float]]:
        """What the run scored where it did not learn."""
        report = self.run.report()
        assert report is not None
        return {
            name: {metric: value for metric, value in values.items() if metric != "rows"}
            for name, values in report.splits.items()
            if name != "train"
        }


@contextmanager
def stopping(folder: RunFolder) -> Iterator[None]:
    """Somebody presses Stop while the first step is made."""
    whole = Watch.after_step

    def after_step(watch: Watch, step: int, epoch: float) -> None:
        folder.request("stop")
        whole(watch, step, epoch)

    with patch.object(Watch, "after_step", after_step):
        yield


def export(root: Path, case: Case, model: Path) -> Exported:
    """Train as a launcher's child does, and write the script."""
    folder = RunFolder(root / "runs" / "r")
    folder.path.mkdir(parents=True)
    (root / "cache").mkdir()
    version = save_version(root / "v", **case.data)
    chosen = {"learning_rate": 2e-2, "num_train_epochs": 3, "per_device_train_batch_size": 7, "evaluations": 2}
    spec = RunSpec(
        name="r", recipe=case.recipe, model_ref=f"folder:{model}", model_path=str(model), model_title="A 50% model",
        data_ref=version.ref, data_version=1, data_folder=str(version.folder), data_title='Said "so"',
        columns=case.columns, arguments=TrainArguments(**chosen | case.arguments), run_id="r", **case.spec,
    )  # fmt: skip
    folder.write_spec(spec)
    ended = RunState.STOPPED if case.stopped else RunState.DONE
    with stopping(folder) if case.stopped else nullcontext():
        assert train(folder.path, "thread") is ended, folder.log_tail()
    report = folder.report()
    assert report is not None
    script = root / "out" / "train.py"
    write_rows(spec, script.parent / "data")
    script.write_text(standalone_script(spec, report, folder.model), encoding="utf-8")
    return Exported(folder, script, ["--model", str(model)])


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> Callable[[str], Exported]:
    """Each case by its name, trained once."""
    return cache(lambda name: export(tmp_path_factory.mktemp("export"), CASES[name], tiny_encoder))


@pytest.fixture(params=CASES)
def exported(request: pytest.FixtureRequest, exports: Callable[[str], Exported]) -> Exported:
    """Every case."""
    return exports(request.param)


def found(exported: Exported) -> dict[str, Any]:
    text = (exported.script.parent / "model" / "metrics.json").read_text(encoding="utf-8")
    return {name: values for name, values in json.loads(text).items() if isinstance(values, dict)}


# peft asks transformers by a name that is about to go.
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_script_gets_the_scores_of_the_run(exported: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [str(exported.script), *exported.command])
    runpy.run_path(str(exported.script), run_name="__main__")
    scores = found(exported)
    assert set(scores) == {"validation", "test"}
    for name, wanted in exported.scores().items():
        assert scores[name] == pytest.approx(wanted, abs=TOLERANCE)


def test_the_script_is_tidy_and_names_what_it_needs(exported: Exported) -> None:
    source = exported.script.read_text(encoding="utf-8")
    checked = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "E,F,I,B,UP,W", "--line-length", "120"]
    done = subprocess.run([*checked, str(exported.script)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    head, _, rest = source.partition('# ///\n"""')
    assert head.startswith("# /// script\n") and rest
    named = set(re.findall(r'"([\w-]+)==[\w.]+"', head))
    modules = set(re.findall(r"^(?:from|import) (\w+)", source, re.M)) - set(sys.stdlib_module_names)
    assert {name.replace("scikit-learn", "sklearn") for name in named} == modules
    assert not re.search(r"<<|>>|#: ", source) and "backend" not in source


def test_the_script_runs_in_a_process_of_its_own(tmp_path: Path, exports: Callable[[str], Exported]) -> None:
    exported = exports(next(iter(CASES)))
    done = subprocess.run(
        [sys.executable, str(exported.script), *exported.command, "--output", str(tmp_path / "elsewhere")],
        # Nothing of ours is in reach.
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": "", "HF_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads((tmp_path / "elsewhere" / "metrics.json").read_text(encoding="utf-8"))
    assert report["test"] == pytest.approx(exported.scores()["test"], abs=TOLERANCE)
    assert "the run:" in done.stdout and (tmp_path / "elsewhere" / "model.safetensors").is_file()


def test_a_first_answer_has_no_script(tmp_path: Path) -> None:
    spec = RunSpec(
        name="r", recipe="single-label-classification", model_ref="", data_ref="", data_version=1, columns={},
        loop="head",
    )  # fmt: skip
    report: Any = None
    with pytest.raises(UserError) as refused:
        standalone_script(spec, report, tmp_path)
    assert refused.value.key == "after.no_script"
