"""A finished run's model scored on any split of any data set: what is asked, where it stands, what was found.

What was found lies in the run's folder, evaluations/NAME.json. While it is worked out, a folder .NAME stands beside it
with what was asked, how far it is, and the log of the child that works (`backend.training.elsewhere`).
"""

from __future__ import annotations

import json
import logging
import shutil
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from backend.data.split import SplitPlan
from backend.errors import UserError
from backend.models import device_name
from backend.recipes import all_recipes
from backend.recipes.base import Report
from backend.settings import Settings
from backend.training.known_rows import rows_to_score
from backend.training.nursery import shared_nursery
from backend.training.recovery import born, process_at
from backend.training.run_folder import RunFolder
from backend.workspace import Workspace, disk_error, write_json

Which = Literal["best", "last"]
logger = logging.getLogger(__name__)
# One at a time in this process, whoever asked: the others wait, as runs do.
_turn = threading.Lock()
_numbering = threading.Lock()


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be scored on what. own: the run's own data as it was trained on, by the run's own split."""

    data_ref: str
    data_version: int
    columns: Mapping[str, str]
    """Role name to column name."""
    part: str = "test"
    which: Which = "best"
    own: bool = False
    # Filled in by start:
    data_folder: str = ""
    data_title: str = ""
    plan: SplitPlan = SplitPlan()
    device: str = "cpu"
    created: str = ""
    """ISO 8601, UTC."""

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Asked:
        """The inverse of dataclasses.asdict."""
        return cls(**data | {"plan": SplitPlan(**data["plan"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What came of it. rows: as many as were asked for; scored: as many were, drawn at random where it was stopped."""

    report: Report
    rows: int
    scored: int
    unusable: int
    """Rows of the data without a text or an answer."""
    unknown: int = 0
    """Rows left out because the model does not know (one of) their labels, and these labels, the first of them."""
    unknown_labels: Sequence[str] = ()
    absent_labels: Sequence[str] = ()
    """Labels of the model that no row has."""
    learnt: int | None = None
    """Scored rows whose texts stood in the training rows, too; None where those are gone."""
    seconds: float = 0.0

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Found:
        """The inverse of dataclasses.asdict."""
        return cls(**data | {"report": Report(**data["report"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """One scoring of a run's model, done or under way. name: within the run; stopped: by a person, on some rows."""

    name: str
    asked: Asked
    working: bool = False
    done: int = 0
    """Rows done, and in all; 0 of 0 before it is known."""
    rows: int = 0
    stopped: bool = False
    found: Found | None = None
    error: UserError | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """The files of one evaluation. work: the folder .NAME; result: NAME.json."""

    work: Path
    result: Path = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "result", self.work.with_name(f"{self.work.name[1:]}.json"))

    @property
    def run(self) -> RunFolder:
        """Whose model it is."""
        return RunFolder(self.work.parent.parent)

    def asked(self) -> Asked:
        """Raises OSError, ValueError, KeyError or TypeError for a folder in which nothing was asked."""
        return Asked.from_json(json.loads((self.work / "asked.json").read_text(encoding="utf-8")))

    @property
    def stop_asked(self) -> bool:
        """Whether somebody asked for an end, or the run has been deleted."""
        return not self.work.exists() or (self.work / "stop").exists()

    def tell(self, done: int, rows: int) -> None:
        """How far this process is; of a run that has been deleted nothing is told."""
        import psutil

        if not self.work.exists():
            return
        mine = psutil.Process()
        write_json(self.work / "progress.json", {"done": done, "rows": rows, "pid": mine.pid, "born": born(mine)})

    def keep(self, asked: Asked, *, found: Found | None = None, error: UserError | None = None) -> None:
        """Write what came of it, unless the run has been deleted meanwhile. Neither: stopped before there was any."""
        if not self.work.exists():
            return
        kept = {
            "asked": asdict(asked),
            "stopped": self.stop_asked,
            "found": asdict(found) if found else None,
            "error": error.to_json() if error else None,
        }
        write_json(self.result, kept)


def start(settings: Settings, workspace: Workspace, run_id: str, asked: Asked) -> str:
    """Score in a child; returns its name at once. Raises UserError for what is known before."""
    from backend.data.library import open_data

    folder = RunFolder(workspace.folder("runs", run_id))
    spec, report = folder.spec(), _report(folder, asked.which)
    if any(one.working for one in evaluations(workspace, run_id)):
        raise UserError("elsewhere.busy")
    version = open_data(workspace, asked.data_ref, asked.data_version)
    plan = spec.split if asked.data_ref == spec.data_ref else SplitPlan()
    recipe = all_recipes()[spec.recipe]
    rows_to_score(recipe, version, asked.columns, report.labels, asked.part, plan)
    place = _new_place(folder)
    filled = asdict(asked) | {
        "data_folder": str(version.folder),
        "data_version": version.version,
        "data_title": version.title,
        "plan": asdict(plan),
        "device": device_name(settings),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    try:
        write_json(place.work / "asked.json", filled)
        place.tell(0, 0)
    except UserError:
        shutil.rmtree(place.work, ignore_errors=True)
        raise
    threading.Thread(target=_see_through, args=(place,), name=_thread(place), daemon=True).start()
    return place.result.stem


def stop(workspace: Workspace, run_id: str) -> None:
    """Ask for an end; what has been scored by then is reported."""
    for work in _works(RunFolder(workspace.folder("runs", run_id))):
        with suppress(FileNotFoundError):
            (work / "stop").touch()


def remove(workspace: Workspace, run_id: str, name: str) -> None:
    """Forget a result."""
    folder = workspace.folder("runs", run_id) / "evaluations"
    if name in {path.stem for path in folder.glob("[!.]*.json")}:
        (folder / f"{name}.json").unlink(missing_ok=True)


def evaluations(workspace: Workspace, run_id: str) -> list[Evaluation]:
    """Those of a run, the newest first. One whose process is gone with the app has failed; a file that cannot be read
    is left out."""
    folder = RunFolder(workspace.folder("runs", run_id))
    found = [one for work in _works(folder) if (one := _under_way(Place(work)))]
    known = {one.name for one in found}
    for path in (folder.path / "evaluations").glob("[!.]*.json"):
        if path.stem not in known and (one := _finished(path)):
            found.append(one)
    return sorted(found, key=lambda one: (one.asked.created, one.name), reverse=True)


def _report(folder: RunFolder, which: str) -> Report:
    report = folder.last_report() if which == "last" else folder.report()
    there = (folder.model_last if which == "last" else folder.model).is_dir()
    if report is None or not there or folder.status().state.lives:
        raise UserError("elsewhere.no_model", run=folder.run_id)
    return report


def _new_place(folder: RunFolder) -> Place:
    parent = folder.path / "evaluations"
    with _numbering:
        try:
            parent.mkdir(exist_ok=True)
            taken = [path.stem.lstrip(".") for path in parent.iterdir()]
            number = 1 + max((int(name) for name in taken if name.isdecimal()), default=0)
            work = parent / f".{number:03d}"
            work.mkdir()
        except OSError as error:
            raise disk_error(error, parent) from error
    return Place(work)


def _works(folder: RunFolder) -> list[Path]:
    # Files that are being written begin with a dot, too.
    return [path for path in (folder.path / "evaluations").glob(".[0-9]*") if path.is_dir()]


def _thread(place: Place) -> str:
    """Name of the thread that sees it through. Another visitor's run may have the same name."""
    return f"evaluate-{place.run.path}"


def _under_way(place: Place) -> Evaluation | None:
    if place.result.exists():
        shutil.rmtree(place.work, ignore_errors=True)
        return None
    try:
        asked = place.asked()
        told = json.loads((place.work / "progress.json").read_text(encoding="utf-8"))
        done, rows, pid, since = (told[name] for name in ("done", "rows", "pid", "born"))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    owned = any(thread.name == _thread(place) for thread in threading.enumerate())
    if owned or process_at(pid, since):
        return Evaluation(name=place.result.stem, asked=asked, working=True, done=done, rows=rows)
    place.keep(asked, error=UserError("elsewhere.cut_off"))
    shutil.rmtree(place.work, ignore_errors=True)
    return _finished(place.result)


def _finished(path: Path) -> Evaluation | None:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        found = Found.from_json(kept["found"]) if kept["found"] else None
        return Evaluation(
            name=path.stem,
            asked=Asked.from_json(kept["asked"]),
            done=found.scored if found else 0,
            rows=found.rows if found else 0,
            stopped=kept["stopped"],
            found=found,
            error=UserError.from_json(kept["error"]) if kept["error"] else None,
        )
    except (OSError, ValueError, KeyError, TypeError, UserError) as error:
        logger.warning("%s: %s", path, error)
        return None


def _see_through(place: Place) -> None:
    """Have a child do the work; however it ends, there is a result then, and nothing else."""
    asked, began = place.asked(), time.time()
    with _turn:
        if not place.stop_asked:
            job = shared_nursery().start("evaluate", place.work)
            job.wait()
            if not place.result.exists():
                # Nobody but the system ends a child while the nursery lives.
                gone = bool(job.code) and not shared_nursery().pid
                key = "elsewhere.cut_off" if gone else "elsewhere.killed" if (job.code or 0) < 0 else "elsewhere.failed"
                _keep_quietly(place, asked, UserError(key, reason=f"exit {job.code}"))
        elif not place.result.exists():
            _keep_quietly(place, asked, None)
    logger.info("%s: scored in %.1f s", place.result, time.time() - began)
    shutil.rmtree(place.work, ignore_errors=True)


def _keep_quietly(place: Place, asked: Asked, error: UserError | None) -> None:
    try:
        place.keep(asked, error=error)
    except UserError as failure:
        logger.warning("%s: %s", place.result, failure)
