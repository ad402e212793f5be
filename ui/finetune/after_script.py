"""The fold "Go on elsewhere": the run as a script, and the commands that start it here, on GPUs or on the Hub."""

from __future__ import annotations

import html
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from backend.errors import UserError
from backend.exports import archive
from backend.exports.origin import hub_name
from backend.exports.script import packages, standalone_script
from backend.training.spec import RunSpec
from ui.errors import error_card, shown
from ui.finetune.zips import making
from ui.text import i18n, say
from ui.visitor import Services, locale_of

# Over http from another machine a browser has no clipboard; the old way works there.
_COPY = (
    "const code=this.parentNode.querySelector('code');"
    "if(navigator.clipboard)navigator.clipboard.writeText(code.textContent);"
    "else{getSelection().selectAllChildren(code);document.execCommand('copy')}"
    "this.textContent=this.dataset.done"
)
FLAVOR = "t4-small"
"""A machine of the Hub with one GPU, the smallest one."""


@dataclass(frozen=True, slots=True)
class ScriptParts:
    """Widgets of the fold."""

    fold: gr.Accordion
    commands: gr.HTML
    make: gr.Button
    save: gr.DownloadButton
    told: gr.HTML
    source_fold: gr.Accordion
    source: gr.Code


def build() -> ScriptParts:
    """Lay the fold out."""
    with gr.Accordion(i18n("after.script"), open=False, elem_classes="fold", elem_id="after-script") as fold:
        gr.HTML(i18n("after.script.intro"), elem_classes="muted", apply_default_css=False)
        with gr.Row(elem_classes="after-buttons"):
            make = gr.Button(i18n("after.script.make"), scale=0, min_width=200, elem_id="after-script-make")
            save = gr.DownloadButton("", visible=False, scale=0, min_width=200, elem_id="after-script-save")
        told = gr.HTML("", apply_default_css=False)
        commands = gr.HTML("", apply_default_css=False, elem_id="after-commands")
        with gr.Accordion(i18n("after.script.source"), open=False, elem_classes="fold") as source_fold:
            source = gr.Code(
                "", language="python", interactive=False, show_label=False, buttons=["copy"], wrap_lines=True,
                max_lines=28, elem_id="after-source",
            )  # fmt: skip
    return ScriptParts(fold, commands, make, save, told, source_fold, source)


@dataclass(frozen=True, slots=True)
class Scripts:
    """The handlers."""

    parts: ScriptParts
    services: Services

    def show(self, run_id: str, request: gr.Request) -> dict[Any, Any]:
        """The fold was opened: script and commands, or why there are none."""
        locale, parts = locale_of(request), self.parts
        if not run_id:
            return {parts.told: ""}
        try:
            folder, spec, report = archive.finished(self.services.workspace(request), run_id)
            source = standalone_script(spec, report, folder.model, hub_name(spec))
        except UserError as error:
            gone = {parts.make: gr.Button(visible=False), parts.source_fold: gr.Accordion(visible=False)}
            return gone | {parts.commands: "", parts.told: error_card(error, locale)}
        return {
            parts.make: gr.Button(visible=True),
            parts.source_fold: gr.Accordion(visible=True),
            parts.source: source,
            parts.commands: _boxes(commands(spec, public=self.services.settings.public), locale) + _note(spec, locale),
            parts.told: "",
        }

    def zip(self, run_id: str, request: gr.Request) -> Iterator[dict[Any, Any]]:
        """Script and rows as one file."""
        workspace, parts = self.services.workspace(request), self.parts

        def work(tell: archive.Progress) -> Path:
            return archive.script_zip(workspace, run_id, tell)

        yield from making(work, parts.make, parts.save, parts.told, locale_of(request))


def ascii_name(run_id: str) -> str:
    """What a run may be called on the Hub, which takes no other letters."""
    return "".join(letter if letter.isascii() else "-" for letter in run_id).strip("-.") or "my-model"


def commands(spec: RunSpec, *, public: bool) -> list[tuple[str, str]]:
    """(what for, the command), in the order in which a person outgrows this machine. public: names no local path."""
    hub, name = hub_name(spec), f"{spec.run_id}-script"
    own = spec.model_ref.partition(":")[0] == "hub"
    base = "" if own else "MODEL" if public else spec.model_path
    model = f" --model {shlex.quote(base)}" if base and not (public and hub) else ""
    words = f" --tokenizer {shlex.quote('TOKENIZER' if public else spec.tokenizer_path)}" if spec.tokenizer_path else ""
    rest = f"train.py{model}{words}"
    repo = ascii_name(spec.run_id)
    job = f"train.py --data ME/{repo}-rows --model {hub or 'ME/BASE-MODEL'} --push-to ME/{repo}"
    job += " --tokenizer ME/TOKENIZER" if words else ""
    return [
        ("unpack", f"unzip {shlex.quote(name + '.zip')} && cd {shlex.quote(name)}"),
        ("install", "pip install " + " ".join(f"{name}=={version}" for name, version in packages(spec).items())),
        ("python", f"python {rest}"),
        ("uv", f"uv run {rest}"),
        ("accelerate", f"accelerate launch {rest}"),
        ("upload", f"hf upload ME/{repo}-rows data --repo-type dataset --private"),
        ("jobs", f"hf jobs uv run --flavor {FLAVOR} --secrets HF_TOKEN {job}"),
    ]


def wire(parts: ScriptParts, services: Services, shown_run: gr.State) -> None:
    """Connect the fold."""
    acts = Scripts(parts, services)
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    changed = [parts.make, parts.source_fold, parts.source, parts.commands, parts.told]
    parts.fold.expand(shown(acts.show), [shown_run], changed, **quiet)
    parts.make.click(shown(acts.zip), [shown_run], [parts.make, parts.save, parts.told], **quiet)


def _note(spec: RunSpec, locale: str) -> str:
    """What --model is, where it is no name on the Hub."""
    if spec.model_ref.startswith("hub:"):
        return ""
    hub = hub_name(spec)
    words = say("after.script.model.note", locale, hub=hub) if hub else say("after.script.folder.note", locale)
    return f'<p class="muted">{html.escape(words)}</p>'


def _boxes(rows: list[tuple[str, str]], locale: str) -> str:
    """Each command with what it is for, and a button that copies it."""
    copy, done = (html.escape(say(f"after.script.{word}", locale)) for word in ("copy", "copied"))
    boxes = "".join(
        f'<div class="command"><div class="caption">{html.escape(say(f"after.script.{name}", locale))}</div>'
        f'<pre class="run-log" tabindex="0"><code>{html.escape(command)}</code></pre>'
        f'<button type="button" class="copy" data-done="{done}" onclick="{_COPY}">{copy}</button></div>'
        for name, command in rows
    )
    return f'{boxes}<p class="muted">{html.escape(say("after.script.jobs.note", locale))}</p>'
