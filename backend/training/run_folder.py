"""A run's folder: the only place where those who train and those who look meet."""

from __future__ import annotations

import json
import logging
import os
import re
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from backend.errors import UserError
from backend.metrics.record import read_points
from backend.recipes.base import Report
from backend.training.spec import MetricPoint, RunSpec, RunState, RunStatus
from backend.workspace import disk_error, write_atomically, write_json

RESERVE = ".reserve"
CONTROL = "control.json"
Request = Literal["stop", "pause"]
RESERVE_BYTES = 32768
# What terminals draw colours by.
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
logger = logging.getLogger(__name__)


class AskedToEnd(Exception):
    """Somebody has stopped or paused a run before its first step."""


class RunFolder:
    """spec.json, status.json, control.json, metrics.jsonl, log.txt, checkpoints/, model/, model-last/ and report.json.

    Writers replace whole files, so that a reader in another process never sees a half. On what a crash left behind,
    readers raise UserError or give the documented default.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def run_id(self) -> str:
        """The folder's name."""
        return self.path.name

    @property
    def metrics(self) -> Path:
        """The points, one a line."""
        return self.path / "metrics.jsonl"

    @property
    def log(self) -> Path:
        """What the run printed."""
        return self.path / "log.txt"

    @property
    def status_file(self) -> Path:
        """Where the run is."""
        return self.path / "status.json"

    @property
    def checkpoints(self) -> Path:
        """What the run needs while it goes, and the checkpoints that are to stay."""
        return self.path / "checkpoints"

    @property
    def state_file(self) -> Path:
        """What an unfinished run goes on from."""
        return self.checkpoints / "state.pt"

    def best(self, step: int) -> Path:
        """The best model so far, as it was after a step. Two may be there until state.pt names the newer one."""
        return self.checkpoints / f"best-{step}"

    @property
    def model(self) -> Path:
        """The trained model: the best checkpoint, for from_pretrained."""
        return self.path / "model"

    @property
    def model_last(self) -> Path:
        """The last state, there when a person stopped the run."""
        return self.path / "model-last"

    def spec(self) -> RunSpec:
        """What the run was asked to do. Raises UserError training.bad_spec or training.spec_version."""
        try:
            data = json.loads((self.path / "spec.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError("training.bad_spec", reason=str(error)) from error
        if not isinstance(data, dict):
            raise UserError("training.bad_spec", reason="spec.json")
        return RunSpec.from_json(data)

    def write_spec(self, spec: RunSpec) -> None:
        """Keep the spec."""
        write_json(self.path / "spec.json", spec.to_json())

    def status(self) -> RunStatus:
        """Where the run is; a status that cannot be read is an interrupted run's."""
        try:
            return RunStatus.from_json(json.loads(self.status_file.read_text(encoding="utf-8")))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return RunStatus(state=RunState.INTERRUPTED)

    def write_status(self, status: RunStatus) -> None:
        """Replace the status."""
        write_json(self.status_file, status.to_json())

    @property
    def unbegun(self) -> RunState:
        """What a run is that was taken out before it trained: one that has trained before can still go on."""
        return RunState.PAUSED if self.state_file.exists() else RunState.STOPPED

    def reserve_space(self) -> None:
        """Keep a few blocks of the disk, so that a run that fills it can still say so. Raises UserError, disk full."""
        write_atomically(self.path / RESERVE, b"0" * RESERVE_BYTES)

    def write_last_status(self, status: RunStatus) -> None:
        """Replace the status for good, on a full disk, too: the space reserved is given back first."""
        with suppress(OSError):
            (self.path / RESERVE).unlink(missing_ok=True)
        self.write_status(status)

    def points(self) -> list[MetricPoint]:
        """Every point so far."""
        return read_points(self.metrics)

    def report(self) -> Report | None:
        """The final report; None before the end and where it cannot be read."""
        try:
            return Report(**json.loads((self.path / "report.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def last_report(self) -> Report | None:
        """The report of model-last, there when a person stopped the run."""
        try:
            return Report(**json.loads((self.path / "report-last.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def write_report(self, report: Report, name: str = "report.json") -> None:
        """Keep a report."""
        from dataclasses import asdict

        write_json(self.path / name, asdict(report))

    def say(self, line: str) -> None:
        """A line of log.txt, with the time. On a full disk it is lost."""
        try:
            with self.log.open("a", encoding="utf-8") as file:
                file.write(f"{time.strftime('%H:%M:%S')} {line}\n")
        except OSError as error:
            logger.warning("run %s: log.txt: %s", self.run_id, error)

    def log_tail(self, lines: int = 200) -> str:
        """The last lines of what the run printed."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - 400 * lines))
                text = file.read().decode("utf-8", errors="replace")
        except OSError:
            return ""
        return "\n".join(_COLOURS.sub("", text).replace("\r", "\n").splitlines()[-lines:])

    def request(self, what: Request) -> None:
        """Ask the run to end after its present step: for good, or to go on later."""
        write_json(self.path / CONTROL, {what: True})

    def requested(self) -> Request | None:
        """What someone asked of the run. Cheap: asked after every step."""
        try:
            control: Any = json.loads((self.path / CONTROL).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except ValueError:
            return "stop"
        except OSError as error:
            # Asked again after the next step; a run is not ended for a file that could not be opened once.
            logger.warning("run %s: %s: %s", self.run_id, CONTROL, error)
            return None
        asked = control if isinstance(control, dict) else {}
        return "stop" if asked.get("stop") else "pause" if asked.get("pause") else None

    def heed(self) -> None:
        """Raise AskedToEnd when someone has asked the run to end: for where it has made no step yet."""
        if self.requested():
            raise AskedToEnd

    def withdraw_request(self) -> None:
        """Nobody asks anything of the run any more. Raises UserError where that cannot be written."""
        control = self.path / CONTROL
        try:
            control.unlink(missing_ok=True)
        except OSError as error:
            raise disk_error(error, control) from error
