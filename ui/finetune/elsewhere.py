"""The fold "Score it on other data": a finished run's model on any part of any data set, and what was found so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from backend.data.library import open_data
from backend.errors import UserError
from backend.recipes import all_recipes
from backend.training import evaluation
from backend.training.evaluation import Asked, Evaluation
from backend.training.known_rows import ALL, PARTS
from backend.training.run_folder import RunFolder
from backend.training.spec import RunSpec
from backend.workspace import Workspace
from ui import pickers
from ui.errors import error_card, shown
from ui.finetune import elsewhere_view, report, wrong
from ui.text import i18n, say
from ui.visitor import PageState, Services, locale_of

Updates = dict[Any, Any]
OWN = "own"
"""In place of a data set's ref: the run's own data, as they were trained on."""
LAST = "@last"
"""How the ref of a run's last state ends."""
TICK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Parts:
    """Widgets of the fold. timer: active only while a model is being scored."""

    fold: gr.Accordion
    data: gr.Dropdown
    part: gr.Radio
    roles: gr.Row
    columns: dict[str, gr.Dropdown]
    start: gr.Button
    stop: gr.Button
    progress: gr.HTML
    past: gr.Radio
    forget: gr.Button
    sentence: gr.HTML
    result: gr.Row
    scores: gr.HTML
    labels: gr.HTML
    chart_side: gr.Column
    chart_title: gr.HTML
    confusions: gr.HTML
    confusion: gr.Plot
    wrong_title: gr.HTML
    wrong: gr.HTML
    timer: gr.Timer

    @property
    def widgets(self) -> list[Any]:
        """Everything a handler may change."""
        own = [getattr(self, name) for name in self.__slots__ if name != "columns"]
        return [*own, *self.columns.values()]


def build() -> Parts:
    """Lay the fold out: what to score, then what came of it."""
    with gr.Accordion(i18n("elsewhere.fold"), open=False, elem_classes="fold", elem_id="elsewhere", visible=False) as f:
        gr.HTML(i18n("elsewhere.intro"), elem_classes="muted", apply_default_css=False)
        with gr.Row(equal_height=False, elem_classes="data-row"):
            data = gr.Dropdown([], **_words("data"), interactive=True, min_width=260, elem_id="elsewhere-data")
            part = gr.Radio(
                [(i18n(f"elsewhere.part.{one}"), one) for one in PARTS], value="test", **_words("part"),
                interactive=True, min_width=260, elem_classes="segments", elem_id="elsewhere-part",
            )  # fmt: skip
        with gr.Row(equal_height=False, elem_classes="data-row", visible=False) as roles:
            columns = _columns()
        with gr.Row():
            start = gr.Button(i18n("elsewhere.start"), scale=0, min_width=140, elem_id="elsewhere-start")
            stop = gr.Button(i18n("elsewhere.stop"), scale=0, min_width=140, visible=False, elem_id="elsewhere-stop")
        progress = _html()
        past = gr.Radio([], **_words("past"), visible=False, interactive=True, elem_id="elsewhere-past")
        sentence = _html()
        with gr.Row(visible=False, elem_classes="two") as result:
            with gr.Column(min_width=300):
                scores, confusions = _html(), _html()
            with gr.Column(min_width=300) as chart_side:
                chart_title = _html()
                confusion = gr.Plot(show_label=False, container=False, elem_classes="confusion")
                labels = _html()
        wrong_title, wrong_table = _html(), _html()
        forget = gr.Button(i18n("elsewhere.forget"), visible=False, elem_classes="inline-button")
    return Parts(
        f, data, part, roles, columns, start, stop, progress, past, forget, sentence, result, scores, labels,
        chart_side, chart_title, confusions, confusion, wrong_title, wrong_table, gr.Timer(TICK_SECONDS, active=False),
    )  # fmt: skip


def _columns() -> dict[str, gr.Dropdown]:
    roles = dict.fromkeys(role.name for one in all_recipes().values() for role in one.roles)
    help_text = i18n("elsewhere.guessed")
    return {
        role: gr.Dropdown(
            [], label=i18n(f"recipes.role.{role}"), info=help_text, interactive=True, visible=False, min_width=140,
            allow_custom_value=True,
        )
        for role in roles
    }  # fmt: skip


def _html() -> gr.HTML:
    return gr.HTML("", apply_default_css=False)


def _words(name: str) -> dict[str, Any]:
    return {"label": i18n(f"elsewhere.{name}"), "info": i18n(f"elsewhere.{name}.help")}


