"""A run in words and numbers while it goes: its head line, its facts, one sentence, its checks as a table."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backend.errors import UserError
from backend.recipes.base import Report
from backend.training.spec import MetricPoint, Phase, RunSpec, RunState, RunStatus
from ui import phrases, pickers, scales
from ui.errors import error_card
from ui.finetune import first_answer
from ui.text import say

EVAL = "eval_"
Line = tuple[list[float], list[float]]


@dataclass(frozen=True, slots=True)
class Baseline:
    """What the simplest guess scores by metric name, and the answer it always gives."""

    values: Mapping[str, float]
    label: str = ""


def line(points: Sequence[MetricPoint], name: str) -> Line:
    """(steps, values) of one metric."""
    chosen = [(float(point.step), point.values[name]) for point in points if name in point.values]
    return [step for step, _ in chosen], [value for _, value in chosen]


def head(run_id: str, spec: RunSpec, status: RunStatus, locale: str) -> str:
    """Title, chip, and what is trained on what."""
    parts = {
        "model": pickers.model_of_run(spec, locale),
        "data": pickers.data_of_run(spec, locale),
        "preset": first_answer.kind(spec, locale),
    }
    under = say("finetune.head", locale, **parts)
    if status.ended and status.seconds:
        under = say(
            "finetune.head_took",
            locale,
            **parts,
            time=phrases.duration(status.seconds, locale),
        )
    title = html.escape(spec.name or run_id)
    return (
        f'<div class="run-head"><h2 class="page-title">{title} {phrases.chip(status.state, locale)}</h2>'
        f'<p class="muted">{html.escape(under)}</p></div>'
    )


def unreadable(run_id: str, error: UserError, locale: str) -> tuple[str, str]:
    """(head, card) of a run whose folder cannot be read."""
    return f'<div class="run-head"><h2 class="page-title">{html.escape(run_id)}</h2></div>', error_card(error, locale)


def baseline(status: RunStatus, report: Report | None) -> Baseline:
    """What the simplest guess scores on the rows that are checked while the run goes."""
    if report:
        watched = report.baseline.get("validation") or report.baseline.get(report.headline_split, {})
        return Baseline(watched, report.baseline_label)
    return Baseline(status.baseline, status.baseline_label)


def progress(spec: RunSpec, status: RunStatus, locale: str) -> str:
    """The bar and the five facts of a running run."""
    share = status.step / status.total_steps if status.total_steps else 0.0
    left = "–" if status.seconds_left is None else phrases.duration(status.seconds_left, locale)
    step = say("finetune.fact.step", locale, step=f"{status.step:,}", total=f"{status.total_steps:,}")
    epochs = status.epoch / share if spec.arguments.max_steps and share else spec.arguments.num_train_epochs
    pairs = [
        (left, say("finetune.fact.left", locale)),
        (f"{share:.0%}", step),
        (f"{status.epoch:.1f}", say("finetune.fact.epochs", locale, total=f"{epochs:.3g}")),
        (f"{status.samples_per_second:,.0f}" if status.samples_per_second else "–", say("finetune.fact.speed", locale)),
        (f"{phrases.gigabytes(status.memory_mib)} GB", say("finetune.fact.memory", locale)),
    ]
    return phrases.bar(share, step) + phrases.facts(pairs)


def sentence(
    status: RunStatus, ahead: int, points: Sequence[MetricPoint], metric: str, baseline: Baseline, locale: str
) -> str:
    """What a run that lives would say of itself: its place in the queue, what it does, how its score moves."""
    if status.state == RunState.QUEUED:
        key = "finetune.waiting" if ahead > 1 else "finetune.waiting_one" if ahead else "finetune.waiting_none"
        return _lead(say(key, locale, count=ahead))
    steps, scores = line(points, EVAL + metric)
    if not scores:
        return _lead(html.escape(phrases.phrase("phase", status.phase, locale)))
    text = trend(scores, metric, locale, untrained=steps[-1] == 0)
    # What the sentence ends with is the best one.
    best = scales.best(metric, scores)
    assert best is not None
    text += compared(best, baseline.values.get(metric), locale, metric)
    if status.phase in (Phase.EVALUATING, Phase.SAVING):
        text += f' <span class="muted">{html.escape(phrases.phrase("phase", status.phase, locale))}</span>'
    return _lead(text)


def trend(scores: Sequence[float], metric: str, locale: str, untrained: bool = False) -> str:
    """How the score of the last check stands to those before it. scores: one a check, at least one.

    untrained: the only check so far was before the first step.
    """
    best = scales.best(metric, scores)
    assert best is not None
    values = {
        "metric": html.escape(phrases.phrase("metric", metric, locale)),
        "score": f"<b>{phrases.score(metric, scores[-1])}</b>",
        "best": f"<b>{phrases.score(metric, best)}</b>",
    }
    if len(scores) == 1:
        return say("finetune.trend.start" if untrained else "finetune.trend.first", locale, **values)
    falls = scales.less_is_better(metric)
    gains = 0
    while (
        gains + 1 < len(scores)
        and (scores[-1 - gains] != scores[-2 - gains])
        and ((scores[-1 - gains] < scores[-2 - gains]) == falls)
    ):
        gains += 1
    if scores[-1] == best and gains >= 2:
        return say("report.trend.falling" if falls else "finetune.trend.rising", locale, count=gains, **values)
    since = len(scores) - 1 - list(scores).index(best)
    if since == 0:
        return say("finetune.trend.best", locale, **values)
    if scores[-1] == best:
        return say("finetune.trend.level", locale, **values)
    return say("finetune.trend.flat_one" if since == 1 else "finetune.trend.flat", locale, count=since, **values)


def compared(score: float, baseline: float | None, locale: str, metric: str = "accuracy") -> str:
    """How far a score is from the baseline's: in points where both are shares, else what the baseline has. It ends the
    sentence."""
    if baseline is None:
        return say("finetune.compare.none", locale)
    if scales.scale(metric) != "share":
        return say("report.compare.other", locale, guess=phrases.score(metric, baseline))
    points = round((score - baseline) * 100)
    if points == 0:
        return say("finetune.compare.level", locale)
    key = "finetune.compare.above" if points > 0 else "finetune.compare.below"
    return say(key, locale, points=abs(points))


def ending(status: RunStatus, locale: str) -> str:
    """The card of a run that did not end by itself: what cut it off, and what to do."""
    if status.state == RunState.STOPPED and not status.started:
        return _lead(html.escape(say("finetune.never_began", locale)))
    if status.error:
        return error_card(UserError.from_json(status.error), locale)
    if status.state == RunState.INTERRUPTED:
        return error_card(UserError("finetune.cut_off"), locale)
    if status.state == RunState.PAUSED:
        return _lead(html.escape(say("finetune.paused", locale, step=f"{status.step:,}")))
    return error_card(UserError("finetune.no_report"), locale)


def kept(status: RunStatus, locale: str) -> str:
    """That the best state from before a run went wrong is there."""
    return _lead(html.escape(say("finetune.kept_best", locale, step=f"{status.best_step:,}")))


def remarks(status: RunStatus, locale: str) -> str:
    """What happened on the way and was mended, one line each."""
    said = [html.escape(UserError.from_json(remark).what(locale)) for remark in status.remarks]
    return "".join(f'<p class="muted small">{line}</p>' for line in said)


def checks(points: Sequence[MetricPoint], shown: Sequence[str], locale: str) -> str:
    """Every check as a table: step, time, loss, learning rate, and the scores on unseen rows."""
    names = [*shown, "loss"]
    head_row = [say("finetune.check.step", locale), say("finetune.check.time", locale)]
    head_row += [say("finetune.check.train_loss", locale)]
    head_row += [say("finetune.check.unseen", locale, metric=phrases.phrase("metric", name, locale)) for name in names]
    rows, loss = [], None
    for point in points:
        loss = point.values.get("loss", loss)
        if not any(name.startswith(EVAL) for name in point.values):
            continue
        scores = [point.values.get(EVAL + name) for name in names]
        rows.append(
            [f"{point.step:,}", phrases.duration(point.seconds, locale), "" if loss is None else f"{loss:.3f}"]
            + ["" if value is None else phrases.score(name, value) for name, value in zip(names, scores, strict=True)]
        )
    if not rows:
        return f'<p class="muted">{html.escape(say("finetune.check.none", locale))}</p>'
    return phrases.table(head_row, rows, numbers=range(len(head_row)))


def log(text: str, locale: str) -> str:
    """The end of the log, as printed."""
    if not text.strip():
        return f'<p class="muted">{html.escape(say("finetune.log_empty", locale))}</p>'
    return f'<pre class="run-log" tabindex="0">{html.escape(text)}</pre>'


def _lead(text: str) -> str:
    return f'<p class="lead-text" role="status">{text}</p>'
