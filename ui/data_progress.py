"""Reading an upload with its share done, and what stands above the table while it travels here and is read."""

from __future__ import annotations

import html
import queue
import threading
from collections.abc import Iterator
from pathlib import Path

import gradio as gr

from backend.data import library
from backend.data.version import DataVersion
from ui.text import say
from ui.visitor import Services

# Gradio says nothing while the Upload button's files travel; the event comes when they have arrived.
UPLOADING_JS = """
const box = () => element.querySelector('.uploading');
const ends = '#datasets-notice .reading, #datasets-notice .error-card, .toast-body.error';
const ended = () => document.querySelector(ends);
new MutationObserver(() => { if (box() && !box().hidden && ended()) box().hidden = true; })
  .observe(document.body, {childList: true, subtree: true});
document.addEventListener('change', event => {
  const files = event.target.matches('.data-toolbar input[type=file]') ? [...event.target.files] : [];
  if (!files.length || !box()) return;
  const size = (files.reduce((sum, file) => sum + file.size, 0) / 1e6).toFixed(1);
  const name = files.map(file => file.name).join(', ').slice(0, 80);
  box().querySelector('p').textContent = box().dataset.say.replace('{size}', size).replace('{file}', name);
  box().hidden = false;
});
"""
UPLOADED_JS = "() => { document.querySelector('#datasets-uploading .uploading').hidden = true; }"


def uploading(locale: str) -> str:
    """What stands above the table while a file travels here; shown and filled by UPLOADING_JS."""
    words = html.escape(say("datasets.uploading", locale, file="{file}", size="{size}"), quote=True)
    return (
        f'<div class="reading uploading" role="status" hidden data-say="{words}"><p></p>'
        '<span class="bar busy"><i></i></span></div>'
    )


def reading(file: str, share: float | None, locale: str) -> str:
    """What stands above the table while a file is read. share: part of 1, None when it cannot be told."""
    words = html.escape(say("datasets.reading", locale, file=file))
    bar = (
        f'<span class="bar"><i style="width:{share:.0%}"></i></span>'
        if share is not None
        else '<span class="bar busy"><i></i></span>'
    )
    return f'<div class="reading" role="status"><p>{words}</p>{bar}</div>'


def adding(
    services: Services, request: gr.Request, paths: list[Path], skip_bad_rows: bool
) -> Iterator[float | None | DataVersion]:
    """Shares done (None: unknown), then the new version. The work goes on when the page is closed meanwhile."""
    workspace = services.workspace(request)
    said: queue.Queue[float | None | DataVersion | Exception] = queue.Queue()

    def progress(phase: str, done: int, total: int) -> None:
        # Reading takes most of the time, saving the rest.
        share = done / total if total else None
        said.put(None if share is None else share * 0.9 if phase == "read" else 0.9 + share * 0.1)

    def work() -> None:
        try:
            said.put(
                library.add_files(workspace, services.settings, paths, progress=progress, skip_bad_rows=skip_bad_rows)
            )
        except Exception as error:  # noqa: BLE001 - carried over to the handler, which shows it
            said.put(error)

    threading.Thread(target=work, name="reading", daemon=True).start()
    while True:
        step = said.get()
        # A slow browser needs only the latest share.
        while isinstance(step, float) and not said.empty():
            step = said.get()
        if isinstance(step, Exception):
            raise step
        yield step
        if isinstance(step, DataVersion):
            return
