"""The queue: one run at a time over all workspaces, the others wait in the order in which they came."""

from __future__ import annotations

import logging
import os
import shutil
import threading
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from backend.errors import UserError
from backend.exports.push_along import FILE as HUB_FILE
from backend.exports.push_along import Access, refuse_push
from backend.metrics.mirror import is_behind
from backend.models import ModelFacts, ModelShelf, device_name
from backend.recipes.base import Report
from backend.settings import Settings
from backend.training.forecast import refuse_full_disk
from backend.training.from_nothing import refuse_impossible, tokenizer_path
from backend.training.nursery import Nursery, shared_nursery
from backend.training.processes import refuse_processes
from backend.training.recovery import born, process_of, settle
from backend.training.refusals import refuse_unfit
from backend.training.run_folder import RunFolder
from backend.training.spec import MetricPoint, Phase, RunSpec, RunState, RunStatus
from backend.training.supervisor import Supervisor
from backend.workspace import Workspace, disk_error

if TYPE_CHECKING:
    from backend.data.version import DataVersion

FAREWELL_SECONDS = 10.0
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """A run as a list shows it."""

    run_id: str
    spec: RunSpec | None
    """None where it cannot be read; then `error` says why."""
    status: RunStatus
    position: int = 0
    """0: running or ended; 1: next in the queue."""
    best: float | None = None
    """Best value so far of the recipe's best metric, on the validation split."""
    error: UserError | None = None


