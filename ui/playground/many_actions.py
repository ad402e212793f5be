"""What happens in the fold of many texts: each action asks the backend and returns what changes on the page.

The job lives in the backend. Each page shows the one of its workspace, whoever began it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from backend.errors import UserError
from backend.many import Job, Source
from backend.many.files import write_file
from backend.many.source import columns_in
from backend.tasks import all_tasks
from ui import answers, pickers
from ui.errors import error_card
from ui.playground import many_view
from ui.playground.asking import Updates
from ui.playground.many_parts import ManyParts
from ui.text import say
from ui.visitor import Services, locale_of

ROWS_SHOWN = 100
ROWS_SHOWN_LIVE = 20
# A list of thousands takes the browser seconds; any other name can be typed.
COLUMNS_LISTED = 300
# A few texts are answered before the first tick.
_LOOKS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.5)


@dataclass(frozen=True, slots=True)
class Many:
    """The handlers that do not read the task's form."""

    parts: ManyParts
    services: Services

    def arrive(self, request: gr.Request) -> Updates:
        """What there is to choose, and the job of this workspace, if there is one."""
        updates = self.choices(request) | self.show(None, request)
        job = self._job(None, request)
        return updates | {self.parts.fold: gr.Accordion(open=True) if job else gr.skip()}

    def choices(self, request: gr.Request) -> Updates:
        """The data sets there are now."""
        return {self.parts.data: gr.Dropdown(pickers.data_choices(self.services, request))}

    def open_fold(self, chosen: str | None, request: gr.Request) -> Updates:
        """Another page may have begun something, or added data."""
        return self.choices(request) | self.show(chosen, request)

    def switch(self, source: str, file: str | None, data: str | None, task: str, request: gr.Request) -> Updates:
        """Show what belongs to a source."""
        parts = self.parts
        places = {
            parts.lines_place: gr.Column(visible=source == "lines"),
            parts.file_place: gr.Column(visible=source == "file"),
            parts.data: gr.Dropdown(visible=source == "data"),
        }
        return places | self.look_into(source, file, data, task, request)

    def look_into(self, source: str, file: str | None, data: str | None, task: str, request: gr.Request) -> Updates:
        """The columns of the file or the data set that is chosen."""
        parts, locale = self.parts, locale_of(request)
        none = gr.Dropdown([], value=None, visible=False)
        gone: Updates = {parts.column: none, parts.column_pair: none, parts.wrong: ""}
        try:
            columns, guess = columns_in(self.services.workspace(request), source_of(source, "", file, data, "", ""))
        except Exception as error:  # noqa: BLE001 - stands where the columns would stand; error_card logs ours
            return gone | {parts.wrong: error_card(error, locale)}
        if not columns:
            return gone
        listed = columns[:COLUMNS_LISTED]
        info = say("playground.many.column.help", locale)
        if len(columns) > len(listed):
            counts = {"shown": f"{len(listed):,}", "total": f"{len(columns):,}"}
            info = say("many.columns_listed", locale, **counts)
        seconds = [(say("playground.many.no_pair", locale), ""), *((name, name) for name in listed)]
        return {
            parts.column: gr.Dropdown(listed, value=guess, visible=True, info=info),
            parts.column_pair: gr.Dropdown(
                seconds, value="", visible=len(columns) > 1 and all_tasks()[task].takes_pairs
            ),
            parts.wrong: "",
        }

    def tick(self, chosen: str | None, request: gr.Request) -> Updates:
        """How far it is."""
        return self.show(chosen, request)

    def show(self, chosen: str | None, request: gr.Request) -> Updates:
        """The job that lives, else the chosen one, else the newest: progress, table, buttons."""
        parts, locale, workspace = self.parts, locale_of(request), self.services.workspace(request)
        job = self._job(chosen, request)
        lives = job is not None and job.state.lives
        updates: Updates = {
            parts.run: gr.Button(
                say("playground.running" if lives else "playground.many.run", locale), interactive=not lives
            ),
            parts.stop: gr.Button(visible=lives),
            parts.timer: gr.Timer(active=lives),
        }
        if job is None:
            return updates | {
                parts.earlier: gr.Dropdown([], value=None, visible=False),
                parts.go_on: gr.Button(visible=False),
                parts.take: gr.Row(visible=False),
                parts.waiting: "",
                parts.told: "",
                parts.table: "",
            }
        rows = self.services.jobs.rows(workspace, job.spec.job_id).table(ROWS_SHOWN_LIVE if lives else ROWS_SHOWN)
        updates |= {
            parts.waiting: many_view.waiting(job, locale),
            parts.told: many_view.told(job, locale),
            parts.table: many_view.table(rows, job, locale),
            parts.go_on: gr.Button(visible=job.can_go_on),
            parts.take: gr.Row(visible=not lives),
        }
        if lives:
            only = [(many_view.choice(job, locale), job.spec.job_id)]
            return updates | {parts.earlier: gr.Dropdown(only, value=job.spec.job_id, visible=False)}
        for kind in parts.files:
            updates[parts.files[kind]] = gr.Button(interactive=job.done > 0)
        kept = [
            one for name in self.services.jobs.names(workspace) if (one := self.services.jobs.look(workspace, name))
        ]
        listed = [(many_view.choice(one, locale), one.spec.job_id) for one in kept]
        updates[parts.earlier] = gr.Dropdown(listed, value=job.spec.job_id, visible=len(listed) > 1)
        return updates | {parts.stop: gr.Button(say("playground.stop", locale), interactive=True, visible=False)}

    def choose(self, chosen: str | None, request: gr.Request) -> Updates:
        """Another one of the kept."""
        return self.show(chosen, request) | self._unmade()

    def stop(self, request: gr.Request) -> gr.Button:
        """What is done is kept."""
        workspace = self.services.workspace(request)
        if job := self._job(None, request):
            self.services.jobs.stop(workspace, job.spec.job_id)
        return gr.Button(say("playground.stopping", locale_of(request)), interactive=False)

    def go_on(self, chosen: str | None, request: gr.Request) -> Iterator[Updates]:
        """The texts that are left."""
        services = self.services
        if job := self._job(chosen, request):
            services.jobs.go_on(services.shelf, services.workspace(request), job.spec.job_id)
            yield from self.watch(job.spec.job_id, request)

    def remove(self, chosen: str | None, request: gr.Request) -> Updates:
        """Texts and answers leave the disk."""
        if job := self._job(chosen, request):
            self.services.jobs.remove(self.services.workspace(request), job.spec.job_id)
        return self.show(None, request) | self._unmade()

    def make(self, kind: str, chosen: str | None, request: gr.Request) -> Iterator[Updates]:
        """The answers as a file; the browser is told to fetch it."""
        parts, locale = self.parts, locale_of(request)
        buttons: Updates = {button: gr.Button(interactive=True) for button in parts.files.values()}
        yield {button: gr.Button(interactive=False) for button in buttons} | {
            parts.save: gr.DownloadButton(visible=False),
            parts.making: answers.under_way(None, say("many.making", locale, kind=kind.upper())),
        }
        try:
            if (job := self._job(chosen, request)) is None:
                raise UserError("many.gone")
            path = self._written(kind, job, request)
        except Exception as error:  # noqa: BLE001 - stands where the file would; error_card logs ours
            yield buttons | {parts.making: error_card(error, locale)}
            return
        size = f"{path.stat().st_size / 1e6:,.1f}"
        label = say("after.download.save", locale, name=path.name, size=size)
        yield buttons | {parts.save: gr.DownloadButton(label, value=str(path), visible=True), parts.making: ""}

    def watch(self, job_id: str, request: gr.Request) -> Iterator[Updates]:
        """The first looks at a job that has just begun; the timer has the others."""
        workspace = self.services.workspace(request)
        for seconds in _LOOKS:
            yield self.show(job_id, request) | self._unmade()
            self.services.jobs.wait(workspace, job_id, seconds)
            if (job := self.services.jobs.look(workspace, job_id)) is None or not job.state.lives:
                break
        yield self.show(job_id, request)

    def _written(self, kind: str, job: Job, request: gr.Request) -> Path:
        """The file, where Gradio may give it out: a path that no one can guess; Gradio sweeps it after a day."""
        rows = self.services.jobs.rows(self.services.workspace(request), job.spec.job_id)
        folder = Path(self.parts.save.GRADIO_CACHE) / secrets.token_hex(16)
        folder.mkdir(parents=True)
        return write_file(rows, kind, folder / f"answers.{kind}")

    def _unmade(self) -> Updates:
        return {self.parts.save: gr.DownloadButton(visible=False), self.parts.making: ""}

    def _job(self, chosen: str | None, request: gr.Request) -> Job | None:
        jobs, workspace = self.services.jobs, self.services.workspace(request)
        newest = jobs.newest(workspace)
        if newest is None or newest.state.lives or not chosen:
            return newest
        return jobs.look(workspace, chosen) or newest


def source_of(
    kind: str, lines: str | None, file: str | None, data: str | None, column: str | None, column_pair: str | None
) -> Source:
    """What the widgets say."""
    return Source(
        kind=kind,  # type: ignore[arg-type]
        lines=lines or "",
        file=Path(file) if file else None,
        data=data or "",
        column=column or "",
        column_pair=column_pair or "",
    )
