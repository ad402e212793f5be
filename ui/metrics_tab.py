"""The Runs tab: every run of the workspace, and the curves and settings of the chosen ones side by side."""

from __future__ import annotations

import html
import time
from dataclasses import dataclass
from typing import Any

import gradio as gr

from backend.metrics.mirror import show_command
from backend.training.spec import RunState
from backend.workspace import Workspace
from ui import charts, phrases
from ui.errors import shown
from ui.finetune.live import EVAL
from ui.metrics import compare, overview
from ui.scales import scale
from ui.text import i18n, say
from ui.visitor import PageState, Services, locale_of

Slots = list[str] | None
Updates = dict[Any, Any]
# The table's ticks and buttons are plain HTML. A redraw replaces them, so the focus is put back where it was.
TABLE_EVENTS = """
let last = null;
const key = part => `[data-act="${part.dataset.act}"][data-run="${CSS.escape(part.dataset.run)}"]`;
element.addEventListener('focusin', event => { last = event.target.dataset?.act ? key(event.target) : null; });
element.addEventListener('focusout', ({relatedTarget}) => {
  if (relatedTarget && !element.contains(relatedTarget)) last = null;
});
element.addEventListener('click', event => {
  const part = event.target.closest('[data-act]');
  if (part) trigger('click', {act: part.dataset.act, run: part.dataset.run});
});
watch('value', () => { if (last && document.activeElement === document.body) element.querySelector(last)?.focus(); });
"""


@dataclass(frozen=True, slots=True)
class MetricsTab:
    """Widgets of the tab."""

    empty: gr.Column
    go: gr.Button
    full: gr.Column
    search: gr.Textbox
    state: gr.Dropdown
    metric: gr.Dropdown
    ask: gr.Row
    question: gr.HTML
    delete: gr.Button
    keep: gr.Button
    table: gr.HTML
    score_title: gr.HTML
    score: gr.Plot
    loss_title: gr.HTML
    loss: gr.Plot
    curves: gr.Row
    differences: gr.HTML
    compare: compare.Parts
    mirror: gr.HTML
    open_run: gr.State
    """{"run_id", "at"}: the run to open in the Fine-tune tab; run_id "" asks for its form."""


