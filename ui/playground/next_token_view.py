"""The next token as HTML: the written tokens in a row, the chances at one of them, three continuations."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

from backend.tasks.distribution import Option, weighed
from backend.tasks.next_token import Continuation, Trace
from ui import phrases
from ui.text import say

EVENTS = """
element.addEventListener('click', event => {
  const part = event.target.closest('button[data-place], button[data-token]');
  if (part) trigger('click', {...part.dataset});
});
"""
"""A click on a token tells which."""


def tokens(trace: Trace, chosen: int, locale: str) -> str:
    """The tokens in a row; those that were not the likeliest are marked."""
    cells = "".join(
        f'<button type="button" class="token{"" if place.taken_rank == 0 else " drawn"}" data-place="{number}" '
        f'aria-pressed="{str(number == chosen).lower()}">{_visible(place.taken_text)}</button>'
        for number, place in enumerate(trace.places)
    )
    words = _say("next_token.row", locale)
    return f'<p class="muted small">{words}</p><div class="next-row" dir="auto">{cells}</div>'


def bars(trace: Trace, chosen: int, weights: Mapping[str, Any], locale: str) -> str:
    """What the token at the place `chosen` was drawn from, weighed as the sliders say."""
    place = trace.places[chosen]
    options, allowed = weighed(place, **weights)
    rows = "".join(_option(one, locale) for one in options)
    words = _say("next_token.allowed", locale, allowed=f"{allowed:,}", vocabulary=f"{place.vocabulary:,}")
    rest = max(0.0, 1 - sum(one.share for one in options))
    others = _say("next_token.rest", locale, share=phrases.percent(rest))
    head = _say("next_token.place", locale, number=chosen + 1)
    return (
        f'<p class="caption">{head}</p><div class="next-options">{rows}</div>'
        f'<p class="muted small">{words} {others} {_say("next_token.road", locale)}</p>'
    )


def ways(found: Sequence[Continuation], locale: str) -> str:
    """The continuations side by side, each with how likely the model takes it to be."""
    heads = [say(f"next_token.column.{name}", locale) for name in ("way", "text", "tokens", "sum", "mean")]
    rows = [
        [
            f"<b>{_say(f'next_token.way.{one.way}', locale)}</b><br>{_say(f'next_token.way.{one.way}.help', locale)}",
            f'<span class="next-text" dir="auto">{html.escape(one.text)}</span>',
            f"{one.tokens}",
            f"{one.log_probability:.2f}",
            phrases.percent(math.exp(one.log_probability / max(one.tokens, 1))),
        ]
        for one in found
    ]
    words = _say("next_token.ways.words", locale)
    return f'{phrases.table(heads, rows, (2, 3, 4), "next-ways")}<p class="muted small">{words}</p>'


def _option(one: Option, locale: str) -> str:
    marks = "".join(
        f'<span class="chip{" chip-running" if name == "taken" else ""}">{_say(f"next_token.{name}", locale)}</span>'
        for name, holds in (("likeliest", one.likeliest), ("taken", one.taken))
        if holds
    )
    share = phrases.confidence(one.share) if one.share else _say("next_token.left_out", locale)
    said = _say("next_token.model_share", locale, share=phrases.confidence(one.model))
    kind = "next-option" + (" taken" if one.taken else "") + ("" if one.share else " out")
    return (
        f'<button type="button" class="{kind}" data-token="{one.token}" title="{said}">'
        f'<span class="name">{_visible(one.text)}</span>'
        f'<span class="bar" aria-hidden="true"><i style="width:{one.share:.1%}"></i>'
        f'<u style="left:{one.model:.1%}"></u></span><b>{share}</b><span class="marks">{marks}</span></button>'
    )


def _visible(text: str) -> str:
    """A token with its spaces and line ends to be seen."""
    return html.escape(text.replace("\n", "↵").replace("\t", "⇥").replace(" ", "·"), quote=True) or "∅"


def _say(key: str, locale: str, **values: object) -> str:
    return html.escape(say(key, locale, **values), quote=True)
