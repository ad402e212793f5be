"""A run as a script of its own: plain transformers, datasets, accelerate and scikit-learn, and no code of ours.

Covers: runs of both loops, of every recipe. Does not cover: the linear head of a first answer.
The script is assets/export/train.py.txt with the run's values in it, less what the run does not need.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from backend.errors import UserError
from backend.metrics.multi_label import THRESHOLDS
from backend.recipes import all_recipes
from backend.recipes.base import LESS_IS_BETTER, Report, TrainArguments
from backend.recipes.lora import ALL_LINEAR, target_names
from backend.recipes.sentence_pair_classification import positive_label
from backend.recipes.starting_model import DROPOUTS
from backend.training.optimization import SCHEDULE_SETTINGS
from backend.training.spec import RunSpec

ROOT = Path(__file__).resolve().parent.parent.parent
TEMPLATE = ROOT / "assets" / "export" / "train.py.txt"
LONGEST_LINE = 119
_KINDS = {
    "single-label-classification": "classes",
    "sentence-pair-classification": "classes",
    "multi-label-classification": "sets",
    "sentence-pair-regression": "scores",
}
_PROBLEMS = {
    "classes": "single_label_classification",
    "sets": "multi_label_classification",
    "scores": "regression",
}
_LOGGING_STEPS = 10
_MARK = re.compile(r"\s*#: (not )?([\w ]+)")


def standalone_script(spec: RunSpec, report: Report, model: Path, hub_model: str = "") -> str:
    """The source of a script that trains and scores the same run.

    model: the trained model's folder. hub_model: the base model's name on the Hub, where it has one; the script then
    takes it unless told otherwise. Raises UserError after.no_script for a first answer, which no optimizer trained.
    """
    if spec.loop == "head":
        raise UserError("after.no_script", run=spec.run_id or spec.name)
    kind = _KINDS[spec.recipe]
    facts = _facts(spec, report, kind, hub_model)
    lines = _kept(TEMPLATE.read_text(encoding="utf-8").splitlines(), facts)
    values = _values(spec, report, kind, model, hub_model)
    source = re.sub(r"<<(\w+)>>", lambda found: values[found[1]], "\n".join(lines) + "\n")
    # Where parts were left out, no more than two empty lines stay.
    return re.sub(r"\n{4,}", "\n\n\n", source)


def packages(spec: RunSpec) -> dict[str, str]:
    """What the script needs, name to version, as pinned in requirements.txt."""
    pinned = dict(re.findall(r"^([\w-]+)==(\S+)$", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.M))
    wanted = ["accelerate", "datasets", "numpy", "torch", "transformers"]
    wanted.append("scipy" if _KINDS[spec.recipe] == "scores" else "scikit-learn")
    if spec.arguments.lora_rank:
        wanted += ["peft", "safetensors"]
    return {name: pinned[name] for name in sorted(wanted)}


def _facts(spec: RunSpec, report: Report, kind: str, hub_model: str) -> set[str]:
    """The parts of the template that this run needs."""
    chosen, pair = spec.arguments, spec.recipe == "sentence-pair-classification"
    two = len(report.labels) == 2
    found = {
        kind: True,
        "f1": pair and two,
        "f1_of_many": pair and not two,
        "classes_without_f1": kind == "classes" and not (pair and two),
        "lora": chosen.lora_rank,
        "freeze_base": chosen.freeze_base,
        "freeze_embeddings": chosen.freeze_embeddings and not chosen.freeze_base,
        "dropout": chosen.dropout is not None,
        "from_nothing": spec.new_model,
        "tokenizer": spec.tokenizer_path,
        "truncation_side": chosen.truncation_side != "own",
        "checkpointing": chosen.gradient_checkpointing,
        "weights": chosen.class_weights == "balanced",
        "smoothing": chosen.label_smoothing_factor,
        "eval_steps": chosen.eval_steps,
        "patience": chosen.early_stopping_patience,
        "stopped": report.facts.get("stopped"),
        "max_steps": chosen.max_steps,
        "scheduler_settings": chosen.lr_scheduler_type in SCHEDULE_SETTINGS,
        "bf16": chosen.precision == "bf16",
        "fp16": chosen.precision == "fp16",
        "model": hub_model,
    }
    return {name for name, needed in found.items() if needed}


def _kept(lines: Sequence[str], facts: set[str]) -> list[str]:
    """The lines whose part is needed. `#: a b` begins a part for runs with a or b, `#: not a b` for those with none of
    them, `#: end` ends it."""
    kept, wanted = [], True
    for line in lines:
        mark = _MARK.fullmatch(line)
        if mark is None:
            kept += [line] if wanted else []
        else:
            wanted = mark[2] == "end" or bool(facts & set(mark[2].split())) is not bool(mark[1])
    return kept


def _values(spec: RunSpec, report: Report, kind: str, model: Path, hub_model: str) -> dict[str, str]:
    """What stands for each <<name>> of the template."""
    from backend.training.sampler import POOL_BATCHES

    recipe, chosen = all_recipes()[spec.recipe], spec.arguments
    pins = packages(spec)
    metric = spec.best_metric(recipe)
    answer = recipe.roles[-1].name
    told = {
        "title": _words(f"Fine-tunes {spec.model_title or 'a model'} on {spec.data_title}: {spec.recipe}."),
        "name": _words(spec.name),
        "dependencies": "\n".join(f'#     "{name}=={version}",' for name, version in pins.items()),
        "job_model": hub_model or "ME/MODEL",
        "model_title": _words(spec.model_title or spec.model_ref),
        "tokenizer": "required=True",
        "dropouts": "\n".join(f'    "{name}",' for name in DROPOUTS),
        "sign": "-" if metric in LESS_IS_BETTER else "",
        "pool": str(POOL_BATCHES),
    }
    plain = {
        "texts": [spec.columns[role] for role in recipe.text_roles],
        "answer": spec.columns[answer],
        "labels": list(report.labels),
        "positive": positive_label(report.labels) if len(report.labels) == 2 else 1,
        "problem": _PROBLEMS[kind],
        "model": hub_model,
        "model_max_length": _model_max_length(model) if spec.new_model else 0,
        "new_model": dict(spec.new_model),
        "batch_size": chosen.per_device_train_batch_size * _processes(spec),
        "stop_after": report.facts.get("steps", 0),
        "metric": metric,
        "scores": _scores(report),
        "scheduler_settings": SCHEDULE_SETTINGS.get(chosen.lr_scheduler_type),
        "lora_targets": ALL_LINEAR if target_names(chosen) == [ALL_LINEAR] else target_names(chosen),
        "thresholds": list(THRESHOLDS),
        **_arguments(chosen),
    }
    return told | {name: _literal(value, 4 if name == "new_model" else 0) for name, value in plain.items()}


def _arguments(chosen: TrainArguments) -> dict[str, Any]:
    """The arguments that stand in the script as they are, by the template's names."""
    return {
        "eval_batch_size": chosen.per_device_eval_batch_size,
        "accumulation": chosen.gradient_accumulation_steps,
        "warmup": chosen.warmup_ratio,
        "scheduler": chosen.lr_scheduler_type,
        "smoothing": chosen.label_smoothing_factor,
        "patience": chosen.early_stopping_patience,
        "logging_steps": chosen.logging_steps or _LOGGING_STEPS,
        **{
            name: getattr(chosen, name)
            for name in (
                "learning_rate", "num_train_epochs", "max_steps", "weight_decay", "adam_beta1", "adam_beta2",
                "adam_epsilon", "max_grad_norm", "max_length", "truncation_side", "seed", "dropout", "eval_steps",
                "evaluations", "lora_rank", "lora_alpha", "lora_dropout",
            )
        },
    }  # fmt: skip


