"""LoRA: small matrices beside the big ones learn instead of the model, and are added into it at the end (peft)."""

from __future__ import annotations

import copy
import warnings
from typing import Any

from backend.errors import UserError
from backend.recipes.base import TrainArguments
from backend.recipes.freezing import head_names

ALL_LINEAR = "all-linear"


def with_lora(model: Any, arguments: TrainArguments) -> Any:
    """A peft.PeftModel around a model: its head and the small matrices learn, everything else stays as it is.

    Raises UserError arguments.no_such_target where the model has no module of a name that the arguments give.
    """
    from peft import LoraConfig, get_peft_model

    names = target_names(arguments)
    lacking = [name for name in names if not any(_ends(path, name) for path, _ in model.named_modules())]
    if lacking and names != [ALL_LINEAR]:
        raise UserError(
            "arguments.no_such_target", targets=", ".join(lacking), known=", ".join(sorted(linear_names(model)))
        )
    chosen: Any = ALL_LINEAR if names == [ALL_LINEAR] else names or _usual(model)
    config = LoraConfig(
        r=arguments.lora_rank,
        lora_alpha=arguments.lora_alpha,
        lora_dropout=arguments.lora_dropout,
        target_modules=chosen,
        modules_to_save=head_names(model),
    )
    with warnings.catch_warnings():
        # peft asks by a name that transformers is about to give up.
        warnings.simplefilter("ignore", FutureWarning)
        return get_peft_model(model, config)


def target_names(arguments: TrainArguments) -> list[str]:
    """The modules that a person named, [] for the usual ones."""
    names = [name for name in (part.strip() for part in arguments.lora_targets.split(",")) if name]
    return [ALL_LINEAR] if [name.lower() for name in names] == [ALL_LINEAR] else names


def linear_names(model: Any) -> set[str]:
    """What the linear layers of a model's body are called: query, key, value, dense."""
    import torch

    heads = head_names(model)
    return {
        path.rpartition(".")[2]
        for path, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and not any(part in heads for part in path.split("."))
    }


def merged(model: Any, copied: bool = False) -> Any:
    """The plain model with what LoRA learnt added to its weights; another model is given back as it is.

    copied: the model can go on learning; else it is used up.
    """
    if not hasattr(model, "merge_and_unload"):
        return model
    return (copy.deepcopy(model) if copied else model).merge_and_unload()


def _usual(model: Any) -> Any:
    """What peft takes for this kind of model, else all linear layers."""
    from peft.utils import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING

    return TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING.get(model.config.model_type, ALL_LINEAR)


def _ends(path: str, name: str) -> bool:
    return path == name or path.endswith(f".{name}")
