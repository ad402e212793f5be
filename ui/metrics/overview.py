"""The table of all runs, and the table of what differs between the chosen ones, as HTML."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from backend.metrics.record import read_points
from backend.recipes import all_recipes
from backend.texts import LOCALES
from backend.training.first_answer import heeded
from backend.training.queue import RunSummary
from backend.training.run_folder import RunFolder
from backend.training.spec import MetricPoint, RunSpec, RunState
from backend.workspace import Workspace
from ui import phrases, scales
from ui.finetune.live import EVAL, line
from ui.finetune.report import argument, plain
from ui.pickers import data_of_run, model_of_run
from ui.text import say

LOSS = "loss"
MOST = 6
"""Runs that can be compared at once: there are as many colours."""
FIRST = 3
"""Runs chosen before a person has chosen any."""
# What is different in every run says nothing about why one is better.
UNTOLD = (
    "name", "run_id", "created", "model_path", "data_folder", "spec_version", "model_ref", "data_ref", "tokenizer_path",
    "push_repo", "push_private",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """A run with its points."""

    run: RunSummary
    points: tuple[MetricPoint, ...]
    name: str
    """As the person wrote it; the run's id where that cannot be read or is another run's name, too."""

    def best(self, metric: str) -> float | None:
        """The best value at a check after the first step: the smallest error, the largest of anything else."""
        values = [p.values[EVAL + metric] for p in self.points if p.step and EVAL + metric in p.values]
        return scales.best(metric, values)

    @property
    def own_metric(self) -> str:
        """The metric that chose the run's best state; "" for a run that cannot be read."""
        spec = self.run.spec
        recipe = all_recipes().get(spec.recipe) if spec else None
        return spec.best_metric(recipe) if spec and recipe else ""


def read_rows(workspace: Workspace, runs: Sequence[RunSummary]) -> list[Row]:
    """Runs with their points; files that have not changed are not read again."""
    names = Counter(run.spec.name for run in runs if run.spec)
    rows = []
    for run in runs:
        path = RunFolder(workspace.folder("runs", run.run_id)).metrics
        name = run.spec.name if run.spec and names[run.spec.name] == 1 else ""
        try:
            stat = path.stat()
            points = _points(path, stat.st_mtime_ns, stat.st_size)
        except OSError:
            points = ()
        rows.append(Row(run, points, name or run.run_id))
    return rows


def metric_names() -> list[str]:
    """The metrics that a run may be judged by: those that the recipes show, and the loss."""
    shown = dict.fromkeys(name for recipe in all_recipes().values() for name in recipe.shown_metrics)
    return [*shown, LOSS]


def drawn_metric(rows: Sequence[Row], slots: Sequence[str], metric: str) -> str:
    """The metric whose curves are drawn: the one asked for, or where no chosen run has it the first run's own."""
    by_id = {row.run.run_id: row for row in rows}
    chosen = [by_id[run_id] for run_id in slots if run_id in by_id]
    if not chosen or any(EVAL + metric in point.values for row in chosen for point in row.points):
        return metric
    return next((row.own_metric for row in chosen if row.own_metric), metric)


def chosen_slots(rows: Sequence[Row], chosen: Sequence[str] | None) -> list[str]:
    """run_ids by colour slot, "" for a free one. chosen None: nothing was chosen yet, so the newest with curves."""
    there = {row.run.run_id for row in rows}
    if chosen is None:
        return [row.run.run_id for row in rows if row.points][:FIRST]
    return [run_id if run_id in there else "" for run_id in chosen][:MOST]


def toggled(slots: Sequence[str], run_id: str) -> list[str] | None:
    """The slots with a run added to the first free one, or taken out; None when all are taken."""
    if run_id in slots:
        return [one if one != run_id else "" for one in slots]
    filled = list(slots)
    if "" in filled:
        filled[filled.index("")] = run_id
        return filled
    return [*filled, run_id] if len(filled) < MOST else None


def wanted(rows: Sequence[Row], search: str, state: str) -> list[Row]:
    """Rows whose name, data or model, in any language, has the words of `search`, in a state ("" for all)."""
    words = search.casefold().split()
    kept = []
    for row in rows:
        spec = row.run.spec
        titles = [title(spec, locale) for title in (model_of_run, data_of_run) for locale in LOCALES] if spec else []
        text = " ".join([row.name, row.run.run_id, *titles]).casefold()
        if all(word in text for word in words) and state in ("", row.run.status.state):
            kept.append(row)
    return kept


