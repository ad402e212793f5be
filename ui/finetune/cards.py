"""What the form shows about its choices, as HTML and titles: proof, findings, split, forecast, refusal."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from backend.data.query import rows
from backend.data.version import DataVersion
from backend.errors import UserError
from backend.recipes.base import PRESETS, Finding
from backend.recipes.head import HeadState
from backend.texts import catalogue
from backend.training.spec import Forecast
from ui import phrases
from ui.errors import error_card
from ui.text import say

PROOF_ROWS = 3
PROOF_LETTERS = 160
LABELS_NAMED = 4
LEVELS = {"ok": ("✓", "done"), "warning": ("!", "interrupted"), "error": ("✕", "failed")}
VERDICTS = {"fits": "done", "tight": "interrupted", "exceeds": "failed"}


def preset_choices(times: Mapping[str, float], locale: str) -> list[tuple[str, str]]:
    """The presets with the time each takes, where it is known."""
    choices: list[tuple[str, str]] = []
    for preset in PRESETS:
        title = phrases.phrase("preset", preset, locale)
        if preset in times:
            title = say("finetune.preset_time", locale, preset=title, time=phrases.about(times[preset], locale))
        choices.append((title, preset))
    return choices


def settings_title(arguments: Mapping[str, Any], locale: str) -> str:
    """The fold's title holds the values that matter most."""
    steps = arguments["max_steps"]
    return say(
        "arguments.title_steps" if steps else "finetune.settings_title",
        locale,
        steps=_number(steps),
        epochs=_number(arguments["num_train_epochs"]),
        rate=rate(arguments["learning_rate"]),
        batch=_number(arguments["per_device_train_batch_size"]),
    )


def split_title(counts: Mapping[str, int] | None, given: bool, locale: str) -> str:
    """The fold's title says which rows do what, in percent."""
    total = sum(counts.values()) if counts else 0
    if not counts or not total:
        return say("finetune.split", locale)
    shares = {name: f"{counts.get(name, 0) / total:.0%}" for name in ("train", "validation", "test")}
    return say("finetune.split_given_title" if given else "finetune.split_title", locale, **shares)


def proof(version: DataVersion, columns: Mapping[str, str], locale: str) -> str:
    """Three rows of the chosen columns: proof that the right ones are chosen."""
    chosen = [(role, name) for role, name in columns.items() if name and version.column(name)]
    if not chosen:
        return ""
    page = rows(version, limit=PROOF_ROWS)
    places = [page.columns.index(name) for _, name in chosen]
    head = [name for _, name in chosen]
    head[0] = say("finetune.proof", locale, column=head[0])
    cells = [[html.escape(_cut(row[place])) for place in places] for row in page.rows]
    return phrases.table(head, cells, kind="proof-table")


def findings(found: Iterable[Finding], locale: str) -> str:
    """Everything to know before Start, one line each, the worst first."""
    order = list(LEVELS)[::-1]
    ordered = sorted(found, key=lambda one: order.index(one.level))
    lines = [_finding(one.level, say(one.key, locale, **one.values), _todo(one, locale)) for one in ordered]
    return f'<ul class="findings">{"".join(lines)}</ul>' if lines else ""


def finding_error(error: UserError, locale: str) -> str:
    """An error in the data or the split, as a finding that refuses Start."""
    return f'<ul class="findings">{_finding("error", error.what(locale), error.todo(locale))}</ul>'


def split_line(counts: Mapping[str, int], locale: str, left_out: int = 0) -> str:
    """How many rows are learned from, checked on and kept for the test, and how many are left out of training."""
    values = {name: f"{counts.get(name, 0):,}" for name in ("train", "validation", "test")}
    words = say("finetune.rows", locale, **values)
    if left_out:
        words += say("checks.rows_left_out", locale, count=left_out)
    return f'<p class="split-line">{html.escape(words)}</p>'


def unknown_warning(share: float, model: str, locale: str) -> str:
    """The model does not know the language of the data."""
    text = say("finetune.unknown", locale, share=f"{share:.0%}", model=html.escape(model))
    return f'<ul class="findings">{_finding("warning", text, "", escaped=True)}</ul>'


def head_note(state: HeadState | None, labels: Sequence[str], locale: str) -> str:
    """Which weights of the model will be new, and why that is normal. labels: those that the model knows."""
    if state is None:
        return ""
    known = ", ".join(labels[:LABELS_NAMED]) + (" …" if len(labels) > LABELS_NAMED else "")
    text = say(f"recipe_form.head.{state}", locale, labels=known, count=len(labels))
    return f'<p class="muted small head-note">{html.escape(text)}</p>'


def unmeasured(locale: str) -> str:
    """The card before a forecast."""
    return (
        f'<p class="caption">{html.escape(say("finetune.forecast_title", locale))}</p>'
        f'<p class="lead-text">{html.escape(say("finetune.unmeasured", locale))}</p>'
        f'<p class="muted">{html.escape(say("finetune.unmeasured.help", locale))}</p>'
    )


def measuring(locale: str) -> str:
    """The card while a few steps are measured."""
    return (
        f'<p class="caption">{html.escape(say("finetune.forecast_title", locale))}</p>'
        f'<p class="lead-text" role="status">{html.escape(say("finetune.measuring", locale))}</p>'
        '<div class="bar busy"><i></i></div>'
        f'<p class="muted">{html.escape(say("finetune.measuring.help", locale))}</p>'
    )


