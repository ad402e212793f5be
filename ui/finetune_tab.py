"""The Fine-tune tab: a form that starts a run, and the view of a run; one of the two is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from ui import pickers
from ui.errors import shown
from ui.finetune import (
    after,
    again,
    anatomy,
    checks,
    choosing,
    elsewhere,
    first_answer,
    form,
    how_it_runs,
    inside,
    launching,
    pushing,
    run,
    run_view,
    settings,
)
from ui.visitor import PageState, Services


@dataclass(frozen=True, slots=True)
class FinetuneTab:
    """Widgets of the tab, and the states by which other tabs and the shell speak with it."""

    form: form.Form
    run: run_view.RunView
    try_it: gr.Button
    try_ref: gr.State
    """Ref of the model that Try it opens: `run:ID`, or `run:ID@last`."""
    shown_run: gr.State
    """run_id of the run on show; "" shows the form."""
    started: gr.State
    """Changes after each Start and Stop."""
    wanted_data: gr.State
    """{"ref", "at"}: the data set that another tab hands over."""
    wanted_run: gr.State
    """{"run_id", "at"}: the run that another tab wants shown; run_id "" asks for the form."""
    after: after.AfterParts


def build(services: Services) -> FinetuneTab:
    """Lay the tab out."""
    form_parts, run_parts = form.build(), run_view.build()
    with run_parts.view:
        after_parts = after.build()
    return FinetuneTab(
        form_parts,
        run_parts,
        run_parts.try_it,
        try_ref=gr.State(""),
        shown_run=gr.State("", render=False),
        started=gr.State("", render=False),
        wanted_data=gr.State(None),
        wanted_run=gr.State(None),
        after=after_parts,
    )


def wire(tab: FinetuneTab, services: Services, state: PageState) -> None:
    """Connect its widgets."""

    def take_data(wanted: dict[str, Any] | None, request: gr.Request) -> tuple[Any, Any]:
        """Another tab hands a data set over: the form shows, with it chosen."""
        if not wanted:
            return gr.skip(), gr.skip()
        return gr.Dropdown(choices=pickers.data_choices(services, request), value=wanted["ref"]), ""

    # In a tab that was not opened yet a State tells the browser of its first change twice; here it is outside of them.
    for told in (tab.shown_run, tab.started, tab.form.settled, tab.form.known_model):
        told.render()
    measured = gr.State("")
    follow = choosing.wire(tab.form, services, state, measured)
    checks.wire(tab.form, services, follow)
    settings.wire(tab.form.settings, tab.form.settled, services)
    anatomy.wire(tab.form, services)
    inside.wire(tab.form, services)
    how_it_runs.wire(tab.form, services, follow.filled)
    pushing.wire(tab.form, services, state)
    launching.wire(tab.form, services, tab.shown_run, tab.started, measured)
    first_answer.wire(tab.form, services, tab.shown_run, tab.started)
    run.wire(
        tab.run, tab.form.view, tab.form.live_link, services, state,
        tab.shown_run, tab.started, tab.wanted_run, tab.try_ref,
    )  # fmt: skip
    again.wire(tab.run.again, tab.form, services, follow, tab.shown_run)
    after.wire(tab.after, services, state, tab.shown_run)
    elsewhere.wire(tab.run.elsewhere, services, state, tab.shown_run, tab.try_ref)
    tab.wanted_data.change(
        shown(take_data), [tab.wanted_data], [tab.form.data, tab.shown_run], show_progress="hidden",
        api_visibility="private",
    )  # fmt: skip
