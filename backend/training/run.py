"""train(run_dir): one run from its spec to its report, the same in every launcher."""

from __future__ import annotations

import gc
import time
import traceback
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.errors import UserError
from backend.metrics.record import Recorder
from backend.models.loading import loading
from backend.recipes import all_recipes
from backend.training.board import Board
from backend.training.causes import explain
from backend.training.from_nothing import fit_words
from backend.training.group import Group, explain_together
from backend.training.prepared import Prepared, pad_alike, prepare
from backend.training.resuming import forget_checkpoints, halve, saved_state
from backend.training.run_folder import AskedToEnd, RunFolder
from backend.training.spec import DIVERGED, TRAIN_ROWS_SCORED, Phase, RunSpec, RunState

if TYPE_CHECKING:
    from backend.recipes.base import Report
    from backend.training.checkpoint import Saved
    from backend.training.scoring import Scores
    from backend.training.watch import Watch


def train(run_dir: Path, launcher: str = "process", group: Group | None = None) -> RunState:
    """Train, score, save and report. Whatever happens ends in status.json; no Exception is raised.

    group: the processes that train this run; in those that are not the main one, see `backend.training.together`.
    """
    folder = RunFolder(run_dir)
    board = Board(folder, launcher)
    state, cause = RunState.FAILED, None
    try:
        while True:
            state, cause = _attempt(folder, board, group or Group())
            if cause is None or cause.key != "training.out_of_memory" or (group and group.size > 1):
                break
            # What the attempt held is free by now: try again with less at a time.
            gc.collect()
            halved = halve(folder)
            if not halved:
                break
            board.remark(halved)
    finally:
        board.end(state, cause)
    return state


def _attempt(folder: RunFolder, board: Board, group: Group) -> tuple[RunState, UserError | None]:
    """(how it ended, why if it did not end well). Goes on from where an earlier attempt was cut off."""
    try:
        saved = saved_state(folder, board)
        # On a full disk closing fails, too.
        with closing(Recorder(folder.metrics, saved["metrics_bytes"] if saved else 0)) as recorder:
            return _train(folder, folder.spec(), board, recorder, group, saved)
    except AskedToEnd:
        board.update(started=0.0)
        return RunState.PAUSED if folder.requested() == "pause" else folder.unbegun, None
    except Exception as error:  # noqa: BLE001 - the border of a run: every cause becomes its status
        if not isinstance(error, UserError):
            board.say(traceback.format_exc())
        cause = explain_together(error, folder.path) if group.size > 1 else explain(error, folder.path)
        board.say(str(cause))
        # A full disk can be mended, and the run goes on from its last checkpoint.
        return RunState.PAUSED if cause.key == "training.disk_full" else RunState.FAILED, cause


def _train(
    folder: RunFolder, spec: RunSpec, board: Board, recorder: Recorder, group: Group, saved: Saved | None
) -> tuple[RunState, UserError | None]:
    began = time.time() - (saved["watch"]["elapsed"] if saved else 0.0)
    board.update(phase=Phase.PREPARING)
    recipe = all_recipes()[spec.recipe]
    # A first answer is made from what was read when somebody stops it.
    heed = (lambda done, total: None) if spec.loop == "head" else (lambda done, total: folder.heed())
    prepared = prepare(spec, token_cache(folder), heed)
    # The other processes find the tokens in the cache.
    group.wait()
    for name, split in prepared.splits.items():
        board.say(f"{name}: {len(split)} rows")
    watched = prepared.splits["validation" if len(prepared.splits["validation"]) else "test"]
    label, guess = recipe.baseline(prepared.splits["train"].targets, watched.targets, prepared.labels)
    board.update(baseline_label=label, baseline=guess)
    from transformers import DataCollatorWithPadding

    model, pad = build_model(spec, prepared), DataCollatorWithPadding(prepared.tokenizer)
    if group.size > 1:
        from backend.training.together import SharedWatch

        group.tell(saved is not None)
        watch: Watch = SharedWatch(group, spec, recipe, prepared, board, recorder, pad, saved)
    else:
        from backend.training.watch import Watch

        watch = Watch(spec, recipe, prepared, board, recorder, pad, saved)
    if spec.loop == "head":
        from backend.training.head import answer

        return answer(model, watch, began), None
    ended_by: UserError | None = None
    try:
        loop_of(spec)(model, spec, prepared, watch)
    except UserError as error:
        # The best state is from before it went wrong, and is kept.
        if error.key not in DIVERGED or not watch.best_step or group.size > 1:
            raise
        board.say(str(error))
        ended_by = error
        from accelerate.utils import extract_model_from_parallel

        extract_model_from_parallel(model, keep_fp32_wrapper=False)
    if watch.paused:
        return RunState.PAUSED, None
    if watch.last_scores is None or watch.step == 0:
        raise UserError("training.no_steps")
    _finish(folder, model, watch, began, ended_by)
    if ended_by:
        return RunState.FAILED, ended_by
    return (RunState.STOPPED if watch.stopped else RunState.DONE), None


