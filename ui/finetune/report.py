"""The report of a run that ended: one sentence, scores against the baseline, labels, facts."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import gradio as gr

from backend.recipes.base import Report
from backend.texts import catalogue
from backend.training.first_answer import heeded
from backend.training.spec import RunSpec, RunState, RunStatus
from ui import charts, phrases, pickers, scales
from ui.finetune.live import compared
from ui.text import say

SPLITS = ("train", "validation", "test", "all")
"""In the order in which they stand; all: of another data set, scored afterwards."""
MANY_LABELS = 12
"""More labels than these scroll in a table of their own."""
CONFUSIONS_SHOWN = 10
FEW_ROWS = 50
"""A score of fewer rows moves by points with each of them."""


def sentence(report: Report, status: RunStatus, locale: str) -> str:
    """What the run achieved, on rows it never saw, against the simplest guess; where it is weakest; who stopped it."""
    split, name = report.splits.get(report.headline_split, {}), report.headline_metric
    score = split.get(name, 0.0)
    guess = report.baseline.get(report.headline_split, {}).get(name)
    kind = scales.scale(name)
    if kind == "share":
        key = "finetune.result.right" if name == "accuracy" else "finetune.result.score"
    else:
        key = f"report.result.{kind}"
    text = say(
        key,
        locale,
        rows=f"{int(split.get('rows', 0)):,}",
        metric=html.escape(phrases.phrase("metric", name, locale)),
        score=f"<b>{phrases.score(name, score)}</b>",
    )
    text += _against(name, score, guess, report.baseline_label, locale) + _beside(report, split, locale)
    rows = int(split.get("rows", 0))
    if kind == "share" and 0 < rows < FEW_ROWS:
        key = "finetune.result.few_points" if name == "accuracy" else "finetune.result.few"
        text += say(key, locale, points=round(100 / rows))
    weakest = min(report.per_label, key=lambda row: row["f1"], default=None)
    if weakest and len(report.per_label) > 2:
        text += say("finetune.result.weakest", locale, label=f"<b>{html.escape(str(weakest['label']))}</b>")
    if status.state == RunState.STOPPED:
        step, best = f"{status.step:,}", f"{status.best_step:,}"
        text += say("finetune.result.stopped", locale, step=step, total=f"{status.total_steps:,}", best=best)
    if report.facts.get("from_nothing"):
        text += say("anatomy.result", locale)
    if report.facts.get("ended_early"):
        facts = {name: f"{report.facts[name]:,}" for name in ("steps", "planned_steps", "best_step")}
        text += say("arguments.ended_early", locale, **facts)
    return f'<p class="lead-text" role="status">{text}</p>'


def scores(report: Report, locale: str) -> str:
    """A row for each metric: train, validation, test, and what the simplest guess gets on the headline split."""
    splits = [name for name in SPLITS if name in report.splits]
    names = _metrics(report)
    guess = report.baseline.get(report.headline_split, {})
    headline = phrases.phrase("split", report.headline_split, locale)
    head = [say("report.table.metric", locale), *(phrases.phrase("split", split, locale) for split in splits)]
    head.append(say("report.table.guess", locale, split=headline))
    rows = []
    for name in names:
        cells = [_bold(_score(name, report.splits[one]), one == report.headline_split) for one in splits]
        title = html.escape(_capital(phrases.phrase("metric", name, locale)))
        rows.append([_bold(title, name == report.headline_metric), *cells, f"<i>{_score(name, guess)}</i>"])
    counts = [f"{int(report.splits[split].get('rows', 0)):,}" for split in splits]
    rows.append([html.escape(_capital(phrases.phrase("metric", "rows", locale))), *counts, ""])
    table = phrases.table(head, rows, numbers=range(1, len(head)), kind="score-table")
    return table + _meanings(names, report.baseline_label, locale)


def labels(report: Report, locale: str) -> str:
    """Precision, recall, F1 and rows of each label on the headline split, and their plain average; a label's threshold
    where it has one. Many labels scroll, the weakest first."""
    if not report.per_label:
        return ""
    names = ("precision", "recall", "f1")
    set_apart = any("threshold" in row for row in report.per_label)
    head = [say("finetune.table.label", locale)]
    head += [_capital(phrases.phrase("metric", name, locale)) for name in (*names, "rows")]
    head += [say("report.table.threshold", locale)] if set_apart else []
    many = len(report.per_label) > MANY_LABELS
    ordered = sorted(report.per_label, key=lambda row: row["f1"]) if many else report.per_label
    rows = []
    for row in ordered:
        cells = [
            html.escape(str(row["label"])),
            *(phrases.percent(row[name]) for name in names),
            f"{int(row['rows']):,}",
        ]
        rows.append(cells + ([f"{row['threshold']:.2f}" if "threshold" in row else ""] if set_apart else []))
    # As in the scores: a label that no row has, and that no answer gives rightly, counts in no average.
    known, counted = report.splits.get(report.headline_split, {}), [row for row in ordered if row["rows"]] or ordered
    means = [known.get(f"{name}_macro", sum(row[name] for row in counted) / len(counted)) for name in names]
    total = f"{sum(int(row['rows']) for row in ordered):,}"
    average = [f"<b>{html.escape(say('finetune.table.average', locale))}</b>", *map(phrases.percent, means), total]
    rows.append(average + ([""] if set_apart else []))
    table = phrases.table(head, rows, numbers=range(1, len(head)), kind="label-table tall" if many else "label-table")
    note = f'<p class="muted small">{html.escape(say("report.thresholds", locale))}</p>' if set_apart else ""
    return caption(say("report.labels_weakest" if many else "finetune.labels", locale)) + table + note


def chart_title(report: Report, locale: str) -> str:
    """The caption above the confusion matrix, or above the answers against the true scores."""
    if report.scatter:
        return caption(say("report.scatter", locale))
    return caption(say("finetune.confusion", locale)) if report.confusion else ""


def chart(report: Report, locale: str) -> gr.Plot:
    """The confusion matrix, or the answers against the true scores; hidden where there is neither."""
    if report.scatter:
        return gr.Plot(charts.scatter_chart(report.scatter, locale), visible=True)
    if report.confusion:
        return gr.Plot(charts.confusion_chart(report.labels, report.confusion, locale), visible=True)
    return gr.Plot(visible=False)


def confusions(report: Report, locale: str) -> str:
    """Of many labels the pairs that are mixed up most: a matrix of a hundred labels is no list to read."""
    if len(report.confusion) <= MANY_LABELS:
        return ""
    pairs = [
        (count, report.labels[true], report.labels[answer])
        for true, row in enumerate(report.confusion)
        for answer, count in enumerate(row)
        if count and true != answer
    ]
    pairs.sort(key=lambda pair: -pair[0])
    head = [say(f"finetune.table.{name}", locale) for name in ("true", "answer")]
    rows = [[html.escape(true), html.escape(answer), f"{count:,}"] for count, true, answer in pairs[:CONFUSIONS_SHOWN]]
    if not rows:
        return ""
    table = phrases.table([*head, _capital(phrases.phrase("metric", "rows", locale))], rows, numbers=(2,))
    return caption(say("report.confusions", locale)) + table


def model_choices(status: RunStatus, best: Report | None, last: Report | None, locale: str) -> list[tuple[str, str]]:
    """The two models of a stopped run with their scores, by what follows `run:ID` in their ref."""
    states = (("best", "", status.best_step, best), ("last", "@last", status.step, last))
    return [(_state_title(name, step, report, locale), ref) for name, ref, step, report in states]


def _state_title(name: str, step: int, report: Report | None, locale: str) -> str:
    title = say(f"finetune.which.{name}", locale, step=f"{step:,}")
    split_scores = report.splits.get(report.headline_split, {}) if report else {}
    if report is None or report.headline_metric not in split_scores:
        return title
    metric = phrases.phrase("metric", report.headline_metric, locale)
    split = phrases.phrase("split", report.headline_split, locale)
    return say(
        "finetune.which.scored", locale, state=title, split=split, metric=metric,
        score=phrases.score(report.headline_metric, split_scores[report.headline_metric]),
    )  # fmt: skip


def settings(spec: RunSpec, report: Report | None, locale: str) -> str:
    """Everything that decided the run, and the numbers around it."""
    arguments = asdict(spec.arguments)
    pairs: list[tuple[str, Any]] = [
        (say("metrics.head.model", locale), pickers.model_of_run(spec, locale)),
        (say("metrics.head.data", locale), f"{pickers.data_of_run(spec, locale)} (v{spec.data_version})"),
        *((say(f"recipes.role.{role}", locale), column) for role, column in spec.columns.items()),
        (say("finetune.split.seed", locale), spec.split.seed),
        (say("finetune.split.train_rows", locale), spec.split.train_rows or say("finetune.all", locale)),
        (say("checks.leave_out", locale), _left_out(spec.split.leave_out, locale)),
        *((say(f"arguments.{name}", locale), argument(name, arguments[name], locale)) for name in heeded(spec)),
        (say("finetune.device", locale), spec.device),
        (say("finetune.created", locale), spec.created.replace("T", " ").replace("+00:00", " UTC")),
    ]
    for name, value in (report.facts if report else {}).items():
        share = f" ({value / report.facts['parameters']:.1%})" if report and name == "trained_parameters" else ""
        pairs.append((phrases.phrase("fact", name, locale), _fact(name, value, locale) + share))
    rows = [[html.escape(name), html.escape(plain(value, locale))] for name, value in pairs]
    return phrases.table([say("finetune.table.setting", locale), say("finetune.table.value", locale)], rows)


def _left_out(names: Sequence[str], locale: str) -> str:
    return "; ".join(say(f"checks.leave_out.{name}", locale) for name in names) or say("finetune.nothing", locale)


def argument(name: str, value: Any, locale: str) -> str:
    """The value of a training argument, in the words that the form has for it."""
    key = f"arguments.{name}.{value}"
    return say(key, locale) if isinstance(value, str) and key in catalogue("en") else plain(value, locale)


def plain(value: Any, locale: str) -> str:
    """A setting's value as a person writes it."""
    if value is None:
        return say("finetune.as_model_says", locale)
    if isinstance(value, bool):
        return say("finetune.yes" if value else "finetune.no", locale)
    return f"{value:g}" if isinstance(value, float) else str(value) or "–"


