"""The form as a person filled it in: what its values stand for in the backend's words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, dataclass, fields, replace
from typing import Any

import gradio as gr

from backend.data.describe import unknown_share
from backend.data.library import open_data
from backend.data.split import SplitPlan
from backend.data.version import DataVersion
from backend.errors import UserError
from backend.models import ModelFacts, device_name
from backend.models.anatomy import Anatomy
from backend.models.shape import Shape
from backend.recipes import all_recipes
from backend.recipes.base import Preset, Recipe, TrainArguments
from backend.recipes.glue import TASKS
from backend.recipes.head import HeadState, head_state
from backend.training.from_nothing import gentle, look_at, new_model
from backend.training.spec import RunSpec
from backend.workspace import Workspace
from ui.visitor import Services

ARGUMENT, SPLIT, COLUMN, SHAPE = "argument_", "split_", "column_", "shape_"


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
        return bool(self.values["data"] and self.text_column and self.version().column(self.text_column))

    @property
    def has_model(self) -> bool:
        """Whether a model is chosen that can be told anything of."""
        try:
            return self.model() is not None
        except UserError:
            return False

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
        """Rows of train, validation and test. Raises UserError where those of train teach nothing."""
        parts = self.recipe.split(self.version(), self.columns, self.plan())
        self.recipe.refuse_training_rows(self.version(), self.columns, parts["train"])
        return {name: len(rows) for name, rows in parts.items()}

    def left_out(self) -> int:
        """How many training rows the plan leaves out."""
        plan = self.plan()
        if not plan.leave_out:
            return 0
        whole = self.recipe.split(self.version(), self.columns, replace(plan, leave_out=()))
        return len(whole["train"]) - self.split_counts()["train"]

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
        chosen = self.recipe.preset(preset, self.model(), rows, device_name(self.services.settings))
        task = TASKS.get(self.values.get("glue") or "")
        if task and task.recipe == self.recipe.name and task.metric != self.recipe.best_metric:
            chosen = replace(chosen, metric_for_best_model=task.metric)
        return gentle(chosen, self.values[f"{SHAPE}longest"]) if self.from_nothing else chosen

    def costs(self) -> str:
        """Everything that time and memory depend on, to tell whether a forecast is still for this form."""
        free = ("name", "preset", "push_repo", "push_private")
        return repr(sorted((name, value) for name, value in self.values.items() if name not in free))

    def typed(self, filled: Mapping[str, Any] | None) -> set[str]:
        """The settings that differ from what a preset filled in."""
        now = self.arguments_now()
        return {name for name, value in (filled or {}).items() if now[name] != value}

    def unknown_share(self) -> float:
        """Part of the data's tokens that the model's tokenizer does not know; 0 for a model not on this machine yet."""
        facts = self.model()
        if facts.path is None or not self.has_data:
            return 0.0
        tokenizer = self.services.shelf.tokenizer(self.workspace, self.tokenizer_ref or facts.ref)
        return unknown_share(self.version(), self.text_column, tokenizer)

    def head(self) -> HeadState | None:
        """How the model's head fits the answers wanted; None where that cannot be known yet, and where all is new."""
        if self.from_nothing:
            return None
        facts = self.model()
        try:
            labels = self.recipe.labels(self.version(), self.columns)
        except UserError:
            # What is wrong with the columns is said under them.
            return None
        return head_state(facts, labels)

    @property
    def from_nothing(self) -> bool:
        """Whether a new model of the model's shape, or another, is trained in its place."""
        return bool(self.values["from_nothing"])

    @property
    def tokenizer_ref(self) -> str:
        """Whose tokenizer a new model gets; "" for the model's own."""
        return (self.values["tokenizer"] or "") if self.from_nothing else ""

    def new_model(self) -> dict[str, Any]:
        """What is changed in the model's configuration for a new one; empty where the model itself is trained."""
        if not self.from_nothing:
            return {}
        shape = Shape(**{field.name: _typed(field, self.values[SHAPE + field.name]) for field in fields(Shape)})
        free = self.values[f"{ARGUMENT}dropout"] is None
        return new_model(self.services.shelf, self.workspace, self.model(), shape, self.tokenizer_ref, dropout=free)

    def anatomy(self) -> Anatomy:
        """What the model that would be trained is made of. Without data its head has two answers."""
        try:
            labels = self.recipe.labels(self.version(), self.columns)
        except UserError:
            labels = ("0", "1")
        shelf, facts, arguments = self.services.shelf, self.model(), TrainArguments(**self.arguments_now())
        return look_at(shelf, self.workspace, facts, self.recipe, labels, arguments, self.new_model())

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
            loop=self.values["loop"],
            processes=int(self.values["processes"] or 0) if self.values["launcher"] == "accelerate" else 1,
            new_model=self.new_model(),
            tokenizer_ref=self.tokenizer_ref,
            push_repo=(self.values["push_repo"] or "").strip(),
            push_private=bool(self.values["push_private"]),
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
