"""What a run that was cut off goes on from, and how it goes on with less when memory did not suffice."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.errors import UserError
from backend.training.run_folder import RunFolder
from backend.training.spec import RunSpec

if TYPE_CHECKING:
    from backend.training.board import Board


def saved_state(folder: RunFolder, board: Board) -> dict[str, Any] | None:
    """The state to go on from; None for a run that begins. One that cannot be read is said, and the run begins anew."""
    from backend.training.checkpoint import read_state

    try:
        state = read_state(folder.state_file)
        if state:
            _refuse_others(folder, state["inputs"])
            if lost := _broken(folder, state["watch"]["best_step"]):
                board.say(f"the best state cannot be used: {lost}")
                board.remark(UserError("training.best_lost", step=state["watch"]["best_step"]))
                state["watch"] |= {
                    "best_step": 0, "best_value": (-math.inf, -math.inf), "shown": None, "best_scores": None,
                }  # fmt: skip
    except (ValueError, KeyError) as error:
        board.say(f"the checkpoint cannot be used: {error}")
        board.remark(UserError("training.began_anew"))
        state = None
    # What an attempt that came near its end has left.
    for name in ("report.json", "report-last.json"):
        (folder.path / name).unlink(missing_ok=True)
    shutil.rmtree(folder.model_last, ignore_errors=True)
    if state is None:
        forget_checkpoints(folder)
    else:
        board.remark(UserError("training.went_on", step=state["watch"]["step"]))
    return state


def forget_checkpoints(folder: RunFolder) -> None:
    """Remove what only an unfinished run needs; the checkpoints that a person asked for stay."""
    for path in folder.checkpoints.glob("best-*"):
        shutil.rmtree(path, ignore_errors=True)
    for path in (folder.state_file, *folder.checkpoints.glob(".*.new")):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    if folder.checkpoints.is_dir() and not any(folder.checkpoints.iterdir()):
        folder.checkpoints.rmdir()


def halve(folder: RunFolder) -> UserError | None:
    """Have the run take half as many rows at a time and twice as many times a step. None: there is nothing to halve.

    Returns what the run's status is to remark; its log has it already.
    """
    spec = folder.spec()
    chosen = spec.arguments
    train, score = chosen.per_device_train_batch_size, chosen.per_device_eval_batch_size
    # A first answer reads a few texts at a time as it is.
    if (train == 1 and score == 1) or spec.loop == "head":
        return None
    # The largest part that divides the batch, so that a step has as many rows as before.
    times = next(times for times in range(2, train + 1) if train % times == 0) if train > 1 else 1
    changed = replace(
        chosen,
        per_device_train_batch_size=train // times,
        gradient_accumulation_steps=chosen.gradient_accumulation_steps * times,
        per_device_eval_batch_size=max(1, score // 2),
    )
    folder.write_spec(replace(spec, arguments=changed))
    said = UserError(
        "training.halved",
        batch=changed.per_device_train_batch_size,
        accumulation=changed.gradient_accumulation_steps,
        before=train,
    )
    folder.say(str(said))
    return said


def inputs(spec: RunSpec) -> dict[str, int]:
    """What a run reads, by path, in bytes: enough to tell another data set or model of the same name."""
    files = [Path(spec.data_folder) / "data.arrow", *sorted(Path(spec.model_path).glob("*.safetensors"))]
    return {str(file): file.stat().st_size for file in files if file.exists()}


def _refuse_others(folder: RunFolder, before: dict[str, int]) -> None:
    """Raise ValueError where data or model are not those that the run began with."""
    now = inputs(folder.spec())
    changed = [path for path, size in before.items() if now.get(path, size) != size]
    if changed:
        raise ValueError(f"{', '.join(changed)} is another file than the run began with")


def _broken(folder: RunFolder, best_step: int) -> str:
    """What is wrong with the best model that the state speaks of, "" for nothing."""
    from safetensors import SafetensorError, safe_open

    if not best_step:
        return ""
    files = list(folder.best(best_step).glob("*.safetensors"))
    if not files:
        return f"best-{best_step} is not there"
    for file in files:
        try:
            with safe_open(file, framework="pt"):
                pass
        except SafetensorError as error:
            return f"{file.name} of best-{best_step}: {error}"
    return ""
