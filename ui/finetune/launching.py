"""Forecast and Start: what the form would cost, and the run it becomes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from backend.errors import UserError
from backend.exports.push_along import Access
from backend.recipes.base import PRESETS
from backend.training.forecast import forecast
from backend.training.spec import Forecast, RunSpec
from ui.errors import shown
from ui.finetune import cards, fit
from ui.finetune.filled import Filled
from ui.finetune.form import Form
from ui.text import say
from ui.visitor import Services, locale_of

Updates = dict[Any, Any]
# What has just been told may still be on its way into the page.
_REVEAL = "() => { setTimeout(() => workbench.reveal('.forecast-card%s'), 100); }"


@dataclass(frozen=True, slots=True)
class Launching:
    """The handlers of the two buttons."""

    form: Form
    services: Services
    shown_run: gr.State
    started: gr.State
    measured: gr.State

    def measure(self, request: gr.Request, **values: Any) -> Iterator[Updates]:
        """Measure a few steps on this data: how long, how much memory; then the same for the other presets."""
        locale, form = locale_of(request), self.form
        filled = Filled.of(self.services, request, values)
        ready = gr.Button(say("finetune.forecast_again", locale), interactive=True)
        yield {
            form.card: cards.measuring(locale),
            form.forecast: gr.Button(say("finetune.forecast_busy", locale), interactive=False),
        }
        try:
            draft = filled.draft()
            found = self._forecast(filled, draft)
        except UserError as error:
            yield {form.card: cards.refusal(error, locale), form.forecast: ready}
            return
        told, change = fit.words(found, draft.arguments, locale)
        yield {
            form.card: cards.forecast(found, locale, told),
            form.forecast: ready,
            self.measured: filled.costs(),
            form.fit.change: change,
        }
        times: dict[str, float] = {draft.preset: found.seconds}
        for preset in PRESETS:
            if preset != draft.preset:
                try:
                    other = replace(draft, preset=preset, arguments=filled.preset(preset))
                    times[preset] = self._forecast(filled, other).seconds
                except UserError:
                    # What does not fit has no time; its own forecast says why.
                    continue
            yield {form.preset: gr.Radio(choices=cards.preset_choices(times, locale))}

    def start(self, measured: str, token: str, request: gr.Request, **values: Any) -> Updates:
        """Queue the run and show it; the form stays as it is, for the next one. A forecast under way is given up."""
        filled, locale = Filled.of(self.services, request, values), locale_of(request)
        ready: Updates = {self.form.forecast: gr.Button(say("finetune.forecast", locale), interactive=True)}
        try:
            access = Access(token.strip(), locale)
            run_id = self.services.queue.submit(filled.workspace, filled.draft(), access)
        except UserError as error:
            return ready | {self.form.card: cards.refusal(error, locale)}
        if measured != filled.costs():
            ready[self.form.card] = cards.unmeasured(locale)
        return ready | {self.shown_run: run_id, self.started: f"{run_id} {time.time()}"}

    def _forecast(self, filled: Filled, draft: RunSpec) -> Forecast:
        return forecast(self.services.settings, self.services.shelf, filled.workspace, draft)


def wire(form: Form, services: Services, shown_run: gr.State, started: gr.State, measured: gr.State) -> None:
    """Connect Forecast and Start. measured: what the forecast on show was made for."""
    acts = Launching(form, services, shown_run, started, measured)
    quiet: dict[str, Any] = {
        "show_progress": "hidden",
        "api_visibility": "private",
        "trigger_mode": "once",
        "inputs_kwargs": form.inputs,
    }
    # On a phone the buttons stand at the foot of the screen, and what they tell may be far below.
    form.forecast.click(None, None, None, js=_REVEAL % "", api_visibility="private")
    measuring = form.forecast.click(
        shown(acts.measure), outputs=[form.card, form.forecast, form.preset, measured, form.fit.change], **quiet
    )
    fit.wire(form, services, measured)
    form.start.click(
        shown(acts.start),
        [measured, form.push.token],
        [form.card, form.forecast, shown_run, started],
        cancels=[measuring],
        **quiet,
    ).then(None, None, None, js=_REVEAL % " .error-card", api_visibility="private")
