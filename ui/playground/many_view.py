"""How a job of many texts is said: what it does, what became of it, what it is called."""

from __future__ import annotations

import html

from backend.errors import UserError
from backend.many import Job, JobSpec, State
from backend.tasks.base import Table
from ui import answers, pickers
from ui.answers import UNKNOWN_SHARE
from ui.errors import error_card
from ui.phrases import duration
from ui.text import say


def waiting(job: Job, locale: str) -> str:
    """A bar with its true share, and how many are done; empty for a job that has ended."""
    if job.state is State.WAITING:
        return answers.under_way(None, say("many.waiting", locale))
    if job.state is State.LOADING:
        return answers.waiting(job.loading, job.spec.model_title, locale)
    if job.state is not State.ANSWERING:
        return ""
    words = [say("answers.counted", locale, done=f"{job.done:,}", total=f"{job.spec.rows:,}")]
    if job.seconds_left is not None and job.seconds_left > 2:
        left = duration(job.seconds_left, locale)
        words = [say("answers.counted_left", locale, done=f"{job.done:,}", total=f"{job.spec.rows:,}", left=left)]
    if job.seconds > 1 and job.done:
        words.append(_speed(job, locale))
    return answers.under_way(job.done / max(1, job.spec.rows), say("pickers.join", locale).join(words))


def told(job: Job, locale: str) -> str:
    """Source, task, model and numbers in a line; below it what was not understood or too long, and why it ended."""
    spec = job.spec
    count = f"{job.done:,}" if job.done == spec.rows else f"{job.done:,} / {spec.rows:,}"
    parts = [name_of(spec, locale), say(f"tasks.{spec.task}", locale), spec.model_title]
    parts.append(say("many.texts", locale, count=count))
    if spec.empty:
        parts.append(say("many.empty", locale, count=f"{spec.empty:,}"))
    if not job.state.lives and job.seconds:
        parts.append(duration(job.seconds, locale) if job.seconds >= 1 else say("many.under_second", locale))
        if job.seconds >= 1:
            parts.append(_speed(job, locale))
    if job.device:
        parts.append(job.device.upper())
    foot = "".join(f"<span>{html.escape(part)}</span>" for part in parts)
    return f'<div class="answer-foot">{foot}</div>{_unread(job, locale)}{_ending(job, locale)}'


def table(rows: Table, job: Job, locale: str) -> str:
    """The first rows, and how many there are."""
    if not rows.rows:
        return ""
    note = ""
    if job.done > len(rows.rows):
        words = say("answers.rows_shown", locale, shown=f"{len(rows.rows):,}", total=f"{job.done:,}")
        note = f'<p class="caption">{html.escape(words)}</p>'
    return answers.render(rows, locale) + ("" if job.state.lives else note)


def name_of(spec: JobSpec, locale: str) -> str:
    """Where the texts are from."""
    title = pickers.data_title(spec.data_ref, spec.title, locale) if spec.data_ref else spec.title
    if not title:
        return say("many.source.lines", locale)
    return say("many.column_of", locale, title=title, column=spec.column) if spec.column else title


def choice(job: Job, locale: str) -> str:
    """A kept job in the list: source, task, texts, when it was begun."""
    count = say("many.texts", locale, count=f"{job.done:,}")
    begun = job.spec.created.replace("T", " ").removesuffix("+00:00")
    words = (name_of(job.spec, locale), say(f"tasks.{job.spec.task}", locale), count, f"{begun} UTC")
    return " · ".join(words)


def _speed(job: Job, locale: str) -> str:
    return say("many.speed", locale, count=f"{job.done / max(job.seconds, 1e-3):,.0f}")


def _unread(job: Job, locale: str) -> str:
    """What was not understood, and what was not read."""
    words = []
    if job.unknown > UNKNOWN_SHARE:
        words.append(say("many.unknown", locale, share=job.unknown))
    if job.cut:
        key = "many.cut" if job.spec.params.get("truncation", True) else "many.refused"
        words.append(say(key, locale, count=f"{job.cut:,}"))
    return "".join(f'<p class="answer-sentence">{html.escape(sentence)}</p>' for sentence in words)


def _ending(job: Job, locale: str) -> str:
    if job.state is State.FAILED:
        return error_card(job.error or UserError("many.gone"), locale)
    if job.state in (State.STOPPED, State.CUT_OFF):
        words = say("many.stopped" if job.state is State.STOPPED else "many.cut_off", locale)
        return f'<p class="answer-sentence">{html.escape(words)}</p>'
    return ""
