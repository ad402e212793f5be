"""Scores a finished run's model on rows of any data set, as `evaluation.Asked` says. Runs in a child."""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from backend.data.version import DataVersion
from backend.errors import UserError
from backend.models.loading import loading
from backend.recipes import all_recipes
from backend.recipes.base import Recipe, Report, TrainArguments
from backend.training.evaluation import Asked, Found, Place
from backend.training.known_rows import ALL, Rows, learnt_rows, rows_to_score
from backend.training.prepared import pad_alike, padding_tokenizer
from backend.training.report import wrong_rows
from backend.training.scoring import Scores, score
from backend.training.spec import RunSpec

# Rows are scored in blocks drawn at random, so that what a Stop leaves is a fair sample; within one, sorted by length.
# Of few rows the blocks are smaller: a Stop throws the present one away.
BLOCK_ROWS, FEW_ROWS = 512, 64
TELL_SECONDS = 0.5


class _Stopped(Exception):
    """Somebody asked for an end."""


def evaluate(work: Path) -> None:
    """Score what the folder's asked.json asks for; evaluations/NAME.json then says what came of it."""
    from backend.training.causes import explain

    place = Place(work)
    asked = place.asked()
    try:
        found, error = _evaluate(place, asked), None
    except UserError as refused:
        found, error = None, refused
    except Exception as raised:  # noqa: BLE001 - the border of a child: every cause becomes its answer
        traceback.print_exc()
        found, cause = None, explain(raised, work)
        key = "elsewhere.killed" if cause.key == "training.out_of_memory" else "elsewhere.failed"
        error = UserError(key, reason=cause.values.get("reason", type(raised).__name__))
    place.keep(asked, found=found, error=error)


def _evaluate(place: Place, asked: Asked) -> Found | None:
    began = time.time()
    place.tell(0, 0)
    run = place.run
    spec, own = run.spec(), run.last_report() if asked.which == "last" else run.report()
    if own is None:
        raise UserError("elsewhere.no_model", run=run.run_id)
    recipe, version = all_recipes()[spec.recipe], DataVersion.read(Path(asked.data_folder))
    rows = rows_to_score(recipe, version, asked.columns, own.labels, asked.part, asked.plan)
    reader = _Reader(place, recipe, spec, asked, version, own.labels, rows)
    done, scores = reader.read()
    if not len(done):
        return None
    row_ids = rows.row_ids[done]
    learnt = learnt_rows(recipe, spec)
    trained = scores.targets
    if learnt:
        trained = recipe.targets(learnt[0], spec.columns, own.labels)[learnt[1]]
    return Found(
        report=_report(recipe, asked, version, own, row_ids, scores, trained),
        rows=len(rows.row_ids),
        scored=len(row_ids),
        unusable=rows.unusable,
        unknown=rows.unknown,
        unknown_labels=rows.unknown_labels,
        absent_labels=rows.absent_labels,
        learnt=_known(recipe, learnt, spec.columns, version, asked.columns, row_ids) if learnt else None,
        seconds=round(time.time() - began, 2),
    )


