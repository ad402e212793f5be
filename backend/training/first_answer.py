"""A first answer as a run of its own: the draft that asks for it, and the one that a longer run is measured against."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
from typing import TYPE_CHECKING

from backend.data.repeats import FROM_EVERY_SPLIT
from backend.recipes.base import TrainArguments
from backend.training.spec import RunSpec, RunState

if TYPE_CHECKING:
    from backend.training.queue import RunSummary

# Of the arguments only these mean anything to a head on features that are read once.
KEPT = ("max_length", "truncation_side", "seed", "metric_for_best_model")


def first_answer_to(draft: RunSpec, name: str) -> RunSpec:
    """The first answer to what a draft wants to learn, by the model as it is: from its own weights and tokenizer."""
    arguments = TrainArguments(**{name: getattr(draft.arguments, name) for name in KEPT})
    return replace(
        draft,
        push_repo="",
        name=name,
        loop="head",
        launcher="thread",
        processes=1,
        arguments=arguments,
        new_model={},
        tokenizer_ref="",
    )


def heeded(spec: RunSpec) -> list[str]:
    """Names of the arguments that a run goes by, in their order."""
    names = [field.name for field in fields(TrainArguments)]
    return [name for name in names if spec.loop != "head" or name in KEPT]


def same_rows(one: RunSpec, other: RunSpec) -> bool:
    """Whether both learn the same and are tested on the same rows. What only the training rows lose does not matter
    for that."""
    kept = [
        (spec.recipe, spec.data_ref, spec.data_version, spec.columns, replace(spec.split, leave_out=_everywhere(spec)))
        for spec in (one, other)
    ]
    return kept[0] == kept[1]


def _everywhere(spec: RunSpec) -> tuple[str, ...]:
    """What the run leaves out of every split."""
    return tuple(name for name in spec.split.leave_out if name in FROM_EVERY_SPLIT)


def earlier_answer(spec: RunSpec, runs: Iterable[RunSummary]) -> RunSummary | None:
    """The newest first answer of the same model, checked on the same rows, for a run's charts. runs: newest first."""
    if spec.loop == "head":
        return None
    for run in runs:
        other = run.spec
        if (
            other
            and other.loop == "head"
            and run.status.state is RunState.DONE
            and other.model_ref == spec.model_ref
            and same_rows(other, spec)
        ):
            return run
    return None
