"""The wrong answers of a report as a table: the texts, what is true, what was answered, how far off or how sure."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from backend.recipes.base import Report
from ui import phrases
from ui.finetune.report import caption
from ui.text import say

WRONG_SHOWN = 20
TEXT_SHOWN = 300


def title(report: Report, locale: str) -> str:
    """The caption above: how many there are, how many are shown."""
    shown = min(WRONG_SHOWN, len(report.wrong))
    if report.scatter:
        return caption(say("report.farthest", locale, shown=shown))
    key = "finetune.wrong" if shown >= report.wrong_count else "finetune.wrong_some"
    return caption(say(key, locale, count=f"{report.wrong_count:,}", shown=shown))


def table(report: Report, locale: str) -> str:
    """The worst mistakes first."""
    if not report.wrong:
        return f'<p class="muted">{html.escape(say("finetune.wrong_none", locale))}</p>'
    shown = report.wrong[:WRONG_SHOWN]
    pairs = any("text_pair" in row for row in shown)
    measured = bool(report.scatter) or any(row.get("confidence") is not None for row in shown)
    names = ["text", *(["text_pair"] if pairs else []), "true", "answer"]
    own = ("text_pair", "true") if report.scatter else ("text_pair",)
    head = [say(f"{'report' if name in own else 'finetune'}.table.{name}", locale) for name in names]
    if measured:
        head.append(say("report.table.error" if report.scatter else "finetune.table.confidence", locale))
    rows = []
    for row in shown:
        cells = [_cell(str(row.get(name, "")), name, locale) for name in names]
        rows.append([*cells, _measure(row, bool(report.scatter))] if measured else cells)
    numbers = [*((len(names) - 2, len(names) - 1) if report.scatter else ()), *((len(names),) if measured else ())]
    return phrases.table(head, rows, numbers=numbers, kind="wrong-table" + (" pairs" if pairs else ""))


def _cell(text: str, name: str, locale: str) -> str:
    if not text.strip() and name in ("true", "answer"):
        # A text may bear no label at all.
        return f'<i class="muted">{html.escape(say("report.no_label", locale))}</i>'
    return html.escape(text if len(text) <= TEXT_SHOWN else text[:TEXT_SHOWN] + "…")


def _measure(row: Mapping[str, Any], regression: bool) -> str:
    """How far off a score is, or how sure the model was of its answer."""
    if not regression:
        return "" if row.get("confidence") is None else phrases.percent(row["confidence"])
    try:
        return f"{float(row['answer']) - float(row['true']):+.2f}"
    except ValueError:
        return ""
