"""The jobs of many texts: begun, stopped, gone on with and removed; answered in threads of their own.

A workspace has one at a time. Those of several visitors take turns, a batch each, in the lanes of the playground.
"""

from __future__ import annotations

import logging
import os
import queue
import shutil
import sys
import threading
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from backend.errors import UserError
from backend.many.answer import Live, answer, seen
from backend.many.job import Job, JobFolder, JobSpec, State, Status
from backend.many.rows import Rows
from backend.many.source import Source, letters, read
from backend.models import ModelShelf
from backend.models.memory import give_back
from backend.tasks.base import Task
from backend.training.recovery import born, process_at
from backend.workspace import Workspace, disk_error

KIND = "answers"
"""The kind of the folders in a workspace."""
KEPT = 5
"""Jobs that a workspace keeps, the newest."""
AT_ONCE = 4
"""Jobs that take turns; more wait."""
log = logging.getLogger(__name__)


class AnsweringJobs:
    """One for the process. What it knows of a job that has ended is in the job's folder."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._live: dict[tuple[Workspace, str], Live] = {}
        self._waiting: queue.SimpleQueue[tuple[ModelShelf, Live]] = queue.SimpleQueue()
        self._workers: list[threading.Thread] = []

    # What a person does

    def start(self, shelf: ModelShelf, workspace: Workspace, task: Task, ref: str, params: Any, source: Source) -> str:
        """Read the texts, begin to answer them, and return the job's id.

        Raises UserError many.busy, models.* for a model that is not to be had, what reading raises, workspace.*.
        """
        self._refuse_second(workspace)
        facts = shelf.facts(workspace, ref)
        given = read(workspace, source, task.takes_pairs)
        import pyarrow.compute as pc

        name = workspace.free_name(KIND, datetime.now(UTC).strftime("%Y%m%d-%H%M%S"))
        spec = JobSpec(
            job_id=name,
            task=task.name,
            model_ref=facts.ref,
            model_title=facts.title,
            params=asdict(params),
            title=given.title,
            data_ref=source.data if source.kind == "data" else "",
            column=given.column,
            rows=given.table.num_rows,
            empty=pc.sum(pc.equal(letters(given.table[0]), 0)).as_py() or 0,
            pairs=given.table.num_columns > 1,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        folder = JobFolder(workspace.folder(KIND, name))
        try:
            folder.path.mkdir(parents=True)
        except OSError as error:
            raise disk_error(error, folder.path) from error
        try:
            folder.write_texts(given.table)
            folder.write_spec(spec)
            self._enter(shelf, workspace, folder, spec, Status(state=State.WAITING))
        except BaseException:
            shutil.rmtree(folder.path, ignore_errors=True)
            raise
        self._tidy(workspace, name)
        return name

    def go_on(self, shelf: ModelShelf, workspace: Workspace, job_id: str) -> None:
        """Answer what is left of a job that was stopped, cut off or failed. Raises UserError many.busy, many.gone."""
        job = self.look(workspace, job_id)
        if job is None:
            raise UserError("many.gone")
        if not job.can_go_on:
            return
        folder = JobFolder(workspace.folder(KIND, job_id))
        folder.withdraw_stop()
        folder.mend()
        status = Status(state=State.WAITING, done=job.done, cut=job.cut, seconds=job.seconds)
        self._enter(shelf, workspace, folder, job.spec, status)

    def stop(self, workspace: Workspace, job_id: str) -> None:
        """Ask a job to end after the batch it is at; what is done is kept."""
        if (job := self.look(workspace, job_id)) and job.state.lives:
            JobFolder(workspace.folder(KIND, job_id)).ask_to_stop()

    def remove(self, workspace: Workspace, job_id: str) -> None:
        """Delete a job that has ended, with its texts. Raises UserError many.busy for one that has not."""
        job = self.look(workspace, job_id)
        if job and job.state.lives:
            raise UserError("many.busy", done=f"{job.done:,}", total=f"{job.spec.rows:,}")
        shutil.rmtree(workspace.folder(KIND, job_id), ignore_errors=True)

    # What the page asks

    def names(self, workspace: Workspace) -> list[str]:
        """Ids of the jobs there are, the newest first."""
        return sorted(workspace.names(KIND), reverse=True)

    def newest(self, workspace: Workspace) -> Job | None:
        """The job begun last."""
        return next((job for name in self.names(workspace) if (job := self.look(workspace, name))), None)

    def look(self, workspace: Workspace, job_id: str) -> Job | None:
        """A job as it is now; None where there is none."""
        with self._lock:
            live = self._live.get((workspace, job_id))
        if live:
            return seen(live)
        folder = JobFolder(workspace.folder(KIND, job_id))
        try:
            spec, status = folder.read()
        except (OSError, ValueError, TypeError, KeyError):
            return None
        if status.state.lives:
            done = int((folder.places(spec.rows) >= 0).sum())
            # Another app on the same workspace may be at it.
            theirs = status.pid != os.getpid() and process_at(status.pid, status.pid_created)
            state = status.state if theirs else State.CUT_OFF
            status = replace(status, done=done, cut=folder.cut(), state=state)
        error = UserError.from_json(status.error) if status.error else None
        return Job(
            spec=spec,
            state=status.state,
            done=status.done,
            cut=status.cut,
            unknown=status.unknown,
            seconds=status.seconds,
            device=status.device,
            error=error,
        )

    def rows(self, workspace: Workspace, job_id: str) -> Rows:
        """What is answered so far. Raises UserError many.gone."""
        with self._lock:
            live = self._live.get((workspace, job_id))
        folder = JobFolder(workspace.folder(KIND, job_id))
        try:
            spec, _ = folder.read()
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise UserError("many.gone") from error
        return Rows(folder, spec, live.places if live else None)

    def wait(self, workspace: Workspace, job_id: str, seconds: float) -> None:
        """Until the job has ended, or so long."""
        with self._lock:
            live = self._live.get((workspace, job_id))
        if live:
            live.ended.wait(seconds)

    # The thread

    def _tidy(self, workspace: Workspace, begun: str) -> None:
        """Delete what came to nothing, and what is beyond KEPT."""
        kept = 1
        for name in self.names(workspace):
            job = self.look(workspace, name)
            if name == begun or (job and job.done and kept < KEPT):
                kept += name != begun
            else:
                shutil.rmtree(workspace.folder(KIND, name), ignore_errors=True)

    def _refuse_second(self, workspace: Workspace) -> None:
        other = next(
            (job for name in self.names(workspace) if (job := self.look(workspace, name)) and job.state.lives), None
        )
        if other:
            raise UserError("many.busy", done=f"{other.done:,}", total=f"{other.spec.rows:,}")

    def _enter(self, shelf: ModelShelf, workspace: Workspace, folder: JobFolder, spec: JobSpec, status: Status) -> None:
        import psutil

        status = replace(status, pid=os.getpid(), pid_created=born(psutil.Process()))
        live = Live(workspace, folder, spec, status)
        with self._lock:
            if other := next((one for where, one in self._live.items() if where[0] == workspace), None):
                raise UserError("many.busy", done=f"{other.status.done:,}", total=f"{other.spec.rows:,}")
            self._live[workspace, spec.job_id] = live
        try:
            folder.write_status(status)
        except BaseException:
            with self._lock:
                del self._live[workspace, spec.job_id]
            raise
        self._waiting.put((shelf, live))
        with self._lock:
            if len(self._workers) < min(AT_ONCE, len(self._live)):
                # A daemon: the app ends without waiting for it.
                self._workers.append(threading.Thread(target=self._work, name="many-texts", daemon=True))
                self._workers[-1].start()

    def _work(self) -> None:
        while True:
            shelf, live = self._waiting.get()
            try:
                state = State.STOPPED if live.folder.stops else answer(shelf, live)
                live.status = replace(live.status, state=state)
            except UserError as error:
                live.status = replace(live.status, state=State.FAILED, error=error.to_json())
            except BaseException as error:
                # The thread that owns a job: every cause becomes its status.
                if sys.is_finalizing() or "after interpreter shutdown" in str(error):
                    return
                log.exception("job %s", live.spec.job_id)
                broken = UserError("many.broken", reason=f"{type(error).__name__}: {str(error)[:200]}")
                live.status = replace(live.status, state=State.FAILED, error=broken.to_json())
            done = int((live.folder.places(live.spec.rows) >= 0).sum())
            seconds = live.status.seconds + live.seconds
            live.status = replace(live.status, done=done, cut=live.folder.cut(), seconds=seconds)
            live.seconds = 0.0
            try:
                live.folder.write_status(live.status)
            except UserError as error:
                log.warning("job %s: its status cannot be written: %s", live.spec.job_id, error)
            # Batches of many sizes leave the heap full of gaps.
            give_back(live.status.device)
            with self._lock:
                self._live.pop((live.workspace, live.spec.job_id), None)
            live.ended.set()