@dataclass(frozen=True, slots=True)
class Scoring:
    """The handlers."""

    parts: Parts
    services: Services
    drawn: gr.State
    """(run_id and whether it has a model, what is shown of it): only news is drawn."""

    def show(self, run_id: str, drawn: Sequence[str] | None, request: gr.Request) -> Updates:
        """Another run is shown, or something has happened to one: what can be scored, what was."""
        parts, workspace, locale = self.parts, self.services.workspace(request), locale_of(request)
        if not run_id:
            return {parts.timer: gr.Timer(active=False)}
        found, ready = evaluation.evaluations(workspace, run_id), self._ready(workspace, run_id)
        news = (f"{run_id} {ready}", f"{locale} {[(one.name, one.working) for one in found]}")
        if drawn is not None and tuple(drawn) == news:
            return {self.drawn: gr.skip()}
        updates: Updates = {parts.fold: gr.Accordion(visible=ready), self.drawn: news}
        if drawn is None or drawn[0] != news[0]:
            updates[parts.fold] = gr.Accordion(visible=ready, open=False)
            updates |= self._choices(workspace, run_id, request) if ready else {}
        return updates | self._found(workspace, run_id, found, "", locale)

    def offer(self, run_id: str, request: gr.Request) -> Any:
        """The data sets there are now."""
        workspace = self.services.workspace(request)
        return gr.Dropdown(choices=self._data(workspace, self._spec(workspace, run_id), request))

    def choose(self, run_id: str, data: str | None, request: gr.Request) -> Updates:
        """Data were chosen: which part is meant most likely, which columns hold what."""
        parts, workspace = self.parts, self.services.workspace(request)
        spec = self._spec(workspace, run_id)
        if not data or data == OWN:
            return {parts.part: "test", parts.roles: gr.Row(visible=False)}
        version, recipe = open_data(workspace, data), all_recipes()[spec.recipe]
        guessed = recipe.guess_columns(version)
        names = [column.name for column in version.columns]
        # The same names mean the same as in the run.
        guessed |= {role: name for role, name in spec.columns.items() if name in names}
        roles = {role.name for role in recipe.roles}
        return {parts.part: ALL, parts.roles: gr.Row(visible=True)} | {
            widget: gr.Dropdown(choices=names, value=guessed.get(role), visible=role in roles)
            for role, widget in parts.columns.items()
        }

    def start(self, run_id: str, try_ref: str, request: gr.Request, **values: Any) -> Updates:
        """Begin; what is wrong with it stands where the answer would stand."""
        parts, workspace, locale = self.parts, self.services.workspace(request), locale_of(request)
        try:
            asked = self._asked(workspace, run_id, try_ref, values)
            evaluation.start(self.services.settings, workspace, run_id, asked)
        except UserError as error:
            return self._result(None, None, locale) | {parts.sentence: error_card(error, locale), parts.past: None}
        return self._found(workspace, run_id, evaluation.evaluations(workspace, run_id), "", locale)

    def stop(self, run_id: str, request: gr.Request) -> Any:
        """Ask for an end."""
        evaluation.stop(self.services.workspace(request), run_id)
        return gr.Button(say("elsewhere.stopping", locale_of(request)), interactive=False)

    def follow(self, run_id: str, request: gr.Request) -> Updates:
        """A second has gone by while a model is scored."""
        workspace, locale = self.services.workspace(request), locale_of(request)
        found = evaluation.evaluations(workspace, run_id) if run_id else []
        working = next((one for one in found if one.working), None)
        if working:
            return {self.parts.progress: elsewhere_view.progress(working, locale)}
        if not run_id:
            return {self.parts.timer: gr.Timer(active=False)}
        return self._found(workspace, run_id, found, "", locale)

    def look(self, run_id: str, name: str | None, request: gr.Request) -> Updates:
        """One of those so far was chosen."""
        workspace, locale = self.services.workspace(request), locale_of(request)
        chosen = next((one for one in evaluation.evaluations(workspace, run_id) if one.name == name), None)
        return self._result(chosen, RunFolder(workspace.folder("runs", run_id)), locale)

    def forget(self, run_id: str, name: str | None, request: gr.Request) -> Updates:
        """The one on show is no longer wanted."""
        workspace, locale = self.services.workspace(request), locale_of(request)
        evaluation.remove(workspace, run_id, name or "")
        return self._found(workspace, run_id, evaluation.evaluations(workspace, run_id), "", locale)

    def _spec(self, workspace: Workspace, run_id: str) -> RunSpec:
        return RunFolder(workspace.folder("runs", run_id)).spec()

    def _ready(self, workspace: Workspace, run_id: str) -> bool:
        try:
            run = self.services.queue.run(workspace, run_id)
        except UserError:
            return False
        folder = RunFolder(workspace.folder("runs", run_id))
        return bool(run.spec and not run.status.state.lives and folder.model.is_dir() and folder.report())

    def _choices(self, workspace: Workspace, run_id: str, request: gr.Request) -> Updates:
        """What a run's fold begins with."""
        choices = self._data(workspace, self._spec(workspace, run_id), request)
        first = choices[0][1] if choices else None
        chosen = {self.parts.data: gr.Dropdown(choices=choices, value=first)}
        return self.choose(run_id, first, request) | chosen

    def _data(self, workspace: Workspace, spec: RunSpec, request: gr.Request) -> pickers.Choices:
        """The run's own data first, as they were; then the newest version of each, of its own where that is another."""
        choices = pickers.data_choices(self.services, request)
        try:
            newest = open_data(workspace, spec.data_ref).version
            open_data(workspace, spec.data_ref, spec.data_version)
        except UserError:
            return choices
        locale = locale_of(request)
        own = say("elsewhere.data.own", locale, data=pickers.data_of_run(spec, locale))
        others = [one for one in choices if one[1] != spec.data_ref or newest != spec.data_version]
        return [(own, OWN), *others]

    def _asked(self, workspace: Workspace, run_id: str, try_ref: str, values: dict[str, Any]) -> Asked:
        spec, data = self._spec(workspace, run_id), values["data"]
        if not data:
            raise UserError("elsewhere.choose_data")
        own = data == OWN
        roles = [role.name for role in all_recipes()[spec.recipe].roles]
        return Asked(
            data_ref=spec.data_ref if own else data,
            data_version=spec.data_version if own else open_data(workspace, data).version,
            columns=spec.columns if own else {role: values[role] or "" for role in roles},
            part=values["part"],
            which="last" if (try_ref or "").endswith(LAST) else "best",
            own=own,
        )

    def _found(self, workspace: Workspace, run_id: str, found: Sequence[Evaluation], name: str, locale: str) -> Updates:
        """Everything below the buttons."""
        parts = self.parts
        working = next((one for one in found if one.working), None)
        done = [one for one in found if not one.working]
        chosen = next((one for one in done if one.name == name), done[0] if done else None)
        folder = RunFolder(workspace.folder("runs", run_id))
        choices = [(elsewhere_view.line(one, locale), one.name) for one in done]
        return {
            parts.timer: gr.Timer(active=working is not None),
            parts.start: gr.Button(interactive=working is None),
            parts.stop: gr.Button(say("elsewhere.stop", locale), visible=working is not None, interactive=True),
            parts.progress: elsewhere_view.progress(working, locale) if working else "",
            parts.past: gr.Radio(choices=choices, value=chosen.name if chosen else None, visible=bool(done)),
            **self._result(chosen, folder, locale),
        }

    def _result(self, chosen: Evaluation | None, folder: RunFolder | None, locale: str) -> Updates:
        parts, found = self.parts, chosen.found if chosen else None
        last = bool(chosen and chosen.asked.which == "last")
        own = (folder.last_report() if last else folder.report()) if folder else None
        updates: Updates = {
            parts.sentence: elsewhere_view.sentence(chosen, own, locale) if chosen else "",
            parts.forget: gr.Button(visible=chosen is not None),
            parts.result: gr.Row(visible=found is not None),
        }
        if not found:
            return updates | {parts.wrong_title: "", parts.wrong: ""}
        final = found.report
        return updates | {
            parts.scores: report.scores(final, locale),
            parts.confusions: report.confusions(final, locale),
            parts.labels: report.labels(final, locale),
            parts.chart_side: gr.Column(visible=bool(final.confusion or final.scatter or final.per_label)),
            parts.chart_title: report.chart_title(final, locale),
            parts.wrong_title: wrong.title(final, locale),
            parts.wrong: wrong.table(final, locale),
            parts.confusion: report.chart(final, locale),
        }