class RunQueue:
    """One for the process. What it knows of a run is in the run's folder; only the order of the waiting is its own."""

    def __init__(self, settings: Settings, shelf: ModelShelf, nursery: Nursery | None = None) -> None:
        self.settings = settings
        self.shelf = shelf
        self.nursery = nursery or shared_nursery()
        self.supervisor = Supervisor(settings, shelf, self.nursery)
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._waiting: list[tuple[Workspace, str]] = []
        self._current: tuple[Workspace, str] | None = None
        self._recovered: set[Workspace] = set()
        self._worker: threading.Thread | None = None

    # What a person does

    def submit(self, workspace: Workspace, draft: RunSpec, access: Access | None = None) -> str:
        """Put a run into the queue and return its run_id at once. Raises UserError for what is known before Start.

        access: who pushes to the Hub, where the draft names a place there.
        """
        from backend.data.library import open_data

        version = open_data(workspace, draft.data_ref, draft.data_version)
        facts = self._checked(workspace, draft, version)
        refuse_full_disk(draft, facts, workspace)
        if draft.push_repo:
            refuse_push(draft.push_repo, self.settings, access or Access())
        if self.settings.launcher != "auto":
            # The setting forces its own; the spec says what will happen.
            draft = replace(draft, launcher=self.settings.launcher, processes=1)  # type: ignore[arg-type]
        words = tokenizer_path(self.shelf, workspace, draft)
        run_id, folder = self._new_folder(workspace, draft.name or version.title)
        spec = replace(
            draft,
            name=draft.name or run_id,
            run_id=run_id,
            model_path=str(facts.path) if facts.path else "",
            model_title=facts.title,
            tokenizer_path=words,
            data_folder=str(version.folder),
            data_title=version.title,
            data_version=version.version,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        try:
            folder.write_spec(spec)
            folder.reserve_space()
            folder.write_status(self._queued())
        except UserError:
            shutil.rmtree(folder.path, ignore_errors=True)
            raise
        if access:
            self.supervisor.access[folder.path] = access
        self._enqueue(workspace, run_id)
        return run_id

    def refuse(self, workspace: Workspace, draft: RunSpec) -> None:
        """Raise the UserError with which submit would refuse a draft, but for the disk and the Hub."""
        from backend.data.library import open_data

        self._checked(workspace, draft, open_data(workspace, draft.data_ref, draft.data_version))

    def _checked(self, workspace: Workspace, draft: RunSpec, version: DataVersion) -> ModelFacts:
        facts = self.shelf.facts(workspace, draft.model_ref)
        refuse_unfit(draft, version, facts, device_name(self.settings))
        refuse_impossible(self.shelf, workspace, draft, facts, version)
        refuse_processes(draft, self.settings, version)
        return facts

    def stop(self, workspace: Workspace, run_id: str) -> None:
        """Ask a running run to end after its present step; take a waiting one out of the queue."""
        folder = self._folder(workspace, run_id)
        if self._left_out(workspace, run_id, folder.unbegun):
            return
        if self._status(workspace, run_id).state.lives:
            folder.request("stop")

    def pause(self, workspace: Workspace, run_id: str) -> None:
        """Ask a running run to write down its state and end after its present step; a waiting one waits no longer."""
        folder = self._folder(workspace, run_id)
        if self._left_out(workspace, run_id, RunState.PAUSED):
            return
        # A stop that was asked for before stays one.
        if folder.status().state.lives and not folder.requested():
            folder.request("pause")

    def resume(self, workspace: Workspace, run_id: str) -> None:
        """Let a run that was paused or cut off go on from its last checkpoint, or begin where there is none.

        Raises UserError for one that lives or has ended, or whose data are gone.
        """
        folder = self._folder(workspace, run_id)
        with self._changed:
            # The run has said its last word, but who saw it through may still be reading that.
            self._changed.wait_for(lambda: self._current != (workspace, run_id), timeout=FAREWELL_SECONDS)
            status = self._status(workspace, run_id)
            if not status.can_go_on:
                raise UserError("training.cannot_go_on", run=run_id)
            folder.spec()
            folder.withdraw_request()
            folder.reserve_space()
            if not folder.state_file.exists():
                # It begins anew: how far it had come is no longer true.
                status = replace(status, step=0, epoch=0.0, best_step=0, best_value=None)
            folder.write_status(self._queued(status))
            self._enqueue(workspace, run_id)

    def remove(self, workspace: Workspace, run_id: str) -> None:
        """Delete a run with its model. Raises UserError for one that still lives, or that cannot be deleted."""
        folder = self._folder(workspace, run_id)
        if self._status(workspace, run_id).state.lives:
            raise UserError("training.still_lives", run=run_id)
        if self.pushing(workspace, run_id):
            raise UserError("training.still_pushing", run=run_id)
        for ref in (f"run:{run_id}", f"run:{run_id}@last"):
            self.shelf.forget(ref)
        try:
            shutil.rmtree(folder.path)
        except FileNotFoundError:
            log.info("run %s: somebody else has deleted it, too", run_id)
        except OSError as error:
            raise disk_error(error, folder.status_file) from error

    # What the page asks

    def runs(self, workspace: Workspace) -> list[RunSummary]:
        """Every run of a workspace, newest first."""
        self._recover_once(workspace)
        found = [self._summary(workspace, run_id) for run_id in workspace.names("runs")]
        return sorted(found, key=lambda run: run.spec.created if run.spec else "", reverse=True)

    def run(self, workspace: Workspace, run_id: str) -> RunSummary:
        """One run. Raises UserError training.no_run."""
        self._recover_once(workspace)
        self._folder(workspace, run_id)
        return self._summary(workspace, run_id)

    def points(self, workspace: Workspace, run_id: str) -> list[MetricPoint]:
        """Every point of a run so far."""
        return self._folder(workspace, run_id).points()

    def report(self, workspace: Workspace, run_id: str) -> Report | None:
        """The final report; None before the end."""
        return self._folder(workspace, run_id).report()

    def log_tail(self, workspace: Workspace, run_id: str, lines: int = 200) -> str:
        """The last lines of what a run printed."""
        return self._folder(workspace, run_id).log_tail(lines)

    def fingerprint(self, workspace: Workspace) -> str:
        """Differs whenever a page that shows runs should be drawn anew. Reads no file, so it may be asked often."""
        self._recover_once(workspace)
        with self._lock:
            # A waiting run moves up, too, when another visitor's ends.
            marks = [f"{place}:{run_id}" for place, (where, run_id) in enumerate(self._waiting) if where == workspace]
        for run_id in sorted(workspace.names("runs")):
            folder = RunFolder(workspace.folder("runs", run_id))
            for path in (folder.status_file, folder.metrics, folder.path / HUB_FILE):
                try:
                    stat = path.stat()
                    marks.append(f"{run_id}:{stat.st_mtime_ns:x}:{stat.st_size:x}")
                except OSError:
                    marks.append(f"{run_id}:-")
        return str(hash(tuple(marks)))

    def lives(self, workspace: Workspace) -> bool:
        """Whether any run of the workspace waits or trains, or is on its way to the Hub."""
        self._recover_once(workspace)
        names = workspace.names("runs")
        return any(self._status(workspace, run_id).state.lives or self.pushing(workspace, run_id) for run_id in names)

    def pushing(self, workspace: Workspace, run_id: str) -> bool:
        """Whether something of a run is on its way to the Hub."""
        pushes = self.supervisor.pushes.get(workspace.folder("runs", run_id))
        with self._lock:
            # A run that has just ended may be about to send its model.
            present = self._current == (workspace, run_id)
        return pushes is not None and (present or pushes.busy)

    # The life of the queue

    def recover(self, workspace: Workspace) -> None:
        """After a restart: a run whose process is gone becomes interrupted, one that waited waits again."""
        with self._lock:
            self._recovered.add(workspace)
            known = {*self._waiting, self._current}
        try:
            self._recover(workspace, known)
        except UserError as error:
            # A full disk, say. The next look tries again.
            log.warning("%s: %s", workspace.root, error)
            with self._lock:
                self._recovered.discard(workspace)

    def _recover(self, workspace: Workspace, known: set[tuple[Workspace, str] | None]) -> None:
        waiting: list[tuple[str, str]] = []
        for run_id in workspace.names("runs"):
            folder = RunFolder(workspace.folder("runs", run_id))
            if (workspace, run_id) in known:
                continue
            was = folder.status().state
            status = settle(folder)
            # A child that saw the app die has said so itself, but copied nothing.
            if status.state is not was or (status.state is RunState.INTERRUPTED and is_behind(folder.path)):
                self.supervisor.mirror(folder)
            if status.state is RunState.QUEUED and not process_of(status):
                try:
                    waiting.append((folder.spec().created, run_id))
                except UserError:
                    folder.write_status(replace(status, state=RunState.INTERRUPTED))
        for _, run_id in sorted(waiting):
            folder = RunFolder(workspace.folder("runs", run_id))
            folder.write_status(self._queued(folder.status()))
            self._enqueue(workspace, run_id)

    def warm(self) -> None:
        """Have a child ready, so that the next run starts at once."""
        self.nursery.warm()

    def close(self) -> None:
        """End the queue and what it started; a run under way is then interrupted."""
        with self._changed:
            self.supervisor.closed = True
            self._changed.notify_all()
        self.nursery.close()

    def _enqueue(self, workspace: Workspace, run_id: str) -> None:
        with self._changed:
            if (workspace, run_id) in (*self._waiting, self._current):
                return
            self._waiting.append((workspace, run_id))
            if self._worker is None:
                self._worker = threading.Thread(target=self._work, name="run-queue", daemon=True)
                self._worker.start()
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._current = None
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._waiting or self.supervisor.closed)
                if self.supervisor.closed:
                    return
                self._current = workspace, run_id = self._waiting.pop(0)
            try:
                self.supervisor.see_through(workspace, RunFolder(workspace.folder("runs", run_id)))
            except Exception:
                # The others wait for this thread.
                log.exception("run %s", run_id)

    def _queued(self, before: RunStatus | None = None) -> RunStatus:
        """A waiting run carries the process that will start it: another app on this workspace leaves it alone then.

        before: of a run that goes on; how far it came stays.
        """
        import psutil

        before = before or RunStatus(state=RunState.QUEUED)
        return replace(
            before,
            earlier_seconds=before.seconds,
            samples_per_second=0.0,
            seconds_left=None,
            started=0.0,
            state=RunState.QUEUED,
            phase=Phase.STARTING,
            pid=os.getpid(),
            pid_created=born(psutil.Process()),
            heartbeat=time.time(),
            error=None,
            ended=0.0,
        )

    def _left_out(self, workspace: Workspace, run_id: str, state: RunState) -> bool:
        """Take a run that waits out of the queue, with `state` from then on. False for one that does not wait."""
        with self._lock:
            if (workspace, run_id) not in self._waiting:
                return False
            self._waiting.remove((workspace, run_id))
            folder = self._folder(workspace, run_id)
            folder.write_last_status(replace(folder.status(), state=state, ended=time.time()))
            return True

    def _new_folder(self, workspace: Workspace, name: str) -> tuple[str, RunFolder]:
        while True:
            run_id = workspace.free_name("runs", name)
            path = workspace.folder("runs", run_id)
            try:
                path.mkdir(parents=True)
            except FileExistsError:
                continue
            except OSError as error:
                raise disk_error(error, path) from error
            return run_id, RunFolder(path)

    def _folder(self, workspace: Workspace, run_id: str) -> RunFolder:
        path = workspace.folder("runs", run_id)
        if not path.is_dir():
            raise UserError("training.no_run", run=run_id)
        return RunFolder(path)

    def _recover_once(self, workspace: Workspace) -> None:
        with self._lock:
            if workspace in self._recovered:
                return
        self.recover(workspace)

    def _status(self, workspace: Workspace, run_id: str) -> RunStatus:
        folder = RunFolder(workspace.folder("runs", run_id))
        with self._lock:
            mine = (workspace, run_id) in (*self._waiting, self._current)
        if mine:
            # Of one whose child has just died, the worker knows the cause; settling it here would hide that.
            return folder.status()
        status = settle(folder)
        if status.state is RunState.QUEUED and not process_of(status):
            # It waited in another app, which is gone.
            status = replace(status, state=RunState.INTERRUPTED, error=UserError("training.interrupted").to_json())
            folder.write_last_status(status)
        return status

    def _summary(self, workspace: Workspace, run_id: str) -> RunSummary:
        folder = RunFolder(workspace.folder("runs", run_id))
        with self._lock:
            place = (workspace, run_id)
            position = self._waiting.index(place) + 1 if place in self._waiting else 0
        status = self._status(workspace, run_id)
        try:
            return RunSummary(
                run_id=run_id, spec=folder.spec(), status=status, position=position, best=status.best_value
            )
        except UserError as error:
            return RunSummary(run_id=run_id, spec=None, status=status, error=error)
