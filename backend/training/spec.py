"""A run in its folder's words: the spec that starts it, the status that tells of it, the states it can be in."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from enum import StrEnum
from typing import Any, Literal

from backend.data.split import SplitPlan
from backend.errors import UserError
from backend.recipes.base import Preset, Recipe, TrainArguments

SPEC_VERSION = 1
TRAIN_ROWS_SCORED = 1000
"""Of a large training split the report scores this many rows."""
DIVERGED = ("training.diverged", "training.diverging")
"""The weights went wrong on the way."""
FATAL = (*DIVERGED, "training.no_steps", "training.bad_spec")
"""What ends a run that would end in the same way if it went on."""
Launcher = Literal["thread", "process", "accelerate"]
Loop = Literal["trainer", "native", "head"]
"""What trains: transformers.Trainer, our own loop on Accelerate, or a linear head on features computed once."""


class RunState(StrEnum):
    """Where a run is. stopped: ended by a person, kept and evaluated; paused: by a person or a full disk, to go on
    later; interrupted: cut off by a crash or a restart."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    PAUSED = "paused"
    FAILED = "failed"
    INTERRUPTED = "interrupted"

    @property
    def lives(self) -> bool:
        """Whether more will come of it by itself."""
        return self in (RunState.QUEUED, RunState.RUNNING)

    @property
    def can_go_on(self) -> bool:
        """Whether it ended before its end, so that it may be taken up again."""
        return self in (RunState.PAUSED, RunState.INTERRUPTED, RunState.FAILED)


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
    checkpoint_seconds: float = 60.0
    """How much work a crash may cost: the state to go on from is written so often, and less often where that costs
    more than a twenty-fifth of the time."""
    processes: int = 1
    """How many processes the accelerate launcher starts."""
    new_model: dict[str, Any] = field(default_factory=dict)
    """Not empty: train a model with random weights, shaped as model_ref's configuration with these changes."""
    tokenizer_ref: str = ""
    """Whose tokenizer; empty: the model's own."""
    push_repo: str = ""
    """Where kept checkpoints go on the Hub while the run trains, and its model at the end. Empty: nowhere."""
    push_private: bool = True
    """Whether that repository is made a private one, where there is none yet."""
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
        if data.get("spec_version") != SPEC_VERSION:
            raise UserError("training.spec_version", found=data.get("spec_version"), known=SPEC_VERSION)
        from backend.recipes import all_recipes

        try:
            data = data | {"split": SplitPlan(**data["split"]), "arguments": TrainArguments(**data["arguments"])}
            if data["recipe"] not in all_recipes():
                raise UserError("training.bad_spec", reason=f"recipe {str(data['recipe'])[:60]!r}")
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
    """Of the present or last attempt: a run that goes on is started again. 0: it waits, or never began."""
    ended: float = 0.0
    earlier_seconds: float = 0.0
    """What the attempts before it took."""
    heartbeat: float = 0.0
    pid: int = 0
    pid_created: float = 0.0
    """Start of that process, in seconds since the machine's: a pid alone may have been given to another since."""
    best_step: int = 0
    best_value: float | None = None
    launcher: str = ""
    baseline: dict[str, float] = field(default_factory=dict)
    """What the simplest guess scores on the rows that are checked, by metric; known once the data is prepared."""
    baseline_label: str = ""
    error: dict[str, Any] | None = None
    """UserError.to_json of what ended it."""
    remarks: list[dict[str, Any]] = field(default_factory=list)
    """UserError.to_json of what happened and was mended on the way: taken up again, a smaller batch."""

    @property
    def can_go_on(self) -> bool:
        """Whether it ended before its end, for a reason that does not wait for it again."""
        return self.state.can_go_on and not (self.error and self.error["key"] in FATAL)

    @property
    def seconds(self) -> float:
        """How long it has been worked on so far, without the time in which it was paused or cut off."""
        present = (self.ended or self.heartbeat) - self.started if self.started else 0.0
        return self.earlier_seconds + max(0.0, present)

    def remarked(self, said: UserError) -> RunStatus:
        """With something that happened and was mended; it takes the place of what was said of the same kind."""
        kept = [one for one in self.remarks if one["key"] != said.key]
        return replace(self, remarks=[*kept, said.to_json()])

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
class Change:
    """Arguments that make a run fit into memory, by name, and what it then needs. Texts `forecast.fit.{kind}`."""

    kinds: tuple[str, ...]
    """batch, checkpointing, length, lora: what is changed."""
    arguments: dict[str, Any]
    memory_mib: float


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
    memory_parts_mib: dict[str, float] = field(default_factory=dict)
    """What the memory is for: weights, gradients, optimizer, activations, saving, program."""
    change: Change | None = None
    """The smallest change with which it fits; None where it fits, or where no change is enough."""
