"""The playground: a task, a model, a text, and the answer beside it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import gradio as gr

from backend.models import ModelFacts
from backend.models.profile import stated_task
from backend.tasks import all_tasks
from backend.tasks.base import Task
from ui import pickers
from ui.errors import shown
from ui.playground import about, asking, form, many, next_token, parts, sharing, shelf, whatif
from ui.playground.many_actions import Many
from ui.playground.parts import PlaygroundTab
from ui.text import say
from ui.visitor import PageState, Services, locale_of

__all__ = ["PlaygroundTab", "build", "wire"]

_QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
_REVEAL = "words => workbench.answering(words)"
_LET_GO = "() => workbench.hold(false)"


def build(services: Services) -> PlaygroundTab:
    """Lay the tab out."""
    return parts.build()


def wire(
    tab: PlaygroundTab, services: Services, state: PageState, try_it: gr.Button, try_ref: gr.State, tabs: gr.Tabs
) -> None:
    """Connect its widgets. The form is drawn once the visitor is known, and again for each task.

    try_it: a button of another tab, which opens the model of try_ref here.
    """
    stops, looks = asking.Stops(), asking.Stops()
    shown_task = [
        tab.rail,
        tab.form,
        tab.model,
        tab.answer,
        tab.chat,
        tab.new_chat,
        tab.foot,
        tab.instead,
        tab.go_train,
    ]

    def arrive(typed: dict[str, str], request: gr.Request) -> tuple[Any, ...]:
        fitting = {name: pickers.fitting_models(services, request, name) for name in all_tasks()}
        # A page on a new machine opens with something that works.
        first = next((name for name in fitting if fitting[name]), next(iter(fitting)))
        if (before := typed.get("playground-task", "")) in fitting:
            first = before
        given = given_before(all_tasks()[first], typed)
        # Where nothing was typed, the model that suits the new language stands there.
        model = pickers.ref_of(services, request, typed.get("playground-model", "")) if given else None
        card = ""
        if link := sharing.read(typed.get("address", ""), services):
            first, given, model = link.task, dict(link.given), link.model
            card = sharing.missing(link, services, request)
        kept = {"kept": {first: given}, "models": {first: model}}
        return *show_task(services, request, first, kept, card), typed.get("many-texts", "")

    def say_model(model: str | None, task: str | None, request: gr.Request) -> tuple[gr.Dropdown, int]:
        locale = locale_of(request)
        line = pickers.model_line(services, request, model, task)
        info = gr.Dropdown(info=line or say("playground.model.none", locale))
        return info, pickers.inputs_of(services, request, model)

    def stop_answer(request: gr.Request) -> gr.Button:
        stops.stop(request)
        return gr.Button(say("playground.stopping", locale_of(request)), interactive=False)

    def clear_chat(request: gr.Request) -> tuple[list[Any], gr.Button, str]:
        return [], gr.Button(visible=False), ""

    def open_inside(asked: Any, request: gr.Request) -> tuple[bool, str]:
        return True, asking.inside_of(services, asked, request)

    state.arrived.change(shown(arrive), state.typed, [*shown_task, tab.many.texts], **_QUIET)
    tab.model.change(shown(say_model), [tab.model, tab.rail], [tab.model, tab.inputs_wanted], **_QUIET)
    tab.stop.click(shown(stop_answer), None, tab.stop, queue=False, **_QUIET)
    tab.new_chat.click(shown(clear_chat), None, [tab.chat, tab.new_chat, tab.foot], queue=False, **_QUIET)
    tab.inside_fold.expand(shown(open_inside), [tab.asked], [tab.inside_open, tab.inside], **_QUIET)
    tab.inside_fold.collapse(close_inside, None, tab.inside_open, queue=False, **_QUIET)
    # What the browser does alone is connected here: in what is drawn later Gradio runs it only after the server's part.
    tab.waiting.change(None, tab.waiting, None, js=_REVEAL, **_QUIET)
    tab.stays.change(None, None, None, js=_LET_GO, **_QUIET)
    tab.rail.change(None, None, None, js="() => workbench.showTask()", **_QUIET)
    many_texts = many.wire(tab.many, services, state, tab.rail)
    sharing.wire(tab, services)
    whatif.wire(tab.what_if, tab.asked, services)
    next_token.wire(tab.next_tokens, tab.rail, tab.asked, services, looks)
    about.wire(tab.about, services, tab.model)
    shelf.wire(tab.shelf, services, state, tab.model, tab.rail, tab.wanted_model)
    with tab.place:

        def draw_form(task_form: dict[str, Any] | None, request: gr.Request) -> None:
            if task_form:
                task = all_tasks()[task_form["task"]]
                drawn = form.draw(task, task_form["kept"].get(task.name, {}), locale_of(request), task_form["inputs"])
                _wire_form(tab, services, stops, looks, many_texts, task, drawn, shown_task, try_it, try_ref, tabs)

        # One at a time: what Gradio keeps of a render (its widgets by key, its count) is not made for several threads.
        one = {"concurrency_limit": 1, "concurrency_id": "draw-form"}
        gr.render(inputs=[tab.form], triggers=[tab.form.change], show_progress="hidden", **one)(draw_form)


def _wire_form(
    tab: PlaygroundTab,
    services: Services,
    stops: asking.Stops,
    looks: asking.Stops,
    many_texts: Many,
    task: Task,
    drawn: form.Form,
    shown_task: list[Any],
    try_it: gr.Button,
    try_ref: gr.State,
    tabs: gr.Tabs,
) -> None:
    """Everything that reads the task's own widgets. These listeners live as long as the form does."""
    widgets = drawn.by_name()

    def switch_task(request: gr.Request, rail: str, form: dict[str, Any], model: str, **given: Any) -> tuple[Any, ...]:
        return show_task(services, request, rail, remembered(form, task, model, given))

    def open_model(request: gr.Request, ref: str, form: dict[str, Any], model: str, **given: Any) -> tuple[Any, ...]:
        facts = services.shelf.facts(services.workspace(request), services.shelf.parse(ref))
        fitting = fitting_task(facts, task.name, stated_task(services.shelf, facts))
        kept = remembered(form, task, model, given)
        kept["models"][fitting] = facts.ref
        updates, here = show_task(services, request, fitting, kept), gr.Tabs(selected="playground")
        if fitting == task.name:
            # The form stays as it is: it may be typed into while this is under way.
            pairs = zip(shown_task, updates, strict=True)
            return *(gr.skip() if one is tab.form else update for one, update in pairs), time.time(), here
        return *updates, gr.skip(), here

    def open_wanted(request: gr.Request, wanted: dict[str, Any], **given: Any) -> tuple[Any, ...]:
        return open_model(request, wanted["ref"], **given)

    def use_instead(model: str | None, request: gr.Request) -> tuple[str | None, gr.Button]:
        others = [facts.ref for facts in pickers.fitting_models(services, request, task.name) if facts.ref != model]
        return next(iter(others), model), gr.Button(visible=False)

    def take_example(sample: list[str]) -> Any:
        return sample[0] if len(sample) == 1 else tuple(sample)

    def open_second(wanted: int, text: str | None) -> gr.Accordion:
        return gr.Accordion(open=wanted > 1 or bool(text))

    def put_back(request: gr.Request) -> asking.Updates:
        looks.stop(request)
        return whatif.put_back(tab.what_if, task) | next_token.put_back(tab.next_tokens)

    run: dict[str, Any] = {
        "fn": shown(asking.asker(tab, services, stops, task, drawn, put_back, sharing.address_of)),
        "inputs_kwargs": {**widgets, "model": tab.model, "chat": tab.chat, "inside_open": tab.inside_open},
        "outputs": [
            tab.run, tab.stop, tab.waiting, tab.answer, tab.chat, tab.new_chat, tab.foot, tab.instead, tab.go_train,
            tab.code, tab.asked, tab.address, tab.inside, *tab.what_if.told, *next_token.put_back(tab.next_tokens),
            *drawn.inputs.values(),
        ],
        "concurrency_id": f"ask-{task.lane}",
        "concurrency_limit": asking.WAITERS,
        **_QUIET,
    }  # fmt: skip
    inputs = list(drawn.inputs.values())
    tab.run.click(**run)
    for box in inputs:
        box.submit(**run)
    for examples in (drawn.examples, *drawn.course):
        examples.click(take_example, examples, inputs, queue=False, **_QUIET).success(**run)
    if drawn.second is not None:
        # By a State: a listener of the form on the model box itself would take the place of the one that is not its.
        text = drawn.inputs["text_pair"]
        tab.inputs_wanted.change(open_second, [tab.inputs_wanted, text], drawn.second, **_QUIET)
    tab.instead.click(shown(use_instead), tab.model, [tab.model, tab.instead], **_QUIET).success(**run)
    context: dict[str, Any] = {"form": tab.form, "model": tab.model, **widgets}
    tab.rail.input(shown(switch_task), inputs_kwargs={"rail": tab.rail, **context}, outputs=shown_task, **_QUIET)
    tab.wanted_model.change(
        shown(open_wanted),
        inputs_kwargs={"wanted": tab.wanted_model, **context},
        outputs=[*shown_task, tab.stays, tabs],
        **_QUIET,
    )
    # Straight from the click: with a State between the two, heard in here, the tab once opened with another model.
    try_it.click(
        shown(open_model), inputs_kwargs={"ref": try_ref, **context}, outputs=[*shown_task, tab.stays, tabs], **_QUIET
    )
    many.wire_form(many_texts, tab.model, task, widgets)