def caption(text: str) -> str:
    """The small title above a table or plot."""
    return f'<p class="caption">{html.escape(text)}</p>'


def _metrics(report: Report) -> list[str]:
    """The metrics of the report: the headline's first, the loss last."""
    known = report.splits.get(report.headline_split) or next(iter(report.splits.values()), {})
    names = [name for name in known if name not in ("rows", "loss")]
    first = [name for name in names if name == report.headline_metric]
    return [*first, *(name for name in names if name not in first), *(["loss"] if "loss" in known else [])]


def _meanings(names: Sequence[str], label: str, locale: str) -> str:
    """A fold that says what each metric means, and what the simplest guess is."""
    told = [(name, f"phrases.metric.{name}.help") for name in names if f"phrases.metric.{name}.help" in catalogue("en")]
    rows = [(phrases.phrase("metric", name, locale), say(key, locale)) for name, key in told]
    if label:
        rows.append((say("report.guess", locale), say("report.guess.help", locale, label=label)))
    items = "".join(f"<dt>{html.escape(_capital(name))}</dt><dd>{html.escape(text)}</dd>" for name, text in rows)
    title = html.escape(say("report.meanings", locale))
    return f'<details class="meanings"><summary>{title}</summary><dl>{items}</dl></details>'


def _beside(report: Report, split: Mapping[str, float], locale: str) -> str:
    """What else belongs into the sentence: the order and the error of scores, the rows that are wholly right."""
    if "mae" in split and report.headline_metric in ("pearson", "spearman"):
        other = "spearman" if report.headline_metric == "pearson" else "pearson"
        return say(
            "report.result.off", locale, metric=phrases.phrase("metric", other, locale),
            score=phrases.score(other, split.get(other, 0.0)), error=f"{split['mae']:.3g}",
        )  # fmt: skip
    if "subset_accuracy" in split and report.headline_metric != "subset_accuracy":
        return say("report.result.subset", locale, score=phrases.percent(split["subset_accuracy"]))
    return ""


def _against(metric: str, score: float, guess: float | None, label: str, locale: str) -> str:
    if guess is None or not label or scales.scale(metric) != "share":
        return compared(score, guess, locale, metric)
    points = round((score - guess) * 100)
    key = "finetune.result.above" if points > 0 else "finetune.result.below" if points < 0 else "finetune.result.level"
    return say(key, locale, points=abs(points), label=html.escape(label))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _score(name: str, values: Any) -> str:
    return phrases.score(name, values[name]) if name in values else ""


def _bold(text: str, wanted: bool) -> str:
    return f"<b>{text}</b>" if wanted and text else text


def _fact(name: str, value: Any, locale: str) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if name.endswith("_seconds"):
            return phrases.duration(value, locale)
        if name.endswith("_mib"):
            return f"{phrases.gigabytes(value)} GB"
        return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"
    return plain(value, locale)
