"""One renderer an answer kind: an answer in, HTML for the answer card out. All text of models and people is escaped."""

from __future__ import annotations

import html
from collections.abc import Sequence
from functools import singledispatch

from backend.answering import Loading, Reply
from backend.tasks.base import Answer, Bars, Blanks, Matrix, Spans, Step, Table, Text, Vector
from backend.texts import catalogue
from ui import marked_view, vector_view
from ui.phrases import confidence, duration, label_bar, table
from ui.text import say

BARS_SHOWN = 12
ROWS_SHOWN = 200
# From this share on, tokens the model does not know make its answer doubtful.
UNKNOWN_SHARE = 0.1


@singledispatch
def render(answer: Answer, locale: str) -> str:
    """The answer itself. Raises TypeError for a kind that has no renderer: that is a bug."""
    raise TypeError(type(answer).__name__)


@render.register
def _(answer: Bars, locale: str) -> str:
    """Verdict, a bar for each label, and a sentence that says what the numbers mean."""
    if not answer.scores:
        return f'<p class="lead-text">{_say("answers.no_label", locale)}</p>'
    if answer.raw and len(answer.scores) == 1 and answer.labels <= 1 and answer.cosine_from is None:
        return _number(answer, locale)
    verdict = _verdict(answer, locale)
    widest = max((abs(value) for _, value in answer.scores), default=1) or 1
    whole = 1.0 if _are_shares(answer) else widest
    given = _given(answer)
    bars = [
        label_bar(name, _width(answer, value, whole), _score(answer, value), place in given, _threshold(answer, place))
        for place, (name, value) in enumerate(answer.scores)
    ]
    more = ""
    if len(bars) > BARS_SHOWN:
        rest = _say("answers.more_labels", locale, count=len(bars) - BARS_SHOWN)
        more = f'<details><summary>{rest}</summary><div class="label-bars">{"".join(bars[BARS_SHOWN:])}</div></details>'
    sentence = f'<p class="answer-sentence">{_bars_sentence(answer, locale)}</p>'
    return f'{verdict}<div class="label-bars">{"".join(bars[:BARS_SHOWN])}</div>{more}{sentence}'


@render.register
def _(answer: Text, locale: str) -> str:
    """What was written, with a caret as long as it is being written; further texts; what was not read."""
    caret = "" if answer.finished else '<span class="caret" aria-hidden="true"></span>'
    shown = f'<div class="written" dir="auto">{html.escape(answer.text)}{caret}</div>'
    if answer.finished and not answer.text.strip():
        shown = f'<p class="lead-text">{_say("answers.no_words", locale)}</p>'
    shown += further(answer.others, locale)
    if answer.given_read < answer.given:
        read, tokens = f"{answer.given_read:,}", f"{answer.given:,}"
        shown += f'<p class="answer-sentence">{_say("tasks.truncated", locale, read=read, tokens=tokens)}</p>'
    return shown


@render.register
def _(answer: Table, locale: str) -> str:
    """The first rows in the one table."""
    numbers = [
        column
        for column in range(len(answer.columns))
        if any(isinstance(row[column], (int, float)) for row in answer.rows[:ROWS_SHOWN])
    ]
    rows = [[_cell(value) for value in row] for row in answer.rows[:ROWS_SHOWN]]
    heads = [column_title(name, locale) for name in answer.columns]
    note = ""
    if len(answer.rows) > ROWS_SHOWN:
        shown, total = f"{ROWS_SHOWN:,}", f"{len(answer.rows):,}"
        note = f'<p class="caption">{_say("answers.rows_shown", locale, shown=shown, total=total)}</p>'
    return table(heads, rows, numbers, "answer-table") + note


@render.register
def _(answer: Matrix, locale: str) -> str:
    """How alike the texts are."""
    return vector_view.similarity(answer, locale)


@render.register
def _(answer: Vector, locale: str) -> str:
    """Numbers, and a map of several texts."""
    return vector_view.vectors(answer, locale)


@render.register
def _(answer: Blanks, locale: str) -> str:
    """The text filled in, and what else each blank might be."""
    return marked_view.blanks(answer, locale)


@render.register
def _(answer: Spans, locale: str) -> str:
    """The text with its parts marked, or with the answers to questions."""
    return marked_view.answered(answer, locale) if answer.asked else marked_view.spans(answer, locale)


def further(texts: Sequence[str], locale: str) -> str:
    """The other answers to the same question, below the first."""
    shown = ""
    for number, text in enumerate(texts, 2):
        head = _say("answers.another", locale, number=number)
        shown += f'<p class="blank-head">{head}</p><div class="written" dir="auto">{html.escape(text)}</div>'
    return shown


