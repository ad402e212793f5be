"""Inside a step, as HTML: the first batch with its padding, one example's loss, one training step taken apart."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence

from backend.training.inside import Batch, BatchRow, Example, Inside, Padding, Step
from ui import phrases
from ui.finetune.anatomy_view import block_name
from ui.text import say

TOKENS_SHOWN = 40
EXAMPLE_TOKENS = 60
LABELS_SHOWN = 6


def inside(found: Inside, locale: str) -> str:
    """The three parts, each a fold; the first is open."""
    before, after = number(found.step.before), number(found.step.after)
    batch = _say("batch.title", locale, rows=found.batch.row_count, width=found.batch.width)
    parts = (
        (batch, _batch(found.batch, locale) + _padding(found.padding, locale)),
        (_say("example.title", locale, loss=number(found.example.loss)), _example(found, locale)),
        (_say("step.title", locale, before=before, after=after), _step(found, locale)),
    )
    return "".join(
        f'<details class="step-part"{" open" if not place else ""}><summary>{title}</summary>{body}</details>'
        for place, (title, body) in enumerate(parts)
    )


def number(value: float) -> str:
    """At most three digits that count, small numbers written out: 0.718, 0.00005."""
    if not value or not math.isfinite(value):
        return f"{value:g}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    if digits > 9:
        return f"{value:.1e}"
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _say(key: str, locale: str, **values: object) -> str:
    return html.escape(say(f"inside.{key}", locale, **values), quote=True)


def _words(text: str, kind: str = "step-words") -> str:
    return f'<p class="{kind}">{text}</p>'


def _batch(batch: Batch, locale: str) -> str:
    words = _say("batch.words", locale, share=phrases.percent(1 - batch.tokens / max(batch.padded, 1)))
    head = "".join(f"<th>{_say(f'batch.{name}', locale)}</th>" for name in ("answer", "filled", "tokens"))
    rows = "".join(_batch_row(row, batch.width, locale) for row in batch.rows)
    notes = [_say("batch.longest", locale)]
    if len(batch.rows) < batch.row_count:
        notes.append(_say("batch.more_rows", locale, count=batch.row_count - len(batch.rows)))
    shapes = ", ".join(f"{name} {' × '.join(map(str, shape))}" for name, shape in batch.tensors.items())
    notes.append(_say("batch.tensors", locale, tensors=shapes))
    table = (
        f'<div class="table-scroll"><table class="plain-table batch-grid"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )
    return _words(words) + table + _words(" ".join(notes), "muted small")


def _batch_row(row: BatchRow, width: int, locale: str) -> str:
    said = _say("batch.of", locale, length=row.length, width=width)
    bar = (
        f'<div class="pad-bar" role="img" aria-label="{said}" title="{said}"><i style="width:{row.length / width:.1%}">'
    )
    shown = list(row.tokens[:TOKENS_SHOWN])
    cells = _tokens(shown, row.special)
    left = width - len(shown)
    pads = min(left, TOKENS_SHOWN - len(shown)) if row.length <= len(shown) else 0
    cells += '<span class="token pad" aria-hidden="true"> </span>' * pads
    if left > pads:
        cells += f'<span class="muted small">{_say("batch.more_tokens", locale, count=left - pads)}</span>'
    return f'<tr><td>{html.escape(row.answer)}</td><td>{bar}</i></div></td><td class="batch-tokens">{cells}</td></tr>'


def _tokens(tokens: Sequence[str], special: Sequence[int]) -> str:
    marked = set(special)
    looks = ("token-special" if place in marked else "tok-plain" for place in range(len(tokens)))
    return "".join(
        f'<span class="token {look}"><bdi>{html.escape(token)}</bdi></span>'
        for look, token in zip(looks, tokens, strict=True)
    )


def _padding(padding: Padding, locale: str) -> str:
    words = _say("padding.words", locale, rows=f"{padding.rows:,}", tokens=f"{padding.tokens:,}")
    rows = []
    for name in ("grouped", "shuffled", "fixed"):
        total = getattr(padding, name)
        wasted = total - padding.tokens
        title = _say(f"padding.{name}", locale, **({"max_length": padding.max_length} if name == "fixed" else {}))
        share = wasted / max(total, 1)
        bar = f'<div class="share">{phrases.bar(share, title)}<span>{share:.0%}</span></div>'
        rows.append([title, f"{wasted:,}", bar])
    head = [say(f"inside.padding.{name}", locale) for name in ("way", "wasted", "share")]
    return _words(words) + phrases.table(head, rows, numbers=(1,), kind="padding-table")


def _example(found: Inside, locale: str) -> str:
    example = found.example
    texts = "".join(f'<p class="step-text">{html.escape(text)}</p>' for text in example.texts)
    tokens = _tokens(example.tokens[:EXAMPLE_TOKENS], example.special)
    tokens += " …" if len(example.tokens) > EXAMPLE_TOKENS else ""
    steps = [(_say("example.text", locale), texts), (_say("example.tokens", locale), f"<div>{tokens}</div>")]
    steps += _judged(example, locale)
    items = "".join(f"<li><b>{title}</b>{body}</li>" for title, body in steps)
    note = "" if found.plain_loss else _words(_say("example.plain", locale), "muted small")
    return f'{_words(_say("example.words", locale))}<ol class="token-steps step-list">{items}</ol>{note}'


def _judged(example: Example, locale: str) -> list[tuple[str, str]]:
    """The steps from the model's answer to the loss."""
    if example.problem == "regression":
        said, true = example.logits[0], example.targets[0]
        sum_up = f"({number(said)} − {number(true)})² = <b>{number(example.loss)}</b>"
        return [
            (_say("example.score", locale), f"<br><code>{number(said)}</code>"),
            (_say("example.squared", locale), f"<br><code>{sum_up}</code>"),
        ]
    logits = _label_table(example, locale, costs=example.problem == "multi_label_classification")
    if example.problem == "multi_label_classification":
        sum_up = f"<br><code>{_say('example.cost', locale)} = <b>{number(example.loss)}</b></code>"
        return [
            (_say("example.sigmoid", locale), logits),
            (_say("example.bce", locale), sum_up),
        ]
    true = example.targets.index(1)
    share = example.shares[true]
    sum_up = f"<code>−log({number(share)}) = <b>{number(example.loss)}</b></code>"
    words = _say("example.loss.words", locale, share=phrases.percent(share))
    return [
        (_say("example.softmax", locale), logits),
        (_say("example.loss", locale, label=example.labels[true]), f"<br>{sum_up}<br><span>{words}</span>"),
    ]


