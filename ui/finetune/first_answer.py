"""The first answer in seconds: its button in the form, what its run shows, and its line in a longer run's chart."""

from __future__ import annotations

import html
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from backend.errors import UserError
from backend.recipes.base import Report
from backend.training.first_answer import earlier_answer, first_answer_to
from backend.training.queue import RunSummary
from backend.training.spec import Phase, RunSpec, RunState, RunStatus
from backend.workspace import Workspace
from ui import phrases, scales
from ui.errors import shown
from ui.finetune import cards
from ui.finetune.filled import Filled
from ui.text import i18n, say
from ui.visitor import Services, locale_of

if TYPE_CHECKING:
    from ui.finetune.form import Form
    from ui.finetune.run_view import RunView

Updates = dict[Any, Any]


@dataclass(frozen=True, slots=True)
class Giving:
    """The handler of the button."""

    form: Form
    services: Services
    shown_run: gr.State
    started: gr.State

    def give(self, request: gr.Request, **values: Any) -> Updates:
        """Queue a first answer to what the form asks, and show it; the form stays as it is, for the whole model."""
        filled = Filled.of(self.services, request, values)
        try:
            draft = first_answer_to(filled.draft(), f"{filled.name()}-first")
            run_id = self.services.queue.submit(filled.workspace, draft)
        except UserError as error:
            return {self.form.card: cards.refusal(error, locale_of(request))}
        return {self.shown_run: run_id, self.started: f"{run_id} {time.time()}"}


def build() -> gr.Button:
    """The button, and what it does."""
    button = gr.Button(i18n("first_answer.give"), elem_id="first-answer")
    gr.HTML(i18n("first_answer.give.help"), elem_classes="muted small", apply_default_css=False)
    return button


def wire(form: Form, services: Services, shown_run: gr.State, started: gr.State) -> None:
    """Connect the button."""
    acts = Giving(form, services, shown_run, started)
    form.first_answer.click(
        shown(acts.give), outputs=[form.card, shown_run, started], inputs_kwargs=form.inputs, trigger_mode="once",
        show_progress="hidden", api_visibility="private",
    )  # fmt: skip


def kind(spec: RunSpec, locale: str) -> str:
    """How a run was made: its preset, or that it is a first answer."""
    return say("first_answer.kind", locale) if spec.loop == "head" else phrases.phrase("preset", spec.preset, locale)


def words(view: RunView, run: RunSummary, final: Report | None, locale: str) -> Updates:
    """What the view of a first answer says in place of a training's words."""
    assert run.spec
    if run.spec.loop != "head":
        return {view.new_run: gr.Button(say("finetune.new_run", locale))}
    status = run.status
    updates: Updates = {view.new_run: gr.Button(say("first_answer.train_whole", locale))}
    if status.state is RunState.RUNNING and status.phase is Phase.TRAINING:
        reading = html.escape(say("first_answer.reading", locale))
        updates[view.sentence] = f'<p class="lead-text" role="status">{reading}</p>'
        updates[view.progress] = gr.HTML(progress(status, locale), visible=status.total_steps > 0)
    elif final and not status.state.lives:
        updates[view.sentence] = sentence(final, status, locale)
    return updates


def sentence(report: Report, status: RunStatus, locale: str) -> str:
    """The score after so many seconds, and what always guessing the same gives; then what it was made of."""
    name = report.headline_metric
    split, guesses = (part.get(report.headline_split, {}) for part in (report.splits, report.baseline))
    score, guess = split.get(name, 0.0), guesses.get(name, 0.0)
    key = "first_answer.right" if name == "accuracy" else "first_answer.score"
    text = say(
        key,
        locale,
        score=f"<b>{_brief(name, score)}</b>",
        metric=html.escape(phrases.phrase("metric", name, locale)),
        time=phrases.duration(status.seconds, locale),
        label=html.escape(report.baseline_label),
        guess=_brief(name, guess),
    )
    gain = guess - score if scales.less_is_better(name) else score - guess
    made = say(
        "first_answer.made",
        locale,
        rows=f"{int(split.get('rows', 0)):,}",
        train=f"{report.facts.get('train_rows', 0):,}",
        all=f"{report.facts.get('train_rows_available', 0):,}",
    )
    full = scales.scale(name) == "share" and score == 1
    advice = say(f"first_answer.{'full' if full else 'better' if gain > 0 else 'no_better'}", locale)
    return (
        f'<p class="lead-text" role="status">{text}</p><p class="muted">{html.escape(made)} {html.escape(advice)}</p>'
    )


def progress(status: RunStatus, locale: str) -> str:
    """The bar and the facts while rows are read."""
    done = say("first_answer.rows_read", locale, rows=f"{status.step:,}", total=f"{status.total_steps:,}")
    share = status.step / (status.total_steps or 1)
    left = "–" if status.seconds_left is None else phrases.duration(status.seconds_left, locale)
    pairs = [
        (left, say("finetune.fact.left", locale)),
        (f"{share:.0%}", done),
        (f"{status.samples_per_second:,.0f}" if status.samples_per_second else "–", say("finetune.fact.speed", locale)),
    ]
    return phrases.bar(share, done) + phrases.facts(pairs)


def earlier_score(services: Services, workspace: Workspace, spec: RunSpec, metric: str) -> float | None:
    """What the first answer to the same question scored on the rows that are checked; None where there is none."""
    run = earlier_answer(spec, services.queue.runs(workspace))
    points = services.queue.points(workspace, run.run_id) if run else []
    return next((point.values[f"eval_{metric}"] for point in points if f"eval_{metric}" in point.values), None)


def _brief(name: str, value: float) -> str:
    """A whole percent reads as a first answer should."""
    return f"{value:.0%}" if scales.scale(name) == "share" else scales.written(name, value)
