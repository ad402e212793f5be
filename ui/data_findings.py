"""What to know of a data set before training, as a list beside its table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backend.data.describe import ColumnSummary, Description
from backend.data.label_counts import LabelCounts
from backend.data.notes import Note
from backend.recipes.columns import MOST_LABELS
from ui.data_view import COLUMNS_SHOWN, finding, part, said
from ui.phrases import percent

Line = tuple[str, str, dict[str, Any]]
"""State, key and values of one finding."""


def findings(found: Description, counts: LabelCounts | None, notes: Sequence[Note], locale: str) -> str:
    """What to know before training, worst first: a mark, a sentence, what it means. counts: of the label column."""
    if not any(column.distinct for column in found.columns):
        lines: list[Line] = [("failed", "datasets.nothing_in_it", {"rows": f"{found.rows:,}"})]
    else:
        lines = [*(_of_labels(found, counts) if counts else [_no_label(found)]), *_of_rows(found)]
    body = "".join(finding(state, key, values, locale) for state, key, values in lines)
    body = "".join(_note(note, locale) for note in _once(notes) if note.level == "warning") + body
    quiet = [said(note.key, locale, **note.values) for note in _once(notes) if note.level == "info"]
    if quiet:
        body += f'<p class="muted">{" · ".join(quiet)}</p>'
    return part(said("datasets.before", locale), f'<div class="findings">{body}</div>')


def _of_labels(found: Description, counts: LabelCounts) -> list[Line]:
    """Too few or too many labels, words that are none, and one that is rare."""
    values: dict[str, Any] = {"column": found.label_column, "count": f"{counts.different:,}"}
    if counts.different == 1:
        return [("failed", "datasets.one_label", values | {"label": next(iter(counts.most))})]
    if counts.different == counts.rows > 2:
        return [("failed", "datasets.all_differ", values)]
    if counts.different > MOST_LABELS:
        return [("failed", "datasets.too_many_labels", values | {"most": f"{MOST_LABELS:,}"})]
    lines: list[Line] = []
    word, rows = counts.unlabelled
    if rows:
        lines.append(("interrupted", "datasets.unlabelled", values | {"word": word, "rows": f"{rows:,}"}))
    least, fewest = counts.rarest
    if counts.rows and fewest / counts.rows < 0.5 / counts.different:
        most, top = next(iter(counts.most.items()))
        values |= {"least": least, "low": percent(fewest / counts.rows)}
        lines.append(("interrupted", "datasets.uneven", values | {"most": most, "high": percent(top / counts.rows)}))
    return lines


def _of_rows(found: Description) -> list[Line]:
    """Empty cells and repeated rows."""
    empty = sorted((column for column in found.columns if column.empty), key=lambda column: -column.empty)[:3]
    lines: list[Line] = [("interrupted", "datasets.empty_cells", _empty_values(column, found)) for column in empty]
    if found.duplicates:
        values = {"count": f"{found.duplicates:,}", "share": percent(found.duplicates / found.rows)}
        lines.append(("interrupted", "datasets.duplicates", values))
    return lines if empty else [*lines, ("done", "datasets.no_empty", {})]


def _empty_values(column: ColumnSummary, found: Description) -> dict[str, str]:
    return {"column": column.name, "count": f"{column.empty:,}", "share": percent(column.empty / found.rows)}


def _no_label(found: Description) -> Line:
    """Nothing to learn: that no column looks like a label, or that the likely one holds scores."""
    scores = [column for column in found.columns if column.kind == "number" and column.distinct]
    if scores:
        return "interrupted", "datasets.scores", {"column": scores[-1].name}
    names = ", ".join(column.name for column in found.columns[:COLUMNS_SHOWN])
    return "interrupted", "datasets.no_label", {"columns": names}


def _note(note: Note, locale: str) -> str:
    text = said(note.key, locale, **note.values)
    return f'<div class="finding"><i class="interrupted" aria-hidden="true">!</i><div><b>{text}</b></div></div>'


def _once(notes: Sequence[Note]) -> list[Note]:
    """Several files read alike say the same only once."""
    seen: dict[tuple[str, str], Note] = {}
    for note in notes:
        seen.setdefault((note.key, str(note.values)), note)
    return list(seen.values())
