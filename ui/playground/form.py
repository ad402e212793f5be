"""A task's form, drawn from its dataclass: the widgets, and from their values the dataclass again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, dataclass, fields
from typing import Any

import gradio as gr

from backend.errors import UserError
from backend.tasks.base import Example, Input, RunsOn, Task
from backend.texts import catalogue
from ui.text import i18n, say

# A slider with more places than this cannot be set by hand.
_SLIDER_PLACES = 2000
COMMON = tuple(one.name for one in fields(RunsOn))


@dataclass(frozen=True, slots=True)
class Form:
    """What was drawn for one task."""

    inputs: dict[str, gr.Textbox]
    """By Input.name."""
    params: dict[str, gr.components.FormComponent]
    """By field of the task's dataclass."""
    examples: gr.Dataset
    course: list[gr.Dataset]
    """Those of the Hugging Face course, one for each chapter they are from."""
    second: gr.Accordion | None
    """The fold with what may stay empty."""

    def by_name(self) -> dict[str, gr.blocks.Block]:
        """All widgets, as inputs_kwargs takes them: `inputs.text`, `params.top_k`."""
        named: dict[str, gr.blocks.Block] = {f"inputs.{name}": widget for name, widget in self.inputs.items()}
        return named | {f"params.{name}": widget for name, widget in self.params.items()}


def draw(task: Task, kept: Mapping[str, Any], locale: str, inputs_wanted: int = 1) -> Form:
    """Inputs, examples and a fold with the parameters. kept: values by the names of Form.by_name.

    inputs_wanted: how many texts the model reads; the fold of a second one is open for two, and for one typed before.
    """
    gr.Markdown(i18n(f"tasks.{task.name}.help"), elem_classes="hint")
    # Once it is there, what was held back for it takes words again (assets/early.js).
    gr.HTML(apply_default_css=False, js_on_load="workbench.hold(false)", elem_classes="form-is-here")
    inputs = {one.name: _input(task, one, kept) for one in task.inputs if not one.optional}
    second = None
    for one in task.inputs:
        if one.optional:
            opened = inputs_wanted > 1 or bool(kept.get(f"inputs.{one.name}"))
            with gr.Accordion(
                i18n(f"tasks.{task.name}.{one.name}"), open=opened, elem_classes="fold inline-fold"
            ) as second:
                inputs[one.name] = _input(task, one, kept)
    ours = [example for example in task.examples if not example.course]
    own = [example for example in ours if example.language == locale]
    others = [example for example in ours if example.language != locale]
    examples = _examples(task, "playground.examples", [*own, *others[: 0 if own else 3]])
    chapters = dict.fromkeys(example.course for example in task.examples if example.course)
    course = [
        _examples(task, f"playground.course.{name}", [example for example in task.examples if example.course == name])
        for name in chapters
    ]
    if f"tasks.{task.name}.note" in catalogue("en"):
        gr.Markdown(i18n(f"tasks.{task.name}.note"), elem_classes="hint")
    with gr.Accordion(i18n("playground.settings"), open=False, elem_classes="fold", elem_id="playground-settings"):
        shown = [one for one in fields(task.params) if one.name not in inputs]
        # What is the same for all tasks comes last.
        shown.sort(key=lambda one: one.name in COMMON)
        params = {one.name: _param(task, one, kept) for one in shown}
    return Form(inputs, params, examples, course, second)


def parse(task: Task, given: Mapping[str, Any]) -> tuple[dict[str, Any], Any]:
    """(values by input, the task's dataclass) of what the widgets hold. Raises UserError for what that refuses."""
    values = {one.name: given.get(f"inputs.{one.name}") for one in task.inputs}
    settings = {
        one.name: _typed(one, given[f"{'inputs' if one.name in values else 'params'}.{one.name}"])
        for one in fields(task.params)
    }
    return values, task.params(**settings)


def named(error: UserError, task: Task, locale: str) -> UserError:
    """An error about a field, naming the field as the page does."""
    name = error.values.get("name")
    if name not in {one.name for one in fields(task.params)}:
        return error
    return UserError(error.key, **(error.values | {"name": say(_key(task, str(name)), locale)}))


