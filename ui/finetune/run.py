"""What is shown of a run: live while it goes, its report when it has ended; drawn from the run folder alone."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import gradio as gr

from backend.errors import UserError
from backend.exports.push_along import Arrived, arrived
from backend.recipes import all_recipes
from backend.recipes.base import Report
from backend.training.queue import RunSummary
from backend.training.run_folder import RunFolder
from backend.training.spec import MetricPoint, RunState
from backend.workspace import Workspace
from ui import charts, phrases, scales
from ui.errors import shown
from ui.finetune import first_answer, how_it_runs, live, pushing, reading, report, wrong
from ui.finetune.run_view import RunView
from ui.text import say
from ui.visitor import PageState, Services, locale_of

Updates = dict[Any, Any]
LOG_LINES = 200


@dataclass(frozen=True, slots=True)
class Showing:
    """The handlers: what is shown of which run."""

    view: RunView
    form_view: gr.Column
    live_link: gr.Button
    services: Services
    shown_run: gr.State
    drawn: gr.State
    """What the page shows already: of the run, of its losses, of its checks, of what stands still while it goes; only
    news is drawn, plots and long tables are costly."""
    try_ref: gr.State

    def arrive(self, last_opened: str, request: gr.Request) -> str:
        """The run a fresh page shows: the one that trains, else the one opened last in this browser, else the form."""
        runs = self.services.queue.runs(self.services.workspace(request))
        lives = [run for run in runs if run.status.state.lives]
        running = [run for run in lives if run.position == 0]
        chosen = (running or lives[::-1] or [run for run in runs if run.run_id == last_opened])[:1]
        return chosen[0].run_id if chosen else ""

    def draw(self, run_id: str, drawn: list[Any] | None, request: gr.Request) -> Updates:
        """Show a run, or the form when there is none to show."""
        workspace, locale = self.services.workspace(request), locale_of(request)
        if not run_id:
            return self._form(workspace, locale)
        try:
            run = self.services.queue.run(workspace, run_id)
        except UserError as error:
            # Deleted meanwhile, here or in another window.
            gr.Info(error.what(locale))
            return self._form(workspace, locale) | {self.shown_run: ""}
        if run.error or not run.spec:
            return self._unreadable(run, locale)
        points = self.services.queue.points(workspace, run_id)
        final = self.services.queue.report(workspace, run_id)
        status = run.status.to_json() | {"heartbeat": 0}
        checks = len(live.line(points, live.EVAL + "loss")[0])
        whose = f"{locale} {run_id} {bool(final)}"
        news = [
            f"{whose} {run.position} {status} {self._on_hub(run, workspace)}",
            f"{whose} {len(points)}",
            f"{whose} {checks}",
            f"{whose} {run.spec}",
        ]
        seen = drawn or ["", "", "", ""]
        if seen == news:
            return {self.drawn: gr.skip()}
        updates = self._words(run, points, final, workspace, locale) | {self.drawn: news}
        updates |= first_answer.words(self.view, run, final, locale)
        if seen[3] != news[3]:
            updates |= self._still(run, final, workspace, locale)
        if seen[1] != news[1]:
            updates |= self._losses(run, points, locale)
        if seen[2] != news[2]:
            updates |= self._scores(run, points, final, workspace, locale)
        return updates

    def stop(self, run_id: str, request: gr.Request) -> Updates:
        """Ask the run to end after its step; what it has learned is kept."""
        locale = locale_of(request)
        self.services.queue.stop(self.services.workspace(request), run_id)
        stopping = gr.Button(say("finetune.stopping", locale), interactive=False)
        return {self.view.stop: stopping, self.view.pause: gr.Button(interactive=False)}

    def pause(self, run_id: str, request: gr.Request) -> Updates:
        """Ask the run to write down where it is and end, so that it can go on later."""
        locale = locale_of(request)
        self.services.queue.pause(self.services.workspace(request), run_id)
        return {self.view.pause: gr.Button(say("finetune.pausing", locale), interactive=False)}

    def go_on(self, run_id: str, request: gr.Request) -> Updates:
        """Let a run that was paused or cut off go on from its last checkpoint."""
        self.services.queue.resume(self.services.workspace(request), run_id)
        return {self.view.go_on: gr.Button(visible=False)}

    def choose(self, which: str | None, run_id: str) -> str:
        """The model that Try it opens."""
        return f"run:{run_id}{which or ''}"

    def _form(self, workspace: Workspace, locale: str) -> Updates:
        lives = [run for run in self.services.queue.runs(workspace) if run.status.state.lives]
        return {
            self.view.view: gr.Column(visible=False),
            self.form_view: gr.Column(visible=True),
            self.live_link: gr.Button(visible=bool(lives)),
            self.drawn: None,
        }

    def _unreadable(self, run: RunSummary, locale: str) -> Updates:
        head, card = live.unreadable(run.run_id, run.error or UserError("training.bad_spec", reason=""), locale)
        nothing = (self.view.result, self.view.curves)
        buttons = (self.view.stop, self.view.again, self.view.pause, self.view.go_on, self.view.try_it)
        hidden = (*buttons, self.view.which, self.view.wrong, self.view.wrong_title)
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
        assert spec
        metric, names = _metrics(run)
        lives, folder = status.state.lives, RunFolder(workspace.folder("runs", run.run_id))
        if lives:
            ahead = self._ahead(run, workspace)
            sentence = live.sentence(status, ahead, points, metric, live.baseline(status, final), locale)
        else:
            sentence = report.sentence(final, status, locale) if final else live.ending(status, locale)
            if final and status.state is RunState.FAILED:
                sentence = live.ending(status, locale) + live.kept(status, locale) + sentence
        guess = live.baseline(status, final)
        sentence += reading.line(spec, status, points, metric, guess.values.get(metric), guess.label, locale)
        asked = folder.requested() if lives else None
        on_hub = self._on_hub(run, workspace)
        stopping = asked == "stop"
        waits = status.state == RunState.QUEUED
        stop = say(f"finetune.{'stopping' if stopping else 'unqueue' if waits else 'stop'}", locale)
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
            view.pause: gr.Button(
                say(f"finetune.{'pausing' if asked == 'pause' else 'pause'}", locale),
                # What takes seconds is not worth a pause.
                visible=lives and not waits and spec.loop != "head",
                interactive=asked is None,
            ),
            view.go_on: gr.Button(visible=status.can_go_on),
            view.which: gr.Radio(
                choices=report.model_choices(status, final, folder.last_report() if two else None, locale),
                value="",
                visible=two,
            ),
            view.again: gr.Button(visible=not lives),
            view.try_it: gr.Button(visible=folder.model.exists() and not lives),
            view.progress: gr.HTML(live.progress(spec, status, locale), visible=lives and status.total_steps > 0),
            view.sentence: sentence + live.remarks(status, locale) + pushing.line(spec, status, *on_hub, locale),
            view.result: gr.Row(visible=final is not None),
            view.checks: live.checks(points, names, locale),
            view.log: live.log(folder.log_tail(LOG_LINES), locale),
            self.try_ref: f"run:{run.run_id}",
        }

    def _still(self, run: RunSummary, final: Report | None, workspace: Workspace, locale: str) -> Updates:
        """What stays as it is until the report comes."""
        view, folder = self.view, workspace.folder("runs", run.run_id)
        assert run.spec
        return {
            view.scores: report.scores(final, locale) if final else "",
            view.labels: report.labels(final, locale) if final else "",
            view.chart_side: gr.Column(visible=bool(final and (final.confusion or final.scatter or final.per_label))),
            view.chart_title: _shown(report.chart_title(final, locale) if final else ""),
            view.confusions: _shown(report.confusions(final, locale) if final else ""),
            view.wrong_title: gr.HTML(wrong.title(final, locale) if final else "", visible=final is not None),
            view.wrong: gr.HTML(wrong.table(final, locale) if final else "", visible=final is not None),
            view.settings: report.settings(run.spec, final, locale),
            view.command: how_it_runs.shown_command(run.spec, folder, self.services, locale),
        }

    def _on_hub(self, run: RunSummary, workspace: Workspace) -> tuple[Arrived, bool]:
        """What of a run is on the Hub, and whether more is on its way."""
        if run.spec is None or not run.spec.push_repo:
            return Arrived(), False
        there = arrived(workspace.folder("runs", run.run_id))
        return there, self.services.queue.pushing(workspace, run.run_id)

    def _ahead(self, run: RunSummary, workspace: Workspace) -> int:
        """How many runs a waiting one has before it. For a moment after Start it waits without any."""
        if run.position != 1:
            return run.position
        trains = any(one.status.state == RunState.RUNNING for one in self.services.queue.runs(workspace))
        return int(trains or self.services.settings.public)

    def _losses(self, run: RunSummary, points: list[MetricPoint], locale: str) -> Updates:
        """The charts that move with every logged step."""
        total = run.status.total_steps
        losses = live.line(points, "loss"), live.line(points, live.EVAL + "loss")
        return {
            # The one point of a first answer is no curve.
            self.view.curves: gr.Row(visible=bool(points) and run.spec is not None and run.spec.loop != "head"),
            self.view.loss: charts.loss_chart(*losses, locale, total),
        }

    def _scores(
        self, run: RunSummary, points: list[MetricPoint], final: Report | None, workspace: Workspace, locale: str
    ) -> Updates:
        """The charts that move with every check."""
        metric, names = _metrics(run)
        total, guess = run.status.total_steps, live.baseline(run.status, final)
        kind, drawn = scales.common(names)
        scores = {phrases.phrase("metric", name, locale): live.line(points, live.EVAL + name) for name in drawn}
        floor = guess.values.get(metric if metric in drawn else drawn[0]) if drawn else None
        assert run.spec
        first = first_answer.earlier_score(self.services, workspace, run.spec, metric) if metric in drawn else None
        return {
            self.view.score: charts.score_chart(scores, locale, floor, guess.label, total, kind, first),
            self.view.rate: charts.rate_chart(live.line(points, "learning_rate"), locale, total),
            self.view.confusion: report.chart(final, locale) if final else gr.Plot(visible=False),
        }


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
        "outputs": [*view.parts, form_view, live_link, acts.drawn, try_ref, shown_run],
        "trigger_mode": "always_last",
        # One after another: the second of two sees what the first has drawn.
        "concurrency_limit": 1,
        **quiet,
    }
    # What sets a State that others listen to goes through the queue: with queue=False its change would not be heard.
    gr.on([shown_run.change, state.pulse.change], **draw)
    state.arrived.change(shown(acts.arrive), [last_opened], [shown_run], **quiet)
    shown_run.change(lambda run_id: run_id, [shown_run], [last_opened], queue=False, **quiet)
    view.stop.click(shown(acts.stop), [shown_run], [view.stop, view.pause], **quiet).then(
        lambda: f"stop {time.time()}", None, [started], **quiet
    )
    for button, act in ((view.pause, acts.pause), (view.go_on, acts.go_on)):
        button.click(shown(act), [shown_run], [button], **quiet).then(
            lambda: f"go {time.time()}", None, [started], **quiet
        )
    view.which.change(shown(acts.choose), [view.which, shown_run], [try_ref], queue=False, **quiet)
    view.new_run.click(lambda: "", None, [shown_run], **quiet)
    live_link.click(shown(acts.arrive), [last_opened], [shown_run], **quiet)
    wanted_run.change(lambda wanted: (wanted or {}).get("run_id", ""), [wanted_run], [shown_run], **quiet)


def _shown(page: str) -> gr.HTML:
    """Nothing takes no room."""
    return gr.HTML(page, visible=bool(page))


def _metrics(run: RunSummary) -> tuple[str, tuple[str, ...]]:
    """(the metric that chooses, all that are shown live, that one first) of the run's recipe."""
    assert run.spec
    recipe = all_recipes()[run.spec.recipe]
    best = run.spec.best_metric(recipe)
    others = [name for name in recipe.shown_metrics if name != best]
    return best, tuple(others if best == "loss" else [best, *others])
