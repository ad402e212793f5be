"""Deleting a model that a person no longer wants: a download from the cache, a trained one with its run."""

from __future__ import annotations

from backend.errors import UserError
from backend.models import ModelShelf
from backend.models.finding import LAST, name_of
from backend.models.holdings import remove
from backend.models.use import forget_use
from backend.training.queue import RunQueue
from backend.workspace import Workspace


def remove_model(shelf: ModelShelf, queue: RunQueue, workspace: Workspace, ref: str) -> None:
    """Delete it. Raises UserError shelf.in_use, shelf.being_trained, and those of `remove` and RunQueue.remove."""
    ref = shelf.parse(ref)
    for run in queue.runs(workspace):
        if run.status.state.lives and run.spec and run.spec.model_ref == ref:
            raise UserError("shelf.being_trained", model=run.spec.model_title or ref, run=run.run_id)
    if not ref.startswith("run:"):
        remove(shelf, workspace, ref)
        return
    run_id = name_of(ref).removesuffix(LAST)
    if any(shelf.in_use(f"run:{run_id}{last}") for last in ("", LAST)):
        raise UserError("shelf.in_use", model=run_id)
    queue.remove(workspace, run_id)
    forget_use(workspace, f"run:{run_id}")