def _label_table(example: Example, locale: str, costs: bool) -> str:
    """The likeliest labels and the right ones. costs: what each adds to the loss of independent labels."""
    order = sorted(range(len(example.labels)), key=lambda place: (-example.targets[place], -example.shares[place]))
    head = [say(f"inside.example.{name}", locale) for name in ("label", "logit", "share", "wanted")]
    head += [say("inside.example.cost", locale)] if costs else []
    rows = []
    for place in order[:LABELS_SHOWN]:
        share, wanted = example.shares[place], example.targets[place]
        row = [html.escape(example.labels[place]), number(example.logits[place]), phrases.percent(share)]
        row.append("✓" if wanted else "")
        if costs:
            row.append(number(-math.log(max(share if wanted else 1 - share, 1e-12))))
        rows.append(row)
    more = len(example.labels) - len(rows)
    note = _words(_say("example.more", locale, count=more), "muted small") if more else ""
    return phrases.table(head, rows, numbers=(1, 2, 4), kind="label-table") + note


def _step(found: Inside, locale: str) -> str:
    step = found.step
    dropout = say("inside.step.with_dropout", locale) if abs(step.loss - step.before) > 1e-6 else ""
    key = "step.not_clipped" if step.clipped_to is None else "step.clipped"
    limit = {} if step.clipped_to is None else {"limit": number(step.clipped_to)}
    before, after, rate = number(step.before), number(step.after), number(step.learning_rate)
    steps = (
        (_say("step.forward", locale, loss=number(step.loss), with_dropout=dropout), step.forward_seconds),
        (
            _say(
                "step.backward", locale, gradient=number(step.gradient), clipped=say(f"inside.{key}", locale, **limit)
            ),
            step.backward_seconds,
        ),
        (_say("step.optimizer", locale, rate=rate, after=after, before=before), step.optimizer_seconds),
    )
    items = "".join(
        f"<li>{words} <span>{_say('step.seconds', locale, seconds=f'{seconds:.2f}')}</span></li>"
        for words, seconds in steps
    )
    notes = [_say("step.rose", locale)] if step.after > step.before else []
    if step.first_rate < step.learning_rate:
        notes.append(_say("step.warm_up", locale, first=number(step.first_rate)))
    if found.accumulated > 1:
        notes.append(_say("step.accumulated", locale, count=found.accumulated))
    words = _words(" ".join(notes), "muted small") if notes else ""
    return f'<ol class="token-steps step-list">{items}</ol>{_moved(step, locale)}{words}'


def _moved(step: Step, locale: str) -> str:
    """Gradient and movement of each block."""
    most = max((one.gradient for one in step.blocks), default=0.0) or 1.0
    rows = []
    for one in step.blocks:
        name = html.escape(block_name(one.block, locale, short=True))
        if not one.block.trained:
            rows.append([name, f'<span class="muted">{_say("step.is_frozen", locale)}</span>', "–", "–"])
            continue
        bar = phrases.bar(one.gradient / most, name)
        moved = one.moved / one.weight if one.weight else 0.0
        rows.append(
            [
                name,
                f'<div class="share">{bar}<span>{number(one.gradient)}</span></div>',
                number(one.moved),
                _part(moved),
            ]
        )
    strongest = max(step.blocks, key=lambda one: one.gradient)
    words = [_say("step.strongest", locale, block=block_name(strongest.block, locale, short=True))]
    if any(not one.block.trained for one in step.blocks):
        words.append(_say("step.frozen", locale))
    head = [say(f"inside.step.{name}", locale) for name in ("block", "gradient", "moved", "relative")]
    return phrases.table(head, rows, numbers=(2, 3), kind="moved-table") + _words(" ".join(words), "muted small")


def _part(share: float) -> str:
    """A small part in percent: 0.11%."""
    return f"{number(share * 100)}%"
