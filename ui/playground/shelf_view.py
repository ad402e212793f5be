"""The models on this machine, what a search found, and downloads under way, as HTML."""

from __future__ import annotations

import datetime
import html
from collections.abc import Sequence
from pathlib import Path

from backend.models import ModelFacts
from backend.models.arrivals import Arrival
from backend.models.holdings import Holding
from backend.models.search import Found
from backend.tasks import all_tasks
from backend.texts import catalogue
from ui import phrases, pickers
from ui.errors import error_card
from ui.text import say


def table(held: Sequence[Holding], free: int, locale: str, now: float) -> str:
    """Every model: name, what it is, what it can do, size, last use, and what can be done with it. now: epoch."""
    if not held:
        return f'<p class="muted">{html.escape(say("shelf.empty", locale))}</p>'
    head = [say(f"shelf.head.{name}", locale) for name in ("model", "kind", "tasks", "size", "used", "acts")]
    names = titles(held, locale)
    rows = [_row(one, names[one.ref], locale, now) for one in held]
    key = "shelf.total_one" if len(held) == 1 else "shelf.total"
    whole = pickers.size(sum(one.bytes for one in held))
    total = say(key, locale, count=len(held), size=whole, free=pickers.size(free))
    return (
        phrases.table(head, rows, numbers=(3,), kind="shelf-table held-table")
        + f'<p class="muted small">{html.escape(total)}</p>'
    )


def titles(held: Sequence[Holding], locale: str) -> dict[str, str]:
    """Models, by ref, as the page calls them."""
    known = [one.facts for one in held if one.facts]
    return {one.ref: one.title for one in held} | {ref: title for title, ref in pickers.told_apart(known, locale)}


def fits(facts: ModelFacts, locale: str) -> list[str]:
    """The names of the tasks that a model can do here."""
    return [task_name(name, locale) for name, task in all_tasks().items() if task.fits(facts)]


def task_name(tag: str, locale: str) -> str:
    """A task of the Hub as the page calls it; the Hub's tag where the page has no word."""
    for key in (f"tasks.{tag}", f"shelf.hubtask.{tag}"):
        if key in catalogue("en"):
            return say(key, locale)
    return tag


def found(models: Sequence[Found], here: frozenset[str], endpoint: str, locale: str) -> str:
    """What a search found. here: the ids of those that are on this machine already."""
    if not models:
        return f'<p class="muted" role="status">{html.escape(say("shelf.found_none", locale))}</p>'
    head = [
        say("shelf.head.model", locale),
        *(say(f"shelf.found.{name}", locale) for name in ("task", "parameters", "downloads", "likes", "updated")),
        say("shelf.head.acts", locale),
    ]
    rows = [_found_row(one, one.model_id in here, locale) for one in models]
    count = html.escape(say("shelf.found", locale, count=len(models), endpoint=endpoint))
    return f'<p class="muted small" role="status">{count}</p>' + phrases.table(
        head, rows, numbers=(2, 3, 4), kind="shelf-table"
    )


def arrivals(all_of: Sequence[Arrival], locale: str) -> str:
    """Each download with its true share and a way to stop it; how those that have ended ended."""
    return "".join(_arrival(one, locale) for one in all_of)


def _row(one: Holding, title: str, locale: str, now: float) -> list[str]:
    tasks = fits(one.facts, locale) if one.facts else []
    can = say("pickers.join", locale).join(tasks) if tasks else say("shelf.no_task", locale) if one.facts else ""
    if one.problem:
        can = one.problem.what(locale)
    if one.busy:
        used = say("shelf.now", locale)
    else:
        used = _day(one.used, locale, now) if one.used else say("shelf.never", locale)
    acts = []
    if one.kind in ("begun", "small"):
        key = "shelf.go_on" if one.kind == "begun" else "shelf.get"
        acts.append(_button("fetch", one.ref, say(key, locale), say(f"{key}_model", locale, model=title)))
    elif one.facts:
        acts.append(_button("use", one.ref, say("shelf.use", locale), say("shelf.use_model", locale, model=title)))
    if one.removable:
        key = "shelf.take_off_model" if one.kind == "folder" else "shelf.delete_model"
        acts.append(_button("delete", one.ref, "✕", say(key, locale, model=title)))
    cells = [title, say(f"shelf.kind.{one.kind}", locale), can, pickers.size(one.bytes)]
    name, kind, can, size = (html.escape(cell) for cell in cells)
    # A phone has no room for the head.
    at = html.escape(say("shelf.used_at", locale, when=used))
    used = f'<span class="wide">{html.escape(used)}</span><span class="narrow">{at}</span>'
    return [name, kind, can, size, used, f'<div class="shelf-acts">{"".join(acts)}</div>']