def build(services: Services) -> MetricsTab:
    """Lay the tab out."""
    with gr.Column(visible=False, elem_classes="runs-empty") as empty:
        gr.HTML(i18n("metrics.empty"), elem_classes="empty-title", apply_default_css=False)
        gr.HTML(i18n("metrics.empty.text"), elem_classes="muted", apply_default_css=False)
        go = gr.Button(i18n("metrics.go"), variant="primary", elem_id="go-finetune")
    with gr.Column(visible=False, elem_classes="runs-full") as full:
        with gr.Row(elem_classes="runs-filter"):
            search = gr.Textbox("", **_words("metrics.search"), max_lines=1, scale=5, min_width=200)
            state = gr.Dropdown(
                [(i18n("metrics.all_states"), ""), *((i18n(f"phrases.state.{one}"), str(one)) for one in RunState)],
                value="", **_words("metrics.state"), scale=3, min_width=140, interactive=True,
            )  # fmt: skip
            names = overview.metric_names()
            metric = gr.Dropdown(
                [(i18n(f"phrases.metric.{name}"), name) for name in names],
                value=names[0], **_words("metrics.metric"), scale=3, min_width=140, interactive=True,
            )  # fmt: skip
        with gr.Column(elem_classes="card runs-card"):
            with gr.Row(visible=False, elem_classes="ask-row") as ask:
                question = gr.HTML("", apply_default_css=False)
                delete = gr.Button(i18n("metrics.delete_yes"), variant="stop", min_width=120, scale=0)
                keep = gr.Button(i18n("metrics.delete_no"), min_width=120, scale=0)
            table = gr.HTML("", apply_default_css=False, js_on_load=TABLE_EVENTS, elem_id="runs-table")
        with gr.Row(visible=False, elem_classes="three") as curves:
            with gr.Column(min_width=300):
                score_title, score = _html(), gr.Plot(show_label=False, container=False)
            with gr.Column(min_width=300):
                loss_title, loss = _html(), gr.Plot(show_label=False, container=False)
            with gr.Column(min_width=300):
                gr.HTML(i18n("metrics.differs"), elem_classes="caption", apply_default_css=False)
                differences = _html()
        comparing = compare.build()
        mirror = _html()
    return MetricsTab(
        empty, go, full, search, state, metric, ask, question, delete, keep, table, score_title, score,
        loss_title, loss, curves, differences, comparing, mirror, gr.State(None),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Runs:
    """The handlers."""

    tab: MetricsTab
    services: Services
    chosen: gr.BrowserState
    """run_ids by colour slot, so that a refresh finds the same runs in the same colours; None: not chosen yet."""
    asked: gr.State
    """run_id that a person may delete."""

    def draw(self, search: str, state: str, metric: str, chosen: list[str] | None, request: gr.Request) -> Updates:
        """Everything from the run folders."""
        tab, locale, workspace = self.tab, locale_of(request), self.services.workspace(request)
        rows = overview.read_rows(workspace, self.services.queue.runs(workspace))
        if not rows:
            return {tab.empty: gr.Column(visible=True), tab.full: gr.Column(visible=False)}
        slots = overview.chosen_slots(rows, chosen)
        drawn = overview.drawn_metric(rows, slots, metric)
        scores = self._curves(rows, slots, EVAL + drawn)
        losses = self._curves(rows, slots, "loss", smooth=True)
        unseen = say("metrics.unseen", locale, metric=phrases.phrase("metric", drawn, locale))
        return {
            tab.empty: gr.Column(visible=False),
            tab.full: gr.Column(visible=True),
            tab.table: overview.table(overview.wanted(rows, search, state), slots, metric, locale),
            tab.curves: gr.Row(visible=bool(scores or losses)),
            tab.score_title: _caption(unseen[:1].upper() + unseen[1:]),
            tab.score: charts.overlay(scores, locale, kind=scale(drawn)),
            tab.loss_title: _caption(say("metrics.training_loss", locale)),
            tab.loss: charts.overlay(losses, locale),
            tab.differences: overview.differences(rows, slots, locale),
            tab.mirror: self._mirror(workspace, locale),
        }

    def act(
        self, search: str, state: str, metric: str, chosen: Slots, event: gr.EventData, request: gr.Request
    ) -> Updates:
        """A tick or a button in the table was pressed."""
        workspace, run_id, locale = self.services.workspace(request), str(event._data["run"]), locale_of(request)
        kind = event._data["act"]
        if kind == "open":
            return {self.tab.open_run: {"run_id": run_id, "at": time.time()}}
        if kind == "delete":
            name = html.escape(self.services.queue.run(workspace, run_id).run_id)
            question = f"<p>{say('metrics.delete_ask', locale, run=f'<b>{name}</b>')}</p>"
            return {self.asked: run_id, self.tab.ask: gr.Row(visible=True), self.tab.question: question}
        rows = overview.read_rows(workspace, self.services.queue.runs(workspace))
        slots = overview.toggled(overview.chosen_slots(rows, chosen), run_id)
        if slots is None:
            gr.Info(say("metrics.six", locale, count=overview.MOST))
            slots = overview.chosen_slots(rows, chosen)
        return {self.chosen: slots, **self.draw(search, state, metric, slots, request)}

    def remove(self, run_id: str, request: gr.Request) -> Updates:
        """Delete the run that was asked about."""
        self.services.queue.remove(self.services.workspace(request), run_id)
        gr.Info(say("metrics.deleted", locale_of(request), run=html.escape(run_id)))
        return {self.tab.ask: gr.Row(visible=False), self.asked: ""}

    def _curves(
        self, rows: list[overview.Row], slots: list[str], name: str, smooth: bool = False
    ) -> list[charts.Curve]:
        return [
            charts.Curve(run, steps, charts.smoothed(values) if smooth else values, slot, markers=not smooth)
            for slot, run, steps, values in overview.curves(rows, slots, name)
        ]

    def _mirror(self, workspace: Workspace, locale: str) -> str:
        """The command that shows the runs in trackio, for whoever has a shell where the app runs."""
        if not self.services.settings.trackio or workspace.public:
            return ""
        command = f"<code>{html.escape(show_command(workspace.root))}</code>"
        return f'<p class="muted small">{say("metrics.mirror", locale, command=command)}</p>'


def wire(tab: MetricsTab, services: Services, state: PageState) -> None:
    """Connect its widgets."""
    acts = Runs(
        tab, services, gr.BrowserState(None, storage_key="workbench-runs", secret="workbench-runs"), gr.State("")
    )
    compare.wire(tab.compare, services, state, acts.chosen)
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    asking = [tab.search, tab.state, tab.metric, acts.chosen]
    drawn = [
        tab.empty, tab.full, tab.table, tab.curves, tab.score_title, tab.score, tab.loss_title, tab.loss,
        tab.differences, tab.mirror,
    ]  # fmt: skip
    draw: dict[str, Any] = {"fn": shown(acts.draw), "inputs": asking, "outputs": drawn, **quiet}
    gr.on(
        [state.pulse.change, tab.search.change, tab.state.change, tab.metric.change],
        trigger_mode="always_last",
        **draw,
    )
    tab.table.click(
        shown(acts.act), asking, [*drawn, acts.chosen, acts.asked, tab.ask, tab.question, tab.open_run], **quiet
    )
    tab.delete.click(shown(acts.remove), [acts.asked], [tab.ask, acts.asked], **quiet).then(**draw)
    tab.keep.click(lambda: (gr.Row(visible=False), ""), None, [tab.ask, acts.asked], queue=False, **quiet)
    tab.go.click(lambda: {"run_id": "", "at": time.time()}, None, [tab.open_run], **quiet)


def _html() -> gr.HTML:
    return gr.HTML("", apply_default_css=False)


def _caption(text: str) -> str:
    return f'<p class="caption">{html.escape(text)}</p>'


def _words(key: str) -> dict[str, Any]:
    """Label and help of a control."""
    return {"label": i18n(key), "info": i18n(f"{key}.help")}
