"""One run from its turn in the queue to its end: start it, watch it, say what became of it, mirror it."""

from __future__ import annotations

import logging
import time
from dataclasses import replace

from backend.errors import UserError
from backend.models import ModelShelf, device_name
from backend.settings import Settings
from backend.training.launchers import Launched, launch
from backend.training.nursery import Nursery
from backend.training.run_folder import RunFolder
from backend.training.spec import Launcher, Phase, RunSpec, RunState
from backend.workspace import Workspace

POLL_SECONDS = 0.5
# Each copy to trackio costs a third of a second of one core.
MIRROR_SECONDS = 30.0
# A run forecast to take less is not worth a process of its own, unless its memory would stay with the page.
THREAD_SECONDS = 60.0
THREAD_MIB = 1200.0
log = logging.getLogger(__name__)


class Supervisor:
    """Used by the queue's worker thread. closed: the app is ending; a run under way is then left to itself."""

    def __init__(self, settings: Settings, shelf: ModelShelf, nursery: Nursery) -> None:
        self.settings, self.shelf, self.nursery = settings, shelf, nursery
        self.closed = False

    def see_through(self, workspace: Workspace, folder: RunFolder) -> None:
        """Run to the end. Whatever goes wrong is in the run's status; nothing is raised."""
        try:
            self._run(workspace, folder)
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
        spec = folder.spec()
        status = replace(folder.status(), state=RunState.RUNNING, phase=Phase.STARTING, started=time.time())
        folder.write_status(status)
        facts = self.shelf.resolve(workspace, spec.model_ref)
        # Asking for the device may import torch: not while a person waits for Start.
        folder.write_spec(replace(spec, model_path=str(facts.path), device=device_name(self.settings)))
        launched = launch(self._launcher(spec), folder.path, self.nursery)
        self._watch(launched, folder)
        if self.closed:
            return
        self.mirror(folder)
        if folder.status().state.lives:
            raise launched.cause()

    def _watch(self, launched: Launched, folder: RunFolder) -> None:
        mirrored = time.monotonic()
        while not launched.wait(POLL_SECONDS) and not self.closed:
            if time.monotonic() - mirrored > MIRROR_SECONDS:
                mirrored = time.monotonic()
                self.mirror(folder)

    def _fail(self, folder: RunFolder, error: Exception) -> None:
        if isinstance(error, UserError):
            cause = error
        else:
            log.exception("run %s", folder.run_id, exc_info=error)
            cause = UserError("training.unexpected", reason=repr(error))
        status = replace(folder.status(), state=RunState.FAILED, error=cause.to_json(), ended=time.time())
        try:
            folder.write_last_status(status)
        except UserError:
            log.exception("run %s: its status cannot be written", folder.run_id)

    def _launcher(self, spec: RunSpec) -> Launcher:
        """What the setting forces, else what the form says, else by the forecast."""
        from backend.training.forecast import known_forecast

        for wanted in (self.settings.launcher, spec.launcher):
            if wanted != "auto":
                return wanted  # type: ignore[return-value]
        forecast = known_forecast(spec)
        if forecast is None:
            return "process"
        brief = forecast.seconds_high < THREAD_SECONDS and forecast.memory_mib < THREAD_MIB
        return "thread" if brief else "process"
