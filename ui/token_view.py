"""Tokens as a person sees them: coloured pieces, a table, four facts, the steps. Plain values in, HTML out."""

from __future__ import annotations

import html
from itertools import groupby

from backend.texts import catalogue
from backend.token_pieces import readable
from backend.tokenization import Inspection, Step, TokenRow
from ui.phrases import facts as facts_row
from ui.text import say

# Hovering marks a token and its row; a click brings the row into view inside its own scroller, without moving the page.
HIGHLIGHT_JS = """
const mark = event => {
  const hit = event.target.closest('[data-t]');
  document.querySelectorAll('.tokenizer-page .lit').forEach(node => node.classList.remove('lit'));
  if (!hit) return;
  const twins = document.querySelectorAll(`.tokenizer-page [data-t="${hit.dataset.t}"]`);
  twins.forEach(node => node.classList.add('lit'));
  if (event.type !== 'click') return;
  twins.forEach(node => {
    const box = node.closest('.token-scroll');
    if (box && !box.contains(hit)) {
      box.scrollTop += node.getBoundingClientRect().top - box.getBoundingClientRect().top - box.clientHeight / 2;
    }
  });
};
['mouseover', 'mouseleave', 'click'].forEach(name => element.addEventListener(name, mark));
"""


def summary(found: Inspection, locale: str) -> str:
    """The four numbers: tokens, characters, characters a token, unknown."""
    return facts_row(
        [
            (f"{found.total:,}", say("tokenizer.tokens", locale)),
            (f"{found.characters:,}", say("tokenizer.characters", locale)),
            (f"{found.characters_a_token:.1f}", say("tokenizer.per_token", locale)),
            (f"{found.unknown:,}", say("tokenizer.unknown", locale)),
        ]
    )


def token_row(found: Inspection, locale: str) -> str:
    """Every token with its id, tinted by word; the tokens that share a character stand in one frame with it."""
    parts = []
    for (whole, _), group in groupby(found.tokens, key=_character):
        tokens = "".join(_token(row) for row in group)
        if whole:
            title = _say("tokenizer.shared", locale, character=readable(whole))
            name = html.escape(readable(whole))
            parts.append(f'<span class="token-shared" title="{title}"><span>{tokens}</span><i>{name}</i></span>')
        else:
            parts.append(tokens)
    notes = [note for note in (_truncated(found, locale), _unknown_note(found, locale)) if note]
    words = "".join(f'<p class="token-note">{html.escape(note)}</p>' for note in notes)
    return f'<div class="token-row token-scroll">{"".join(parts)}</div>{words}'


def table(found: Inspection, locale: str) -> str:
    """The same as a table: number, piece, id, type, special, characters."""
    heads = "".join(
        f"<th{' class=number' if name in ('id', 'index', 'span') else ''}>{_say(f'tokenizer.head.{name}', locale)}</th>"
        for name in ("index", "piece", "id", "kind", "special", "span")
    )
    words = {name: _say(f"tokenizer.{name}", locale) for name in ("yes", "none")}
    kinds = {row.kind: _say(f"tokenizer.kind.{row.kind}", locale) for row in found.tokens}
    rows = "".join(_table_row(row, kinds[row.kind], words["yes"], words["none"], locale) for row in found.tokens)
    return (
        f'<div class="table-scroll token-scroll"><table class="plain-table token-table"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def steps(found: Inspection, locale: str) -> str:
    """How it got there: the four stages, numbered, each with what it does and what it gives."""
    if not found.steps:
        return f'<p class="muted">{_say("tokenizer.no_steps", locale)}</p>'
    items = "".join(
        f"<li><b>{_say(f'tokenizer.step.{step.name}', locale)}</b> <span>{html.escape(_does(step, locale))}</span>"
        f"{_gives(step)}</li>"
        for step in found.steps
    )
    return f'<p class="caption">{_say("tokenizer.steps", locale)}</p><ol class="token-steps">{items}</ol>'


def tokenizer_line(found: Inspection, locale: str) -> str:
    """What the tokenizer is: "WordPiece, 30,522 pieces"."""
    return say("tokenizer.line", locale, model=found.model, vocabulary=f"{found.vocabulary:,}")


def _say(key: str, locale: str, **values: object) -> str:
    return html.escape(say(key, locale, **values), quote=True)


def _character(row: TokenRow) -> tuple[str, int]:
    """The same for the tokens of one split character, and for no others."""
    return (row.whole, row.index - row.part) if row.whole else ("", row.index)


def _look(row: TokenRow) -> str:
    if row.special:
        return "token-special"
    return f"tok-{row.word % 5 + 1}" + (" token-unknown" if row.kind == "unknown" else "")


def _token(row: TokenRow) -> str:
    shown = html.escape(row.shown)
    hint = f' title="{html.escape(row.piece, quote=True)}"' if row.piece != row.shown else ""
    end = '<span class="token-break"></span>' if row.shown.endswith("↵") else ""
    inside = f"<bdi>{shown}</bdi><small>{row.id}</small>"
    return f'<span class="token {_look(row)}" data-t="{row.index}"{hint}>{inside}</span>{end}'


def _table_row(row: TokenRow, kind: str, yes: str, none: str, locale: str) -> str:
    written = f' <small class="muted">{html.escape(row.piece)}</small>' if row.piece != row.shown else ""
    part = ""
    if row.parts:
        place = _say("tokenizer.part", locale, part=row.part, parts=row.parts, character=readable(row.whole))
        part = f" <small>{place}</small>"
    span = none if row.start is None else f"{row.start}–{row.end}"
    return (
        f'<tr data-t="{row.index}"><td class="number muted">{row.index}</td>'
        f'<td><span class="token {_look(row)}"><bdi>{html.escape(row.shown)}</bdi></span>{written}</td>'
        f'<td class="number">{row.id}</td><td>{kind}{part}</td><td>{yes if row.special else ""}</td>'
        f'<td class="number">{span}</td></tr>'
    )


def _does(step: Step, locale: str) -> str:
    known = catalogue("en")
    return say("tokenizer.join", locale).join(
        say(f"tokenizer.trait.{trait}", locale) if f"tokenizer.trait.{trait}" in known else trait
        for trait in step.traits
    )


def _gives(step: Step) -> str:
    if not step.pieces:
        return ""
    bar = '<i aria-hidden="true"> | </i>'
    return f"<code><bdi>{bar.join(html.escape(piece) for piece in step.pieces)}</bdi></code>"


def _truncated(found: Inspection, locale: str) -> str:
    if found.total <= len(found.tokens):
        return ""
    return say("tokenizer.truncated", locale, shown=f"{len(found.tokens):,}", total=f"{found.total:,}")


def _unknown_note(found: Inspection, locale: str) -> str:
    """Said only when it matters: more than a token or two, and more than every twentieth, is lost to the model."""
    content = found.total - found.special
    if found.unknown < 3 or found.unknown / content <= 0.05:
        return ""
    return say("tokenizer.many_unknown", locale, percent=f"{found.unknown / content:.0%}")
