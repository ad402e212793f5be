"""Two runs side by side: what differs between their specs, in words and as a table, with the scores of both."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from backend.recipes.base import Report
from backend.training.first_answer import same_rows
from backend.training.spec import RunSpec
from ui import phrases, scales
from ui.errors import shown
from ui.metrics.overview import Row, flattened, read_rows
from ui.text import i18n, say
from ui.visitor import PageState, Services, locale_of

Updates = dict[Any, Any]
# Seeds decide what chance does; the others where and how the same steps are taken.
SEEDS = ("arguments.seed", "finetune.split.seed")
WAYS = ("metrics.spec.launcher", "metrics.spec.loop", "metrics.spec.processes", "metrics.spec.device",
        "metrics.spec.checkpoint_seconds", "metrics.spec.preset")  # fmt: skip
NAMED = 3


@dataclass(frozen=True, slots=True)
class Parts:
    """Widgets of the fold."""

    fold: gr.Accordion
    first: gr.Dropdown
    second: gr.Dropdown
    view: gr.HTML


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two."""

    name: str
    spec: RunSpec
    report: Report | None
    best: float | None
    """At a check, by the run's own metric."""
    metric: str

    @property
    def scores(self) -> Mapping[str, float]:
        """Of the split that its report begins with."""
        return self.report.splits.get(self.report.headline_split, {}) if self.report else {}


def build() -> Parts:
    """Lay the fold out."""
    with gr.Accordion(i18n("compare.fold"), open=True, elem_classes="fold", elem_id="compare", visible=False) as fold:
        with gr.Row(equal_height=False, elem_classes="data-row"):
            first, second = (
                gr.Dropdown(
                    [], label=i18n(f"compare.{name}"), info=i18n(f"compare.{name}.help"), interactive=True,
                    min_width=240, elem_id=f"compare-{name}",
                )
                for name in ("first", "second")
            )  # fmt: skip
        view = gr.HTML("", apply_default_css=False, elem_id="compare-view")
    return Parts(fold, first, second, view)


def differences(one: RunSpec, other: RunSpec, locale: str) -> dict[str, tuple[str, str]]:
    """Title of each setting that both go by and that differs, and its two values, as a person reads them."""
    left, right = (flattened(spec, locale) for spec in (one, other))
    found = {name: (value, right[name]) for name, value in left.items() if name in right and value != right[name]}
    # Two data sets or models of the same name.
    for key, ref in (("metrics.spec.data_title", "data_ref"), ("metrics.spec.model_title", "model_ref")):
        refs = getattr(one, ref), getattr(other, ref)
        if refs[0] != refs[1]:
            found.setdefault(say(key, locale), refs)
    return found


def sentence(found: Mapping[str, tuple[str, str]], locale: str) -> str:
    """What the differences come to."""
    seeds, ways = ({say(key, locale) for key in keys} for keys in (SEEDS, WAYS))
    what = "; ".join(f"{name} {left} / {right}" for name, (left, right) in list(found.items())[:NAMED])
    if not found:
        return say("compare.same", locale)
    if set(found) <= seeds:
        return say("compare.only_seed", locale, what=what)
    if set(found) <= ways | seeds:
        return say("compare.only_way", locale, what=what)
    return say("compare.one" if len(found) == 1 else "compare.several", locale, what=what, count=len(found))


def page(one: Side, other: Side, locale: str) -> str:
    """The sentence, what the scores say, the table."""
    found = differences(one.spec, other.spec, locale)
    notes = _verdict(one, other, locale)
    told = "".join(f"<p>{html.escape(note)}</p>" for note in notes)
    rows = [[html.escape(name), *map(html.escape, values)] for name, values in found.items()]
    head = [one.name, other.name]
    words = sentence(found, locale)
    if (one.spec.loop == "head") != (other.spec.loop == "head"):
        words = say("compare.first_answer", locale)
    lead = f'<p class="lead-text" role="status">{html.escape(words)}</p>'
    settings = phrases.table([say("compare.setting", locale), *head], rows, kind="compare-table") if rows else ""
    scores = phrases.table([say("compare.score", locale), *head], _scores(one, other, locale), kind="compare-table")
    return f"{lead}{told}{settings}{scores}"


@dataclass(frozen=True, slots=True)
class Comparing:
    """The handlers."""

    parts: Parts
    services: Services
    seen: gr.State
    """[the choices there were, the two runs ticked in the table when that was last heeded]."""

    def draw(
        self, first: str | None, second: str | None, chosen: Sequence[str] | None, seen: list[Any] | None,
        request: gr.Request,
    ) -> Updates:  # fmt: skip
        """Compare the two that are chosen; exactly two ticked in the table above are those."""
        parts, locale, workspace = self.parts, locale_of(request), self.services.workspace(request)
        rows = {
            row.run.run_id: row for row in read_rows(workspace, self.services.queue.runs(workspace)) if row.run.spec
        }
        if len(rows) < 2:
            return {parts.fold: gr.Accordion(visible=False), self.seen: None}
        before, heeded_pair = seen or (None, None)
        ticked = [run_id for run_id in chosen or () if run_id in rows]
        if len(ticked) == 2 and ticked != heeded_pair:
            first, second = ticked
        first = first if first in rows else next(iter(rows))
        second = second if second in rows else next(run_id for run_id in rows if run_id != first)
        choices = [(row.name, run_id) for run_id, row in rows.items()]
        updates: Updates = {
            parts.fold: gr.Accordion(visible=True),
            parts.view: self._page(rows[first], rows[second], request) if first != second else _same_run(locale),
            self.seen: [choices, ticked if len(ticked) == 2 else heeded_pair],
        }
        # While a person looks through the lists they are left alone.
        changed = before is None or [tuple(one) for one in before] != choices
        if not changed:
            return updates | {parts.first: first, parts.second: second}
        return updates | {
            parts.first: gr.Dropdown(choices=choices, value=first),
            parts.second: gr.Dropdown(choices=choices, value=second),
        }

    def _page(self, one: Row, other: Row, request: gr.Request) -> str:
        workspace = self.services.workspace(request)

        def side(row: Row) -> Side:
            assert row.run.spec
            report = self.services.queue.report(workspace, row.run.run_id)
            best = row.best(row.own_metric) if row.own_metric else None
            return Side(name=row.name, spec=row.run.spec, report=report, best=best, metric=row.own_metric)

        return page(side(one), side(other), locale_of(request))


