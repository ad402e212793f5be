"""The settings of a run: every training argument, grouped, with what it means and its name in code."""

from __future__ import annotations

from dataclasses import Field, dataclass, fields
from typing import Any, cast

import gradio as gr

from backend.models import device_name
from backend.recipes import all_recipes
from backend.recipes.base import TrainArguments
from backend.training.refusals import remarks
from ui.errors import shown
from ui.finetune import cards
from ui.text import i18n
from ui.visitor import Services, locale_of

Updates = dict[Any, Any]

# In the order in which a learner asks.
GROUPS = {
    "learning": (
        "learning_rate", "num_train_epochs", "max_steps", "lr_scheduler_type", "warmup_ratio",
        "label_smoothing_factor", "class_weights",
    ),
    "batches": (
        "per_device_train_batch_size", "gradient_accumulation_steps", "per_device_eval_batch_size", "max_length",
        "truncation_side",
    ),
    "optimizer": ("weight_decay", "adam_beta1", "adam_beta2", "adam_epsilon", "max_grad_norm"),
    "model": ("freeze_embeddings", "freeze_base", "dropout", "precision", "gradient_checkpointing"),
    "lora": ("lora_rank", "lora_alpha", "lora_dropout", "lora_targets"),
    "checks": ("evaluations", "eval_steps", "metric_for_best_model", "early_stopping_patience", "logging_steps"),
    "saving": ("save_steps", "save_total_limit", "seed"),
}  # fmt: skip
LORA = ("lora_alpha", "lora_dropout", "lora_targets")


@dataclass(frozen=True, slots=True)
class Settings:
    """The fold and what is in it."""

    fold: gr.Accordion
    arguments: dict[str, Any]
    """Widgets by argument name."""
    remarks: gr.HTML
    """What is allowed but seldom meant."""


def build() -> Settings:
    """The fold, every argument in its group."""
    by_name = {field.name: field for field in fields(TrainArguments)}
    grouped = {name for names in GROUPS.values() for name in names}
    groups = GROUPS | {"saving": (*GROUPS["saving"], *(name for name in by_name if name not in grouped))}
    arguments: dict[str, Any] = {}
    with gr.Accordion(i18n("finetune.settings"), open=False, elem_classes="fold") as fold:
        for group, names in groups.items():
            gr.HTML(i18n(f"arguments.group.{group}"), elem_classes="caption", apply_default_css=False)
            with gr.Row(equal_height=False, elem_classes="settings-row"):
                for name in names:
                    arguments[name] = _argument(by_name[name])
        remarks = gr.HTML("", apply_default_css=False)
    return Settings(fold, arguments, remarks)


def wire(settings: Settings, settled: gr.State, services: Services) -> None:
    """What follows from a setting: a word on what is seldom meant, and LoRA's own settings once it is on."""
    watched = ("precision", "lora_rank", "lora_dropout")
    inputs: dict[str, Any] = {name: settings.arguments[name] for name in watched}

    def follow(request: gr.Request, precision: str, lora_rank: float | None, lora_dropout: float | None) -> Updates:
        found = remarks(precision, lora_rank or 0, lora_dropout or 0, device_name(services.settings))
        shows = {settings.arguments[name]: gr.update(visible=bool(lora_rank)) for name in LORA}
        return shows | {settings.remarks: cards.findings(found, locale_of(request))}

    gr.on(
        [settled.change, *(widget.input for widget in inputs.values())],
        shown(follow),
        inputs_kwargs=inputs,
        outputs=[settings.remarks, *(settings.arguments[name] for name in LORA)],
        show_progress="hidden",
        api_visibility="private",
        # Not always_last: see ui.finetune.anatomy.
        trigger_mode="multiple",
    )


def _argument(field: Field[Any]) -> gr.components.FormComponent:
    """The widget of one training argument, by its default's type and its choices. The dataclass does the checking."""
    key, value = f"arguments.{field.name}", cast(Any, field.default)
    # LoRA's own settings come into sight once it is on.
    hidden = {"visible": False} if field.name in LORA else {}
    texts: dict[str, Any] = {
        "label": i18n(key),
        "info": i18n(f"{key}.help"),
        "interactive": True,
        "min_width": 180,
    } | hidden
    if isinstance(value, bool):
        return gr.Checkbox(value, **texts)
    if field.name == "metric_for_best_model":
        return gr.Dropdown(_metrics(), value=value, **texts)
    if field.metadata["choices"]:
        choices: Any = [(i18n(f"{key}.{choice}"), choice) for choice in field.metadata["choices"]]
        return gr.Dropdown(choices, value=value, **texts)
    if isinstance(value, str):
        return gr.Textbox(value, max_lines=1, **texts)
    return gr.Number(value, precision=0 if isinstance(value, int) else None, **texts)


def _metrics() -> list[Any]:
    """Every recipe's metrics; one that the chosen recipe lacks is refused by name before Start."""
    names = dict.fromkeys(name for recipe in all_recipes().values() for name in recipe.metric_names)
    return [
        (i18n("arguments.metric_for_best_model.usual"), ""),
        *((i18n(f"phrases.metric.{name}"), name) for name in (*names, "loss")),
    ]
