"""Fifty kills: of the app, of the process that trains, while a checkpoint is written, while it scores. What is lost?

Each run is killed several times and goes on each time; its end is held against that of a run that nothing happened to.
"""

from __future__ import annotations

import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from backend.data.library import open_data
from backend.models import ModelShelf
from backend.recipes import all_recipes
from backend.recipes.base import TrainArguments
from backend.settings import Settings
from backend.training.queue import RunQueue
from backend.training.run_folder import RunFolder
from backend.training.spec import Phase, RunSpec, RunState
from backend.training.watch import STATE_SHARE
from backend.workspace import Workspace
from benchmarks._figures import ROOT, Figure, write
from benchmarks._product import RECIPE
from benchmarks.samples import MINILM

LONG = True
KILLS = 50
KILLS_A_RUN = 5
INTERVAL_SECONDS = 10.0
"""More than 25 times what a state costs here: less than that is not heeded."""
WAIT_SECONDS = 300.0
Moment = Literal["app", "trainer", "writing", "scoring"]
MOMENTS: tuple[Moment, ...] = ("app", "trainer", "writing", "scoring")
ARGUMENTS = TrainArguments(
    learning_rate=1e-4, num_train_epochs=4, per_device_train_batch_size=8, max_length=64, freeze_embeddings=True,
    evaluations=8, logging_steps=5,
)  # fmt: skip


@dataclass
class Seen:
    """What was seen over all kills."""

    told: list[float] = field(default_factory=list)
    """Seconds until the status on disk was true again."""
    repeated: list[float] = field(default_factory=list)
    """Steps done twice, of those that one interval holds."""
    lost: int = 0
    unreadable: int = 0
    differences: list[float] = field(default_factory=list)
    points: list[int] = field(default_factory=list)
    """Points doubled or missing in the curve of a whole run."""
    moments: list[str] = field(default_factory=list)


def settings(folder: Path) -> Settings:
    """A workspace in this folder."""
    return Settings(workspace=folder / "workspace", offline="yes", device="cpu", trackio=False)


def app(folder: Path) -> None:
    """The product without its page: takes up the run that is there, else starts one, until it has ended."""
    chosen = settings(folder)
    workspace, shelf = Workspace.open(chosen), ModelShelf(chosen)
    queue = RunQueue(chosen, shelf)
    runs = queue.runs(workspace)
    if runs:
        run_id = runs[0].run_id
    else:
        version = open_data(workspace, "sample:reviews_en")
        draft = RunSpec(
            name="cut", recipe=RECIPE, model_ref=MINILM, data_ref=version.ref, data_version=version.version,
            columns=all_recipes()[RECIPE].guess_columns(version), arguments=ARGUMENTS, launcher="process",
            checkpoint_seconds=INTERVAL_SECONDS, loop=os.environ["BENCH_LOOP"],  # type: ignore[arg-type]
        )  # fmt: skip
        run_id = queue.submit(workspace, draft)
    while (status := queue.run(workspace, run_id).status).state not in (RunState.DONE, RunState.STOPPED):
        if status.can_go_on:
            time.sleep(0.5)
            queue.resume(workspace, run_id)
        elif not status.state.lives:
            sys.exit(f"{status}")
        time.sleep(0.1)
    queue.close()


def start(folder: Path, loop: str) -> subprocess.Popen[bytes]:
    """An app of its own."""
    command = [sys.executable, "-m", "benchmarks.recovery", "--app", str(folder)]
    with (folder / "app.log").open("ab") as log:
        return subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env=os.environ | {"BENCH_LOOP": loop})


def run_of(folder: Path) -> RunFolder:
    """The one run there is."""
    return RunFolder(folder / "workspace" / "runs" / "cut")


def await_moment(folder: Path, moment: Moment, after: float) -> bool:
    """Wait until the run trains for so many seconds and is where the kill is meant for. False: it has ended."""
    run, deadline = run_of(folder), time.monotonic() + WAIT_SECONDS
    began = 0.0
    while time.monotonic() < deadline:
        status = run.status()
        if status.state in (RunState.DONE, RunState.STOPPED):
            return False
        trains = status.state is RunState.RUNNING and status.phase in (Phase.TRAINING, Phase.EVALUATING)
        if trains and status.total_steps:
            began = began or time.monotonic()
            if time.monotonic() - began > after:
                if moment == "writing" and not (run.checkpoints / ".state.pt.new").exists():
                    continue
                if moment != "scoring" or (status.phase is Phase.EVALUATING and status.step):
                    return True
        time.sleep(0.005 if began else 0.05)
    raise RuntimeError(f"no {moment} in {WAIT_SECONDS:g} s: {run.status()}")