def token_cache(folder: RunFolder) -> Path:
    """Where the workspace of a run keeps what it has tokenized."""
    return folder.path.parent.parent / "cache"


def build_model(spec: RunSpec, prepared: Prepared) -> Any:
    """The model as it is before its first step, the same each time."""
    from transformers import set_seed

    recipe = all_recipes()[spec.recipe]
    # In a thread of the page, the playground may load a model at the same time.
    with loading:
        # The new head's first weights come from the seed, too.
        set_seed(spec.arguments.seed)
        model = recipe.load_model(spec.model_path, prepared.labels, spec.arguments, spec.new_model)
    recipe.begin(model, prepared.splits["train"].targets)
    pad_alike(model, prepared.tokenizer)
    if spec.new_model:
        fit_words(prepared.tokenizer, model)
    return model


def loop_of(spec: RunSpec) -> Callable[[Any, RunSpec, Prepared, Watch], None]:
    """The loop that the spec names."""
    if spec.loop == "native":
        from backend.training import native_loop

        return native_loop.train
    from backend.training import trainer_loop

    return trainer_loop.train


def _finish(folder: RunFolder, model: Any, watch: Watch, began: float, ended_by: UserError | None) -> None:
    """Score what is kept and save it: the best state as model/, and after a stop the last one as model-last/.

    ended_by: why the run ended before its end; the present state is then worth nothing.
    """
    from backend.recipes.freezing import parameter_counts
    from backend.recipes.lora import merged
    from backend.training.checkpoint import keep_model, restore_best

    board, steps, tokenizer = watch.board, watch.step, watch.prepared.tokenizer
    facts: dict[str, Any] = {
        "train_seconds": round(watch.train_seconds, 2),
        "steps": steps,
        "samples_per_second": board.status.samples_per_second,
        "planned_steps": watch.total_steps,
        "stopped": watch.stopped,
        "ended_early": watch.ended_early,
        "state_seconds": round(watch.state_seconds, 2),
        "train_rows": len(watch.prepared.splits["train"]),
        "trained_parameters": parameter_counts(model)[0],
        "new_weights": ", ".join(getattr(model, "new_weights", ())) or False,
        "from_nothing": bool(watch.spec.new_model),
    }
    if ended_by:
        facts["ended_by"] = ended_by.to_json()
    elif watch.stopped and watch.best_step != steps and watch.last_scores is not None:
        report = _report(model, watch, watch.last_scores, facts | {"best_step": steps}, began)
        board.update(phase=Phase.SAVING)
        keep_model(merged(model, copied=True), folder.model_last, tokenizer, report.settled)
        folder.write_report(report, "report-last.json")
    if watch.best_step != steps or ended_by:
        restore_best(model, folder.best(watch.best_step))
    assert watch.best_scores is not None
    plain = merged(model)
    facts["parameters"] = parameter_counts(plain)[1]
    report = _report(plain, watch, watch.best_scores, facts | {"best_step": watch.best_step}, began)
    board.update(phase=Phase.SAVING)
    keep_model(plain, folder.model, tokenizer, report.settled)
    # The report comes last: where it is, the run is whole, whatever happens from here on.
    folder.write_report(report)
    forget_checkpoints(folder)


def _report(model: Any, watch: Watch, watched: Scores, facts: dict[str, Any], began: float) -> Report:
    """Score the splits with the state in memory; the watched split has been scored in the loop."""
    from backend.training.report import build_report

    watch.board.update(phase=Phase.EVALUATING)
    splits = watch.prepared.splits
    train = splits["train"].first(TRAIN_ROWS_SCORED, watch.spec.arguments.seed)
    scored = {"train": (train, watch.score(model, "train", TRAIN_ROWS_SCORED))}
    for name in ("validation", "test"):
        if len(splits[name]):
            scored[name] = (splits[name], watched if name == watch.watched else watch.score(model, name))
    facts = facts | {
        "train_rows_scored": len(train),
        "total_seconds": round(time.time() - began, 2),
        "peak_memory_mib": round(watch.board.peak_memory_mib, 1),
    }
    return build_report(watch.recipe, watch.prepared, watch.spec, scored, facts)
