"""One run from its turn in the queue to its end: start it, watch it, say what became of it, mirror it."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from pathlib import Path

from backend.data.library import list_data
from backend.errors import UserError
from backend.exports.push_along import Access, Pushes
from backend.models import ModelShelf, device_name
from backend.settings import Settings
from backend.training.causes import memory_kills
from backend.training.launchers import Launched, launch
from backend.training.nursery import Nursery
from backend.training.recovery import ended_well
from backend.training.resuming import halve
from backend.training.run_folder import RunFolder
from backend.training.spec import Launcher, Phase, RunSpec, RunState, RunStatus
from backend.workspace import Workspace

POLL_SECONDS = 0.5
# Each copy to trackio costs a third of a second of one core.
MIRROR_SECONDS = 30.0
# A run forecast to take less is not worth a process of its own, unless its memory would stay with the page.
THREAD_SECONDS = 60.0
THREAD_MIB = 1200.0
log = logging.getLogger(__name__)


class _StopAsked(Exception):
    """Somebody stopped the run before it was launched, or the app is ending."""


class Supervisor:
    """Used by the queue's worker thread. closed: the app is ending; a run under way is then left to itself."""

    def __init__(self, settings: Settings, shelf: ModelShelf, nursery: Nursery) -> None:
        self.settings, self.shelf, self.nursery = settings, shelf, nursery
        self.closed = False
        self.access: dict[Path, Access] = {}
        """Who pushes a run to the Hub, by its folder."""
        self.pushes: dict[Path, Pushes] = {}

    def see_through(self, workspace: Workspace, folder: RunFolder) -> None:
        """Run to the end. Whatever goes wrong is in the run's status; nothing is raised."""
        try:
            self._run(workspace, folder)
        except _StopAsked:
            if not self.closed:
                # started: 0, since it never trained.
                state = RunState.PAUSED if folder.requested() == "pause" else folder.unbegun
                self._end(folder, replace(folder.status(), state=state, started=0.0))
        except Exception as error:  # noqa: BLE001 - the thread that owns a run: every cause becomes its status
            if not self.closed:
                self._fail(folder, error)

    def mirror(self, folder: RunFolder) -> None:
        """Copy a run to trackio. Whatever goes wrong there is in the log; the run is what it is."""
        if not self.settings.trackio or not folder.metrics.exists():
            return
        try:
            self.nursery.start("mirror", folder.path)
        except OSError as error:
            log.warning("run %s: trackio: %s", folder.run_id, error)

    def _run(self, workspace: Workspace, folder: RunFolder) -> None:
        if folder.status().state is not RunState.QUEUED:
            # Somebody else has taken it up meanwhile.
            return
        spec = folder.spec()
        status = replace(folder.status(), state=RunState.RUNNING, phase=Phase.STARTING, started=time.time())
        folder.write_status(status)
        if not (Path(spec.data_folder) / "data.arrow").exists():
            titles = ", ".join(one.title for one in list_data(workspace))
            raise UserError("data.missing", name=spec.data_title, titles=titles)
        facts = self.shelf.resolve(workspace, spec.model_ref, _Told(self, folder))
        # Asking for the device may import torch: not while a person waits for Start.
        folder.write_spec(replace(spec, model_path=str(facts.path), device=device_name(self.settings)))
        self.heed(folder)
        launcher = self._launcher(spec)
        push = self._pushes(folder, spec)
        while True:
            kills = memory_kills()
            launched = launch(launcher, folder.path, self.nursery)
            self._watch(launched, folder, push)
            if self.closed:
                launched.end()
                return
            status = folder.status()
            if status.state.lives and folder.report():
                ended_well(folder)
                break
            # A run whose process is gone has no last word of its own.
            cause = launched.cause() if status.state.lives else None
            key = cause.key if cause else str((status.error or {}).get("key"))
            if _lacks_memory(status, spec, key, memory_kills() > kills) and self._with_less(folder, status):
                continue
            if cause:
                self._fail(folder, cause)
            break
        # After the last word: where the nursery was killed with the run, starting the copy starts another.
        self.mirror(folder)
        if push and folder.report():
            push.finish()

    def _pushes(self, folder: RunFolder, spec: RunSpec) -> Pushes | None:
        if not spec.push_repo:
            return None
        access = self.access.get(folder.path, Access())
        pushes = Pushes(folder, spec, self.settings, access, self.shelf.hub.home)
        self.pushes[folder.path] = pushes
        return pushes

    def _with_less(self, folder: RunFolder, status: RunStatus) -> bool:
        """The system has killed the run for want of memory: go on with half the batch. False where it was one row."""
        said = halve(folder)
        if said is None:
            return False
        folder.write_status(replace(status.remarked(said), state=RunState.RUNNING, error=None, ended=0.0))
        return True

    def heed(self, folder: RunFolder) -> None:
        """Raise _StopAsked when the run is not to go on. Asked until it is launched; then it looks by itself."""
        if self.closed or folder.requested():
            raise _StopAsked

    def _watch(self, launched: Launched, folder: RunFolder, push: Pushes | None) -> None:
        mirrored = time.monotonic()
        while not launched.wait(POLL_SECONDS) and not self.closed:
            if push:
                push.look()
            if time.monotonic() - mirrored > MIRROR_SECONDS:
                mirrored = time.monotonic()
                self.mirror(folder)

    def _fail(self, folder: RunFolder, error: Exception) -> None:
        if isinstance(error, UserError):
            cause = error
        else:
            log.exception("run %s", folder.run_id, exc_info=error)
            cause = UserError("training.unexpected", reason=repr(error))
        self._end(folder, replace(folder.status(), state=RunState.FAILED, error=cause.to_json()))

    def _end(self, folder: RunFolder, status: RunStatus) -> None:
        try:
            folder.write_last_status(replace(status, ended=time.time(), seconds_left=None))
        except UserError:
            log.exception("run %s: its status cannot be written", folder.run_id)

    def _launcher(self, spec: RunSpec) -> Launcher:
        """What the setting forces, else what the form says, else by the forecast."""
        if self.settings.public:
            # What one visitor trains must not take the page of all along when memory runs out.
            return "process"
        if spec.loop == "head":
            # It reads for seconds what one process can read: none is worth more than one of its own.
            return "thread" if self.settings.launcher in ("auto", "thread") else "process"
        from backend.training.forecast import known_forecast

        for wanted in (self.settings.launcher, spec.launcher):
            if wanted != "auto":
                return wanted  # type: ignore[return-value]
        forecast = known_forecast(spec)
        if forecast is None:
            return "process"
        brief = forecast.seconds_high < THREAD_SECONDS and forecast.memory_mib < THREAD_MIB
        return "thread" if brief else "process"


def _lacks_memory(status: RunStatus, spec: RunSpec, key: str, killed: bool) -> bool:
    """Whether a run ended for want of memory. A process alone has tried with less itself, unless it was killed.

    key: of the cause. killed: the system has killed some process for that meanwhile, of this run or of another's.
    """
    if not status.state.lives and status.state is not RunState.FAILED:
        return False
    if killed and key in ("training.killed", "launch.process_lost"):
        return True
    return key == "training.out_of_memory" and (killed or spec.processes > 1)


class _Told:
    """Hears how the download of the base model goes: each tenth is a line of the run's log, a stop ends it."""

    def __init__(self, supervisor: Supervisor, folder: RunFolder) -> None:
        self.supervisor, self.folder = supervisor, folder
        self.tenth = -1

    def __call__(self, phase: str, done: int, total: int) -> None:
        self.supervisor.heed(self.folder)
        tenth = 10 * done // max(total, 1)
        if tenth > self.tenth:
            if self.tenth < 0:
                self.folder.write_status(replace(self.folder.status(), phase=Phase.DOWNLOADING))
            self.tenth = tenth
            self.folder.say(f"{phase} of the model: {done >> 20} of {total >> 20} MiB")
