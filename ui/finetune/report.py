"""The report of a run that ended: one sentence, scores against the baseline, labels, wrong answers, facts."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from backend.recipes.base import Report, TrainArguments
from backend.training.spec import RunSpec, RunState, RunStatus
from ui import phrases, pickers
from ui.finetune.live import compared
from ui.text import say

SPLITS = ("train", "validation", "test")
WRONG_SHOWN = 20
TEXT_SHOWN = 300


def sentence(report: Report, status: RunStatus, locale: str) -> str:
    """What the run achieved, on rows it never saw, against the simplest guess; where it is weakest; who stopped it."""
    split = report.splits.get(report.headline_split, {})
    score = split.get(report.headline_metric, 0.0)
    guess = report.baseline.get(report.headline_split, {}).get(report.headline_metric)
    key = "finetune.result.right" if report.headline_metric == "accuracy" else "finetune.result.score"
    text = say(
        key,
        locale,
        rows=f"{int(split.get('rows', 0)):,}",
        metric=html.escape(phrases.phrase("metric", report.headline_metric, locale)),
        score=f"<b>{phrases.percent(score)}</b>",
    )
    text += _against(score, guess, report.baseline_label, locale)
    weakest = min(report.per_label, key=lambda row: row["f1"], default=None)
    if weakest and len(report.per_label) > 2:
        text += say("finetune.result.weakest", locale, label=f"<b>{html.escape(str(weakest['label']))}</b>")
    if status.state == RunState.STOPPED:
        step, best = f"{status.step:,}", f"{status.best_step:,}"
        text += say("finetune.result.stopped", locale, step=step, total=f"{status.total_steps:,}", best=best)
    return f'<p class="lead-text" role="status">{text}</p>'


def scores(report: Report, shown: Sequence[str], locale: str) -> str:
    """Train, validation and test by metric, with what the baseline gets beside it."""
    names = [name for name in shown if any(name in split for split in report.splits.values())]
    head = [say("finetune.table.split", locale), phrases.phrase("metric", "rows", locale)]
    for name in names:
        metric = phrases.phrase("metric", name, locale)
        head += [metric, say("finetune.table.baseline", locale, metric=metric)]
    head.append(phrases.phrase("metric", "loss", locale))
    rows = []
    for split in [name for name in SPLITS if name in report.splits]:
        values, guess = report.splits[split], report.baseline.get(split, {})
        title = html.escape(phrases.phrase("split", split, locale))
        row = [f"<b>{title}</b>" if split == report.headline_split else title, f"{int(values.get('rows', 0)):,}"]
        for name in names:
            row += [_bold(_score(name, values), split == report.headline_split), f"<i>{_score(name, guess)}</i>"]
        rows.append([*row, _score("loss", values)])
    return phrases.table(head, rows, numbers=range(1, len(head)), kind="score-table")


def labels(report: Report, locale: str) -> str:
    """Precision, recall, F1 and rows of each label on the headline split, and their plain average."""
    names = ("precision", "recall", "f1")
    head = [say("finetune.table.label", locale), *(phrases.phrase("metric", name, locale) for name in (*names, "rows"))]
    rows = [
        [html.escape(str(row["label"])), *(phrases.percent(row[name]) for name in names), f"{int(row['rows']):,}"]
        for row in report.per_label
    ]
    count = len(report.per_label)
    if count:
        means = [phrases.percent(sum(row[name] for row in report.per_label) / count) for name in names]
        total = sum(int(row["rows"]) for row in report.per_label)
        rows.append([f"<b>{html.escape(say('finetune.table.average', locale))}</b>", *means, f"{total:,}"])
    return phrases.table(head, rows, numbers=range(1, 5))


def wrong(report: Report, locale: str) -> str:
    """The most confident mistakes."""
    if not report.wrong:
        return f'<p class="muted">{html.escape(say("finetune.wrong_none", locale))}</p>'
    head = [say(f"finetune.table.{name}", locale) for name in ("text", "true", "answer", "confidence")]
    rows = []
    for row in report.wrong[:WRONG_SHOWN]:
        text = str(row["text"])
        cut = text if len(text) <= TEXT_SHOWN else text[:TEXT_SHOWN] + "…"
        cells = [html.escape(str(part)) for part in (cut, row["true"], row["answer"])]
        rows.append([*cells, phrases.percent(row["confidence"])])
    return phrases.table(head, rows, numbers=(3,), kind="wrong-table")


def wrong_title(report: Report, locale: str) -> str:
    """The caption above the wrong answers: how many there are, how many are shown."""
    shown = min(WRONG_SHOWN, len(report.wrong))
    key = "finetune.wrong" if shown >= report.wrong_count else "finetune.wrong_some"
    return caption(say(key, locale, count=f"{report.wrong_count:,}", shown=shown))


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
        (say("finetune.model", locale), pickers.model_of_run(spec, locale)),
        (say("finetune.data", locale), f"{pickers.data_of_run(spec, locale)} (v{spec.data_version})"),
        *((say(f"recipes.role.{role}", locale), column) for role, column in spec.columns.items()),
        (say("finetune.split.seed", locale), spec.split.seed),
        (say("finetune.split.train_rows", locale), spec.split.train_rows or say("finetune.all", locale)),
        *((say(f"arguments.{field.name}", locale), arguments[field.name]) for field in fields(TrainArguments)),
        (say("finetune.device", locale), spec.device),
        (say("finetune.created", locale), spec.created),
    ]
    for name, value in (report.facts if report else {}).items():
        pairs.append((phrases.phrase("fact", name, locale), _fact(name, value, locale)))
    rows = [[html.escape(name), html.escape(plain(value, locale))] for name, value in pairs]
    return phrases.table([say("finetune.table.setting", locale), say("finetune.table.value", locale)], rows)


def plain(value: Any, locale: str) -> str:
    """A setting's value as a person writes it."""
    if value is None:
        return say("finetune.as_model_says", locale)
    if isinstance(value, bool):
        return say("finetune.yes" if value else "finetune.no", locale)
    return f"{value:g}" if isinstance(value, float) else str(value)


def caption(text: str) -> str:
    """The small title above a table or plot."""
    return f'<p class="caption">{html.escape(text)}</p>'


def _against(score: float, guess: float | None, label: str, locale: str) -> str:
    if guess is None or not label:
        return compared(score, guess, locale)
    points = round((score - guess) * 100)
    key = "finetune.result.above" if points > 0 else "finetune.result.below" if points < 0 else "finetune.result.level"
    return say(key, locale, points=abs(points), label=html.escape(label))


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
