"""What is refused before anything starts, the same for Start and Forecast; and what is only worth a word."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from backend.errors import UserError
from backend.recipes import all_recipes
from backend.recipes.base import Finding, Recipe, TrainArguments
from backend.recipes.lora import ALL_LINEAR, target_names
from backend.recipes.sequence import SequenceRecipe
from backend.training.optimization import total_steps, warmup_steps
from backend.training.spec import RunSpec

if TYPE_CHECKING:
    from pathlib import Path

    from backend.data.version import DataVersion
    from backend.models import ModelFacts


def refuse_unfit(draft: RunSpec, version: DataVersion, facts: ModelFacts, device: str) -> None:
    """Raise UserError for data that the recipe cannot use, for a model that cannot train so, and for arguments that
    contradict each other, the model, the recipe or the device.

    Of a model that is still to be downloaded only what the Hub says is known; its run says the rest.
    """
    recipe, chosen = all_recipes()[draft.recipe], draft.arguments
    for finding in recipe.check(version, draft.columns):
        if finding.level == "error":
            raise UserError(finding.key, **finding.values)
    if not facts.has_tokenizer and not draft.tokenizer_ref:
        # Transformers would make up an empty one, and every text would look the same to the model.
        raise UserError("models.no_tokenizer", model=facts.title)
    if 0 < facts.max_length < chosen.max_length and not draft.new_model:
        raise UserError("training.too_long", model=facts.title, most=facts.max_length, wanted=chosen.max_length)
    parts = recipe.split(version, draft.columns, draft.split)
    rows = {name: len(part) for name, part in parts.items()}
    recipe.learnt_labels(version, draft.columns, draft.split)
    recipe.refuse_training_rows(version, draft.columns, parts["train"])
    _refuse_meaningless(chosen, recipe)
    _refuse_length(chosen, rows["train"] / max(1, draft.processes))
    if chosen.early_stopping_patience and not rows["validation"]:
        raise UserError("arguments.early_without_checks")
    if chosen.precision == "fp16" and device == "cpu":
        raise UserError("arguments.fp16_on_processor")
    _refuse_model(draft, facts)


def remarks(precision: str, lora_rank: float, lora_dropout: float, device: str) -> list[Finding]:
    """What is allowed but seldom meant. All but the device are arguments, checked or not."""
    found = []
    if device == "cpu" and precision == "bf16":
        found.append(Finding("warning", "arguments.bf16_slow", {}))
    if device == "cpu" and lora_rank and lora_dropout:
        found.append(Finding("warning", "arguments.lora_dropout_slow", {}))
    return found


def _refuse_meaningless(chosen: TrainArguments, recipe: Recipe) -> None:
    """Arguments that contradict each other or the recipe."""
    if chosen.lora_rank and chosen.freeze_base:
        raise UserError("arguments.lora_and_frozen")
    known = (*recipe.metric_names, "loss")
    if chosen.metric_for_best_model not in ("", *known):
        raise UserError("arguments.other_metric", metric=chosen.metric_for_best_model, known=", ".join(known))
    if isinstance(recipe, SequenceRecipe) and recipe.problem != "single_label_classification":
        for name, usual in (("class_weights", "none"), ("label_smoothing_factor", 0.0)):
            if getattr(chosen, name) != usual:
                raise UserError("arguments.no_classes", name=name, usual=usual)


def _refuse_length(chosen: TrainArguments, rows: float) -> None:
    """Warm-up, checks and checkpoints that lie beyond the end of the run. rows: those that each process trains on."""
    steps = total_steps(-(-int(rows) // chosen.per_device_train_batch_size), chosen)
    warms_up = chosen.lr_scheduler_type != "constant" and chosen.warmup_ratio
    if warms_up and warmup_steps(chosen, steps) >= steps:
        raise UserError("arguments.only_warm_up", steps=steps)
    if chosen.eval_steps > steps:
        raise UserError("arguments.no_check_in_run", wanted=chosen.eval_steps, steps=steps)
    if chosen.save_steps > steps:
        raise UserError("arguments.no_checkpoint_in_run", wanted=chosen.save_steps, steps=steps)


def _refuse_model(draft: RunSpec, facts: ModelFacts) -> None:
    """LoRA and frozen parts that the model has no use for."""
    chosen = draft.arguments
    if draft.new_model:
        for name in ("lora_rank", "freeze_base"):
            if getattr(chosen, name):
                raise UserError("arguments.nothing_to_keep", name=name)
    targets = target_names(chosen) if chosen.lora_rank else []
    if not targets or targets == [ALL_LINEAR] or facts.path is None:
        return
    known = matrices(facts.path)
    lacking = [name for name in targets if not any(f".{path}".endswith(f".{name}") for path in known)]
    if known and lacking:
        names = sorted({path.rpartition(".")[2] for path in known if "embed" not in path})
        raise UserError("arguments.no_such_target", targets=", ".join(lacking), known=", ".join(names))


def matrices(folder: Path) -> list[str]:
    """Paths of the modules whose weight is a matrix, as the files of a model name them; [] where none is safetensors.

    Only the headers are read, and torch is not needed.
    """
    found = []
    for file in sorted(folder.glob("*.safetensors")):
        try:
            with file.open("rb") as opened:
                size = int.from_bytes(opened.read(8), "little")
                header = json.loads(opened.read(size))
            found += [
                name.removesuffix(".weight")
                for name, tensor in header.items()
                if name.endswith(".weight") and len(tensor["shape"]) == 2
            ]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError("models.broken_weights", model=folder.name, file=file.name, reason="safetensors") from error
    return found