def kill(folder: Path, process: subprocess.Popen[bytes], moment: Moment, seen: Seen) -> int:
    """Kill the app or the trainer; see how soon the folder says so, and whether it can be read. Returns the step."""
    run = run_of(folder)
    status = run.status()
    victim = process.pid if moment == "app" else status.pid
    os.kill(victim, signal.SIGKILL)
    began = time.monotonic()
    if moment == "app":
        process.wait()
    while run.status().state is RunState.RUNNING and run.status().pid == status.pid and not _begun_again(run, began):
        if time.monotonic() - began > 30:
            break
        time.sleep(0.02)
    seen.told.append(time.monotonic() - began)
    seen.moments.append(moment)
    try:
        run.spec()
        json.loads(run.status_file.read_text(encoding="utf-8"))
        for line in run.metrics.read_text(encoding="utf-8").splitlines():
            json.loads(line)
    except Exception as error:  # noqa: BLE001 - whatever cannot be read is what is counted
        print(f"unreadable after {moment}: {error!r}", flush=True)
        seen.unreadable += 1
    return max([status.step, *(point.step for point in run.points())])


def _begun_again(run: RunFolder, began: float) -> bool:
    return run.status().started > time.time() - (time.monotonic() - began)


def one_run(loop: str, kills: int, seen: Seen, chance: random.Random) -> tuple[float, list[int], float]:
    """(final loss on the validation rows, steps of the points, steps a second) of a run that is killed so often."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        folder = Path(temporary)
        process = start(folder, loop)
        reached: list[int] = []
        for _ in range(kills):
            moment = MOMENTS[len(seen.moments) % len(MOMENTS)]
            if not await_moment(folder, moment, chance.uniform(0.0, 1.5 * INTERVAL_SECONDS)):
                break
            reached.append(kill(folder, process, moment, seen))
            if moment == "app":
                process = start(folder, loop)
        code = process.wait(WAIT_SECONDS * 2)
        run = run_of(folder)
        report = run.report()
        if code or report is None:
            print((folder / "app.log").read_text()[-3000:], run.log_tail(40), flush=True)
            seen.lost += 1
            return float("nan"), [], 0.0
        points = run.points()
        losses = [point.values["eval_loss"] for point in points if "eval_loss" in point.values]
        rate = report.facts["steps"] / max(report.facts["train_seconds"], 1e-9)
        seen.repeated += repeated(run, reached, rate)
        return losses[-1], [point.step for point in points], rate


def repeated(run: RunFolder, reached: list[int], rate: float) -> list[float]:
    """Steps made twice after each kill, as a share of what one interval holds. reached: the step at each kill."""
    begun: list[int] = []
    intervals: list[float] = []
    for line in run.log.read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.split()
        if words[1:2] == ["train:"]:
            begun.append(0)
            intervals.append(INTERVAL_SECONDS)
        elif "goes on after step" in line:
            begun[-1] = int(words[-1])
        elif "state kept at step" in line:
            # The interval grows where the machine needs long for a state.
            intervals[-1] = max(INTERVAL_SECONDS, STATE_SHARE * float(words[-2]))
    # What is written once a second is as old as that.
    held = [max(rate * (interval + 1.0), 1.0) for interval in intervals]
    return [max(0, at - again) / one for at, again, one in zip(reached, begun[1:], held, strict=False)]


def main() -> None:
    """One unbroken run for each loop, then as many kills as asked for."""
    seen, chance = Seen(), random.Random(0)
    for loop in ("trainer", "native"):
        unbroken, steps, _ = one_run(loop, 0, Seen(), chance)
        while len(seen.moments) < KILLS * (1 if loop == "trainer" else 2) // 2:
            loss, got, _ = one_run(loop, min(KILLS_A_RUN, KILLS - len(seen.moments)), seen, chance)
            seen.differences.append(abs(loss - unbroken))
            seen.points.append(len(set(steps) ^ set(got)) + len(got) - len(set(got)) - (len(steps) - len(set(steps))))
            print(loop, len(seen.moments), "kills:", round(loss, 6), "unbroken", round(unbroken, 6), flush=True)
    kinds = {moment: seen.moments.count(moment) for moment in MOMENTS}
    write(
        "recovery",
        {
            "kills": Figure(len(seen.moments), ", ".join(f"{count} {kind}" for kind, count in kinds.items())),
            "runs lost": Figure(seen.lost, "runs", "<= 0"),
            "unreadable run folders": Figure(seen.unreadable, "folders", "<= 0"),
            "largest difference in final loss": Figure(max(seen.differences), "nats", "<= 0.0001"),
            "points doubled or missing": Figure(sum(seen.points), "points", "<= 0"),
            "most steps repeated": Figure(max(seen.repeated, default=0.0), "checkpoint intervals", "<= 1.0"),
            "status true again, median": Figure(statistics.median(seen.told), "s"),
            "status true again, slowest": Figure(max(seen.told), "s", "<= 5"),
        },
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--app"]:
        app(Path(sys.argv[2]))
    else:
        main()
