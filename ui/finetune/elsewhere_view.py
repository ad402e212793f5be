"""A model scored on other data, in words: how far it is, one sentence, and what to know of the rows."""

from __future__ import annotations

import html

from backend.recipes.base import Report
from backend.training.evaluation import Evaluation, Found
from ui import phrases, pickers, scales
from ui.errors import error_card
from ui.finetune.live import compared
from ui.text import say


def progress(one: Evaluation, locale: str) -> str:
    """The bar, and how many rows are done."""
    if not one.rows:
        return phrases.busy(say("elsewhere.waiting", locale))
    words = say("elsewhere.working", locale, done=f"{one.done:,}", rows=f"{one.rows:,}")
    return f'{phrases.bar(one.done / one.rows, words)}<p class="muted" role="status">{html.escape(words)}</p>'


def line(one: Evaluation, locale: str) -> str:
    """A result in the list of those so far."""
    data, part = pickers.data_title(one.asked.data_ref, one.asked.data_title, locale), _part(one, locale)
    if not one.found:
        return say("elsewhere.past.none", locale, data=data, part=part)
    name, value = _headline(one.found.report)
    metric, score = phrases.phrase("metric", name, locale), phrases.score(name, value)
    text = say(
        "elsewhere.past.line", locale, data=data, part=part, metric=metric, score=score, rows=f"{one.found.scored:,}"
    )
    return say("elsewhere.past.last", locale, line=text) if one.asked.which == "last" else text


def sentence(one: Evaluation, own: Report | None, locale: str) -> str:
    """What came of it, beside the run's own score, and what to know of the rows. own: the run's report."""
    if one.error:
        return error_card(one.error, locale)
    if not one.found:
        return _notes([say("elsewhere.note.stopped_at_once", locale)])
    final = one.found.report
    name, value = _headline(final)
    share = name == "accuracy" and scales.scale(name) == "share"
    text = say(
        "elsewhere.right" if share else "elsewhere.score",
        locale,
        rows=f"{one.found.scored:,}",
        data=html.escape(pickers.data_title(one.asked.data_ref, one.asked.data_title, locale)),
        part=html.escape(_part(one, locale)),
        metric=html.escape(phrases.phrase("metric", name, locale)),
        score=f"<b>{phrases.score(name, value)}</b>",
    )
    text += compared(value, final.baseline[final.headline_split].get(name), locale, name)
    text += _beside(one, own, name, locale)
    return f'<p class="lead-text" role="status">{text}</p>' + _notes(_to_know(one, one.found, locale))


def _beside(one: Evaluation, own: Report | None, name: str, locale: str) -> str:
    """The same score in the run's own report, unless it is the very same."""
    if own is None or name not in own.splits.get(own.headline_split, {}):
        return ""
    if one.asked.own and one.asked.part == own.headline_split and not one.stopped:
        return ""
    key = "elsewhere.beside.test" if own.headline_split == "test" else "elsewhere.beside.validation"
    return say(key, locale, score=f"<b>{phrases.score(name, own.splits[own.headline_split][name])}</b>")


def _to_know(one: Evaluation, found: Found, locale: str) -> list[str]:
    rows, notes = f"{found.scored:,}", []
    if found.scored < found.rows:
        notes.append(say("elsewhere.note.stopped", locale, scored=rows, rows=f"{found.rows:,}"))
    if found.learnt is None:
        notes.append(say("elsewhere.note.gone", locale))
    elif found.learnt == found.scored:
        notes.append(say("elsewhere.note.all_learnt", locale))
    elif found.learnt:
        notes.append(say("elsewhere.note.learnt", locale, count=f"{found.learnt:,}", rows=rows))
    else:
        notes.append(say("elsewhere.note.unlearnt", locale))
    if found.unknown:
        labels = ", ".join(found.unknown_labels)
        notes.append(say("elsewhere.note.unknown", locale, count=f"{found.unknown:,}", labels=labels))
    if found.absent_labels:
        notes.append(say("elsewhere.note.absent", locale, labels=", ".join(found.absent_labels)))
    if found.unusable:
        notes.append(say("elsewhere.note.unusable", locale, count=f"{found.unusable:,}"))
    if one.asked.which == "last":
        notes.append(say("elsewhere.note.last", locale))
    return notes


def _notes(texts: list[str]) -> str:
    return "".join(f'<p class="muted small">{html.escape(text)}</p>' for text in texts)


def _headline(final: Report) -> tuple[str, float]:
    return final.headline_metric, final.splits[final.headline_split].get(final.headline_metric, 0.0)


def _part(one: Evaluation, locale: str) -> str:
    return phrases.phrase("split", one.asked.part, locale)
