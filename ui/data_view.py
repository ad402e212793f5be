"""A data set as a person sees it: the table with a histogram in each head, the numbers beside it. Values in, HTML
out."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

from backend.data.describe import UNKNOWN_LIMIT, ColumnSummary, Description, TokenFacts
from backend.data.label_counts import LabelCounts
from backend.data.query import RowPage
from backend.data.version import DataVersion
from ui.phrases import facts, percent
from ui.text import say

COLUMNS_SHOWN = 30
# A number from so many on is written by its power of ten: 1e308 has 309 digits.
LONG_NUMBER = 1e15

# A head sorts; a row opens to its full text, which needs no server.
TABLE_JS = """
element.addEventListener('click', event => {
  const head = event.target.closest('button[data-sort]');
  if (head) return trigger('click', {sort: head.dataset.sort});
  if (String(getSelection())) return;
  event.target.closest('tbody tr')?.classList.toggle('open');
});
element.addEventListener('keydown', event => {
  if (event.key === 'Enter' && event.target.matches('tbody tr')) event.target.classList.toggle('open');
});
"""


def table(page: RowPage, found: Description, view: Mapping[str, Any], search: str, locale: str) -> str:
    """The rows of a page below heads that sort. view: {"sort": column, "descending": bool}."""
    shown = [summary for summary in found.columns[:COLUMNS_SHOWN]]
    widths = [_width(summary) for summary in shown]
    columns = "".join(f'<col style="width:{width / sum(widths):.1%}">' for width in widths)
    heads = "".join(_head(summary, view, locale) for summary in shown)
    body = "".join(
        f'<tr tabindex="0"><td class="id">{row_id + 1:,}</td>'
        + "".join(_cell(value, summary, search) for value, summary in zip(row, shown, strict=False))
        + "</tr>"
        for row, row_id in zip(page.rows, page.row_ids, strict=True)
    )
    if not page.rows:
        body = f'<tr class="none"><td colspan="{len(shown) + 1}">{said("datasets.no_match", locale)}</td></tr>'
    more = ""
    if found.all_columns > len(shown):
        values = {"shown": len(shown), "all": f"{found.all_columns:,}"}
        more = f'<p class="muted">{said("datasets.some_columns", locale, **values)}</p>'
    id_width = 30 + 9 * len(f"{found.rows:,}")
    least = max(600, round(sum(widths) * 9) + id_width)
    room = f"--least:{least}px;--columns:{len(shown)}"
    return (
        f'<div class="table-scroll"><table class="plain-table data-table" style="{room}">'
        f'<colgroup><col style="width:{id_width}px">{columns}</colgroup>'
        f'<thead><tr><th class="id">#</th>{heads}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>{more}"
    )


def summary(version: DataVersion, found: Description, locale: str) -> str:
    """The numbers of the whole set: rows, columns, size, encoding."""
    pairs = [
        (f"{found.rows:,}", say("datasets.rows", locale)),
        (f"{found.all_columns:,}", say("datasets.columns", locale)),
        (size(found.bytes), say("datasets.size", locale)),
    ]
    if version.encoding:
        pairs.append((version.encoding, say("datasets.encoding", locale)))
    return facts(pairs)


def labels(found: Description, counts: LabelCounts | None, locale: str) -> str:
    """How often each label comes, as bars; the rarer ones are counted together."""
    if counts is None or not counts.rows:
        return ""
    top = max(counts.most.values())
    lines = "".join(
        f'<div class="label-line"><span title="{_e(name)}">{_e(name)}</span><b>{count:,}</b>'
        f"<em>{percent(count / counts.rows)}</em>"
        f'<span class="bar"><i style="width:{count / top:.1%}"></i></span></div>'
        for name, count in counts.most.items()
    )
    rest = counts.different - len(counts.most)
    if rest > 0:
        lines += f'<p class="muted">{said("datasets.more_labels", locale, count=f"{rest:,}")}</p>'
    title = said("datasets.labels", locale, column=found.label_column, count=f"{counts.different:,}")
    return part(title, lines)


def lengths(found: Description, locale: str) -> str:
    """How long the texts are, in characters."""
    column = found.column(found.text_column)
    if column is None or column.maximum is None:
        return ""
    values = {"low": _number(column.minimum), "middle": _number(column.median), "high": _number(column.maximum)}
    text = said("datasets.characters", locale, **values)
    title = said("datasets.lengths", locale, column=column.name)
    return part(title, f'<div class="spark wide">{_bars(column.histogram)}</div><p>{text}</p>')


def splits(version: DataVersion, counts: Mapping[str, int], label_column: str, locale: str) -> str:
    """How many rows train, check and test, and who said so."""
    from ui.phrases import phrase

    pairs = [(f"{count:,}", phrase("split", name, locale)) for name, count in counts.items()]
    made = "datasets.split_made" if label_column else "datasets.split_random"
    key = "datasets.split_given" if version.given_split_column else made
    return part(
        said("datasets.splits", locale), facts(pairs) + f"<p>{said(key, locale, column=version.given_split_column)}</p>"
    )


def tokens(found: TokenFacts, locale: str) -> str:
    """What the chosen tokenizer makes of the texts."""
    pairs = [
        (f"{found.median:,}", say("datasets.median_tokens", locale)),
        (f"{found.long:,}", say("datasets.long_tokens", locale)),
        (percent(found.unknown_share), say("datasets.unknown", locale)),
    ]
    too_many = found.unknown_share > UNKNOWN_LIMIT
    verdict = finding(
        "interrupted" if too_many else "done", f"datasets.unknown_{'high' if too_many else 'low'}", {}, locale
    )
    counted = said("datasets.of_texts", locale, count=found.texts)
    return (
        f'<div class="data-part token-part">{facts(pairs)}<div class="findings">{verdict}</div>'
        f'<p class="muted">{counted}</p></div>'
    )


def pager(offset: int, page: RowPage, locale: str) -> str:
    """Rows 1-13 of 12,480."""
    if not page.total:
        return ""
    first, last = f"{offset + 1:,}", f"{offset + len(page.rows):,}"
    return f'<p class="muted">{said("datasets.pager", locale, first=first, last=last, total=f"{page.total:,}")}</p>'


def size(count: int) -> str:
    """Bytes as a file manager says them."""
    return (
        f"{count / 1e3:,.0f} kB"
        if count < 1e6
        else f"{count / 1e6:,.1f} MB"
        if count < 1e9
        else f"{count / 1e9:,.1f} GB"
    )


def _e(text: object) -> str:
    return html.escape(str(text), quote=True)


def said(key: str, locale: str, **values: object) -> str:
    """A text as HTML."""
    return html.escape(say(key, locale, **values))


def part(title: str, body: str) -> str:
    """A part of the side column. body: HTML."""
    return f'<section class="data-part"><h3 class="caption">{title}</h3>{body}</section>'


def _width(column: ColumnSummary) -> float:
    """Share of the table's width, in characters: free text takes what there is."""
    if column.kind == "text" and not column.few:
        return min(60.0, max(18.0, column.median or 0))
    return 12.0


