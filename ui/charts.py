"""Numbers in, Plotly figure out: the curves of a run, runs overlaid, a confusion matrix. No Gradio, no state."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ui import scales
from ui.scales import Scale
from ui.text import say

if TYPE_CHECKING:
    import plotly.graph_objects as go

# Drawn with the light colours; assets/css/charts.css maps each to its dark twin, so that a switch needs no redraw.
COLOURS = ("#187A68", "#A55702", "#7A5EA4", "#3E8EF4", "#BD7B97", "#75985F")
DASHES = ("solid", "dot", "dash")
MARKERS = ("circle", "square", "diamond")
MUTED = "#55626E"
LINE = "#DAE0E5"
# Above this many points a line is thinned; a plot is some 700 px wide.
POINTS = 1000
FONT = "IBM Plex Sans, Noto Sans SC, PingFang SC, Microsoft YaHei, Noto Sans CJK SC, sans-serif"
HEIGHT, HEIGHT_OVERLAY = 340, 345
_TICKS = {"share": ".0%", "correlation": ".2~f", "error": None}
_HOVERS = {"share": "%{y:.1%}", "correlation": "%{y:.3f}", "error": "%{y:.4~g}"}
# Up to so many labels a cell holds its number; up to so many the matrix fits into the page, above it is scrolled.
CONFUSION_NUMBERS, CONFUSION_FITTING = 12, 20
MARGIN_TOP, MARGIN_BOTTOM, MARGIN_RIGHT = 8, 46, 12


@dataclass(frozen=True, slots=True)
class Curve:
    """One line: steps and values of equal length, steps rising. slot: which of the run colours, dashes, markers."""

    name: str
    steps: Sequence[float]
    values: Sequence[float]
    slot: int = 0
    markers: bool = False
    faint: bool = False
    """1 px at 40%, unnamed: the raw values behind a smoothed line."""


def thin(steps: Sequence[float], values: Sequence[float], limit: int = POINTS) -> tuple[list[float], list[float]]:
    """At most `limit` points of the line: of each bucket its smallest and its largest value, so no spike is lost."""
    count = len(values)
    if count <= limit:
        return list(steps), list(values)
    buckets = (limit - 2) // 2
    # The ends say where the run began and where it is now.
    kept = {0, count - 1}
    for bucket in range(buckets):
        rows = range(bucket * count // buckets, (bucket + 1) * count // buckets)
        real = [row for row in rows if not math.isnan(values[row])]
        if real:
            kept.update((min(real, key=values.__getitem__), max(real, key=values.__getitem__)))
    chosen = sorted(kept)
    return [steps[row] for row in chosen], [values[row] for row in chosen]


def smoothed(values: Sequence[float], weight: float = 0.9) -> list[float]:
    """Exponential moving average, corrected for its start (as Adam's moments are): it begins at the first value."""
    result: list[float] = []
    average = norm = 0.0
    for value in values:
        if math.isfinite(value):
            average = weight * average + (1 - weight) * value
            norm = weight * norm + (1 - weight)
        result.append(average / norm if norm else value)
    return result


def loss_chart(
    training: tuple[Sequence[float], Sequence[float]],
    validation: tuple[Sequence[float], Sequence[float]],
    locale: str,
    total_steps: int = 0,
) -> go.Figure:
    """Loss of a run: the raw training loss faint, smoothed over it, and the loss on unseen rows at each check."""
    steps, values = training
    curves = [
        Curve("", steps, values, slot=0, faint=True),
        Curve(say("charts.training", locale), steps, smoothed(values), slot=0),
        Curve(say("charts.unseen", locale), *validation, slot=1, markers=True),
    ]
    return _lines([c for c in curves if len(c.steps)], locale, total_steps=total_steps)


def score_chart(
    scores: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    locale: str,
    baseline: float | None = None,
    baseline_label: str = "",
    total_steps: int = 0,
    kind: Scale = "share",
    first: float | None = None,
) -> go.Figure:
    """Scores of a run at each check (name to steps and values), the simplest guess's score as a dashed line.

    kind: what the values of all of them are. first: what a first answer scored, a dotted line.
    """
    curves = [Curve(name, *line, slot=slot, markers=True) for slot, (name, line) in enumerate(scores.items())]
    figure = _lines(
        curves, locale, total_steps=total_steps, kind=kind, marks=[m for m in (baseline, first) if m is not None]
    )
    if first is not None:
        figure.add_hline(y=first, line={"color": COLOURS[2], "width": 1.5, "dash": "dot"})
        score = f"{first:.0%}" if kind == "share" else scales.number(kind, first)
        # At the left, since the baseline's name stands at the right.
        figure.add_annotation(
            text=say("first_answer.line", locale, score=score),
            x=0, xref="paper", xanchor="left", y=first, yanchor=_beside(figure, first), showarrow=False,
        )  # fmt: skip
    if baseline is not None:
        figure.add_hline(y=baseline, line={"color": MUTED, "width": 1.5, "dash": "dash"})
        score = f"{baseline:.0%}" if kind == "share" else scales.number(kind, baseline)
        key = "charts.baseline" if baseline_label else "charts.baseline_unnamed"
        figure.add_annotation(
            text=say(key, locale, label=_short(baseline_label, 24), score=score),
            x=1, xref="paper", xanchor="right", y=baseline, yanchor=_beside(figure, baseline), showarrow=False,
        )  # fmt: skip
    return figure


def rate_chart(rate: tuple[Sequence[float], Sequence[float]], locale: str, total_steps: int = 0) -> go.Figure:
    """The learning rate over the steps."""
    figure = _lines([Curve("", *rate, slot=2)], locale, total_steps=total_steps, height=230)
    return figure.update_yaxes(tickformat=".1~e")


def overlay(curves: Sequence[Curve], locale: str, kind: Scale = "error") -> go.Figure:
    """Curves of several runs in one plot, each with its name at its end. kind: what their values are."""
    return _lines(curves, locale, kind=kind, height=HEIGHT_OVERLAY)


def confusion_chart(labels: Sequence[str], counts: Sequence[Sequence[int]], locale: str) -> go.Figure:
    """counts (true label, answer) as a heat map, tinted by the share of the true label's rows: rare labels show too.

    Many labels make a figure of a fixed width, larger than the page: it stands in a box that scrolls.
    """
    import plotly.graph_objects as go

    shares = [[cell / max(1, sum(row)) for cell in row] for row in counts]
    names = [_short(label, 16) for label in labels]
    # Two labels may shorten to the same name; an axis of categories would then fold them into one.
    ticks, count = list(range(len(names))), len(labels)
    small, large = count > CONFUSION_NUMBERS, count > CONFUSION_FITTING
    hover = say("charts.confusion_hover", locale, true="%{customdata[0]}", answer="%{customdata[1]}", count="%{text}")
    figure = go.Figure(
        go.Heatmap(
            z=shares, text=[[f"{cell:,}" for cell in row] for row in counts], x=ticks, y=ticks,
            customdata=[[[true, answer] for answer in labels] for true in labels],
            texttemplate="" if small else "%{text}", hovertemplate=hover + "<extra></extra>",
            colorscale=[[0, "rgba(27,134,140,0.06)"], [1, "rgba(27,134,140,0.55)"]], zmin=0, zmax=1,
            showscale=False, xgap=1 if large else 3, ygap=1 if large else 3,
        )
    )  # fmt: skip
    height = 110 + 17 * count if large else max(230, 52 + (22 if small else 34) * count)
    figure.update_layout(**_layout(height=height, right=MARGIN_RIGHT))
    figure.update_layout(hovermode="closest", margin={"l": 12, "t": 12, "b": 12})
    if large:
        figure.update_layout(width=150 + 17 * count, autosize=False)
    axis = {
        "tickvals": ticks,
        "ticktext": names,
        "tickfont": {"size": 11 if large else 13},
        "ticks": "",
        "showgrid": False,
        "automargin": True,
        "ticklabelstandoff": 6,
        "fixedrange": True,
    }
    figure.update_xaxes(**axis, side="top", tickangle=-90 if large else -40 if count > 5 else 0)
    return figure.update_yaxes(**axis, autorange="reversed")


def scatter_chart(pairs: Sequence[Sequence[float]], locale: str) -> go.Figure:
    """A point for each row, (true score, answer), and the line on which every answer would be right."""
    import plotly.graph_objects as go

    values = [value for pair in pairs for value in pair if math.isfinite(value)]
    low, high = min(values, default=0.0), max(values, default=1.0)
    edge = (high - low or 1.0) * 0.05
    ends = [low - edge, high + edge]
    hover = say("charts.scatter_hover", locale, true="%{x:.3~g}", answer="%{y:.3~g}")
    figure = go.Figure(
        go.Scatter(
            x=[pair[0] for pair in pairs], y=[pair[1] for pair in pairs], mode="markers",
            marker={"size": 7, "color": COLOURS[0], "opacity": 0.55 if len(pairs) < 400 else 0.3},
            hovertemplate=hover + "<extra></extra>",
        )
    )  # fmt: skip
    line = {"color": MUTED, "width": 1.5, "dash": "dash"}
    figure.add_shape(type="line", x0=ends[0], y0=ends[0], x1=ends[1], y1=ends[1], line=line)
    figure.update_layout(**_layout(height=400, right=MARGIN_RIGHT))
    figure.update_layout(hovermode="closest", margin={"l": 58})
    titles = {"title_standoff": 8, "title_font_size": 13, "range": ends, "fixedrange": True}
    figure.update_xaxes(title_text=say("charts.true_score", locale), **titles)
    return figure.update_yaxes(title_text=say("charts.given_score", locale), **titles)


def _lines(
    curves: Sequence[Curve],
    locale: str,
    total_steps: int = 0,
    kind: Scale = "error",
    marks: Sequence[float] = (),
    height: int = HEIGHT,
) -> go.Figure:
    import plotly.graph_objects as go

    figure = go.Figure()
    for curve in curves:
        steps, values = thin(curve.steps, curve.values)
        colour = COLOURS[curve.slot % len(COLOURS)]
        figure.add_scatter(
            x=steps, y=values, name=curve.name or " ",
            # One point alone is no line: without a marker it would not be seen.
            mode="lines+markers" if curve.markers or len(steps) == 1 else "lines",
            opacity=0.4 if curve.faint else 1.0,
            line={"color": colour, "width": 1 if curve.faint else 2.5, "dash": DASHES[curve.slot % len(DASHES)]},
            marker={"size": 7, "color": colour, "symbol": MARKERS[curve.slot % len(MARKERS)]},
            cliponaxis=False, hoverinfo="skip" if curve.faint else None,
            hovertemplate=None if curve.faint else _HOVERS[kind],
        )  # fmt: skip
    named = [curve for curve in curves if curve.name and len(curve.steps)]
    limits = _limits(curves, kind, marks)
    last = max([total_steps, *(curve.steps[-1] for curve in curves if len(curve.steps))], default=1) or 1
    right = max([MARGIN_RIGHT, *(22 + 7 * _width(_short(c.name)) for c in named if c.steps[-1] > 0.8 * last)])
    figure.update_layout(**_layout(height=height, right=right))
    figure.update_xaxes(
        title_text=say("charts.step", locale), title_standoff=8, title_font_size=13, range=[0, last], showgrid=False
    )
    figure.update_yaxes(range=limits, tickformat=_TICKS[kind])
    _names_at_ends(figure, named, limits, height, last)
    return figure


def _beside(figure: go.Figure, value: float) -> Literal["top", "bottom"]:
    """Which side of its name a line at this value has: the name stands under one that has no room above it."""
    low, high = figure.layout.yaxis.range
    return "top" if high - value < 0.06 * (high - low) else "bottom"


def _limits(curves: Sequence[Curve], kind: Scale, marks: Sequence[float]) -> list[float]:
    """Where the y axis begins and ends: tenths for scores, from zero for losses."""
    values = [value for curve in curves for value in curve.values if math.isfinite(value)] + [*marks]
    if kind == "error":
        return [0.0, max(values, default=1.0) * 1.08 or 1.0]
    if not values:
        return [0.0, 1.0]
    least = 0.0 if kind == "share" else -1.0
    return [max(least, math.floor(min(values) * 10 - 0.2) / 10), min(1.0, math.ceil(max(values) * 10 + 0.2) / 10)]


def _names_at_ends(
    figure: go.Figure, curves: Sequence[Curve], limits: Sequence[float], height: int, last: float
) -> None:
    """Write each curve's name at its end, names moved apart where lines end close to each other."""
    scale = (height - MARGIN_TOP - MARGIN_BOTTOM) / ((limits[1] - limits[0]) or 1)
    # (step, pixel) of the names so far. A name that begins over a third of the plot away is in nobody's way.
    placed: list[tuple[float, float]] = []
    ends = [(next((v for v in reversed(curve.values) if math.isfinite(v)), limits[0]), curve) for curve in curves]
    for value, curve in sorted(ends, key=lambda end: end[0]):
        step = curve.steps[-1]
        near = [pixel for other, pixel in placed if abs(other - step) * 3 < last]
        pixel = max([(value - limits[0]) * scale, *(below + 16 for below in near)])
        placed.append((step, pixel))
        figure.add_annotation(
            text=_short(curve.name), x=step, y=value, xanchor="left", yanchor="middle",
            xshift=10, yshift=round(pixel - (value - limits[0]) * scale), showarrow=False, align="left",
        )  # fmt: skip


def _layout(height: int, right: float) -> dict[str, object]:
    axis = {
        "zeroline": False, "showline": False, "ticks": "outside", "ticklen": 6, "tickcolor": "rgba(0,0,0,0)",
        "nticks": 6, "gridcolor": LINE, "automargin": False,
    }  # fmt: skip
    return {
        "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)", "height": height, "showlegend": False,
        "font": {"size": 13, "color": MUTED, "family": FONT},
        "margin": {"l": 44, "r": right, "t": MARGIN_TOP, "b": MARGIN_BOTTOM},
        "hovermode": "x unified", "dragmode": False, "xaxis": axis, "yaxis": axis,
    }  # fmt: skip


def _short(name: str, limit: int = 22) -> str:
    """A name cut to what fits, its HTML made harmless: Plotly reads tags in texts."""
    cut = name if _width(name) <= limit else name[: max(1, limit * len(name) // _width(name) - 1)] + "…"
    return cut.replace("&", "&amp;").replace("<", "&lt;")


def _width(name: str) -> int:
    """Width in Latin letters; a Chinese character is as wide as two."""
    return sum(2 if ord(letter) > 0x2E80 else 1 for letter in name)