def wire(parts: Parts, services: Services, state: PageState, shown_run: gr.State, try_ref: gr.State) -> None:
    """Connect the fold: it follows the run on show. try_ref: of the model that Try it opens, the best or the last."""
    acts = Scoring(parts, services, gr.State(None))
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    asked: dict[str, Any] = {"data": parts.data, "part": parts.part, **parts.columns}
    gr.on(
        [shown_run.change, state.pulse.change],
        shown(acts.show), [shown_run, acts.drawn], [*parts.widgets, acts.drawn], trigger_mode="always_last",
        # One after another: the second of two sees what the first has drawn.
        concurrency_limit=1, **quiet,
    )  # fmt: skip
    parts.data.focus(shown(acts.offer), [shown_run], [parts.data], queue=False, **quiet)
    parts.data.input(
        shown(acts.choose), [shown_run, parts.data], [parts.part, parts.roles, *parts.columns.values()], **quiet
    )
    parts.start.click(
        shown(acts.start), [shown_run, try_ref], parts.widgets, inputs_kwargs=asked, trigger_mode="once", **quiet
    )
    parts.stop.click(shown(acts.stop), [shown_run], [parts.stop], **quiet)
    parts.timer.tick(shown(acts.follow), [shown_run], parts.widgets, queue=False, **quiet)
    parts.past.input(shown(acts.look), [shown_run, parts.past], parts.widgets, **quiet)
    parts.forget.click(shown(acts.forget), [shown_run, parts.past], parts.widgets, **quiet)
