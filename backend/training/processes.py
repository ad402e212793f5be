"""What is refused, before anything starts, of a run that several processes are to train."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from backend.errors import UserError
from backend.models import device_name
from backend.recipes import all_recipes
from backend.settings import Settings
from backend.training.spec import RunSpec

if TYPE_CHECKING:
    from backend.data.version import DataVersion


def refuse_processes(draft: RunSpec, settings: Settings, version: DataVersion) -> None:
    """Raise UserError for a number of processes that cannot train this run here."""
    if draft.launcher != "accelerate" or settings.launcher != "auto":
        return
    found = draft.processes
    if settings.public:
        raise UserError("launch.public")
    if found < 1:
        raise UserError("launch.few_processes", found=found)
    if found == 1:
        return
    _refuse_device(found, device_name(settings))
    batch = draft.arguments.per_device_train_batch_size
    recipe = all_recipes()[draft.recipe]
    rows = len(recipe.split(version, draft.columns, draft.split)["train"])
    if rows < found * batch:
        raise UserError("launch.few_rows", together=found * batch, processes=found, batch=batch, rows=rows)


def _refuse_device(processes: int, device: str) -> None:
    if device == "cuda":
        import torch

        gpus = torch.cuda.device_count()
        if processes > gpus:
            raise UserError("launch.few_gpus", found=processes, gpus=gpus)
    elif device == "cpu":
        # With more processes than cores each only waits for the others; two show how it works anywhere.
        most = max(2, os.cpu_count() or 1)
        if processes > most:
            raise UserError("launch.many_processes", found=processes, most=most)
    else:
        raise UserError("launch.no_group", device=device)