def continued(prompt: str, answer: Text, locale: str) -> str:
    """A text that a model went on with: what the person wrote, then what the model added."""
    whole = render(answer, locale)
    begun = f'<span class="begun">{html.escape(prompt)}</span>'
    return whole.replace('dir="auto">', f'dir="auto">{begun}', 1)


def column_title(name: str, locale: str) -> str:
    """A column of a batch answer in the visitor's language; `score_LABEL` is a label's score, `answer_2` one more."""
    if name.startswith("answer_"):
        return say("answers.column.answer_of", locale, number=name.removeprefix("answer_"))
    if name.startswith("score_"):
        return say("answers.column.score_of", locale, label=name.removeprefix("score_"))
    key = f"answers.column.{name}"
    return say(key, locale) if key in catalogue("en") else name


def footing(reply: Reply, locale: str) -> str:
    """The line under an answer: time, device, tokens, speed, why it ended."""
    parts = [_time(reply.seconds, locale), reply.device.upper()]
    answer = reply.answer
    if isinstance(answer, (Bars, Matrix, Vector, Blanks, Spans)) and answer.tokens:
        parts.append(say("answers.tokens", locale, count=f"{answer.tokens:,}"))
    if isinstance(answer, Text) and answer.tokens:
        speed = f"{answer.tokens / max(reply.seconds, 1e-3):.1f}"
        parts += [say("answers.tokens", locale, count=f"{answer.tokens:,}"), say("answers.speed", locale, speed=speed)]
        if answer.stopped_by:
            parts.append(say(f"tasks.stopped_by.{answer.stopped_by}", locale))
    if isinstance(answer, Table):
        parts.append(say("answers.rows", locale, count=f"{len(answer.rows):,}"))
    return f'<div class="answer-foot">{"".join(f"<span>{html.escape(part)}</span>" for part in parts)}</div>'


def waiting(news: Loading | None, title: str, locale: str) -> str:
    """What happens before there is an answer: a thin bar with its true share, and a sentence with the size."""
    phase = news.phase if news else "start"
    if news and news.total:
        done, total = f"{news.done / 1e6:,.0f}", f"{news.total / 1e6:,.0f}"
        sentence = say(f"answers.{phase}", locale, title=title, done=done, total=total)
        return under_way(news.done / news.total, sentence)
    return under_way(None, say(f"answers.{phase}.begins", locale, title=title))


def under_way(share: float | None, sentence: str) -> str:
    """A thin bar filled to `share` (part of 1), moving where nobody can say, and what is being done."""
    inner = '<i class="unknown"></i>' if share is None else f'<i style="width:{min(share, 1):.1%}"></i>'
    return f'<div class="waiting" role="status"><div class="thin-bar">{inner}</div><p>{html.escape(sentence)}</p></div>'


def inside(steps: Sequence[Step], locale: str) -> str:
    """The steps of a pipeline side by side, numbered, each with its values, its shape and its line of Python."""
    cells = []
    for number, step in enumerate(steps, 1):
        lines = "".join(f"<li>{html.escape(line)}</li>" for line in step.lines)
        shape = f'<p class="shape">{html.escape(step.shape)}</p>' if step.shape else ""
        code = f"<code>{html.escape(step.code)}</code>" if step.code else ""
        title, meaning = _say(f"tasks.step.{step.key}", locale), _optional(f"tasks.step.{step.key}.help", locale)
        cells.append(f"<section><h4>{number} {title}</h4><p>{meaning}</p><ul>{lines}</ul>{shape}{code}</section>")
    return f'<div class="inside">{"".join(cells)}</div>'


def _say(key: str, locale: str, **values: object) -> str:
    return html.escape(say(key, locale, **values))


def _optional(key: str, locale: str) -> str:
    return _say(key, locale) if key in catalogue("en") else ""


def _time(seconds: float, locale: str) -> str:
    if seconds < 1:
        return say("answers.milliseconds", locale, count=round(seconds * 1000))
    return say("answers.seconds", locale, count=f"{seconds:.1f}") if seconds < 60 else duration(seconds, locale)


def _are_shares(answer: Bars) -> bool:
    return not answer.raw and all(-1e-6 <= value <= 1 + 1e-6 for _, value in answer.scores)


def _width(answer: Bars, value: float, whole: float) -> float:
    """How much of its track a bar fills."""
    return value / whole if answer.cosine_from is None else vector_view.share(value, answer.cosine_from)


def _score(answer: Bars, value: float) -> str:
    """A share as percent, any other number with four digits. Never 100.0% for what is not certain."""
    if answer.cosine_from is not None:
        return f"{value:.3f}"
    if not _are_shares(answer):
        return f"{value:.4g}"
    return confidence(value)