def _examples(task: Task, title: str, shown: list[Example]) -> gr.Dataset:
    return gr.Dataset(
        label=i18n(title),
        components=[gr.Textbox(render=False) for _ in task.inputs],
        samples=[[example.values.get(one.name, "") for one in task.inputs] for example in shown],
        sample_labels=[_short(example.values[task.inputs[0].name]) for example in shown],
        elem_classes="pills",
        visible=bool(shown),
    )


def _input(task: Task, one: Input, kept: Mapping[str, Any]) -> gr.Textbox:
    """The fold around one that may stay empty has its name, so that the box says what it is for instead."""
    key = f"tasks.{task.name}.{one.name}"
    explained = one.optional or one.kind in ("lines", "setting")
    return gr.Textbox(
        kept.get(f"inputs.{one.name}", ""),
        label=i18n(key),
        show_label=not one.optional,
        info=i18n(f"{key}.help") if explained else None,  # type: ignore[arg-type]
        placeholder=_optional(f"{key}.placeholder"),
        lines=one.lines,
        max_lines=max(14, one.lines) if one.lines > 1 else 1,
        interactive=True,
        key=f"{task.name}.{one.name}",
        preserved_by_key="value",
        elem_id=f"playground-{one.name}",
    )


def _param(task: Task, one: Field[Any], kept: Mapping[str, Any]) -> gr.components.FormComponent:
    """The widget that fits a field's type and limits."""
    key = _key(task, one.name)
    common: dict[str, Any] = {
        "label": i18n(key),
        "info": i18n(f"{key}.help"),
        "interactive": True,
        "key": f"{task.name}.{one.name}",
        "preserved_by_key": "value",
    }
    value = kept.get(f"params.{one.name}", one.default)
    limits = one.metadata
    low, high, step = limits["minimum"], limits["maximum"], limits["step"]
    if limits["choices"]:
        choices = [(_optional(f"{key}.{choice}") or choice, choice) for choice in limits["choices"]]
        return gr.Dropdown(choices, value=value, filterable=False, **common)
    if isinstance(one.default, bool):
        return gr.Checkbox(value, **common)
    if limits["optional"] or isinstance(one.default, str):
        # A number box makes 0 of nothing, so a number that may lack is typed as text.
        return gr.Textbox("" if value is None else str(value), lines=1, max_lines=6, **common)
    if None in (low, high) or (high - low) / (step or 1) > _SLIDER_PLACES:
        return gr.Number(value, precision=0 if _whole(one) else None, **common)
    return gr.Slider(low, high, value, step=step, **common)


def _key(task: Task, name: str) -> str:
    """Of the text that names a field of the task's dataclass."""
    return f"tasks.any.{name}" if name in COMMON else f"tasks.{task.name}.{name}"


def _typed(one: Field[Any], value: Any) -> Any:
    """A slider or number box gives 50.0 for 50; the text box of an optional number gives "" for nothing."""
    if one.metadata["optional"] and not isinstance(one.default, str):
        if value is None or not str(value).strip():
            return None
        try:
            value = float(value)
        except ValueError:
            # The dataclass says what is wrong with it.
            return value
    if _whole(one) and isinstance(value, float) and value.is_integer():
        return int(value)
    return "" if value is None and isinstance(one.default, str) else value


def _whole(one: Field[Any]) -> bool:
    if isinstance(one.default, bool) or one.metadata["choices"]:
        return False
    return isinstance(one.default, int) or (one.default is None and one.metadata["step"] == 1)


def _optional(key: str) -> Any:
    return i18n(key) if key in catalogue("en") else None


def _short(text: str, most: int = 36) -> str:
    """A text cut at a word for a pill."""
    line = " ".join(text.split())
    if len(line) <= most:
        return line
    cut = line[:most]
    return (cut.rsplit(" ", 1)[0] if " " in cut[most // 2 :] else cut).rstrip(" ,.;:，。、") + " …"
