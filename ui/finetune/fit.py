"""Make it fit: one button that fills in the smallest change with which the forecast memory suffices."""

from __future__ import annotations

import html
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import gradio as gr

from backend.recipes.base import TrainArguments
from backend.training.spec import Change, Forecast
from ui import phrases
from ui.errors import shown
from ui.finetune import cards
from ui.finetune.filled import ARGUMENT, Filled
from ui.text import i18n, say
from ui.visitor import Services, locale_of

if TYPE_CHECKING:
    from ui.finetune.form import Form

Updates = dict[Any, Any]
# The words in the card that the button belongs to: without them CSS hides it, whoever has drawn the card anew.
MARK = "card-fit"


@dataclass(frozen=True, slots=True)
class Parts:
    """The button, and the arguments that it fills in."""

    button: gr.Button
    change: gr.State
    """{"arguments": by name, "words": of the change}; None where there is none."""


def build() -> Parts:
    """Lay it out under the card."""
    return Parts(gr.Button(i18n("forecast.fit"), elem_id="make-it-fit", min_width=110), gr.State(None))


def words(found: Forecast, arguments: TrainArguments, locale: str) -> tuple[str, dict[str, Any] | None]:
    """(what the card says of it, what the button fills in) for a forecast of a run with these arguments."""
    if found.verdict == "fits":
        return "", None
    if found.disk_mib > found.disk_available_mib:
        return _line(say("forecast.fit.disk", locale)), None
    if found.change is None:
        return _line(say("forecast.fit.none", locale)), None
    changes = _changes(found.change, arguments, locale)
    need, free = (phrases.gigabytes(mib) for mib in (found.change.memory_mib, found.memory_available_mib))
    text = say("forecast.fit.then", locale, changes=changes, need=need, free=free)
    return _line(text, MARK), {"arguments": dict(found.change.arguments), "words": changes}


def wire(form: Form, services: Services, measured: gr.State) -> None:
    """Connect the button. measured: what the forecast on show was made for."""

    def fill(change: dict[str, Any] | None, request: gr.Request, **values: Any) -> Updates:
        """Fill the change in, and say so; what was forecast for other settings is no longer shown."""
        if not change:
            return {form.card: gr.skip()}
        locale, changed = locale_of(request), change["arguments"]
        filled = Filled.of(services, request, values | {ARGUMENT + name: value for name, value in changed.items()})
        return {
            **{form.arguments[name]: value for name, value in changed.items()},
            form.card: cards.fitted(change["words"], locale),
            form.settings.fold: gr.Accordion(label=cards.settings_title(filled.arguments_now(), locale)),
            form.settled: str(time.time()),
            measured: filled.costs(),
        }

    form.fit.button.click(
        shown(fill), [form.fit.change],
        [form.card, form.settings.fold, form.settled, measured, *form.arguments.values()],
        inputs_kwargs=form.inputs, show_progress="hidden", api_visibility="private", trigger_mode="once",
    )  # fmt: skip


def _changes(change: Change, arguments: TrainArguments, locale: str) -> str:
    """Each change in plain words, one sentence of all."""
    after = asdict(arguments) | change.arguments
    values = {
        "before": arguments.per_device_train_batch_size,
        "batch": after["per_device_train_batch_size"],
        "accumulation": after["gradient_accumulation_steps"],
        "length": after["max_length"],
    }
    told = say("forecast.fit.and", locale).join(say(f"forecast.fit.{kind}", locale, **values) for kind in change.kinds)
    return told[:1].upper() + told[1:]


def _line(text: str, kind: str = "") -> str:
    return f'<p class="split-line {kind}">{html.escape(text)}</p>'
