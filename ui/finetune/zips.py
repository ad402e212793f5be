"""A zip of a run: made while the page tells how far it is, then handed to the browser."""

from __future__ import annotations

import secrets
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from pathlib import Path
from typing import Any

import gradio as gr

from backend.exports.archive import Progress
from backend.workspace import disk_error
from ui import phrases
from ui.errors import error_card
from ui.text import say

TELL_SECONDS = 0.3


class _GivenUp(Exception):
    """Raised where the zip is written once nobody waits for it any more."""


def making(
    work: Callable[[Progress], Path], make: gr.Button, save: gr.DownloadButton, told: gr.HTML, locale: str
) -> Iterator[dict[Any, Any]]:
    """What changes on the page until the file is there. make, save, told: the button that asked, the one that takes its
    place, and where the progress or the reason why it failed stands."""
    yield {make: gr.Button(interactive=False), save: gr.DownloadButton(visible=False), told: _bar(0, 0, locale)}
    given_up = threading.Event()
    far = [(0, 0)]
    made: Future[Path] = Future()

    def tell(done: int, total: int) -> None:
        if given_up.is_set():
            raise _GivenUp
        far[0] = done, total

    def run() -> None:
        try:
            made.set_result(work(tell))
        except BaseException as error:  # noqa: BLE001 - raised again in the handler
            made.set_exception(error)

    threading.Thread(target=run, name="zip", daemon=True).start()
    try:
        while wait([made], TELL_SECONDS).not_done:
            yield {told: _bar(*far[0], locale)}
    finally:
        given_up.set()
    try:
        path = made.result()
        size = f"{path.stat().st_size / 1e6:,.1f}"
        file = _for_the_browser(path, save)
    except Exception as error:  # noqa: BLE001 - stands where the file would; error_card logs ours
        yield {make: gr.Button(interactive=True), told: error_card(error, locale)}
        return
    label = say("after.download.save", locale, name=path.name, size=size)
    yield {make: gr.Button(interactive=True), save: gr.DownloadButton(label, value=file, visible=True), told: ""}


def _for_the_browser(path: Path, save: gr.DownloadButton) -> str:
    """Move a file to where Gradio may give it out. A path no one can guess; Gradio sweeps it after a day."""
    folder = Path(save.GRADIO_CACHE) / secrets.token_hex(16)
    try:
        folder.mkdir(parents=True)
        return str(shutil.move(path, folder / path.name))
    except OSError as error:
        # Half of it would lie there for a day.
        shutil.rmtree(folder, ignore_errors=True)
        raise disk_error(error, folder) from error


def _bar(done: int, total: int, locale: str) -> str:
    words = say("after.download.making", locale, done=f"{done / 1e6:,.1f}", total=f"{total / 1e6:,.1f}")
    return phrases.bar(done / total if total else 0.0, words) + f'<p class="muted" role="status">{words}</p>'
