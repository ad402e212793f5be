"""Texts with marked parts as HTML: blanks filled in, entities tinted and named where they stand."""

from __future__ import annotations

import html
from collections import Counter

from backend.tasks.base import Blanks, Span, Spans
from ui.phrases import confidence, label_bar, table
from ui.text import say

TINTS = 5
SPANS_SHOWN = 300


def blanks(answer: Blanks, locale: str) -> str:
    """The text with the likeliest token in each blank, and a bar for each option."""
    count = len(answer.options)
    text = html.escape(answer.pieces[0])
    for number, (options, piece) in enumerate(zip(answer.options, answer.pieces[1:], strict=True), 1):
        place = f"<sup>{number}</sup>" if count > 1 else ""
        text += f"<mark>{html.escape(options[0][0].removeprefix('##'))}{place}</mark>{html.escape(piece)}"
    groups = ""
    for number, options in enumerate(answer.options, 1):
        head = f'<p class="blank-head">{_say("answers.blank", locale, number=number)}</p>' if count > 1 else ""
        bars = "".join(
            label_bar(token, score, confidence(score), place == 0) for place, (token, score) in enumerate(options)
        )
        groups += f'{head}<div class="label-bars">{bars}</div>'
    shown = round(sum(score for _, score in answer.options[0]) * 100)
    words = _say("answers.blanks", locale) if count > 1 else _say("answers.one_blank", locale, points=shown)
    return f'<div class="filled" dir="auto">{text}</div>{groups}<p class="answer-sentence">{words}</p>'


def spans(answer: Spans, locale: str) -> str:
    """The text with each part tinted and named, a legend with counts, and a table with the scores."""
    placed = [one for one in answer.spans if one.start >= 0]
    counts = Counter(_kind(one.label) for one in answer.spans)
    tints = {kind: place % TINTS + 1 for place, kind in enumerate(counts)}
    text, end = "", 0
    for one in placed:
        # Never twice the same characters, whatever a tokenizer says.
        start = max(one.start, end)
        if one.end <= start:
            continue
        text += html.escape(answer.text[end:start]) + _mark(answer.text[start : one.end], one, tints)
        end = one.end
    text += html.escape(answer.text[end:])
    if not answer.spans:
        words = _say("answers.no_spans", locale)
    else:
        key = "answers.spans" if answer.grouped else "answers.spans_tokens"
        words = _say(key, locale, count=len(answer.spans), kinds=len(counts))
    if answer.tokens_read < answer.tokens:
        space = "" if locale.startswith("zh") else " "
        read, tokens = f"{answer.tokens_read:,}", f"{answer.tokens:,}"
        words += space + _say("tasks.truncated", locale, read=read, tokens=tokens)
    legend = "".join(
        f'<li class="tok-{tints[kind]}"><bdi>{html.escape(kind)}</bdi> <b>{count}</b></li>'
        for kind, count in counts.most_common()
    )
    return (
        f'<div class="marked" dir="auto">{text}</div><ul class="legend">{legend}</ul>'
        f'<p class="answer-sentence">{words}</p>{_table(answer, locale)}'
    )


def answered(answer: Spans, locale: str) -> str:
    """For each question its best answer and a bar for each of the others; below them the text with the best marked."""
    several = len(answer.asked) > 1
    groups, marks = "", {}
    for number, (question, found) in enumerate(answer.asked, 1):
        if several:
            words = _say("answers.question", locale, number=number, question=question)
            groups += f'<p class="blank-head">{words}</p>'
        best = found[0] if found else None
        if best is None or not best.word:
            groups += f'<p class="lead-text">{_say("answers.no_answer", locale)}</p>'
        else:
            marks[question] = number
            groups += (
                f'<div class="verdict verdict-line"><span dir="auto">{html.escape(best.word)}</span>'
                f"<span>{html.escape(confidence(best.score))}</span></div>"
            )
        bars = "".join(
            label_bar(one.word or say("answers.no_answer_row", locale), one.score, confidence(one.score), place == 0)
            for place, one in enumerate(found)
        )
        groups += f'<div class="label-bars">{bars}</div>' if len(found) > 1 else ""
    text, end = "", 0
    for one in answer.spans:
        start = max(one.start, end)
        if one.end <= start:
            continue
        place = f"<sup>{marks[one.label]}</sup>" if several and one.label in marks else ""
        text += f"{html.escape(answer.text[end:start])}<mark>{html.escape(answer.text[start : one.end])}{place}</mark>"
        end = one.end
    text += html.escape(answer.text[end:])
    return (
        f'{groups}<div class="marked found" dir="auto">{text}</div><p class="answer-sentence">{_of(answer, locale)}</p>'
    )


def _of(answer: Spans, locale: str) -> str:
    """What the scores of answers mean, how the text was read, and whether the two boxes may be mixed up."""
    may_lack = any(not one.word for _, found in answer.asked for one in found)
    words = [_say("answers.asked_none" if may_lack else "answers.asked", locale)]
    if answer.windows > 1:
        words.append(_say("answers.windows", locale, count=answer.windows))
    if len(answer.text) < min(len(question) for question, _ in answer.asked):
        words.append(_say("answers.mixed_up", locale))
    return ("" if locale.startswith("zh") else " ").join(words)


def _mark(text: str, one: Span, tints: dict[str, int]) -> str:
    label = html.escape(one.label, quote=True)
    return (
        f'<mark class="tok-{tints[_kind(one.label)]}" title="{label} {html.escape(confidence(one.score))}">'
        f"<bdi>{html.escape(text)}</bdi><small>{label}</small></mark>"
    )


def _table(answer: Spans, locale: str) -> str:
    if not answer.spans:
        return ""
    heads = [say(f"answers.column.{name}", locale) for name in ("part", "label", "score", "place")]
    rows = [
        [
            f"<bdi>{html.escape(one.word)}</bdi>",
            html.escape(one.label),
            html.escape(confidence(one.score)),
            f"{one.start}–{one.end}" if one.start >= 0 else "",
        ]
        for one in answer.spans[:SPANS_SHOWN]
    ]
    name = _say("answers.span_table", locale, count=len(answer.spans))
    return f"<details><summary>{name}</summary>{table(heads, rows, (2, 3))}</details>"


def _kind(label: str) -> str:
    """PER of B-PER: beginning and inside of one kind share a tint."""
    return label[2:] if label[:2] in ("B-", "I-", "E-", "S-", "L-", "U-") else label


def _say(key: str, locale: str, **values: object) -> str:
    return html.escape(say(key, locale, **values))
