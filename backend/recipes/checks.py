"""What is looked at before Start: one sentence with numbers each, rows that show it, and the change that mends it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from backend.data.query import mapped
from backend.data.repeats import LEAVABLE, Likeness, concerned
from backend.data.split import SplitPlan
from backend.data.version import DataVersion
from backend.errors import UserError
from backend.recipes import all_recipes
from backend.recipes.base import Recipe

if TYPE_CHECKING:
    import numpy as np

Level = Literal["ok", "note", "warning", "error", "fixed"]
CHECKS = ("columns", "unlabelled", "leaks", "conflicts", "duplicates", "balance", "cut", "unknown", "blank", "empty")
"""Names of all checks, those that cost most first. Texts `checks.{name}` and what follows it."""
# Fewer repeated or contradicting rows than that, as parts of the rows looked at, are worth a word and no warning.
NOTED = {"unlabelled": 0.0, "duplicates": 0.01, "conflicts": 0.01, "leaks": 0.005, "blank": 0.01}
# From so many times the rows of the rarest label on, the most frequent one drowns it. Sets of labels are told one by
# one, each with its own threshold, and bear more.
UNEVEN, UNEVEN_SETS = 3, 10
EXAMPLES = 3
EXAMPLE_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Fix:
    """What to choose instead, in the words of the form.

    leave_out: one of LEAVABLE. arguments: values by name. columns: column names by role. recipe: its name.
    model: a ref.
    """

    part: Literal["leave_out", "arguments", "columns", "recipe", "model"]
    value: Any


@dataclass(frozen=True, slots=True)
class Example:
    """Something a person can look up. places: (row_id, split or "", answer or "") of the rows with that text.
    number: what the check counts, such as tokens or rows (text `checks.{name}.number`)."""

    text: str
    places: tuple[tuple[int, str, str], ...] = ()
    number: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One finding. level ok: nothing found; note: worth a word; fixed: it was, and the run heeds it.

    Text `key` with values; `{key}.fix` is the word on the button. fix None: nothing to press.
    """

    name: str
    level: Level
    key: str
    values: Mapping[str, Any] = field(default_factory=dict)
    fix: Fix | None = None
    examples: tuple[Example, ...] = ()


def row_checks(
    recipe: Recipe, version: DataVersion, columns: Mapping[str, str], plan: SplitPlan, arguments: Mapping[str, Any]
) -> list[Check]:
    """Empty, wordless, repeated, contradicting and leaking rows, and how even the labels are.

    Takes seconds for a million rows the first time. arguments: training arguments by name, checked or not. Raises
    UserError where the data cannot be split so.
    """
    whole, written = replace(plan, leave_out=()), version.arrow.stat().st_mtime_ns
    found = _row_checks(recipe.name, version.folder, written, tuple(columns.items()), whole)
    return [_heeded(check, plan, arguments) for check in found]


def _heeded(check: Check, plan: SplitPlan, arguments: Mapping[str, Any]) -> Check:
    """The check, said to be fixed where the run heeds it already."""
    fix = check.fix
    if fix is None or check.level == "ok":
        return check
    left_out = fix.part == "leave_out" and fix.value in plan.leave_out
    if left_out or (fix.part == "arguments" and all(arguments.get(name) == to for name, to in fix.value.items())):
        return replace(check, level="fixed", key=f"{check.key}.fixed")
    return check


@lru_cache(maxsize=8)
def _row_checks(
    recipe_name: str, folder: Path, written: int, columns: tuple[tuple[str, str], ...], plan: SplitPlan
) -> tuple[Check, ...]:
    """The time of writing tells a data set from a later one in the same folder."""
    rows = Rows.of(all_recipes()[recipe_name], DataVersion.read(folder), dict(columns), plan)
    found = [rows.empty(), *(rows.leavable(name) for name in LEAVABLE), rows.balance()]
    return tuple(check for check in found if check is not None)


