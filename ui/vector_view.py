"""Vectors of texts as HTML: how alike two are, a heat map of several, the numbers of a vector, a map of many."""

from __future__ import annotations

import html

from backend.tasks.base import Matrix, Vector
from ui.phrases import facts
from ui.text import say

NUMBERS_SHOWN = 12
# The map's own units; it is drawn as wide as the card.
_WIDTH, _HEIGHT, _EDGE = 480, 320, 22
# Two pairs of texts hardly differ below this.
_CLOSE = 0.01


def similarity(answer: Matrix, locale: str) -> str:
    """Two texts: the number on its scale. More: every pair in a heat map, each cell with its number."""
    cut = _cut(answer.cut, answer.limit, locale)
    if len(answer.texts) == 2:
        value = answer.values[0][1]
        place = share(value, answer.cosine_from)
        return (
            f'<div class="verdict verdict-line"><span>{value:.3f}</span></div>'
            f'<div class="score-scale"><span>{answer.cosine_from:g}</span><span class="bar" aria-hidden="true">'
            f'<i style="width:{place:.1%}"></i></span><span>1</span></div>'
            f'<p class="answer-sentence">{_scale(answer.cosine_from, locale)}{cut}</p>'
        )
    count = len(answer.texts)
    pairs = [(answer.values[a][b], a, b) for a in range(count) for b in range(a)]
    best, worst = max(pairs), min(pairs)
    key = "answers.alike" if best[0] - worst[0] >= _CLOSE else "answers.alike_all"
    values = {"one": best[2] + 1, "two": best[1] + 1, "score": f"{best[0]:.3f}"}
    values |= {"far_one": worst[2] + 1, "far_two": worst[1] + 1, "far": f"{worst[0]:.3f}"}
    words = _say(key, locale, **values) + _space(locale) + _scale(answer.cosine_from, locale) + cut
    return f'{_heat(answer, worst[0], locale)}<p class="answer-sentence">{words}</p>'


def vectors(answer: Vector, locale: str) -> str:
    """The first vector's numbers, size and length; from three texts on the map with its key."""
    size = len(answer.values[0])
    shape = "(" + ", ".join(str(part) for part in answer.states) + ")"
    cut = _cut(answer.cut, answer.limit, locale)
    if len(answer.texts) > 1:
        places = _map(answer, locale) if answer.places else ""
        key = "answers.map" if answer.places else "answers.no_map"
        words = _say(key, locale, kept=f"{answer.kept:.0%}", size=size, count=len(answer.texts))
        rows = "".join(_row(answer, row) for row in range(len(answer.texts)))
        numbers = _say("answers.vectors", locale, size=size)
        return (
            f'{places}<ol class="map-key">{"".join(f"<li>{_text(text)}</li>" for text in answer.texts)}</ol>'
            f'<p class="answer-sentence">{words}{cut}</p>'
            f'<details><summary>{numbers}</summary><ol class="vector-list">{rows}</ol></details>'
        )
    found = facts(
        [
            (f"{size:,}", say("answers.vector_size", locale)),
            (f"{answer.norms[0]:.3f}", say("answers.vector_norm", locale)),
            (shape, say("answers.vector_states", locale)),
        ]
    )
    shown = "".join(_number(value, answer) for value in answer.values[0][:NUMBERS_SHOWN])
    more = _say("answers.vector_more", locale, count=f"{size - NUMBERS_SHOWN:,}") if size > NUMBERS_SHOWN else ""
    words = _say("answers.vector", locale, size=size)
    return (
        f'{found}<ul class="vector">{shown}</ul><p class="muted vector-more">{more}</p>'
        f'<p class="answer-sentence">{words}{cut}</p>'
    )


def share(value: float, least: float) -> float:
    """Where a similarity lies between the least usual one (0) and 1."""
    return max(0.0, min(1.0, (value - least) / (1 - least)))


def _heat(answer: Matrix, worst: float, locale: str) -> str:
    """A table whose cells are tinted from the least alike pair to 1, and say their number."""
    heads = "".join(f'<th scope="col">{number}</th>' for number in range(1, len(answer.texts) + 1))
    rows = ""
    for number, (text, row) in enumerate(zip(answer.texts, answer.values, strict=True), 1):
        cells = "".join(
            f'<td class="{"self" if column == number else ""}" style="--share:{share(value, min(worst, 0.999)):.3f}">'
            f"{value:.2f}</td>"
            for column, value in enumerate(row, 1)
        )
        rows += f'<tr><th scope="row"><b>{number}</b> <span>{_text(text)}</span></th>{cells}</tr>'
    name = _say("answers.heat", locale)
    return (
        f'<div class="table-scroll heat-scroll" tabindex="0" role="region" aria-label="{name}"><table class="heat">'
        f"<thead><tr><td></td>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _map(answer: Vector, locale: str) -> str:
    """A numbered point for each text; the list below says which is which."""
    xs, ys = [x for x, _ in answer.places], [y for _, y in answer.places]
    # One scale for both ways: distances on the map are to be compared.
    scale = min(
        (_WIDTH - 2 * _EDGE) / ((max(xs) - min(xs)) or 1e-9), (_HEIGHT - 2 * _EDGE) / ((max(ys) - min(ys)) or 1e-9)
    )
    middle = (max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2
    points = ""
    for number, (text, (x, y)) in enumerate(zip(answer.texts, answer.places, strict=True), 1):
        left, top = _WIDTH / 2 + (x - middle[0]) * scale, _HEIGHT / 2 - (y - middle[1]) * scale
        points += (
            f'<g transform="translate({left:.1f} {top:.1f})"><title>{html.escape(text)}</title>'
            f'<circle r="12"/><text dy="4.5">{number}</text></g>'
        )
    name = _say("answers.map_name", locale, count=len(answer.texts))
    return f'<svg class="text-map" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{name}">{points}</svg>'


def _number(value: float, answer: Vector) -> str:
    """A number of the vector over a tint as strong as it is large, by its sign."""
    widest = max(abs(one) for one in answer.values[0][:NUMBERS_SHOWN]) or 1.0
    sign = "plus" if value >= 0 else "minus"
    return f'<li class="{sign}" style="--share:{abs(value) / widest:.3f}">{value:+.4f}</li>'


def _row(answer: Vector, row: int) -> str:
    numbers = " ".join(f"{value:.4f}" for value in answer.values[row][:NUMBERS_SHOWN])
    return f"<li><code>{numbers} …</code></li>"


def _scale(least: float, locale: str) -> str:
    return _say("answers.cosine_high", locale, least=f"{least:g}") if least else _say("answers.cosine", locale)


def _cut(count: int, limit: int, locale: str) -> str:
    return _space(locale) + _say("answers.cut", locale, count=count, limit=limit) if count else ""


def _space(locale: str) -> str:
    # Chinese sentences follow one another without a space.
    return "" if locale.startswith("zh") else " "


def _text(text: str) -> str:
    return f"<bdi>{html.escape(text if len(text) <= 120 else text[:120] + ' …')}</bdi>"


def _say(key: str, locale: str, **values: object) -> str:
    return html.escape(say(key, locale, **values))