def forecast(found: Forecast, locale: str, fit: str = "") -> str:
    """The card with a forecast: time, memory and what it is for, disk, verdict, score to beat. fit: what is said of
    the change that makes it fit, as HTML."""
    low, high = phrases.about(found.seconds_low, locale), phrases.about(found.seconds_high, locale)
    about = say("finetune.about", locale, time=phrases.about(found.seconds, locale))
    between = say("finetune.between", locale, low=low, high=high, count=found.measured_batches)
    parts = [
        f'<p class="caption">{html.escape(say("finetune.forecast_title", locale))}</p>',
        f'<p class="verdict">{html.escape(about)}</p>',
        f'<p class="muted">{html.escape(between)}</p>',
        _meter(say("finetune.memory", locale), found.memory_mib, found.memory_available_mib),
        _parts(found, locale),
        _meter(say("finetune.disk", locale), found.disk_mib, found.disk_available_mib),
        _verdict(found, locale),
        fit,
    ]
    if found.baseline_label:
        score = say("finetune.to_beat", locale, score=f"{found.baseline_value:.0%}", label=found.baseline_label)
        parts.append(f'<p class="split-line">{html.escape(score)}</p>')
    if found.truncated_share >= 0.005:
        cut = say("finetune.truncated", locale, share=f"{found.truncated_share:.0%}")
        parts.append(f'<p class="split-line">{html.escape(cut)}</p>')
    return "".join(parts)


def fitted(changes: str, locale: str) -> str:
    """The card after a change that makes the run fit was filled in."""
    return (
        f'<p class="caption">{html.escape(say("finetune.forecast_title", locale))}</p>'
        f'<p class="lead-text" role="status">{html.escape(say("forecast.fitted", locale, changes=changes))}</p>'
        f'<p class="muted">{html.escape(say("forecast.fitted.help", locale))}</p>'
    )


def refusal(error: UserError, locale: str) -> str:
    """The card when nothing can start: what is wrong, and that all that was entered is still there."""
    return (
        error_card(in_words(error, locale), locale)
        + f'<p class="split-line">{html.escape(say("finetune.kept", locale))}</p>'
    )


def in_words(error: UserError, locale: str) -> UserError:
    """The error with a setting named as the form names it, and an emptied box called empty."""
    values = dict(error.values)
    for area in ("arguments", "anatomy"):
        if (key := f"{area}.{values.get('name')}") in catalogue("en"):
            values["name"] = say(key, locale)
    if "value" in values and values["value"] is None:
        values["value"] = say("finetune.nothing", locale)
    return UserError(error.key, **values)


def _meter(name: str, used: float, there: float) -> str:
    share = used / there if there else 1.0
    numbers = f"<b>{phrases.gigabytes(used)}</b> / {phrases.gigabytes(there)} GB"
    over = " over" if share > 1 else ""
    words = f"<div><span>{html.escape(name)}</span><span>{numbers}</span></div>"
    return f'<div class="meter{over}">{words}{phrases.bar(share, name)}</div>'


def _parts(found: Forecast, locale: str) -> str:
    """A fold with what the memory is for, the largest part first."""
    parts = sorted(found.memory_parts_mib.items(), key=lambda part: -part[1])
    rows = "".join(
        f"<dt>{html.escape(say(f'forecast.part.{name}', locale))}</dt><dd>{phrases.gigabytes(mib)} GB</dd>"
        for name, mib in parts
        if mib >= 1
    )
    title = html.escape(say("forecast.parts", locale))
    return f'<details class="memory-parts"><summary>{title}</summary><dl>{rows}</dl></details>' if rows else ""


def _verdict(found: Forecast, locale: str) -> str:
    glyph = {"fits": "✓", "tight": "!", "exceeds": "✕"}[found.verdict]
    word = html.escape(say(f"finetune.verdict.{found.verdict}", locale))
    return f'<p><span class="chip chip-{VERDICTS[found.verdict]}"><i aria-hidden="true">{glyph}</i> {word}</span></p>'


def _finding(level: str, text: str, todo: str, escaped: bool = False) -> str:
    glyph, look = LEVELS[level]
    words = text if escaped else html.escape(text)
    rest = f' <span class="muted">{html.escape(todo)}</span>' if todo else ""
    mark = f'<i class="chip chip-{look}" aria-hidden="true">{glyph}</i>'
    return f'<li class="finding-{level}">{mark}<span>{words}{rest}</span></li>'


def _todo(finding: Finding, locale: str) -> str:
    key = f"{finding.key}.todo"
    return say(key, locale, **finding.values) if key in catalogue("en") else ""


def _cut(value: Any) -> str:
    words = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    text = "" if value is None else " ".join(words.split())
    return text if len(text) <= PROOF_LETTERS else text[:PROOF_LETTERS] + "…"


def _number(value: Any) -> str:
    return "–" if value is None else f"{value:g}"


def rate(value: Any) -> str:
    """A learning rate as people write it: 2e-5."""
    if not isinstance(value, (int, float)) or not value:
        return _number(value)
    digits, _, power = f"{value:.1e}".partition("e")
    return f"{digits.removesuffix('.0')}e{int(power)}"