def _words(text: str) -> str:
    """A person's words as they may stand in a docstring and in argparse's help."""
    return re.sub(r'["\\%<>\s]+', " ", text).strip()


def _processes(spec: RunSpec) -> int:
    return spec.processes if spec.launcher == "accelerate" else 1


def _scores(report: Report) -> dict[str, dict[str, float]]:
    """What the run scored where it did not learn."""
    return {
        name: {metric: round(value, 6) for metric, value in values.items() if metric != "rows"}
        for name, values in report.splits.items()
        if name != "train"
    }


def _model_max_length(model: Path) -> int:
    """How much the tokenizer that was saved with a model lets it read."""
    try:
        found = json.loads((model / "tokenizer_config.json").read_text(encoding="utf-8"))["model_max_length"]
    except (OSError, ValueError, KeyError):
        return 512
    return int(found)


def _literal(value: Any, indent: int = 0) -> str:
    """A plain value as Python source, long ones over several lines. Strings in double quotes, all scripts readable."""
    short = _short(value)
    if len(short) <= LONGEST_LINE - 30 or not isinstance(value, (list, dict)):
        return short
    if isinstance(value, dict):
        inner = "".join(
            f"    {_short(key)}: {_literal(one).replace(chr(10), chr(10) + '    ')},\n" for key, one in value.items()
        )
        return "{\n" + inner + "}"
    return "[\n" + "".join(f"    {_literal(one)},\n" for one in value) + "]"


def _short(value: Any) -> str:
    if isinstance(value, str):
        # JSON's strings are Python's, but for characters outside the basic plane, which stay as they are here.
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_short(key)}: {_short(one)}" for key, one in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_short(one) for one in value) + "]"
    return repr(value)
