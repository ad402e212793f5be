"""What is refused before anything starts: the same for Start and Forecast."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backend.errors import UserError
from backend.recipes import all_recipes
from backend.training.spec import RunSpec

if TYPE_CHECKING:
    from backend.data.version import DataVersion
    from backend.models import ModelFacts


def refuse_unfit(draft: RunSpec, version: DataVersion, facts: ModelFacts) -> None:
    """Raise UserError for data that the recipe cannot use, and for a model that cannot train so.

    Of a model that is still to be downloaded only what the Hub says is known; its run says the rest.
    """
    for finding in all_recipes()[draft.recipe].check(version, draft.columns):
        if finding.level == "error":
            raise UserError(finding.key, **finding.values)
    if not facts.has_tokenizer and not draft.tokenizer_ref:
        # Transformers would make up an empty one, and every text would look the same to the model.
        raise UserError("models.no_tokenizer", model=facts.title)
    if not draft.new_model and 0 < facts.max_length < draft.arguments.max_length:
        raise UserError(
            "training.too_long", model=facts.title, most=facts.max_length, wanted=draft.arguments.max_length
        )
