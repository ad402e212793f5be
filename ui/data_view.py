"""A data set as a person sees it: the table with a histogram in each head, the numbers beside it. Values in, HTML
out."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

from backend.data.describe import UNKNOWN_LIMIT, ColumnSummary, Description, TokenFacts
from backend.data.notes import Note
from backend.data.query import RowPage
from backend.data.version import DataVersion
from ui.phrases import facts, percent
from ui.text import say

COLUMNS_SHOWN = 30

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
        body = f'<tr class="none"><td colspan="{len(shown) + 1}">{_say("datasets.no_match", locale)}</td></tr>'
    more = ""
    if found.all_columns > len(shown):
        values = {"shown": len(shown), "all": f"{found.all_columns:,}"}
        more = f'<p class="muted">{_say("datasets.some_columns", locale, **values)}</p>'
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


def labels(found: Description, counts: Mapping[str, int], locale: str, most: int = 12) -> str:
    """How often each label comes, as bars; the rarest beyond `most` are counted together."""
    if not found.label_column or not counts:
        return ""
    total, top = sum(counts.values()), max(counts.values())
    lines = "".join(
        f'<div class="label-line"><span title="{_e(name)}">{_e(name)}</span><b>{count:,}</b>'
        f"<em>{percent(count / total)}</em>"
        f'<span class="bar"><i style="width:{count / top:.1%}"></i></span></div>'
        for name, count in list(counts.items())[:most]
    )
    rest = len(counts) - most
    if rest > 0:
        lines += f'<p class="muted">{_say("datasets.more_labels", locale, count=f"{rest:,}")}</p>'
    title = _say("datasets.labels", locale, column=found.label_column, count=f"{len(counts):,}")
    return _part(title, lines)


def lengths(found: Description, locale: str) -> str:
    """How long the texts are, in characters."""
    column = found.column(found.text_column)
    if column is None or column.maximum is None:
        return ""
    values = {"low": _number(column.minimum), "middle": _number(column.median), "high": _number(column.maximum)}
    text = _say("datasets.characters", locale, **values)
    title = _say("datasets.lengths", locale, column=column.name)
    return _part(title, f'<div class="spark wide">{_bars(column.histogram)}</div><p>{text}</p>')


def splits(version: DataVersion, counts: Mapping[str, int], label_column: str, locale: str) -> str:
    """How many rows train, check and test, and who said so."""
    from ui.phrases import phrase

    pairs = [(f"{count:,}", phrase("split", name, locale)) for name, count in counts.items()]
    made = "datasets.split_made" if label_column else "datasets.split_random"
    key = "datasets.split_given" if version.given_split_column else made
    return _part(
        _say("datasets.splits", locale), facts(pairs) + f"<p>{_say(key, locale, column=version.given_split_column)}</p>"
    )


def findings(
    version: DataVersion, found: Description, counts: Mapping[str, int], notes: Sequence[Note], locale: str
) -> str:
    """What to know before training, worst first: a mark, a sentence, what it means."""
    lines: list[tuple[str, str, dict[str, Any]]] = []
    if not found.label_column:
        lines.append(_no_label(found))
    elif len(counts) == 1:
        lines.append(("failed", "datasets.one_label", {"label": next(iter(counts)), "column": found.label_column}))
    lines += [("interrupted", "datasets.empty_cells", _empty_values(column, found)) for column in _with_empty(found)]
    if found.duplicates:
        values = {"count": f"{found.duplicates:,}", "share": percent(found.duplicates / found.rows)}
        lines.append(("interrupted", "datasets.duplicates", values))
    total = sum(counts.values())
    if total and len(counts) > 1:
        most, least = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
        if counts[least] / total < 0.5 / len(counts):
            values = {"least": least, "low": percent(counts[least] / total)}
            lines.append(
                ("interrupted", "datasets.uneven", values | {"most": most, "high": percent(counts[most] / total)})
            )
    if not _with_empty(found):
        lines.append(("done", "datasets.no_empty", {}))
    body = "".join(_finding(state, key, values, locale) for state, key, values in lines)
    body = "".join(_note(note, locale) for note in _once(notes) if note.level == "warning") + body
    quiet = [_say(note.key, locale, **note.values) for note in _once(notes) if note.level == "info"]
    if quiet:
        body += f'<p class="muted">{" · ".join(quiet)}</p>'
    return _part(_say("datasets.before", locale), f'<div class="findings">{body}</div>')


def tokens(found: TokenFacts, locale: str) -> str:
    """What the chosen tokenizer makes of the texts."""
    pairs = [
        (f"{found.median:,}", say("datasets.median_tokens", locale)),
        (f"{found.long:,}", say("datasets.long_tokens", locale)),
        (percent(found.unknown_share), say("datasets.unknown", locale)),
    ]
    too_many = found.unknown_share > UNKNOWN_LIMIT
    verdict = _finding(
        "interrupted" if too_many else "done", f"datasets.unknown_{'high' if too_many else 'low'}", {}, locale
    )
    counted = _say("datasets.of_texts", locale, count=found.texts)
    return (
        f'<div class="data-part token-part">{facts(pairs)}<div class="findings">{verdict}</div>'
        f'<p class="muted">{counted}</p></div>'
    )


def pager(offset: int, page: RowPage, locale: str) -> str:
    """Rows 1-13 of 12,480."""
    if not page.total:
        return ""
    first, last = f"{offset + 1:,}", f"{offset + len(page.rows):,}"
    return f'<p class="muted">{_say("datasets.pager", locale, first=first, last=last, total=f"{page.total:,}")}</p>'


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


def _say(key: str, locale: str, **values: object) -> str:
    return html.escape(say(key, locale, **values))


def _part(title: str, body: str) -> str:
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
        return _say("datasets.all_empty", locale)
    if column.few:
        return _say("datasets.few", locale, count=column.distinct)
    values = {"low": _number(column.minimum), "high": _number(column.maximum)}
    return _say(f"datasets.kind.{column.kind}", locale, **values)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}" if float(value).is_integer() else f"{value:,.3g}"


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


def _with_empty(found: Description) -> list[ColumnSummary]:
    return sorted((column for column in found.columns if column.empty), key=lambda column: -column.empty)[:3]


def _empty_values(column: ColumnSummary, found: Description) -> dict[str, str]:
    return {"column": column.name, "count": f"{column.empty:,}", "share": percent(column.empty / found.rows)}


def _no_label(found: Description) -> tuple[str, str, dict[str, Any]]:
    """Nothing to learn: that no column looks like a label, or that the likely one holds scores."""
    scores = [column for column in found.columns if column.kind == "number" and column.distinct]
    if scores:
        return "interrupted", "datasets.scores", {"column": scores[-1].name}
    names = ", ".join(column.name for column in found.columns[:COLUMNS_SHOWN])
    return "interrupted", "datasets.no_label", {"columns": names}


_GLYPHS = {"failed": "✕", "interrupted": "!", "done": "✓"}


def _finding(state: str, key: str, values: Mapping[str, Any], locale: str) -> str:
    return (
        f'<div class="finding"><i class="{state}" aria-hidden="true">{_GLYPHS[state]}</i>'
        f"<div><b>{_say(key, locale, **values)}</b><p>{_say(f'{key}.help', locale, **values)}</p></div></div>"
    )


def _note(note: Note, locale: str) -> str:
    text = _say(note.key, locale, **note.values)
    return f'<div class="finding"><i class="interrupted" aria-hidden="true">!</i><div><b>{text}</b></div></div>'


def _once(notes: Sequence[Note]) -> list[Note]:
    """Several files read alike say the same only once."""
    seen: dict[tuple[str, str], Note] = {}
    for note in notes:
        seen.setdefault((note.key, str(note.values)), note)
    return list(seen.values())
