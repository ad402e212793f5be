"""The model a run starts from: the base with a head for the answers wanted, and what the arguments change of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from backend.recipes.base import TrainArguments
from backend.recipes.freezing import freeze
from backend.recipes.lora import with_lora

ProblemType = Literal["single_label_classification", "multi_label_classification", "regression"]

DROPOUTS = (
    "hidden_dropout_prob attention_probs_dropout_prob classifier_dropout dropout attention_dropout activation_dropout "
    "seq_classif_dropout embd_pdrop resid_pdrop attn_pdrop summary_first_dropout embedding_dropout mlp_dropout "
    "hidden_dropout classifier_dropout_prob pooler_dropout"
).split()
"""What models call their dropout rates."""


def sequence_model(
    path: str,
    labels: Sequence[str],
    problem: ProblemType,
    arguments: TrainArguments,
    new_model: Mapping[str, Any] | None = None,
) -> Any:
    """A PreTrainedModel for sequence classification, fp32 on the CPU. labels: in id order; none: one score.

    new_model: not empty: random weights, in the shape of the configuration at path with these changes.
    """
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification

    config = AutoConfig.from_pretrained(path, local_files_only=True, trust_remote_code=False)
    names = list(labels) or ["score"]
    config.id2label = dict(enumerate(names))
    config.label2id = {label: index for index, label in enumerate(names)}
    config.problem_type = problem
    if arguments.dropout is not None:
        set_dropout(config, arguments.dropout)
    if new_model:
        config.update(dict(new_model))
        model = AutoModelForSequenceClassification.from_config(config, dtype=torch.float32)
    else:
        model, info = AutoModelForSequenceClassification.from_pretrained(
            path, config=config, dtype=torch.float32, ignore_mismatched_sizes=True, local_files_only=True,
            output_loading_info=True,
        )  # fmt: skip
        # What a person is told of: the saved weights have nothing for these, or nothing of their size.
        model.new_weights = sorted({*info["missing_keys"], *(name for name, *_ in info["mismatched_keys"])})
    freeze(model, arguments)
    return with_lora(model, arguments) if arguments.lora_rank else model


def set_dropout(config: Any, rate: float) -> None:
    """Set every dropout rate that a model's configuration has."""
    for name in DROPOUTS:
        if isinstance(getattr(config, name, None), (int, float)):
            setattr(config, name, rate)