@dataclass(frozen=True, slots=True)
class Rows:
    """A split data set as its checks look at it."""

    recipe: Recipe
    version: DataVersion
    columns: Mapping[str, str]
    parts: Mapping[str, np.ndarray]
    like: Likeness
    concerned: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, recipe: Recipe, version: DataVersion, columns: Mapping[str, str], plan: SplitPlan) -> Rows:
        """Everything that the checks share, found once."""
        parts, like = recipe.split(version, columns, plan), recipe.likeness(version, columns)
        return cls(recipe, version, columns, parts, like, concerned(parts, like))

    def empty(self) -> Check | None:
        """Rows without text or answer: left out whatever is chosen."""
        import numpy as np

        lacking = np.flatnonzero(~self.recipe.usable(self.version, self.columns))
        if not len(lacking):
            return Check(name="empty", level="ok", key="checks.empty")
        values = {"rows": len(lacking), "all": self.version.rows}
        examples = tuple(self.example([row]) for row in lacking[:EXAMPLES].tolist())
        return Check(name="empty", level="fixed", key="checks.empty", values=values, examples=examples)

    def leavable(self, name: str) -> Check | None:
        """One of LEAVABLE; None where the answers are such that it cannot be."""
        import numpy as np

        if name == "unlabelled" and self.like.unlabelled is None:
            return None
        rows, train = self.concerned[name], self.parts["train"]
        key = f"checks.{name}"
        values: dict[str, Any] = {"rows": len(rows), "of": len(train), "share": len(rows) / len(train)}
        if not len(rows):
            return Check(name=name, level="ok", key=key)
        fix: Fix | None = Fix("leave_out", name)
        if name == "unlabelled":
            fix = fix if self._labels_left() else None
            role = self.recipe.roles[-1].name
            values |= {"column": self.columns[role], "word": self._cell(int(rows[0]), role)}
        if name == "leaks":
            held = self._held()
            known = int(np.isin(self.like.texts[held], self.like.texts[train]).sum())
            values |= {"held": known, "of": len(held), "share": known / len(held)}
        level: Level = "warning" if values["share"] >= NOTED[name] else "note"
        examples = tuple(self.example(self._like_rows(row, name)) for row in self._first_texts(rows))
        return Check(name=name, level=level, key=key, values=values, fix=fix, examples=examples)

    def _labels_left(self) -> bool:
        """Whether there is anything to tell apart without the rows whose answer says that there is none."""
        try:
            self.recipe.learnt_labels(self.version, self.columns, SplitPlan(leave_out=("unlabelled",)))
        except UserError:
            return False
        return True

    def _held(self) -> np.ndarray:
        import numpy as np

        return np.concatenate([rows for name, rows in self.parts.items() if name != "train"])

    def _first_texts(self, rows: np.ndarray) -> list[int]:
        """The first rows of different texts."""
        import numpy as np

        _, first = np.unique(self.like.texts[rows], return_index=True)
        return [int(row) for row in rows[np.sort(first)[:EXAMPLES]]]

    def _like_rows(self, row: int, name: str) -> list[int]:
        """The row and a few of the others that it is compared with."""
        import numpy as np

        if name in ("unlabelled", "blank"):
            return [row]
        held = self._held()
        pool = self.parts["train"] if name != "leaks" else held
        same = pool[self.like.texts[pool] == self.like.texts[row]]
        if name == "duplicates":
            same = same[self.like.answers[same] == self.like.answers[row]]
        if name == "conflicts":
            # One row of each answer says it.
            _, first = np.unique(self.like.answers[same], return_index=True)
            same = same[np.sort(first)]
        return sorted({row, *same.tolist()})[:EXAMPLES] if name != "leaks" else [row, *same[: EXAMPLES - 1].tolist()]

    def example(self, rows: Sequence[int]) -> Example:
        """These rows, which have one text."""
        answer = self.recipe.roles[-1].name
        text = " / ".join(shortened(self._cell(rows[0], role)) for role in self.recipe.text_roles)
        inside = {row: next((name for name, part in self.parts.items() if _holds(part, row)), "") for row in rows}
        return Example(text, tuple((row, inside[row], shortened(self._cell(row, answer), 60)) for row in rows))

    def _cell(self, row: int, role: str) -> str:
        value = mapped(self.version).column(self.columns[role])[row].as_py()
        return ", ".join(map(str, value)) if isinstance(value, list) else "" if value is None else str(value)

    def balance(self) -> Check | None:
        """How even the labels of the training rows are; None where the answers are no labels. Words for no label are
        told of elsewhere."""
        import numpy as np

        labels = self.recipe.labels(self.version, self.columns)
        if not labels:
            return None
        train = self.parts["train"]
        rows = train if self.like.unlabelled is None else train[~self.like.unlabelled[train]]
        targets = self.recipe.targets(self.version, self.columns, labels)[rows]
        sets = targets.ndim > 1
        counts = targets.sum(axis=0).astype(np.int64) if sets else np.bincount(targets, minlength=len(labels))
        order = np.argsort(-counts, kind="stable")
        order = order[counts[order] > 0]
        if not len(order):
            return None
        key, most, least = "checks.balance_sets" if sets else "checks.balance", order[0], order[-1]
        if counts[most] < (UNEVEN_SETS if sets else UNEVEN) * counts[least]:
            return Check(name="balance", level="ok", key=key)
        values = {
            "most": labels[most], "most_rows": int(counts[most]), "least": labels[least],
            "least_rows": int(counts[least]), "times": float(counts[most] / counts[least]),
        }  # fmt: skip
        fix = Fix("arguments", {"metric_for_best_model": "f1_macro"} if sets else {"class_weights": "balanced"})
        named = list(dict.fromkeys([*order[:2].tolist(), *order[-2:].tolist()]))
        examples = tuple(Example(labels[place], number=int(counts[place])) for place in named)
        return Check(name="balance", level="warning", key=key, values=values, fix=fix, examples=examples)


def shortened(text: str, most: int = EXAMPLE_CHARACTERS) -> str:
    """A text on one line, cut."""
    flat = " ".join(text[: 4 * most].split())
    return flat if len(flat) <= most else flat[:most] + "…"


def _holds(rows: np.ndarray, row: int) -> bool:
    """Whether a sorted array has this number in it."""
    import numpy as np

    place = int(np.searchsorted(rows, row))
    return place < len(rows) and int(rows[place]) == row
