"""The fold "How it runs": which loop trains, what starts it, in how many processes, and the command to type."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import gradio as gr

from backend.models import device_name
from backend.training.command import native_loop_source, typed_command
from backend.training.spec import RunSpec
from ui.errors import shown
from ui.text import i18n, say
from ui.visitor import Services, locale_of

if TYPE_CHECKING:
    from ui.finetune.form import Form

LOOPS = ("trainer", "native")
LAUNCHERS = get_args(get_type_hints(RunSpec)["launcher"])
ACCELERATE = "accelerate"
# Over http from another machine a browser has no clipboard; the old way works there.
COPY = """() => {
  const code = document.querySelector('%s code');
  if (navigator.clipboard) { navigator.clipboard.writeText(code.textContent); return; }
  getSelection().selectAllChildren(code);
  document.execCommand('copy');
}"""


@dataclass(frozen=True, slots=True)
class Parts:
    """Widgets of the fold. What a draft is made of is in `inputs`."""

    fold: gr.Accordion
    loop: gr.Radio
    launcher: gr.Dropdown
    processes: gr.Number
    command: gr.HTML
    source_fold: gr.Accordion
    source: gr.Code

    @property
    def inputs(self) -> dict[str, gr.blocks.Block]:
        """By the names of RunSpec's fields."""
        return {"loop": self.loop, "launcher": self.launcher, "processes": self.processes}


def build() -> Parts:
    """Lay the fold out."""
    with gr.Accordion(i18n("launch.title"), open=False, elem_classes="fold", elem_id="how-it-runs") as fold:
        loop = gr.Radio(
            [(i18n(f"launch.loop.{one}"), one) for one in LOOPS], value="trainer", interactive=True,
            label=i18n("launch.loop"), info=i18n("launch.loop.help"), elem_classes="segments",
        )  # fmt: skip
        with gr.Row(equal_height=False, elem_classes="settings-row"):
            launcher = gr.Dropdown(
                [(i18n(f"finetune.launcher.{one}"), one) for one in LAUNCHERS], value="auto", interactive=True,
                label=i18n("finetune.launcher"), info=i18n("finetune.launcher.help"), min_width=180,
            )  # fmt: skip
            processes = gr.Number(
                2, precision=0, minimum=1, interactive=True, visible=False, min_width=180,
                label=i18n("launch.processes"), info=i18n("launch.processes.help"),
            )  # fmt: skip
        command = command_box("launch-command")
        with gr.Accordion(i18n("launch.source"), open=False, elem_classes="fold") as source_fold:
            gr.HTML(i18n("launch.source.text"), elem_classes="muted", apply_default_css=False)
            source = gr.Code(
                "",
                language="python",
                interactive=False,
                show_label=False,
                buttons=[],
                wrap_lines=True,
                elem_id="native-loop",
            )
    return Parts(fold, loop, launcher, processes, command, source_fold, source)


def command_box(elem_id: str) -> gr.HTML:
    """A place for a command, and the button that copies it."""
    command = gr.HTML("", apply_default_css=False, elem_id=elem_id)
    copy = gr.Button(i18n("launch.copy"), elem_classes="inline-button")
    copy.click(_copied, None, [copy], js=COPY % f"#{elem_id}", queue=False, api_visibility="private")
    return command


def shown_command(spec: RunSpec, folder: Path, services: Services, locale: str) -> str:
    """The command of a run that is there."""
    # In as many processes as it had; one, where it was not by accelerate.
    processes = spec.processes if spec.launcher == ACCELERATE else 1
    text = typed_command(processes, spec.device, folder, public=services.settings.public)
    return _box(text, say("launch.command.again", locale), locale)


@dataclass(frozen=True, slots=True)
class HowItRuns:
    """The handlers."""

    parts: Parts
    services: Services

    def follow(self, loop: str, launcher: str, processes: float | None, request: gr.Request) -> dict[Any, Any]:
        """Something was chosen: the fold's title, whether processes are asked for, and the command."""
        locale, together = locale_of(request), launcher == ACCELERATE
        loop_name = say(f"launch.loop.{loop}", locale)
        count = max(1, int(processes or 1)) if together else 1
        if together:
            title = say("launch.title.processes", locale, loop=loop_name, count=count)
        else:
            how = say(f"finetune.launcher.{launcher}", locale)
            title = say("launch.title.now", locale, loop=loop_name, launcher=how)
        settings = self.services.settings
        text = typed_command(count, device_name(settings), public=settings.public)
        return {
            self.parts.fold: gr.Accordion(label=title),
            self.parts.processes: gr.Number(visible=together),
            self.parts.command: _box(text, say("launch.command.draft", locale), locale),
        }


def wire(form: Form, services: Services, arrived: gr.events.Dependency) -> None:
    """Connect the fold. arrived: the form was filled in on a page that was opened."""
    parts = form.how
    acts = HowItRuns(parts, services)
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    chosen: list[Any] = [parts.loop, parts.launcher, parts.processes]
    told: list[Any] = [parts.fold, parts.processes, parts.command]
    arrived.then(shown(acts.follow), chosen, told, **quiet)
    # Not always_last: see ui.finetune.anatomy.
    gr.on([widget.input for widget in chosen], shown(acts.follow), chosen, told, trigger_mode="multiple", **quiet)
    parts.source_fold.expand(native_loop_source, None, [parts.source], queue=False, **quiet)


def _box(command: str, note: str, locale: str) -> str:
    title = say("launch.command", locale)
    return (
        f'<div class="caption">{html.escape(title)}</div>'
        f'<pre class="run-log" tabindex="0" aria-label="{html.escape(title)}"><code>{html.escape(command)}</code></pre>'
        f'<p class="muted">{html.escape(note)}</p>'
    )


def _copied(request: gr.Request) -> Any:
    return gr.Button(say("launch.copied", locale_of(request)))
