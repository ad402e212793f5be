"""Running one text: from the widgets to the answer card, with loading, streaming, stopping and errors in between."""

from __future__ import annotations

import html
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import gradio as gr

from backend import answering
from backend.answering import Reply
from backend.errors import UserError
from backend.models import ModelFacts
from backend.recipes import all_recipes
from backend.tasks import all_tasks
from backend.tasks.base import Task, Text
from backend.texts import catalogue
from ui import answers, pickers
from ui.errors import error_card
from ui.playground.form import Form, named, parse
from ui.text import say
from ui.visitor import Services, locale_of

if TYPE_CHECKING:
    # Its folds import this module. No handler is annotated with it.
    from ui.playground.parts import PlaygroundTab

Updates = dict[Any, Any]
"""Widget to its new value, as handlers with many outputs yield them."""
WAITERS = 16
"""How many visitors may stand in a lane's queue at once; the lanes themselves are in backend.answering."""


class Stops:
    """The stop events of the pages that have something running, by page."""

    def __init__(self) -> None:
        self._events: dict[str, threading.Event] = {}

    def begin(self, request: gr.Request) -> threading.Event:
        """A new event for this page; what it still has running is told to stop."""
        self.stop(request)
        event = threading.Event()
        self._events[request.session_hash or ""] = event
        return event

    def outrun(self, request: gr.Request, event: threading.Event) -> bool:
        """Whether the page has something newer running: what comes late must not stand in its place."""
        return self._events.get(request.session_hash or "", event) is not event

    def stop(self, request: gr.Request) -> None:
        """Set the page's event."""
        if event := self._events.pop(request.session_hash or "", None):
            event.set()


def asker(
    tab: PlaygroundTab,
    services: Services,
    stops: Stops,
    task: Task,
    form: Form,
    put_back: Callable[[gr.Request], Updates],
    address_of: Callable[[Task, str, Mapping[str, Any]], str],
) -> Callable[..., Iterator[Updates]]:
    """The handler of Run for one task's form. It takes all widgets by name and yields updates.

    put_back: takes away what is said of the last answer. It belongs to the question's own event: one of its own would
    come late on a slow machine, and take away what is said of the new answer.
    address_of: the query of an address with what is asked: a page that is loaded anew before the answer has it again.
    """
    chat_input = next((one.name for one in task.inputs if one.kind == "chat"), None)

    def unsaid(given: Mapping[str, Any], history: list[Any]) -> Updates:
        """A message that was not answered is taken out of the chat again, and stands in its box as before."""
        assert chat_input is not None
        box = form.inputs[chat_input]
        return {tab.chat: gr.Chatbot(history, visible=True), box: given[f"inputs.{chat_input}"]}

    def run(request: gr.Request, **given: Any) -> Iterator[Updates]:
        stop = stops.begin(request)
        for update in answered(request, stop, given):
            if stops.outrun(request, stop):
                return
            yield update

    def answered(request: gr.Request, stop: threading.Event, given: dict[str, Any]) -> Iterator[Updates]:
        locale = locale_of(request)
        history = plain_messages(given["chat"]) if chat_input else []
        yield _busy(tab, task, locale) | put_back(request)
        talk = False
        try:
            values, params = parse(task, given)
            workspace, ref = services.workspace(request), chosen_ref(services, given["model"])
            address = address_of(task, ref, values)
            yield {tab.address: address}
            facts = services.shelf.facts(workspace, ref)
            said = values[chat_input] or "" if chat_input else ""
            talk = chat_input is not None and bool(said.strip()) and task.converses(facts, params)
            if chat_input and talk:
                values[chat_input] = [*history, {"role": "user", "content": said}]
                # The box is emptied once: while the answer grows the next message may be typed into it.
                yield _talk(tab, values[chat_input], "") | {form.inputs[chat_input]: ""}
            reply: Reply | None = None
            shown: Updates = {}
            with_steps = bool(given["inside_open"])
            for news in answering.ask(services.shelf, workspace, task, ref, values, params, stop, with_steps):
                if not isinstance(news, Reply):
                    yield {tab.waiting: answers.waiting(news, pickers.model_title(facts, locale), locale)}  # type: ignore[arg-type]
                    continue
                reply = news
                if chat_input and talk:
                    shown = _talk(tab, values[chat_input], _written(reply)) | _others(tab, reply, locale)
                else:
                    shown = _said(tab, said, reply, locale)
                shown |= {tab.waiting: "", tab.foot: answers.footing(reply, locale)}
                yield shown
        except Exception as error:  # noqa: BLE001 - an error stands where the answer would stand; error_card logs ours
            typed = any(str(given[f"inputs.{one.name}"] or "").strip() for one in task.inputs)
            failed = _failed(tab, services, request, task, given["model"], error, locale, typed)
            yield _idle(tab, locale) | (unsaid(given, history) if talk else {}) | failed
            return
        # A browser that is behind may draw the last update only: it has everything.
        done = shown | _idle(tab, locale)
        if reply is None and talk:
            done |= unsaid(given, history)
        if reply is not None:
            if with_steps:
                done[tab.inside] = answers.inside(reply.steps, locale)
            done |= {
                tab.code: task.snippet(source_of(reply.facts), reply.values, params),
                tab.asked: (task.name, ref, values, params),
                tab.address: address,
                tab.what_if.place: gr.Column(visible=bool(task.what_ifs)),
            }
            if talk:
                done[tab.new_chat] = gr.Button(visible=True)
        yield done

    return run