def _head(column: ColumnSummary, view: Mapping[str, Any], locale: str) -> str:
    sorted_by = view.get("sort") == column.name
    order = ("descending" if view.get("descending") else "ascending") if sorted_by else "none"
    arrow = {"ascending": " ↑", "descending": " ↓", "none": ""}[order]
    counts = tuple(count for _, count in column.top[:12]) if column.few else column.histogram
    return (
        f'<th aria-sort="{order}"><button type="button" data-sort="{_e(column.name)}" title="{_e(column.name)}">'
        f"<b>{_e(column.name)}{arrow}</b><span>{_describe(column, locale)}</span>"
        f'<span class="spark{" few" if column.few else ""}" aria-hidden="true">{_bars(counts)}</span></button></th>'
    )


def _describe(column: ColumnSummary, locale: str) -> str:
    """A column in a few words: 3 different values; text of 9-512 characters; whole numbers 1-5."""
    if not column.distinct:
        return said("datasets.all_empty", locale)
    if column.few:
        return said("datasets.few", locale, count=column.distinct)
    values = {"low": _number(column.minimum), "high": _number(column.maximum)}
    return said(f"datasets.kind.{column.kind}", locale, **values)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    whole = float(value).is_integer() and abs(value) < LONG_NUMBER
    return f"{value:,.0f}" if whole else f"{value:,.3g}"


def _bars(counts: Sequence[int]) -> str:
    top = max(counts, default=0) or 1
    return "".join(f'<i style="height:{max(count / top, 0.04 if count else 0):.0%}"></i>' for count in counts)


def _cell(value: Any, column: ColumnSummary, search: str) -> str:
    if value is None:
        return '<td class="empty">–</td>'
    number = column.kind in ("integer", "number")
    text = _number_cell(value) if number else str(value)
    # A cell of a book's length would make the page heavy; its beginning is enough to know it.
    cut = text if len(text) <= 5000 else text[:5000] + "…"
    return f'<td class="{"number" if number else ""}"><div>{_marked(cut, search)}</div></td>'


def _number_cell(value: Any) -> str:
    return str(value) if isinstance(value, int) else f"{value:.6g}"


def _marked(text: str, search: str) -> str:
    """Escaped, with the searched words marked."""
    if not search.strip():
        return _e(text)
    pieces = re.split(f"({re.escape(search.strip())})", text, flags=re.IGNORECASE)
    return "".join(f"<mark>{_e(piece)}</mark>" if index % 2 else _e(piece) for index, piece in enumerate(pieces))


_GLYPHS = {"failed": "✕", "interrupted": "!", "done": "✓"}


def finding(state: str, key: str, values: Mapping[str, Any], locale: str) -> str:
    """A mark, a sentence and what it means. state: failed, interrupted or done."""
    return (
        f'<div class="finding"><i class="{state}" aria-hidden="true">{_GLYPHS[state]}</i>'
        f"<div><b>{said(key, locale, **values)}</b><p>{said(f'{key}.help', locale, **values)}</p></div></div>"
    )