@dataclass(slots=True)
class _Reader:
    """Reads the rows with the run's model and tokenizer."""

    place: Place
    recipe: Recipe
    spec: RunSpec
    asked: Asked
    version: DataVersion
    labels: Any
    rows: Rows
    _told: float = 0.0
    _before: int = field(default=0)

    def read(self) -> tuple[np.ndarray, Scores]:
        """(places in rows that were scored, the answers to them); fewer than all after a Stop."""
        from transformers import DataCollatorWithPadding

        folder = self.place.run.model_last if self.asked.which == "last" else self.place.run.model
        tokenizer = padding_tokenizer(str(folder))
        with loading:
            model = self.recipe.load_model(str(folder), self.labels, TrainArguments())
        if getattr(model, "new_weights", ()):
            raise UserError("elsewhere.no_model", run=self.place.run.run_id)
        pad_alike(model, tokenizer)
        model.to(self.asked.device)
        order = np.random.default_rng(0).permutation(len(self.rows.row_ids))
        data = self.version.load().select_columns([self.asked.columns[role] for role in self.recipe.text_roles])
        answers, loss, pad = [], 0.0, DataCollatorWithPadding(tokenizer)
        self._tell(0)
        rows = max(FEW_ROWS, min(BLOCK_ROWS, len(order) // 10))
        for self._before in range(0, len(order), rows):
            block = np.sort(order[self._before : self._before + rows])
            features, lengths = self._encode(tokenizer, data, block)
            size = self.spec.arguments.per_device_eval_batch_size
            try:
                found = score(model, features, lengths, pad, size, self._tell)
            except _Stopped:
                break
            answers.append((block, found.logits))
            loss += found.loss * len(block)
        done = np.concatenate([block for block, _ in answers]) if answers else np.empty(0, np.int64)
        logits = np.concatenate([values for _, values in answers]) if answers else np.empty((0, 0), np.float32)
        sorting = np.argsort(done)
        done = done[sorting]
        return done, Scores(logits[sorting], self.rows.targets[done], loss / max(1, len(done)))

    def _encode(self, tokenizer: Any, data: Any, block: np.ndarray) -> tuple[Any, np.ndarray]:
        from datasets import Dataset

        chosen = data[self.rows.row_ids[block].tolist()]
        encoded = dict(self.recipe.encode(tokenizer, chosen, self.asked.columns, self.spec.arguments.max_length))
        lengths = np.asarray([len(ids) for ids in encoded["input_ids"]])
        return Dataset.from_dict(encoded | {"labels": list(self.rows.targets[block])}), lengths

    def _tell(self, done: int) -> None:
        """After each batch."""
        if self.place.stop_asked:
            raise _Stopped
        now = time.monotonic()
        if now - self._told > TELL_SECONDS:
            self._told = now
            self.place.tell(self._before + done, len(self.rows.row_ids))


def _report(
    recipe: Recipe,
    asked: Asked,
    version: DataVersion,
    own: Report,
    row_ids: np.ndarray,
    scores: Scores,
    trained: np.ndarray,
) -> Report:
    """trained: the targets from which the simplest guess is made."""
    labels, settled = own.labels, own.settled
    label, guess = recipe.baseline(trained, scores.targets, labels)
    values = recipe.metrics(scores.logits, scores.targets, labels, settled)
    detail = recipe.in_detail(scores.logits, scores.targets, labels, settled)
    columns = {role: asked.columns[role] for role in recipe.text_roles}
    return Report(
        headline_split=asked.part,
        headline_metric=own.headline_metric,
        splits={asked.part: values | {"loss": scores.loss, "rows": len(row_ids)}},
        baseline={asked.part: guess},
        baseline_label=label,
        labels=list(labels),
        per_label=detail.per_label,
        confusion=detail.confusion,
        scatter=detail.scatter,
        settled=settled,
        wrong=wrong_rows(version, columns, row_ids, detail),
        wrong_count=len(detail.mistakes),
        facts={"everything": asked.part == ALL},
    )


def _known(
    recipe: Recipe,
    learnt: tuple[DataVersion, np.ndarray],
    learnt_columns: Mapping[str, str],
    version: DataVersion,
    columns: Mapping[str, str],
    row_ids: np.ndarray,
) -> int:
    """How many of the rows have texts that stood in the training rows."""
    trained = set(_texts(recipe, learnt[0], learnt_columns, learnt[1]))
    return sum(text in trained for text in _texts(recipe, version, columns, row_ids))


def _texts(recipe: Recipe, version: DataVersion, columns: Mapping[str, str], row_ids: np.ndarray) -> list[int]:
    """A hash of the text or texts of each row: the texts themselves may be more than memory holds."""
    from backend.recipes.columns import read_column

    cells = [read_column(version, columns[role]).take(row_ids).to_pylist() for role in recipe.text_roles]
    return [hash(tuple(str(text).strip() for text in texts)) for texts in zip(*cells, strict=True)]
