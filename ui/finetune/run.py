"""The view of one run: live while it goes, its report when it has ended; drawn from the run folder alone."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import gradio as gr

from backend.errors import UserError
from backend.recipes import all_recipes
from backend.recipes.base import Report
from backend.training.queue import RunSummary
from backend.training.run_folder import RunFolder
from backend.training.spec import MetricPoint
from backend.workspace import Workspace
from ui import charts, phrases
from ui.errors import shown
from ui.finetune import live, report
from ui.text import i18n, say
from ui.visitor import PageState, Services, locale_of

Updates = dict[Any, Any]
LOG_LINES = 200


@dataclass(frozen=True, slots=True)
class RunView:
    """Widgets of the view."""

    view: gr.Column
    head: gr.HTML
    new_run: gr.Button
    stop: gr.Button
    which: gr.Radio
    try_it: gr.Button
    progress: gr.HTML
    sentence: gr.HTML
    result: gr.Row
    scores: gr.HTML
    labels: gr.HTML
    confusion: gr.Plot
    wrong_title: gr.HTML
    wrong: gr.HTML
    curves: gr.Row
    loss: gr.Plot
    score: gr.Plot
    rate: gr.Plot
    checks: gr.HTML
    settings: gr.HTML
    log: gr.HTML

    @property
    def parts(self) -> list[gr.blocks.Block]:
        """Everything a redraw may change."""
        return [getattr(self, name) for name in self.__slots__ if name != "new_run"]


def build() -> RunView:
    """Lay the view out: the answer first, then what it was made of."""
    with gr.Column(visible=False, elem_classes="run-view") as view:
        with gr.Row(elem_classes="run-top"):
            head = _html()
            with gr.Row(elem_classes="run-buttons"):
                new_run = gr.Button(i18n("finetune.new_run"), min_width=110)
                stop = gr.Button(
                    i18n("finetune.stop"), variant="primary", visible=False, min_width=200, elem_id="stop-run"
                )
                which = gr.Radio(
                    [], label=i18n("finetune.which"), show_label=False, visible=False, interactive=True,
                    elem_classes="segments",
                )  # fmt: skip
                try_it = gr.Button(
                    i18n("finetune.try_it"), variant="primary", visible=False, elem_id="try-it", min_width=110
                )
        progress, sentence = _html(), _html()
        with gr.Row(visible=False, elem_classes="two") as result:
            with gr.Column(min_width=320):
                _caption("finetune.scores")
                scores = _html()
                _caption("finetune.labels")
                labels = _html()
            with gr.Column(min_width=320):
                _caption("finetune.confusion")
                confusion = gr.Plot(show_label=False, container=False)
        wrong_title, wrong = _html(), _html()
        with gr.Row(visible=False, elem_classes="two") as curves:
            with gr.Column(min_width=320):
                _caption("finetune.loss_chart")
                loss = gr.Plot(show_label=False, container=False)
            with gr.Column(min_width=320):
                _caption("finetune.score_chart")
                score = gr.Plot(show_label=False, container=False)
        with gr.Column(elem_classes="folds"):
            with gr.Accordion(i18n("finetune.fold.checks"), open=False, elem_classes="fold"):
                checks = _html()
            with gr.Accordion(i18n("finetune.fold.rate"), open=False, elem_classes="fold"):
                rate = gr.Plot(show_label=False, container=False)
            with gr.Accordion(i18n("finetune.fold.settings"), open=False, elem_classes="fold"):
                settings = _html()
            with gr.Accordion(i18n("finetune.fold.log"), open=False, elem_classes="fold"):
                log = _html()
    return RunView(
        view, head, new_run, stop, which, try_it, progress, sentence, result, scores, labels, confusion, wrong_title,
        wrong, curves, loss, score, rate, checks, settings, log,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Showing:
    """The handlers: what is shown of which run."""

    view: RunView
    form_view: gr.Column
    live_link: gr.Button
    services: Services
    shown_run: gr.State
    drawn: gr.State
    """(what of the run, how many points) the page shows already, so that only news is drawn."""
    try_ref: gr.State

    def arrive(self, last_opened: str, request: gr.Request) -> str:
        """The run a fresh page shows: the one that trains, else the one opened last in this browser, else the form."""
        runs = self.services.queue.runs(self.services.workspace(request))
        lives = [run for run in runs if run.status and run.status.state.lives]
        running = [run for run in lives if run.position == 0]
        chosen = (running or lives[::-1] or [run for run in runs if run.run_id == last_opened])[:1]
        return chosen[0].run_id if chosen else ""

    def draw(self, run_id: str, drawn: list[Any] | None, request: gr.Request) -> Updates:
        """Show a run, or the form when there is none to show."""
        workspace, locale = self.services.workspace(request), locale_of(request)
        if not run_id:
            return self._form(workspace, locale)
        run = self.services.queue.run(workspace, run_id)
        if run.error or not run.spec or not run.status:
            return self._unreadable(run, locale)
        points = self.services.queue.points(workspace, run_id)
        final = self.services.queue.report(workspace, run_id)
        status = run.status.to_json() | {"heartbeat": 0}
        news = [f"{locale} {run_id} {run.position} {status} {bool(final)}", f"{locale} {run_id} {len(points)}"]
        if drawn == news:
            return {self.drawn: gr.skip()}
        updates = self._words(run, points, final, workspace, locale) | {self.drawn: news}
        if not drawn or drawn[1] != news[1] or (final and drawn[0] != news[0]):
            updates |= self._plots(run, points, final, locale)
        return updates

    def stop(self, run_id: str, request: gr.Request) -> Updates:
        """Ask the run to end after its step; what it has learned is kept."""
        locale = locale_of(request)
        self.services.queue.stop(self.services.workspace(request), run_id)
        return {self.view.stop: gr.Button(say("finetune.stopping", locale), interactive=False)}

    def choose(self, which: str | None, run_id: str) -> str:
        """The model that Try it opens."""
        return f"run:{run_id}{which or ''}"

    def _form(self, workspace: Workspace, locale: str) -> Updates:
        lives = [run for run in self.services.queue.runs(workspace) if run.status and run.status.state.lives]
        return {
            self.view.view: gr.Column(visible=False),
            self.form_view: gr.Column(visible=True),
            self.live_link: gr.Button(visible=bool(lives)),
            self.drawn: None,
        }

    def _unreadable(self, run: RunSummary, locale: str) -> Updates:
        head, card = live.unreadable(run.run_id, run.error or UserError("training.bad_spec", reason=""), locale)
        nothing = (self.view.result, self.view.curves)
        hidden = (self.view.stop, self.view.try_it, self.view.which, self.view.wrong, self.view.wrong_title)
        return {
            self.view.view: gr.Column(visible=True),
            self.form_view: gr.Column(visible=False),
            self.view.head: head,
            self.view.progress: gr.HTML(visible=False),
            self.view.sentence: card,
            self.drawn: None,
            **{part: gr.Row(visible=False) for part in nothing},
            **{part: gr.update(visible=False) for part in hidden},
        }

    def _words(
        self, run: RunSummary, points: list[MetricPoint], final: Report | None, workspace: Workspace, locale: str
    ) -> Updates:
        view, spec, status = self.view, run.spec, run.status
        assert spec and status
        metric, names = _metrics(run)
        lives, folder = status.state.lives, RunFolder(workspace.folder("runs", run.run_id))
        if lives:
            sentence = live.sentence(status, run.position, points, metric, live.baseline(status, final), locale)
        else:
            sentence = report.sentence(final, status, locale) if final else live.ending(status, locale)
        stopping = lives and folder.stop_requested()
        stop = say("finetune.stopping" if stopping else "finetune.stop", locale)
        two = folder.model_last.exists()
        return {
            view.view: gr.Column(visible=True),
            self.form_view: gr.Column(visible=False),
            view.head: live.head(run.run_id, spec, status, locale),
            view.stop: gr.Button(
                stop,
                visible=lives,
                interactive=not stopping,
            ),
            view.which: gr.Radio(
                choices=report.model_choices(status.best_step, status.step, locale), value="", visible=two
            ),
            view.try_it: gr.Button(visible=folder.model.exists() and not lives),
            view.progress: gr.HTML(live.progress(spec, status, locale), visible=lives),
            view.sentence: sentence,
            view.result: gr.Row(visible=final is not None),
            view.scores: report.scores(final, names, locale) if final else "",
            view.labels: report.labels(final, locale) if final else "",
            view.wrong_title: gr.HTML(report.wrong_title(final, locale) if final else "", visible=final is not None),
            view.wrong: gr.HTML(report.wrong(final, locale) if final else "", visible=final is not None),
            view.checks: live.checks(points, names, locale),
            view.settings: report.settings(spec, final, locale),
            view.log: live.log(folder.log_tail(LOG_LINES), locale),
            self.try_ref: f"run:{run.run_id}",
        }

    def _plots(self, run: RunSummary, points: list[MetricPoint], final: Report | None, locale: str) -> Updates:
        view, status = self.view, run.status
        assert status
        metric, names = _metrics(run)
        guess = live.baseline(status, final)
        total = status.total_steps
        scores = {phrases.phrase("metric", name, locale): live.line(points, live.EVAL + name) for name in names}
        losses = live.line(points, "loss"), live.line(points, live.EVAL + "loss")
        updates: Updates = {view.curves: gr.Row(visible=bool(points))}
        if points:
            rate = live.line(points, "learning_rate")
            updates |= {
                view.loss: charts.loss_chart(*losses, locale, total),
                view.score: charts.score_chart(scores, locale, guess.values.get(metric), guess.label, total),
                view.rate: charts.rate_chart(rate, locale, total),
            }
        if final:
            updates[view.confusion] = charts.confusion_chart(final.labels, final.confusion, locale)
        return updates


def wire(
    view: RunView, form_view: gr.Column, live_link: gr.Button, services: Services, state: PageState,
    shown_run: gr.State, started: gr.State, wanted_run: gr.State, try_ref: gr.State,
) -> None:  # fmt: skip
    """Connect the view: it is drawn when another run is to be shown, and when the queue's fingerprint changes."""
    acts = Showing(view, form_view, live_link, services, shown_run, gr.State(None), try_ref)
    last_opened = gr.BrowserState("", storage_key="workbench-run", secret="workbench-run")
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    draw: dict[str, Any] = {
        "fn": shown(acts.draw),
        "inputs": [shown_run, acts.drawn],
        "outputs": [*view.parts, form_view, live_link, acts.drawn, try_ref],
        "trigger_mode": "always_last",
        **quiet,
    }
    # What sets a State that others listen to goes through the queue: with queue=False its change would not be heard.
    gr.on([shown_run.change, state.pulse.change], **draw)
    state.arrived.change(shown(acts.arrive), [last_opened], [shown_run], **quiet).then(**draw)
    shown_run.change(lambda run_id: run_id, [shown_run], [last_opened], queue=False, **quiet)
    view.stop.click(shown(acts.stop), [shown_run], [view.stop], **quiet).then(
        lambda: f"stop {time.time()}", None, [started], **quiet
    )
    view.which.change(shown(acts.choose), [view.which, shown_run], [try_ref], queue=False, **quiet)
    view.new_run.click(lambda: "", None, [shown_run], **quiet)
    live_link.click(shown(acts.arrive), [last_opened], [shown_run], **quiet)
    wanted_run.change(lambda wanted: (wanted or {}).get("run_id", ""), [wanted_run], [shown_run], **quiet)


def _metrics(run: RunSummary) -> tuple[str, tuple[str, ...]]:
    """(the metric that chooses, all that are shown) of the run's recipe."""
    assert run.spec
    recipe = all_recipes()[run.spec.recipe]
    return recipe.best_metric, recipe.shown_metrics


def _html() -> gr.HTML:
    return gr.HTML("", apply_default_css=False)


def _caption(key: str) -> None:
    gr.HTML(i18n(key), elem_classes="caption", apply_default_css=False)
