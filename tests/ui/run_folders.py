"""Run folders written by hand in the product's own format: every state can be shown without training."""

from __future__ import annotations

import math
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from backend.data.split import SplitPlan
from backend.metrics.record import Recorder
from backend.recipes.base import Report, TrainArguments
from backend.training.recovery import born
from backend.training.run_folder import RunFolder
from backend.training.spec import MetricPoint, Phase, RunSpec, RunState, RunStatus
from backend.workspace import Workspace

TOTAL = 400
CHECKS = 8
LABELS = ("negative", "positive")


def write_run(
    workspace: Workspace,
    run_id: str,
    state: RunState = RunState.DONE,
    steps: int = TOTAL,
    skill: float = 0.9,
    created: str = "2026-11-20T10:00:00+00:00",
    error: dict[str, Any] | None = None,
    **arguments: Any,
) -> RunFolder:
    """A run that got as far as `steps` of 400, its accuracy climbing from 0.5 towards `skill`."""
    folder = RunFolder(workspace.folder("runs", run_id))
    folder.path.mkdir(parents=True)
    folder.write_spec(spec(run_id, created, **arguments))
    write_points(folder.metrics, steps, skill)
    started = time.time() - 0.4 * steps - 2
    status = RunStatus(
        state=state, phase=Phase.TRAINING, step=steps, total_steps=TOTAL, epoch=3 * steps / TOTAL,
        samples_per_second=118.0, seconds_left=0.4 * (TOTAL - steps), memory_mib=1530.0, started=started,
        pid=os.getpid(), pid_created=born(psutil.Process()),
        ended=0.0 if state.lives else started + 0.4 * steps, heartbeat=time.time(), best_step=steps, best_value=skill,
        launcher="process", baseline={"accuracy": 0.55, "f1_macro": 0.35}, baseline_label="positive", error=error,
    )  # fmt: skip
    if state == RunState.QUEUED:
        status = replace(status, step=0, total_steps=0, started=0.0, seconds_left=None, memory_mib=0.0)
    folder.write_status(status)
    folder.log.write_text("10:00:01 train: 384 rows\n10:00:02 step 0: eval_loss 0.7012\n", encoding="utf-8")
    if state in (RunState.DONE, RunState.STOPPED):
        folder.write_report(report(skill))
        folder.model.mkdir()
        (folder.model / "config.json").write_text("{}", encoding="utf-8")
    return folder


def spec(run_id: str, created: str = "2026-11-20T10:00:00+00:00", **arguments: Any) -> RunSpec:
    """What such a run was asked to do."""
    return RunSpec(
        name=run_id, recipe="single-label-classification", model_ref="starter:all-MiniLM-L6-v2",
        data_ref="sample:reviews_en",
        data_version=1, columns={"text": "text", "label": "label"}, split=SplitPlan(),
        arguments=TrainArguments(**arguments), run_id=run_id, model_title="all-MiniLM-L6-v2 (starter)",
        data_title="Reviews", created=created,
    )  # fmt: skip


def write_points(path: Path, steps: int, skill: float) -> None:
    """Losses at every fourth step, checks at every eighth part of the run, as a run records them."""
    recorder = Recorder(path)
    for step in range(0, steps + 1, 2):
        at = step / TOTAL
        if step and step % 4 == 0:
            wobble = 0.08 * math.sin(step * 1.7) * math.cos(step * 0.3)
            loss = 0.15 + 0.55 * math.exp(-3 * at) + wobble
            rate = 5e-5 * (1 - at)
            recorder.add(MetricPoint(step, 0.4 * step, {"loss": max(0.02, loss), "learning_rate": rate}))
        if step % (TOTAL // CHECKS) == 0:
            score = skill - (skill - 0.5) * math.exp(-4 * at)
            values = {"eval_loss": 0.2 + 0.5 * math.exp(-3 * at), "eval_accuracy": score, "eval_f1_macro": score - 0.02}
            recorder.add(MetricPoint(step, 0.4 * step, values))
    recorder.close()


def report(skill: float = 0.9, labels: tuple[str, ...] = LABELS) -> Report:
    """What such a run says at its end."""
    rows = 24
    right = round(skill * rows)
    count = len(labels)
    confusion = [
        [right if row == column else (rows - right) // max(1, count - 1) for column in range(count)]
        for row in range(count)
    ]
    scores = {"accuracy": skill, "f1_macro": skill - 0.01, "loss": 0.31}
    guess = {"accuracy": 0.55, "f1_macro": 0.35}
    wrong = {"true": labels[0], "answer": labels[-1]}
    return Report(
        headline_split="test",
        headline_metric="accuracy",
        splits={
            "train": scores | {"rows": 384, "accuracy": 0.97},
            "validation": scores | {"rows": 48},
            "test": scores | {"rows": 48},
        },
        baseline={"train": guess, "validation": guess, "test": guess},
        baseline_label=labels[-1],
        labels=list(labels),
        per_label=[
            {"label": label, "precision": skill, "recall": skill - 0.02 * i, "f1": skill - 0.01 * i, "rows": rows}
            for i, label in enumerate(labels)
        ],
        confusion=confusion,
        wrong=[
            wrong | {"row_id": 7, "text": "It is fine. <b>Nothing</b> more, nothing less.", "confidence": 0.971},
            wrong | {"row_id": 9, "text": "I wanted to like it.", "confidence": 0.904},
        ],
        wrong_count=2,
        facts={"train_seconds": 61.0, "total_seconds": 74.2, "steps": TOTAL, "stopped": False},
    )  # fmt: skip
