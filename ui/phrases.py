"""How states, durations, sizes and scores are said: one chip, one bar and one way to write a number in the product."""

from __future__ import annotations

import html
from collections.abc import Sequence

from backend.texts import catalogue
from ui import scales
from ui.text import say

GLYPHS = {"queued": "○", "running": "●", "done": "✓", "stopped": "✓", "failed": "✕", "interrupted": "■", "paused": "‖"}


def chip(state: str, locale: str) -> str:
    """A run's state as glyph, word and colour."""
    look = "done" if state == "stopped" else state
    word = phrase("state", state, locale)
    return f'<span class="chip chip-{look}"><i aria-hidden="true">{GLYPHS[state]}</i> {word}</span>'


def phrase(kind: str, name: str, locale: str) -> str:
    """The word for a state, phase, metric or preset (`phrases.{kind}.{name}`); the bare name where there is none."""
    key = f"phrases.{kind}.{name}"
    return say(key, locale) if key in catalogue("en") else name


def bar(share: float, label: str = "") -> str:
    """A track filled to `share` (part of 1)."""
    percent = max(0.0, min(1.0, share)) * 100
    named = f' aria-label="{html.escape(label, quote=True)}"' if label else ""
    limits = f'role="progressbar" aria-valuemin="0" aria-valuemax="100" aria-valuenow="{percent:.0f}"'
    return f'<div class="bar" {limits}{named}><i style="width:{percent:.1f}%"></i></div>'


def label_bar(name: str, share: float, score: str, first: bool, threshold: float | None = None) -> str:
    """A row of a grid of class label-bars: name, bar filled to `share` (part of 1), score. threshold: a mark on it."""
    label = html.escape(name, quote=True)
    mark = "" if threshold is None else f'<u style="left:{threshold:.1%}"></u>'
    return (
        f'<div class="label-bar{" first" if first else ""}"><span title="{label}">{label}</span>'
        f'<span class="bar" aria-hidden="true"><i style="width:{max(0.0, min(1.0, share)):.1%}"></i>{mark}</span>'
        f"<b>{html.escape(score)}</b></div>"
    )


def busy(words: str) -> str:
    """A bar that moves while nobody can say how far it is, and what is being done."""
    return f'<div class="bar busy"><i></i></div><p class="muted" role="status">{html.escape(words)}</p>'


def facts(pairs: Sequence[tuple[str, str]]) -> str:
    """A row of numbers with their captions, (number, caption) each."""
    cells = "".join(
        f"<div><b>{html.escape(number)}</b><span>{html.escape(caption)}</span></div>" for number, caption in pairs
    )
    return f'<div class="facts">{cells}</div>'


def duration(seconds: float, locale: str) -> str:
    """Seconds as a person says them: 40 s, 4 min 11 s, 2 h 5 min."""
    whole = max(0, round(seconds))
    if whole < 60:
        return say("phrases.seconds", locale, seconds=whole)
    if whole < 3600:
        minutes, rest = divmod(whole, 60)
        return say("phrases.minutes" if not rest else "phrases.minutes_seconds", locale, minutes=minutes, seconds=rest)
    minutes = round(whole / 60)
    return say("phrases.hours", locale, hours=minutes // 60, minutes=minutes % 60)


def about(seconds: float, locale: str) -> str:
    """A forecast duration, no more exact than it is: 40 s, 4 min, 1 h 20 min."""
    if seconds < 55:
        return say("phrases.seconds", locale, seconds=max(5, round(seconds / 5) * 5))
    if seconds < 3570:
        return say("phrases.minutes", locale, minutes=max(1, round(seconds / 60)))
    tens = round(seconds / 600) * 10
    return say("phrases.hours", locale, hours=tens // 60, minutes=tens % 60)


def gigabytes(mib: float) -> str:
    """MiB as GB with one digit behind the point, two below 0.1."""
    gb = mib * 2**20 / 1e9
    return f"{gb:.1f}" if gb >= 0.1 or gb == 0 else f"{gb:.2f}"


def percent(share: float) -> str:
    """A part of 1 as 88.4%."""
    return f"{share:.1%}"


def confidence(share: float) -> str:
    """How sure a model is, as percent: never 100.0% for what is not certain."""
    shown = percent(share)
    return ">99.9%" if shown == "100.0%" and share < 1 else shown


def score(name: str, value: float) -> str:
    """A metric's value: percent for shares, 0.87 for correlations, three digits for errors and the loss."""
    return scales.written(name, value)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = (), kind: str = "") -> str:
    """The one table: head of plain texts, cells of HTML already escaped. numbers: which columns are right-aligned."""

    def cell(tag: str, column: int, content: str) -> str:
        return f"<{tag}{' class=number' if column in numbers else ''}>{content}</{tag}>"

    top = "".join(cell("th", column, html.escape(text)) for column, text in enumerate(head))
    body = "".join("<tr>" + "".join(cell("td", c, content) for c, content in enumerate(row)) + "</tr>" for row in rows)
    return (
        f'<div class="table-scroll"><table class="plain-table {kind}"><thead><tr>{top}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
