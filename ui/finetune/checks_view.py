"""The checks before Start as a list: what was found, a button that mends it, and rows to look at."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend.recipes.checks import CHECKS, Check, Example, Fix
from ui.finetune.cards import LEVELS
from ui.text import say

MARKS = LEVELS | {"note": ("·", "queued"), "fixed": ("✓", "done")}
# A press is told to the server with the check's id; the button that comes in the place of the pressed one is focused.
EVENTS = """
let last = null;
const key = part => `[data-check="${CSS.escape(part.dataset.check)}"]`;
element.addEventListener('focusin', ({target}) => { last = target.dataset?.check ? key(target) : null; });
element.addEventListener('focusout', ({relatedTarget}) => {
  if (relatedTarget && !element.contains(relatedTarget)) last = null;
});
element.addEventListener('click', event => {
  const part = event.target.closest('[data-check]');
  if (!part || part.getAttribute('aria-disabled')) return;
  part.setAttribute('aria-disabled', 'true');
  trigger('click', {act: part.dataset.act, check: part.dataset.check});
});
watch('value', () => {
  // The list may have given the focused node to another check.
  const now = document.activeElement;
  if (!last || (now !== document.body && !element.contains(now))) return;
  element.querySelector(last)?.focus({preventScroll: true});
});
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One check as it is shown. act: fix, undo or "" for no button; button: its words."""

    id: str
    check: Check
    sentence: str
    act: str = ""
    button: str = ""


def page(lines: Sequence[Line], clear: Sequence[str], locale: str, waiting: bool = False) -> str:
    """All checks, always in one order, so that none jumps when it is mended. clear: names of those that found nothing.
    waiting: more are still to come."""
    ordered = sorted(lines, key=lambda line: CHECKS.index(line.check.name))
    count = sum(line.check.level in ("error", "warning") for line in lines)
    key = "checks.none" if not count else "checks.found_one" if count == 1 else "checks.found"
    key = "checks.refused" if any(line.check.level == "error" for line in lines) else key
    words = say("checks.reading", locale) if waiting else say(key, locale, count=count)
    parts = [_head(words, locale)]
    if ordered:
        parts.append(f'<ul class="check-list">{"".join(_line(line, locale) for line in ordered)}</ul>')
    if clear:
        comma = "、" if locale.startswith("zh") else ", "
        names = comma.join(say(f"checks.name.{name}", locale) for name in CHECKS if name in clear)
        parts.append(f'<p class="muted small">{_e(say("checks.clear", locale, names=names))}</p>')
    ready = "" if waiting else " data-ready"
    return f'<section{ready} aria-label="{_e(say("checks.title", locale))}">{"".join(parts)}</section>'


def busy(rows: int, locale: str) -> str:
    """While a large data set is looked through."""
    return (
        f'<section>{_head(say("checks.busy", locale, rows=rows), locale)}<div class="bar busy"><i></i></div></section>'
    )


def fix_word(check: Check, words: Mapping[str, Any], locale: str) -> str:
    """What is on the button. words: model, recipe and columns by their titles."""
    fix = check.fix
    return say(f"checks.fix.{_kind(fix)}", locale, **{**check.values, **words}) if fix else ""


def fixed_word(fix: Fix, values: Mapping[str, Any], words: Mapping[str, Any], locale: str) -> str:
    """What is so now, of a change that its check no longer finds."""
    return say(f"checks.fixed.{_kind(fix)}", locale, **{**values, **words})


def _kind(fix: Fix) -> str:
    if fix.part == "arguments":
        return str(next(iter(fix.value)))
    return "leaks" if fix.value == "leaks" else fix.part


def _head(words: str, locale: str) -> str:
    title = f'<p class="caption">{_e(say("checks.title", locale))}</p>'
    return f'{title}<p class="split-line" role="status">{_e(words)}</p>'


def _line(line: Line, locale: str) -> str:
    glyph, look = MARKS[line.check.level]
    acts = []
    if line.act:
        data = f'data-act="{line.act}" data-check="{_e(line.id)}"'
        acts.append(f'<button type="button" class="check-button" {data}>{_e(line.button)}</button>')
    if line.check.examples:
        items = "".join(f"<li>{_example(one, line.check.name, locale)}</li>" for one in line.check.examples)
        title = _e(say("checks.examples", locale))
        acts.append(f'<details class="check-examples"><summary>{title}</summary><ul>{items}</ul></details>')
    under = f'<div class="check-acts">{"".join(acts)}</div>' if acts else ""
    mark = f'<i class="chip chip-{look}" aria-hidden="true">{glyph}</i>'
    return f'<li class="check-{line.check.level}">{mark}<div><p>{_e(line.sentence)}</p>{under}</div></li>'


def _example(one: Example, name: str, locale: str) -> str:
    text = _e(one.text) if one.text.strip(" /") else f"<i>{_e(say('checks.no_text', locale))}</i>"
    places = [_place(row, split, answer, locale) for row, split, answer in one.places]
    if one.number is not None:
        places.append(say(f"checks.number.{name}", locale, number=one.number))
    return f'<q>{text}</q> <span class="muted">{_e(" · ".join(places))}</span>'


def _place(row_id: int, split: str, answer: str, locale: str) -> str:
    # As a person counts rows.
    values: dict[str, Any] = {"row": row_id + 1}
    key = "checks.place"
    if split:
        key, values = "checks.place_split", values | {"split": say(f"checks.split.{split}", locale)}
    place = say(key, locale, **values)
    return say("checks.place_answer", locale, place=place, answer=answer) if answer else place


def _e(text: str) -> str:
    return html.escape(text)