def remembered(form: Mapping[str, Any], task: Task, model: str | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """The form's state with what is in the widgets now: what was typed for a task comes back with it."""
    return {
        "kept": {**form["kept"], task.name: dict(given)},
        "models": {**form["models"], task.name: model},
    }


def fitting_task(facts: ModelFacts, current: str, stated: str) -> str:
    """The task to show a model with: the one on the page where it can do that, else the one it says it was made for,
    else the first that it can do."""
    can = [name for name, one in all_tasks().items() if one.fits(facts)]
    return next((name for name in (current, stated, *can) if name in can), current)


def given_before(task: Task, typed: Mapping[str, str]) -> dict[str, str]:
    """What stood in the task's boxes on the page before, by the names of Form.by_name."""
    boxes = {one.name: typed.get(f"playground-{one.name}") for one in task.inputs}
    return {f"inputs.{name}": text for name, text in boxes.items() if text}


def show_task(
    services: Services, request: gr.Request, name: str, kept: Mapping[str, Any], card: str = ""
) -> tuple[Any, ...]:
    """Updates of rail, form, model box and answer card for a task. kept: what `remembered` gave. card: what the answer
    card says; empty: how to begin, or that no model fits."""
    locale = locale_of(request)
    task = all_tasks()[name]
    choices = pickers.model_choices(services, request, name)
    wanted = kept.get("models", {}).get(name)
    if wanted and wanted not in [ref for _, ref in choices]:
        choices = [*choices, (pickers.unlisted(services, wanted), wanted)]
    model = wanted or pickers.suited(services, request, [ref for _, ref in choices])
    line = pickers.model_line(services, request, model, name) or say("playground.model.none", locale)
    talks = any(one.kind == "chat" for one in task.inputs)
    state = {"task": name, "kept": kept.get("kept", {}), "models": kept.get("models", {}), "at": time.time()}
    state["inputs"] = pickers.inputs_of(services, request, model)
    chats = talks and bool(model) and not card
    card = card or (asking.resting("playground.empty", locale) if model else asking.nothing_fits(name, locale))
    return (
        name,
        state,
        gr.Dropdown(choices, value=model, info=line),
        gr.HTML(card, visible=not chats),
        gr.Chatbot(visible=chats),
        gr.Button(visible=False),
        "",
        gr.Button(visible=False),
        gr.Button(visible=not model and asking.trainable(name)),
    )


def close_inside() -> bool:
    """Whether the fold is open now."""
    return False