def _found_row(one: Found, is_here: bool, locale: str) -> list[str]:
    millions = f"{one.parameters / 1e6:,.0f}" if one.parameters >= 1e6 else f"{one.parameters / 1e6:.2g}"
    size = say("shelf.millions", locale, millions=millions) if one.parameters else ""
    name = html.escape(one.model_id)
    if one.gated:
        name += f'<br><span class="muted small">{html.escape(say("shelf.found.gated", locale))}</span>'
    ref = f"hub:{one.model_id}"
    act = _button(
        "use" if is_here else "fetch",
        ref,
        say("shelf.use" if is_here else "shelf.get", locale),
        say("shelf.use_model" if is_here else "shelf.get_model", locale, model=one.model_id),
    )
    cells = [task_name(one.task, locale), size, f"{one.downloads:,}", f"{one.likes:,}", one.updated]
    return [name, *(html.escape(cell) for cell in cells), f'<div class="shelf-acts">{act}</div>']


def _arrival(one: Arrival, locale: str) -> str:
    if one.state == "failed":
        assert one.error is not None
        return error_card(one.error, locale)
    if one.state in ("done", "stopped"):
        key = "shelf.arrived" if one.state == "done" else "shelf.stopped"
        values = {"size": pickers.size(one.total)} if one.state == "done" else {}
        mark = "✓ " if one.state == "done" else ""
        return f'<p class="muted" role="status">{mark}{html.escape(say(key, locale, model=one.title, **values))}</p>'
    done, total = f"{one.done / 1e6:,.1f}", f"{one.total / 1e6:,.1f}"
    rate = one.bytes_a_second()
    words = {"model": one.title, "done": done, "total": total}
    if one.stop.is_set():
        sentence = say("shelf.arriving.stopping", locale, model=one.title)
    elif not one.total:
        sentence = say("shelf.arriving.begins", locale, model=one.title)
    elif rate > 1e3:
        left = phrases.about((one.total - one.done) / rate, locale)
        sentence = say("shelf.arriving.rate", locale, **words, rate=f"{rate / 1e6:,.1f}", left=left)
    else:
        sentence = say("shelf.arriving", locale, **words)
    bar = phrases.bar(one.done / one.total, one.title) if one.total else '<div class="bar busy"><i></i></div>'
    stop = _button("stop", one.ref, say("shelf.stop", locale), say("shelf.stop_model", locale, model=one.title))
    return f'<div class="arrival"><p role="status">{html.escape(sentence)}</p>{bar}{stop}</div>'


def _button(act: str, ref: str, words: str, about: str) -> str:
    marks = f'data-act="{act}" data-ref="{html.escape(ref, quote=True)}"'
    label = html.escape(about, quote=True)
    return f'<button type="button" {marks} aria-label="{label}" title="{label}">{html.escape(words)}</button>'


def _day(when: float, locale: str, now: float) -> str:
    """A day; today the time, too."""
    at = datetime.datetime.fromtimestamp(when)
    if at.date() == datetime.datetime.fromtimestamp(now).date():
        return say("shelf.today", locale, time=f"{at:%H:%M}")
    return f"{at:%Y-%m-%d}"


def free_bytes(folder: Path) -> int:
    """Of the disk that a folder, which need not be there yet, lies on."""
    import shutil

    there = next((one for one in (folder, *folder.parents) if one.exists()), Path("/"))
    return shutil.disk_usage(there).free


def failed(error: Exception, locale: str) -> str:
    """An error where the answer would stand."""
    return f'<div class="shelf-error">{error_card(error, locale)}</div>'
