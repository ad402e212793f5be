"""train(run_dir): one run from its spec to its report, the same in every launcher."""

from __future__ import annotations

import shutil
import time
import traceback
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.errors import UserError
from backend.metrics.record import Recorder
from backend.recipes import all_recipes
from backend.training.board import Board
from backend.training.causes import explain
from backend.training.prepared import Prepared, pad_alike, prepare
from backend.training.run_folder import RunFolder
from backend.training.spec import TRAIN_ROWS_SCORED, Phase, RunSpec, RunState
from backend.workspace import disk_error

if TYPE_CHECKING:
    from backend.training.loop import Loop
    from backend.training.scoring import Scores


def train(run_dir: Path, launcher: str = "process") -> RunState:
    """Train, score, save and report. Whatever happens ends in status.json; no Exception is raised."""
    folder = RunFolder(run_dir)
    board = Board(folder, launcher)
    state, cause = RunState.FAILED, None
    try:
        # On a full disk closing fails, too.
        with closing(Recorder(folder.metrics)) as recorder:
            state = _train(folder, folder.spec(), board, recorder)
    except Exception as error:  # noqa: BLE001 - the border of a run: every cause becomes its status
        if not isinstance(error, UserError):
            board.say(traceback.format_exc())
        cause = explain(error, run_dir)
        board.say(str(cause))
    finally:
        board.end(state, cause)
    return state


def _train(folder: RunFolder, spec: RunSpec, board: Board, recorder: Recorder) -> RunState:
    began = time.time()
    board.update(phase=Phase.PREPARING)
    recipe = all_recipes()[spec.recipe]
    prepared = prepare(spec, folder.path.parent.parent / "cache", lambda done, total: None)
    for name, split in prepared.splits.items():
        board.say(f"{name}: {len(split)} rows")
    watched = prepared.splits["validation" if len(prepared.splits["validation"]) else "test"]
    label, guess = recipe.baseline(prepared.splits["train"].targets, watched.targets, prepared.labels)
    board.update(baseline_label=label, baseline=guess)
    from transformers import set_seed

    from backend.training.loop import Loop

    # The new head's first weights come from the seed, too.
    set_seed(spec.arguments.seed)
    model = recipe.load_model(spec.model_path, prepared.labels, spec.arguments)
    pad_alike(model, prepared.tokenizer)
    loop = Loop(spec, recipe, prepared, model, board, recorder)
    loop.train()
    if loop.last_scores is None or loop.state.global_step == 0:
        raise UserError("training.no_steps")
    _finish(folder, spec, loop, prepared, began)
    return RunState.STOPPED if loop.stopped else RunState.DONE


def _finish(folder: RunFolder, spec: RunSpec, loop: Loop, prepared: Prepared, began: float) -> None:
    """Score what is kept and save it: the best state as model/, and after a stop the last one as model-last/."""
    from backend.training.loop import keep_model

    board, steps = loop.board, loop.state.global_step
    facts = {
        "train_seconds": round(loop.train_seconds, 2),
        "steps": steps,
        "samples_per_second": board.status.samples_per_second,
        "stopped": loop.stopped,
        "train_rows": len(prepared.splits["train"]),
    }
    if loop.stopped and loop.best_step != steps and loop.last_scores is not None:
        report = _report(spec, loop, prepared, loop.last_scores, facts | {"best_step": steps}, began)
        board.update(phase=Phase.SAVING)
        keep_model(loop.model, folder.model_last)
        prepared.tokenizer.save_pretrained(folder.model_last)
        folder.write_report(report, "report-last.json")
    if loop.best_step != steps:
        _load_weights(loop.model, folder.best)
    assert loop.best_scores is not None
    report = _report(spec, loop, prepared, loop.best_scores, facts | {"best_step": loop.best_step}, began)
    board.update(phase=Phase.SAVING)
    try:
        prepared.tokenizer.save_pretrained(folder.best)
        folder.best.rename(folder.model)
        shutil.rmtree(folder.path / "checkpoints", ignore_errors=True)
    except OSError as error:
        raise disk_error(error, folder.model) from error
    folder.write_report(report)


def _report(spec: RunSpec, loop: Loop, prepared: Prepared, watched: Scores, facts: dict[str, Any], began: float) -> Any:
    """Score the splits with the state in memory; the watched split has been scored in the loop."""
    from backend.training.report import build_report

    loop.board.update(phase=Phase.EVALUATING)
    train = prepared.splits["train"].first(TRAIN_ROWS_SCORED, spec.arguments.seed)
    scored = {"train": (train, loop.score("train", TRAIN_ROWS_SCORED))}
    for name in ("validation", "test"):
        if len(prepared.splits[name]):
            scored[name] = (prepared.splits[name], watched if name == loop.watched else loop.score(name))
    facts = facts | {
        "train_rows_scored": len(train),
        "total_seconds": round(time.time() - began, 2),
        "peak_memory_mib": round(loop.board.peak_memory_mib, 1),
    }
    return build_report(loop.recipe, prepared, spec.columns["text"], scored, facts)


def _load_weights(model: Any, folder: Path) -> None:
    """Put a checkpoint's weights into the model in memory."""
    from safetensors.torch import load_model

    load_model(model, str(folder / "model.safetensors"))
