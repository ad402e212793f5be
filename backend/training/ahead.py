"""What is asked of a draft ahead of its run: the refusals of Start, and an answer that a child process works out."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from backend.errors import UserError
from backend.models import ModelShelf, device_name
from backend.settings import Settings
from backend.training.from_nothing import refuse_impossible, tokenizer_path
from backend.training.nursery import Job, shared_nursery
from backend.training.refusals import refuse_unfit
from backend.training.run_folder import RunFolder
from backend.training.spec import RunSpec
from backend.workspace import Workspace, disk_error

if TYPE_CHECKING:
    from backend.data.version import DataVersion


def checked(settings: Settings, shelf: ModelShelf, workspace: Workspace, draft: RunSpec) -> tuple[RunSpec, DataVersion]:
    """The draft with everything that a child needs, and its data. Raises UserError: what submit would refuse, or
    training.forecast_needs_model where the model would have to be downloaded first."""
    from backend.data.library import open_data

    version = open_data(workspace, draft.data_ref, draft.data_version)
    facts = shelf.facts(workspace, draft.model_ref)
    refuse_unfit(draft, version, facts, device_name(settings))
    refuse_impossible(shelf, workspace, draft, facts, version)
    if facts.path is None:
        raise UserError("training.forecast_needs_model", model=facts.title)
    spec = replace(
        draft,
        model_path=str(facts.path),
        tokenizer_path=tokenizer_path(shelf, workspace, draft),
        data_folder=str(version.folder),
        device=device_name(settings),
        run_id="",
    )
    return spec, version


def ask_child(
    kind: Literal["forecast", "inside"], workspace: Workspace, spec: RunSpec, seconds: float, failed: str
) -> dict[str, Any]:
    """What a child wrote to {kind}.json beside the spec. failed: key of the UserError when it wrote nothing."""
    parent = workspace.root / "cache" / "ahead"
    try:
        parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=parent))
    except OSError as error:
        raise disk_error(error, parent) from error
    job: Job | None = None
    try:
        RunFolder(folder).write_spec(spec)
        job = shared_nursery().start(kind, folder)
        if job.wait(seconds) is None:
            raise UserError(failed, reason=f"{seconds:.0f} s")
        if (folder / "error.json").exists():
            raise UserError.from_json(json.loads((folder / "error.json").read_text(encoding="utf-8")))
        answer = folder / f"{kind}.json"
        if not answer.exists():
            # A child that was killed here would be killed while training, too.
            raise UserError(
                "training.out_of_memory" if job.code and job.code < 0 else failed, reason=f"exit {job.code}"
            )
        found: dict[str, Any] = json.loads(answer.read_text(encoding="utf-8"))
        return found
    finally:
        if job is not None:
            # Nobody waits for it any more.
            job.kill()
        shutil.rmtree(folder, ignore_errors=True)
