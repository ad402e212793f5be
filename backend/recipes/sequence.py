"""What the recipes that read one text or two and give one answer have in common: texts, tokens, model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from backend.errors import UserError
from backend.recipes import presets
from backend.recipes.base import Preset, Recipe, TrainArguments
from backend.recipes.columns import guess_pair, guess_text, read_column, require
from backend.recipes.starting_model import ProblemType, sequence_model
from backend.recipes.text_columns import filled_cells

if TYPE_CHECKING:
    import numpy as np

    from backend.data.version import DataVersion
    from backend.models import ModelFacts


class SequenceRecipe(Recipe):
    """A model with one head over the whole input. A recipe adds its answers: labels, targets, metrics, baseline."""

    task = "text-classification"
    problem: ClassVar[ProblemType]

    def guess_texts(self, version: DataVersion, taken: Sequence[str]) -> dict[str, str]:
        """Role name to column name for the texts; a role that no column is left for is absent."""
        if len(self.text_roles) == 2:
            pair = guess_pair(version, taken)
            if all(pair):
                return dict(zip(self.text_roles, pair, strict=True))
        found: dict[str, str] = {}
        for role in self.text_roles:
            column = guess_text(version, taken=(*taken, *found.values()))
            if column:
                found[role] = column
        # Of two texts the one that stands first in the data is the first.
        order = {column.name: place for place, column in enumerate(version.columns)}
        return dict(zip(found, sorted(found.values(), key=order.__getitem__), strict=True))

    def texts_present(self, version: DataVersion, columns: Mapping[str, str]) -> np.ndarray:
        """bool (rows,): rows with every text. Raises UserError for a missing column and for one chosen twice."""
        import numpy as np

        present = np.ones(version.rows, bool)
        chosen = [columns.get(role.name, "") for role in self.roles]
        for role in self.text_roles:
            others = [name for name in chosen if name != columns.get(role)]
            column = require(version, columns, role, guess_text(version, taken=others))
            if chosen.count(column.name) > 1:
                raise UserError("recipes.same_column", column=column.name)
            present &= filled_cells(read_column(version, column.name))
        return present

    def preset(self, preset: Preset, facts: ModelFacts, train_rows: int, device: str) -> TrainArguments:
        return presets.classification(preset, facts, train_rows, device, len(self.text_roles))

    def load_model(
        self, path: str, labels: Sequence[str], arguments: TrainArguments, new_model: Mapping[str, Any] | None = None
    ) -> Any:
        model = sequence_model(path, labels, self.problem, arguments, new_model)
        # Who tries the model later is shown as many boxes.
        model.config.workbench_inputs = len(self.text_roles)
        return model

    def encode(self, tokenizer: Any, rows: Any, columns: Mapping[str, str], max_length: int | None) -> Any:
        texts = [[str(text) for text in rows[columns[role]]] for role in self.text_roles]
        # One text has a single segment, which the model takes for granted.
        segments = len(texts) > 1 and "token_type_ids" in tokenizer.model_input_names
        return tokenizer(
            *texts,
            truncation=max_length is not None,
            max_length=max_length,
            return_token_type_ids=segments,
            return_attention_mask=False,
            verbose=False,
        )

    def preprocess(
        self, tokenizer: Any, rows: Any, columns: Mapping[str, str], labels: Sequence[str], max_length: int
    ) -> Any:
        from datasets import Dataset

        features = dict(self.encode(tokenizer, rows, columns, max_length))
        features["labels"] = self.answers(rows[columns[self.roles[-1].name]], labels)
        return Dataset.from_dict(features | {"row_id": list(rows["row_id"])})

    def answers(self, values: Sequence[Any], labels: Sequence[str]) -> list[Any]:
        """The features' labels of cells of the answer column, all of them usable."""
        raise NotImplementedError
