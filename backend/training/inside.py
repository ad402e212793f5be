"""What happens inside a step, for the page: the first batch, one example's loss, one training step, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from backend.models import ModelShelf
from backend.models.anatomy import Block
from backend.settings import Settings
from backend.training.ahead import ask_child, checked
from backend.training.spec import RunSpec
from backend.workspace import Workspace

TIMEOUT_SECONDS = 180.0
Problem = Literal["single_label_classification", "multi_label_classification", "regression"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRow:
    """One row of a batch. tokens: as a person reads them, padding left out; special: places of those not of the text;
    length: how many tokens it has, where fewer are told; answer: what the model should say."""

    tokens: Sequence[str]
    special: Sequence[int]
    length: int
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The first batch of the first epoch, as the sampler chooses and the collator pads it."""

    rows: Sequence[BatchRow]
    """The first of them, as many as a page has room for."""
    row_count: int
    width: int
    """Tokens of each padded row."""
    tokens: int
    """Of the texts themselves, all rows together."""
    tensors: Mapping[str, Sequence[int]]
    """Name to shape of what the model is given."""

    @property
    def padded(self) -> int:
        """Tokens of the whole batch, padding included."""
        return self.row_count * self.width


@dataclass(frozen=True, slots=True, kw_only=True)
class Padding:
    """One epoch by arithmetic: how many tokens the model works on under three ways to fill up the rows of a batch."""

    rows: int
    tokens: int
    """Of the texts themselves."""
    grouped: int
    """As here: rows of like length together, each batch filled up to its longest row."""
    shuffled: int
    """Random batches, filled up to their longest row."""
    fixed: int
    """Every row filled up to max_length."""
    max_length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One row of that batch from text to loss, without dropout.

    logits: what the model says for each answer, in id order; shares: softmax or sigmoid of them, () in a regression;
    targets: 1 where the answer is wanted, else 0; in a regression the score wanted. loss: of this row, nats or squared.
    """

    problem: Problem
    texts: Sequence[str]
    tokens: Sequence[str]
    special: Sequence[int]
    labels: Sequence[str]
    logits: Sequence[float]
    shares: Sequence[float]
    targets: Sequence[float]
    loss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockStep:
    """What the step did to a block, the parts of a layer taken together."""

    block: Block
    gradient: float
    """Norm of its gradient, before clipping; 0 for a frozen block."""
    weight: float
    """Mean absolute weight before the step, of those that learn."""
    moved: float
    """Mean absolute change of those weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the optimizer on that batch."""

    loss: float
    """What was minimized: with dropout, class weights and label smoothing as the arguments say."""
    before: float
    """Loss of the same batch without them, before the step and after."""
    after: float
    gradient: float
    """Norm of all gradients together, before clipping."""
    clipped_to: float | None
    """What it was shortened to; None: it was short enough."""
    learning_rate: float
    """The peak rate, with which this step was made."""
    first_rate: float
    """Rate of the run's own first step, where the warm-up has just begun."""
    forward_seconds: float
    backward_seconds: float
    optimizer_seconds: float
    blocks: Sequence[BlockStep]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """inside.json."""

    batch: Batch
    padding: Padding
    example: Example
    step: Step
    steps: int
    """Steps of the whole run."""
    accumulated: int = 1
    """Batches that the run adds up to one step; here it is one."""
    plain_loss: bool = True
    """Whether what is minimized is the mean of the rows' losses, with nothing added."""
    facts: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Inside:
        """The inverse of dataclasses.asdict."""
        blocks = [BlockStep(**one | {"block": Block(**one["block"])}) for one in data["step"]["blocks"]]
        batch = data["batch"] | {"rows": [BatchRow(**row) for row in data["batch"]["rows"]]}
        return cls(
            **data
            | {
                "batch": Batch(**batch),
                "padding": Padding(**data["padding"]),
                "example": Example(**data["example"]),
                "step": Step(**data["step"] | {"blocks": blocks}),
            }
        )


def look_inside(settings: Settings, shelf: ModelShelf, workspace: Workspace, draft: RunSpec) -> Inside:
    """Make the first batch and one step of a draft in a child. Takes seconds.

    Raises UserError: what submit would refuse, what would end the run, or inside.failed.
    """
    spec, _ = checked(settings, shelf, workspace, draft)
    return Inside.from_json(ask_child("inside", workspace, spec, TIMEOUT_SECONDS, "inside.failed"))
