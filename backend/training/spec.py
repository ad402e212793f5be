"""A run in its folder's words: the spec that starts it, the status that tells of it, the states it can be in."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import Any, Literal

from backend.data.split import SplitPlan
from backend.recipes.base import Preset, Recipe, TrainArguments

SPEC_VERSION = 1
TRAIN_ROWS_SCORED = 1000
"""Of a large training split the report scores this many rows."""
Launcher = Literal["thread", "process", "accelerate"]
Loop = Literal["trainer", "native", "head"]
"""What trains: transformers.Trainer, our own loop on Accelerate, or a linear head on features computed once."""


class RunState(StrEnum):
    """Where a run is. stopped: ended by a person, kept and evaluated; interrupted: cut off by a crash or a restart."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"
    INTERRUPTED = "interrupted"

    @property
    def lives(self) -> bool:
        """Whether more will come of it by itself."""
        return self in (RunState.QUEUED, RunState.RUNNING)


class Phase(StrEnum):
    """What a running run does now. Texts `finetune.phase.{phase}`."""

    STARTING = "starting"
    DOWNLOADING = "downloading"
    PREPARING = "preparing"
    TRAINING = "training"
    EVALUATING = "evaluating"
    SAVING = "saving"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSpec:
    """Everything that decides what a run does. The form makes a draft (run_id empty); submit completes and keeps it."""

    name: str
    """As the person wrote it; the run_id is made from it."""
    recipe: str
    model_ref: str
    data_ref: str
    data_version: int
    columns: dict[str, str]
    """Role name to column name."""
    split: SplitPlan = SplitPlan()
    preset: Preset = "balanced"
    arguments: TrainArguments = TrainArguments()
    launcher: Literal["auto", "thread", "process", "accelerate"] = "auto"
    loop: Loop = "trainer"
    processes: int = 1
    """How many processes the accelerate launcher starts."""
    new_model: dict[str, Any] = field(default_factory=dict)
    """Not empty: train a model with random weights, shaped as model_ref's configuration with these changes."""
    tokenizer_ref: str = ""
    """Whose tokenizer; empty: the model's own."""
    # Filled in by submit:
    run_id: str = ""
    model_path: str = ""
    """Local folder of the base model."""
    model_title: str = ""
    tokenizer_path: str = ""
    """Local folder of the tokenizer; empty: model_path."""
    data_folder: str = ""
    data_title: str = ""
    device: str = "cpu"
    created: str = ""
    """ISO 8601, UTC."""
    spec_version: int = SPEC_VERSION

    def best_metric(self, recipe: Recipe) -> str:
        """The metric that chooses the best state: the recipe's, unless the arguments name another."""
        return self.arguments.metric_for_best_model or recipe.best_metric

    def to_json(self) -> dict[str, Any]:
        """What spec.json keeps."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> RunSpec:
        """The inverse of to_json. Raises UserError training.spec_version or training.bad_spec."""
        from backend.errors import UserError

        if data.get("spec_version") != SPEC_VERSION:
            raise UserError("training.spec_version", found=data.get("spec_version"), known=SPEC_VERSION)
        try:
            data = data | {"split": SplitPlan(**data["split"]), "arguments": TrainArguments(**data["arguments"])}
            return cls(**data)
        except (KeyError, TypeError) as error:
            raise UserError("training.bad_spec", reason=str(error)) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatus:
    """status.json: replaced atomically, read by every browser. Times are seconds since the epoch."""

    state: RunState
    phase: Phase = Phase.STARTING
    step: int = 0
    total_steps: int = 0
    epoch: float = 0.0
    samples_per_second: float = 0.0
    seconds_left: float | None = None
    memory_mib: float = 0.0
    """Resident size of the process that trains."""
    started: float = 0.0
    ended: float = 0.0
    heartbeat: float = 0.0
    pid: int = 0
    pid_created: float = 0.0
    """Start time of that process: a pid alone may have been given to another since."""
    best_step: int = 0
    best_value: float | None = None
    launcher: str = ""
    baseline: dict[str, float] = field(default_factory=dict)
    """What the simplest guess scores on the rows that are checked, by metric; known once the data is prepared."""
    baseline_label: str = ""
    error: dict[str, Any] | None = None
    """UserError.to_json of what ended it."""

    def to_json(self) -> dict[str, Any]:
        """What status.json keeps."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> RunStatus:
        """The inverse of to_json; fields this version does not know are left out."""
        known = {f.name for f in fields(cls)}
        data = {name: value for name, value in data.items() if name in known}
        return cls(**data | {"state": RunState(data["state"]), "phase": Phase(data.get("phase", "starting"))})


@dataclass(frozen=True, slots=True)
class MetricPoint:
    """One line of metrics.jsonl. values: {"loss": 0.41, "learning_rate": 4e-5} or {"eval_loss": 0.3, ...}."""

    step: int
    """Optimizer steps done; 0 is before the first."""
    seconds: float
    """Wall time since the run started training."""
    values: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What a run will take, from a few measured steps on its own data."""

    seconds: float
    seconds_low: float
    seconds_high: float
    memory_mib: float
    memory_available_mib: float
    disk_mib: float
    disk_available_mib: float
    steps: int
    split_rows: dict[str, int]
    baseline_label: str
    baseline_value: float
    truncated_share: float
    """Share of texts that max_length cuts."""
    unknown_share: float
    """Share of tokens that the tokenizer does not know."""
    measured_batches: int
    verdict: Literal["fits", "tight", "exceeds"] = "fits"