def chosen_ref(services: Services, chosen: str | None) -> str:
    """What is in the model box, as a ref. Raises UserError for nothing, or for what cannot be one."""
    if not chosen or not chosen.strip():
        raise UserError("playground.no_model")
    return services.shelf.parse(chosen)


def source_of(facts: ModelFacts) -> str:
    """What from_pretrained is given for a model: its Hub id, else its folder."""
    return facts.ref.removeprefix("hub:") if facts.ref.startswith("hub:") else str(facts.path)


def plain_messages(history: Any) -> list[dict[str, str]]:
    """A Chatbot's value as role and plain text, as tasks and templates take it."""
    messages = []
    for message in history or []:
        content = message["content"]
        if not isinstance(content, str):
            content = "".join(part if isinstance(part, str) else str(part.get("text", "")) for part in content)
        messages.append({"role": str(message["role"]), "content": content})
    return messages


def nothing_fits(name: str, locale: str) -> str:
    """What the card says when no model here does the task: what would, or that one can be trained."""
    key = f"tasks.{name}.needs"
    todo = say(key if key in catalogue("en") else "playground.nothing_fits.todo", locale)
    what = say("playground.nothing_fits", locale)
    return f'<p class="lead-text">{html.escape(what)}</p><p class="muted">{html.escape(todo)}</p>'


def trainable(name: str) -> bool:
    """Whether a model for the task can be trained here."""
    return any(recipe.task == name for recipe in all_recipes().values())


def resting(key: str, locale: str) -> str:
    """What the card says before the first answer."""
    return f'<p class="lead-text muted">{html.escape(say(key, locale))}</p>'


def inside_of(services: Services, asked: tuple[str, str, Mapping[str, Any], Any] | None, request: gr.Request) -> str:
    """The steps of the last answer, computed when the fold is opened."""
    locale = locale_of(request)
    if asked is None:
        return resting("playground.inside.empty", locale)
    name, ref, values, params = asked
    try:
        steps = answering.inside(services.shelf, services.workspace(request), all_tasks()[name], ref, values, params)
    except Exception as error:  # noqa: BLE001 - as above
        return error_card(error, locale)
    return answers.inside(steps, locale)


def _busy(tab: PlaygroundTab, task: Task, locale: str) -> Updates:
    return {
        tab.run: gr.Button(say("playground.running", locale), interactive=False),
        tab.stop: gr.Button(say("playground.stop", locale), interactive=True, visible=task.streams),
        tab.waiting: answers.waiting(None, "", locale),
        # At the end the fold may have been opened meanwhile, and be filled in already.
        tab.inside: "",
        tab.instead: gr.Button(visible=False),
        tab.go_train: gr.Button(visible=False),
    }


def _idle(tab: PlaygroundTab, locale: str) -> Updates:
    return {
        tab.run: gr.Button(say("playground.run", locale), interactive=True),
        tab.stop: gr.Button(visible=False),
        tab.waiting: "",
    }


def _written(reply: Reply) -> str:
    return reply.answer.text if isinstance(reply.answer, Text) else ""


def _talk(tab: PlaygroundTab, messages: list[dict[str, str]], text: str) -> Updates:
    said: list[Any] = [*messages, {"role": "assistant", "content": text or "…"}]
    return {tab.chat: gr.Chatbot(said, visible=True), tab.answer: gr.HTML("", visible=False)}


def _others(tab: PlaygroundTab, reply: Reply, locale: str) -> Updates:
    """The further answers of a chat stand below it: what goes on is the first."""
    others = reply.answer.others if isinstance(reply.answer, Text) else ()
    return {tab.answer: gr.HTML(answers.further(others, locale), visible=True)} if others else {}


def _said(tab: PlaygroundTab, prompt: str, reply: Reply, locale: str) -> Updates:
    answer = reply.answer
    shown = answers.continued(prompt, answer, locale) if isinstance(answer, Text) else answers.render(answer, locale)
    return {tab.answer: gr.HTML(shown, visible=True), tab.chat: gr.Chatbot(visible=False)}


def _failed(
    tab: PlaygroundTab,
    services: Services,
    request: gr.Request,
    task: Task,
    chosen: str | None,
    error: Exception,
    locale: str,
    typed: bool,
) -> Updates:
    """The error in the card, that what was typed is kept, and a model that is here where the model failed."""
    if isinstance(error, UserError):
        error = named(error, task, locale)
    card = error_card(error, locale)
    if typed:
        card += f'<p class="kept">{html.escape(say("playground.kept", locale))}</p>'
    updates: Updates = {tab.answer: gr.HTML(card, visible=True), tab.foot: ""}
    if isinstance(error, UserError) and error.key.startswith(("models.", "starter.", "playground.no_model")):
        fitting = pickers.fitting_models(services, request, task.name)
        other = next((facts for facts in fitting if facts.ref != chosen), None)
        if other is not None:
            title = pickers.model_title(other, locale)
            updates[tab.instead] = gr.Button(say("playground.instead", locale, title=title), visible=True)
        elif not fitting and trainable(task.name):
            updates[tab.go_train] = gr.Button(visible=True)
    return updates
