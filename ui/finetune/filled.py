"""The form as a person filled it in: what its values stand for in the backend's words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, dataclass, fields
from typing import Any

import gradio as gr

from backend.data.describe import unknown_share
from backend.data.library import open_data
from backend.data.split import SplitPlan, split_counts
from backend.data.version import DataVersion
from backend.errors import UserError
from backend.models import ModelFacts, device_name
from backend.recipes import all_recipes
from backend.recipes.base import Preset, Recipe, TrainArguments
from backend.training.spec import RunSpec
from backend.workspace import Workspace
from ui.visitor import Services

ARGUMENT, SPLIT, COLUMN = "argument_", "split_", "column_"


@dataclass(frozen=True, slots=True)
class Filled:
    """values: by the names of Form.inputs. Whatever is asked of it may raise UserError: it may be filled in wrongly."""

    services: Services
    workspace: Workspace
    values: Mapping[str, Any]

    @classmethod
    def of(cls, services: Services, request: gr.Request, values: Mapping[str, Any]) -> Filled:
        """The form in this visitor's workspace."""
        return cls(services, services.workspace(request), values)

    @property
    def recipe(self) -> Recipe:
        """How it will be trained."""
        return all_recipes()[self.values["recipe"]]

    @property
    def columns(self) -> dict[str, str]:
        """Role name to column name, "" where none is chosen."""
        return {role.name: self.values[COLUMN + role.name] or "" for role in self.recipe.roles}

    @property
    def text_column(self) -> str:
        """What the model reads: the column of the recipe's first role."""
        return self.columns[self.recipe.roles[0].name]

    @property
    def has_data(self) -> bool:
        """Whether a data set is chosen and the column to read with it."""
        return bool(self.values["data"] and self.text_column)

    def version(self) -> DataVersion:
        """The data set's latest version."""
        if not self.values["data"]:
            raise UserError("finetune.no_data")
        return open_data(self.workspace, self.values["data"])

    def model(self) -> ModelFacts:
        """Facts of the model chosen or typed."""
        if not self.values["model"]:
            raise UserError("finetune.no_model")
        return self.services.shelf.facts(self.workspace, self.services.shelf.parse(self.values["model"]))

    def plan(self) -> SplitPlan:
        """How the rows are split."""
        return SplitPlan(**{field.name: _typed(field, self.values[SPLIT + field.name]) for field in fields(SplitPlan)})

    def split_counts(self) -> dict[str, int]:
        """Rows of train, validation and test."""
        version = self.version()
        answer = self.recipe.stratified_by(self.columns)
        return split_counts(version, self.plan(), answer, self.recipe.usable(version, self.columns))

    def arguments_now(self) -> dict[str, Any]:
        """What stands in the settings, checked or not."""
        return {field.name: _typed(field, self.values[ARGUMENT + field.name]) for field in fields(TrainArguments)}

    def preset(self, preset: Preset) -> TrainArguments:
        """What a preset stands for with this model and data."""
        shares = self.values[SPLIT + "validation_share"] + self.values[SPLIT + "test_share"]
        try:
            rows = self.split_counts()["train"]
        except UserError:
            rows = round(self.version().rows * (1 - shares))
        return self.recipe.preset(preset, self.model(), rows, device_name(self.services.settings))

    def costs(self) -> str:
        """Everything that time and memory depend on, to tell whether a forecast is still for this form."""
        return repr(sorted((name, value) for name, value in self.values.items() if name not in ("name", "preset")))

    def was_changed(self, filled: Mapping[str, Any] | None) -> bool:
        """Whether the settings differ from what a preset filled in."""
        now = self.arguments_now()
        return bool(filled) and any(now[name] != value for name, value in (filled or {}).items())

    def unknown_share(self) -> float:
        """Part of the data's tokens that the model's tokenizer does not know; 0 for a model not on this machine yet."""
        facts = self.model()
        if facts.path is None or not self.has_data:
            return 0.0
        tokenizer = self.services.shelf.tokenizer(self.workspace, facts.ref)
        return unknown_share(self.version(), self.text_column, tokenizer)

    def name(self) -> str:
        """The run's name: as typed, else made from data and model and not taken yet."""
        typed = (self.values["name"] or "").strip()
        return typed or self.workspace.free_name("runs", run_name(self.version().title, self.model().title))

    def draft(self) -> RunSpec:
        """The draft of a run that the form stands for."""
        version, facts = self.version(), self.model()
        return RunSpec(
            name=self.name(),
            recipe=self.recipe.name,
            model_ref=facts.ref,
            data_ref=version.ref,
            data_version=version.version,
            columns=self.columns,
            split=self.plan(),
            preset=self.values["preset"],
            arguments=TrainArguments(**self.arguments_now()),
            launcher=self.values["launcher"],
        )


def run_name(data: str, model: str) -> str:
    """A name for a run, from the titles of data and model: "reviews-minilm"."""
    words = [word for word in re.split(r"[^\w]+", model) if word and not word.isdigit()]
    # "all-MiniLM-L6-v2 (starter)": the longest word says most.
    short = max(words[:3], key=len, default="model").lower()
    stem = re.sub(r"[^\w]+", "-", re.sub(r"\.\w{2,5}$", "", data)).strip("-").lower()
    return f"{stem[:40].strip('-')}-{short}" if stem else short


def plain_arguments(arguments: TrainArguments) -> dict[str, Any]:
    """Arguments by name, as the widgets take them."""
    return asdict(arguments)


def _typed(field: Field[Any], value: Any) -> Any:
    """A widget's value as the dataclass wants it: whole numbers whole, an emptied box of the split its default."""
    if isinstance(field.default, int) and not isinstance(field.default, bool) and isinstance(value, float):
        return int(value) if value.is_integer() else value
    if value is None and not field.metadata and field.default is not MISSING:
        return field.default
    return value