def wire(parts: Parts, services: Services, state: PageState, chosen: gr.BrowserState) -> None:
    """Connect the fold. chosen: the runs that are ticked in the table."""
    acts = Comparing(parts, services, gr.State(None))
    gr.on(
        [state.pulse.change, chosen.change, parts.first.input, parts.second.input],
        shown(acts.draw), [parts.first, parts.second, chosen, acts.seen],
        [parts.fold, parts.first, parts.second, parts.view, acts.seen],
        show_progress="hidden", api_visibility="private", trigger_mode="always_last",
    )  # fmt: skip


def _verdict(one: Side, other: Side, locale: str) -> list[str]:
    """Which is better, and whether that says anything."""
    name = one.metric
    if (one.spec.recipe, one.spec.data_ref) != (other.spec.recipe, other.spec.data_ref):
        return [say("compare.other_data", locale)]
    if not one.report or not other.report:
        return [say("compare.no_report", locale)]
    if name != other.metric or not (name in one.scores and name in other.scores):
        return [say("compare.other_metric", locale)]
    left, right = one.scores[name], other.scores[name]
    metric, count = phrases.phrase("metric", name, locale), int(one.scores.get("rows", 0))
    alike = same_rows(one.spec, other.spec)
    if left == right:
        level = say("compare.level", locale, metric=metric, score=phrases.score(name, left))
        return [level] if alike else [level, say("compare.other_rows", locale)]
    better = one if (left < right) == scales.less_is_better(name) else other
    worse = other if better is one else one
    score, than = (phrases.score(name, side.scores[name]) for side in (better, worse))
    told = [say("compare.better", locale, run=better.name, metric=metric, score=score, than=than)]
    if not alike:
        return [*told, say("compare.other_rows", locale)]
    if name == "accuracy" and count:
        # Two standard errors of the difference of two shares.
        noise = 2 * math.sqrt((left * (1 - left) + right * (1 - right)) / count)
        if abs(left - right) <= noise:
            told.append(say("compare.chance", locale, count=round(abs(left - right) * count), rows=f"{count:,}"))
    return told


def _scores(one: Side, other: Side, locale: str) -> list[list[str]]:
    names = [name for name in dict.fromkeys((*one.scores, *other.scores)) if name not in ("rows", "loss")]
    names += ["loss"] if "loss" in one.scores or "loss" in other.scores else []
    rows: list[list[str]] = []
    for side in (one, other):
        if side.metric and not any(row[0] == _check(side.metric, locale) for row in rows):
            values = [each.best if each.metric == side.metric else None for each in (one, other)]
            rows.append([_check(side.metric, locale), *_cells(side.metric, values)])
    for name in names:
        word = phrases.phrase("metric", name, locale)
        title = html.escape(word[:1].upper() + word[1:])
        splits = dict.fromkeys(side.report.headline_split for side in (one, other) if side.report)
        where = " / ".join(phrases.phrase("split", split, locale) for split in splits)
        rows.append(
            [f"{title} ({html.escape(where)})", *_cells(name, [side.scores.get(name) for side in (one, other)])]
        )
    counts = [f"{int(side.scores['rows']):,}" if "rows" in side.scores else "–" for side in (one, other)]
    rows.append([html.escape(say("compare.rows", locale)), *counts])
    took = [side.report.facts.get("train_seconds") if side.report else None for side in (one, other)]
    times = ["–" if value is None else html.escape(phrases.duration(value, locale)) for value in took]
    return [*rows, [html.escape(phrases.phrase("fact", "train_seconds", locale)), *times]]


def _check(metric: str, locale: str) -> str:
    return html.escape(say("compare.best_check", locale, metric=phrases.phrase("metric", metric, locale)))


def _cells(name: str, values: Sequence[float | None]) -> list[str]:
    """Two scores, the better one bold."""
    top = scales.best(name, [value for value in values if value is not None])
    even = len(set(values)) == 1
    return [
        "–" if value is None else f"<b>{phrases.score(name, value)}</b>" if value == top and not even
        else phrases.score(name, value)
        for value in values
    ]  # fmt: skip


def _same_run(locale: str) -> str:
    return f'<p class="muted">{html.escape(say("compare.same_run", locale))}</p>'
