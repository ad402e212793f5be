"""A model that is trained from nothing: what its run needs beyond the shape, and what is refused of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.errors import UserError
from backend.models import available_bytes, device_name
from backend.models.anatomy import Anatomy, look_inside
from backend.models.shape import Shape, changes, read_configuration, shape_of
from backend.recipes import all_recipes
from backend.recipes.base import Recipe, TrainArguments
from backend.training.spec import RunSpec
from backend.warm import libraries

if TYPE_CHECKING:
    from backend.data.version import DataVersion
    from backend.models import ModelFacts, ModelShelf
    from backend.workspace import Workspace

# Random weights bear, and need, larger steps and more of them than weights that know a language already.
LEARNING_RATE = 5e-4
EPOCHS_FACTOR = 3.0
_SPECIALS = ("pad_token_id", "bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id")


def look_at(
    shelf: ModelShelf,
    workspace: Workspace,
    facts: ModelFacts,
    recipe: Recipe,
    labels: Sequence[str],
    arguments: TrainArguments,
    new_model: Mapping[str, Any] | None = None,
) -> Anatomy:
    """The model that a recipe would train, head and frozen parts as the arguments have them; no weight is read."""
    libraries()
    folder = config_folder(shelf, workspace, facts)
    read_configuration(folder)
    # Anything there makes the recipe build from the configuration alone.
    changed = dict(new_model or {"name_or_path": str(folder)})
    return look_inside(lambda: recipe.load_model(str(folder), labels, arguments, changed))


def shape_at(shelf: ModelShelf, workspace: Workspace, facts: ModelFacts) -> Shape:
    """The sizes of a model as it is, for the form to begin with."""
    libraries()
    return shape_of(read_configuration(config_folder(shelf, workspace, facts)))


def shape_of_new(shelf: ModelShelf, workspace: Workspace, facts: ModelFacts, changed: Mapping[str, Any]) -> Shape:
    """The sizes of a new model as a spec keeps it (RunSpec.new_model), for the form to begin with."""
    libraries()
    config = read_configuration(config_folder(shelf, workspace, facts))
    config.update(dict(changed))
    return shape_of(config)


def new_model(
    shelf: ModelShelf, workspace: Workspace, facts: ModelFacts, shape: Shape, tokenizer_ref: str, dropout: bool = True
) -> dict[str, Any]:
    """RunSpec.new_model: a shape, and what the tokenizer decides, in the names of the model's configuration.

    dropout: whether the shape's holds; not where the arguments set their own. Raises UserError for sizes that do not
    go together, and for a tokenizer that cannot be had.
    """
    libraries()
    config = read_configuration(config_folder(shelf, workspace, facts))
    tokenizer = shelf.tokenizer(workspace, tokenizer_ref or facts.ref)
    padding = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    if padding is None:
        raise UserError("anatomy.no_padding", model=tokenizer_ref or facts.title)
    found = {name: getattr(tokenizer, name, None) for name in _SPECIALS} | {"pad_token_id": padding}
    specials = {name: value for name, value in found.items() if value is not None and hasattr(config, name)}
    # Added tokens may leave gaps before them.
    vocabulary = max(len(tokenizer), 1 + max(tokenizer.get_vocab().values(), default=0))
    chosen = shape if dropout else replace(shape, dropout=None)
    segments = "token_type_ids" in tokenizer.model_input_names
    return changes(config, chosen, vocabulary, specials | {"pad_token_id": padding}, segments)


def gentle(arguments: TrainArguments, longest: int | None) -> TrainArguments:
    """A preset's arguments as random weights need them: nothing frozen, larger steps, more epochs."""
    return replace(
        arguments,
        learning_rate=LEARNING_RATE,
        num_train_epochs=round(arguments.num_train_epochs * EPOCHS_FACTOR, 2),
        freeze_embeddings=False,
        freeze_base=False,
        lora_rank=0,
        max_length=min(arguments.max_length, longest or arguments.max_length),
    )


def refuse_impossible(
    shelf: ModelShelf, workspace: Workspace, draft: RunSpec, facts: ModelFacts, version: DataVersion
) -> None:
    """Raise UserError for a new model that cannot be built, read the texts or fit into memory."""
    if not draft.new_model:
        if draft.tokenizer_ref and draft.tokenizer_ref != draft.model_ref:
            raise UserError("anatomy.foreign_tokenizer", model=facts.title)
        return
    recipe = all_recipes()[draft.recipe]
    labels = recipe.learnt_labels(version, draft.columns, draft.split)
    anatomy = look_at(shelf, workspace, facts, recipe, labels, draft.arguments, draft.new_model)
    config = read_configuration(config_folder(shelf, workspace, facts))
    config.update(dict(draft.new_model))
    longest = shape_of(config).longest
    if longest is not None and longest < draft.arguments.max_length:
        raise UserError("anatomy.too_short", longest=longest, wanted=draft.arguments.max_length)
    free = available_bytes(device_name(shelf.settings))
    if anatomy.training_bytes > free:
        raise UserError(
            "anatomy.too_large",
            parameters=f"{anatomy.parameters / 1e6:,.0f}",
            need=f"{anatomy.training_bytes / 1e9:.1f}",
            free=f"{free / 1e9:.1f}",
        )


def tokenizer_path(shelf: ModelShelf, workspace: Workspace, draft: RunSpec) -> str:
    """The folder of the tokenizer that a draft names; "" for the model's own."""
    if not draft.tokenizer_ref or draft.tokenizer_ref == draft.model_ref:
        return ""
    return str(shelf.finder.tokenizer_folder(workspace, shelf.parse(draft.tokenizer_ref)))


def fit_words(tokenizer: Any, model: Any) -> None:
    """Have the tokenizer that is saved with a new model cut at what that model can read."""
    longest = shape_of(model.config).longest
    if longest is not None:
        tokenizer.model_max_length = min(tokenizer.model_max_length, longest)


def config_folder(shelf: ModelShelf, workspace: Workspace, facts: ModelFacts) -> Path:
    """Where a model's configuration lies; of one on the Hub only the small files are fetched."""
    return facts.path or shelf.finder.tokenizer_folder(workspace, facts.ref)