def table(rows: Sequence[Row], slots: Sequence[str], metric: str, locale: str) -> str:
    """All runs: tick, name, state, progress, best score, data, model, time, delete."""
    best = say("metrics.best", locale, metric=phrases.phrase("metric", metric, locale))
    head = [say(f"metrics.head.{name}", locale) for name in ("compare", "run", "state", "progress")]
    head += [best, *(say(f"metrics.head.{name}", locale) for name in ("data", "model", "time", "delete"))]
    values = [row.best(metric) for row in rows]
    known = [value for value in values if value is not None]
    top = scales.best(metric, known)
    body = "".join(
        _row(row, slots, metric, value, value is not None and value == top, locale)
        for row, value in zip(rows, values, strict=True)
    )
    if not rows:
        body = f'<tr><td colspan="{len(head)}">{html.escape(say("metrics.none_found", locale))}</td></tr>'
    names = ("tick", "run", "state", "progress", "number best", "data", "model", "number time", "delete")
    cells = "".join(
        f'<th class="{name}">{html.escape(text)}</th>'
        if name not in ("tick", "delete")
        else f'<th class="{name}"><span class="hidden-text">{html.escape(text)}</span></th>'
        for name, text in zip(names, head, strict=True)
    )
    return (
        f'<div class="table-scroll"><table class="plain-table runs-table"><thead><tr>{cells}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def differences(rows: Sequence[Row], slots: Sequence[str], locale: str) -> str:
    """The settings that differ between the chosen runs, and how many do not."""
    by_id = {row.run.run_id: row for row in rows if row.run.spec}
    chosen = [(slot, by_id[run_id]) for slot, run_id in enumerate(slots) if run_id in by_id]
    if len(chosen) < 2:
        return f'<p class="muted">{html.escape(say("metrics.choose_two", locale))}</p>'
    flat = [flattened(row.run.spec, locale) for _, row in chosen if row.run.spec]
    names = list(dict.fromkeys(name for one in flat for name in one))
    lines, equal = [], 0
    for name in names:
        # A run that does not go by a setting differs by what it is, which is told once.
        if len({one[name] for one in flat if name in one}) == 1:
            equal += all(name in one for one in flat)
            continue
        values = [one.get(name, "–") for one in flat]
        cells = [_odd(value, values) for value in values]
        lines.append([f'<span class="muted">{html.escape(name)}</span>', *cells])
    if not lines:
        return f'<p class="muted">{html.escape(say("metrics.all_equal", locale))}</p>'
    head = "".join(f'<th class="number">{dot(slot)} {html.escape(_tail(row.name))}</th>' for slot, row in chosen)
    body = "".join(
        "<tr>" + "".join(f"<td{_number(i)}>{c}</td>" for i, c in enumerate(cells)) + "</tr>" for cells in lines
    )
    return (
        f'<div class="table-scroll"><table class="plain-table"><thead><tr><th></th>{head}</tr></thead>'
        f'<tbody>{body}</tbody></table></div><p class="muted small">{say("metrics.equal", locale, count=equal)}</p>'
    )


def flattened(spec: RunSpec, locale: str) -> dict[str, str]:
    """Every setting that a run goes by, by its label, as a person reads it."""
    data = asdict(spec)
    arguments, split, columns = data.pop("arguments"), data.pop("split"), data.pop("columns")
    data["preset"] = phrases.phrase("preset", spec.preset, locale)
    data["data_title"], data["model_title"] = data_of_run(spec, locale), model_of_run(spec, locale)
    data["launcher"] = say(f"finetune.launcher.{spec.launcher}", locale)
    data["recipe"], data["loop"] = say(f"recipes.{spec.recipe}", locale), say(f"metrics.loop.{spec.loop}", locale)
    data["new_model"] = ", ".join(f"{name} {value}" for name, value in spec.new_model.items()) or False
    data["tokenizer_ref"] = spec.tokenizer_ref or None
    left = "; ".join(say(f"checks.leave_out.{name}", locale) for name in split.pop("leave_out"))
    told = {name: value for name, value in data.items() if name not in UNTOLD}
    flat = {say(f"metrics.spec.{name}", locale): plain(value, locale) for name, value in told.items()}
    flat |= {say(f"recipes.role.{name}", locale): plain(value, locale) for name, value in columns.items()}
    flat |= {say(f"arguments.{name}", locale): argument(name, arguments[name], locale) for name in heeded(spec)}
    flat |= {say(f"finetune.split.{name}", locale): plain(value, locale) for name, value in split.items()}
    return flat | {say("checks.leave_out", locale): left or say("finetune.nothing", locale)}


def curves(rows: Sequence[Row], slots: Sequence[str], name: str) -> list[tuple[int, str, list[float], list[float]]]:
    """(slot, run's name, steps, values) of one metric for each chosen run that has it."""
    by_id = {row.run.run_id: row for row in rows}
    found = [(slot, by_id[run_id]) for slot, run_id in enumerate(slots) if run_id in by_id]
    lines = [(slot, _tail(row.name), *line(row.points, name)) for slot, row in found]
    return [one for one in lines if one[2]]


def dot(slot: int | None) -> str:
    """A run's colour, or an empty ring."""
    style = "" if slot is None else f' style="background:var(--run-{slot + 1});border-color:var(--run-{slot + 1})"'
    return f'<i class="run-dot"{style} aria-hidden="true"></i>'


def _row(row: Row, slots: Sequence[str], metric: str, best: float | None, top: bool, locale: str) -> str:
    run = row.run
    key, name = html.escape(run.run_id, quote=True), html.escape(row.name)
    slot = slots.index(run.run_id) if run.run_id in slots else None
    compare = html.escape(say("metrics.compare", locale, run=row.name), quote=True)
    remove = html.escape(say("metrics.delete", locale, run=row.name), quote=True)
    marks = f'data-run="{key}" type="button"'
    delete = f'<button {marks} data-act="delete" aria-label="{remove}" title="{remove}">✕</button>'
    if run.spec is None or run.error:
        words = html.escape(f"{run.error.what(locale)} {run.error.todo(locale)}" if run.error else "")
        return (
            f'<tr class="unreadable"><td class="tick"></td><td class="run">{name}</td>'
            f'<td colspan="6">{phrases.chip("failed", locale)} {words}</td><td class="delete">{delete}</td></tr>'
        )
    status = run.status
    share = status.step / status.total_steps if status.total_steps else float(status.state == RunState.DONE)
    score = _other_score(row, metric, locale) if best is None else phrases.score(metric, best)
    state = (" checked" if slot is not None else "") + ("" if row.points else " disabled")
    tick = f'<input type="checkbox" data-act="tick" data-run="{key}" aria-label="{compare}"{state}>'
    took = phrases.duration(status.seconds, locale) if status.seconds else ""
    cells = [
        ("tick", tick),
        ("run", f'{dot(slot)}<button {marks} class="link" data-act="open">{name}</button>'),
        ("state", phrases.chip(status.state, locale)),
        ("progress", f"<div>{phrases.bar(share, row.name)}<span>{share:.0%}</span></div>"),
        ("number best", f"<b>{score}</b>" if top else score),
        ("data", html.escape(data_of_run(run.spec, locale))),
        ("model", html.escape(model_of_run(run.spec, locale))),
        ("number time", took),
        ("delete", "" if status.state.lives else delete),
    ]
    return "<tr>" + "".join(f'<td class="{kind}">{cell}</td>' for kind, cell in cells) + "</tr>"


def _other_score(row: Row, metric: str, locale: str) -> str:
    """The best of its own metric, named, for a run that lacks the one asked for."""
    own = row.own_metric
    value = row.best(own) if own and own != metric else None
    if value is None:
        return ""
    return (
        f'<span class="muted">{html.escape(phrases.phrase("metric", own, locale))} {phrases.score(own, value)}</span>'
    )


def _odd(value: str, values: Sequence[str]) -> str:
    """A value that most of the others do not share is bold."""
    text = html.escape(value)
    return f"<b>{text}</b>" if len(values) > 2 and values.count(value) * 2 < len(values) else text


def _number(column: int) -> str:
    return ' class="number"' if column else ""


def _tail(name: str, letters: int = 18) -> str:
    """The end of a name tells runs apart: their beginnings are often the same."""
    return name if len(name) <= letters else "…" + name[-letters + 1 :]


@lru_cache(maxsize=256)
def _points(path: Path, changed: int, size: int) -> tuple[MetricPoint, ...]:
    return tuple(read_points(path))