def _given(answer: Bars) -> set[int]:
    """Which labels are the answer: the best one, or where each stands alone all that reach their threshold."""
    if not answer.thresholds:
        alone = not answer.exclusive and not answer.raw
        return {place for place, (_, value) in enumerate(answer.scores) if value >= 0.5} if alone else {0}
    pairs = zip(answer.scores, answer.thresholds, strict=True)
    return {place for place, ((_, value), least) in enumerate(pairs) if value >= least}


def _threshold(answer: Bars, place: int) -> float | None:
    return answer.thresholds[place] if answer.thresholds else None


def _verdict(answer: Bars, locale: str) -> str:
    """The best label and its score; where each label stands alone, all that are given."""
    if answer.thresholds:
        names = [answer.scores[place][0] for place in sorted(_given(answer))]
        words = html.escape(", ".join(names)) if names else _say("answers.no_label_given", locale)
        return f'<div class="verdict verdict-line"><span>{words}</span></div>'
    top, score = answer.scores[0]
    return (
        f'<div class="verdict verdict-line"><span>{html.escape(top)}</span><span>{_score(answer, score)}</span></div>'
    )


def _number(answer: Bars, locale: str) -> str:
    """One score: the number, and where it lies on the scale that the model learnt."""
    value = answer.scores[0][1]
    shown = f'<div class="verdict verdict-line"><span>{value:.2f}</span></div>'
    if answer.range is None:
        words = _say("answers.one_score", locale)
    else:
        low, high = answer.range
        place = max(0.0, min(1.0, (value - low) / (high - low)))
        shown += (
            f'<div class="score-scale"><span>{low:g}</span><span class="bar" aria-hidden="true">'
            f'<i style="width:{place:.1%}"></i></span><span>{high:g}</span></div>'
        )
        words = _say("answers.score_on_scale", locale, low=f"{low:g}", high=f"{high:g}")
    return shown + f'<p class="answer-sentence">{words}{_read(answer, locale)}</p>'


def _bars_sentence(answer: Bars, locale: str) -> str:
    """What the numbers mean, in words; then what was not read."""
    top, score = answer.scores[0]
    label = f"<b>{html.escape(top)}</b>"
    # Chinese sentences follow one another without a space.
    space = "" if locale.startswith("zh") else " "
    count = max(answer.labels, len(answer.scores))
    if answer.cosine_from is not None:
        words = _nearest(answer, label, locale)
    elif not _are_shares(answer):
        words = _say("answers.one_number", locale)
    elif not answer.exclusive:
        above, shown = len(_given(answer)), len(answer.scores)
        even = all(least == 0.5 for least in answer.thresholds)
        words = _say("answers.each_alone" if even else "answers.each_threshold", locale, above=above, count=shown)
    else:
        # Halfway up to what a guess would give, the model is not sure of it.
        key = "answers.unsure" if score < (1 + 2 / count) / 3 else "answers.sure"
        words = _say(key, locale, points=round(score * 100), label="\0").replace("\0", label) + space
        words += _say("answers.only_two" if count == 2 else "answers.only_these", locale, count=count)
    return words + _read(answer, locale)


def _nearest(answer: Bars, label: str, locale: str) -> str:
    """Which label is nearest, how far ahead of the next, and what the numbers are."""
    least = answer.cosine_from or 0.0
    space = "" if locale.startswith("zh") else " "
    scale = (
        _say("answers.cosine_bars_high", locale, least=f"{least:g}") if least else _say("answers.cosine_bars", locale)
    )
    if len(answer.scores) < 2:
        return scale
    ahead = answer.scores[0][1] - answer.scores[1][1]
    # A tenth of the usual scale is a clear lead; a fiftieth is none.
    key = "answers.nearest_hardly" if ahead < (1 - least) / 50 else "answers.nearest"
    return _say(key, locale, label="\0", ahead=f"{ahead:.3f}").replace("\0", label) + space + scale


def _read(answer: Bars, locale: str) -> str:
    """What was not read, or not understood."""
    words, space = "", "" if locale.startswith("zh") else " "
    if answer.unknown > UNKNOWN_SHARE * answer.tokens_read:
        words += space + _say("answers.unknown", locale, unknown=f"{answer.unknown:,}", read=f"{answer.tokens_read:,}")
    if answer.tokens_read < answer.tokens:
        words += space + _say("tasks.truncated", locale, read=f"{answer.tokens_read:,}", tokens=f"{answer.tokens:,}")
    return words


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4f}"
    text = str(value)
    return html.escape(text if len(text) <= 300 else text[:300] + " …")
