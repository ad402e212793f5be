"""The fold "Models on this machine": what is here, a search of the Hub, downloads that can be stopped, deleting."""

from __future__ import annotations

import html
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from backend.errors import UserError
from backend.models import search
from backend.models.finding import LAST, name_of
from backend.models.holdings import holdings
from backend.models.hub import MIRRORS
from backend.training.model_removal import remove_model
from ui import phrases, pickers
from ui.errors import shown
from ui.playground import shelf_view
from ui.text import i18n, say
from ui.visitor import PageState, Services, locale_of

Updates = dict[Any, Any]
_LOOK_SECONDS = 0.4
_WATCHERS = 16
# A redraw replaces the buttons, so the focus is put back where it was.
EVENTS = """
let last = null;
const key = part => `[data-act="${part.dataset.act}"][data-ref="${CSS.escape(part.dataset.ref)}"]`;
element.addEventListener('focusin', event => { last = event.target.dataset?.act ? key(event.target) : null; });
element.addEventListener('focusout', ({relatedTarget}) => {
  if (relatedTarget && !element.contains(relatedTarget)) last = null;
});
element.addEventListener('click', event => {
  const part = event.target.closest('[data-act]');
  if (part) trigger('click', {act: part.dataset.act, ref: part.dataset.ref});
});
watch('value', () => { if (last && document.activeElement === document.body) element.querySelector(last)?.focus(); });
"""


@dataclass(frozen=True, slots=True)
class ShelfParts:
    """Widgets of the fold."""

    fold: gr.Accordion
    ask: gr.Row
    question: gr.HTML
    delete: gr.Button
    keep: gr.Button
    table: gr.HTML
    arrivals: gr.HTML
    words: gr.Textbox
    task: gr.Dropdown
    language: gr.Dropdown
    library: gr.Dropdown
    sort: gr.Dropdown
    mirror: gr.Dropdown
    search: gr.Button
    get_typed: gr.Button
    told: gr.HTML
    found: gr.HTML
    asked: gr.State
    """The ref of a model that a person may delete."""


def build() -> ShelfParts:
    """Lay the fold out."""
    with gr.Accordion(i18n("shelf.fold"), open=False, elem_classes="fold", elem_id="shelf") as fold:
        with gr.Row(visible=False, elem_classes="ask-row", elem_id="shelf-ask") as ask:
            question = _html()
            delete = gr.Button(i18n("shelf.yes"), variant="stop", min_width=120, scale=0, elem_id="shelf-delete")
            keep = gr.Button(i18n("shelf.no"), min_width=120, scale=0, elem_id="shelf-keep")
        table = gr.HTML("", apply_default_css=False, js_on_load=EVENTS, elem_id="shelf-table")
        arrivals = gr.HTML("", apply_default_css=False, js_on_load=EVENTS, elem_id="shelf-arrivals")
        gr.HTML(i18n("shelf.hub"), elem_classes="caption", apply_default_css=False)
        with gr.Row(elem_classes="shelf-search", equal_height=False):
            words = gr.Textbox(
                "", **_words("shelf.words"), placeholder=i18n("shelf.words.placeholder"), max_lines=1, scale=5,
                min_width=220, interactive=True, elem_id="shelf-words",
            )  # fmt: skip
            mirror = gr.Dropdown(
                list(MIRRORS), value=MIRRORS[0], **_words("shelf.mirror"), allow_custom_value=True, scale=4,
                min_width=220, interactive=True, elem_id="shelf-mirror",
            )  # fmt: skip
        with gr.Row(elem_classes="shelf-filters"):
            task = _choice("shelf.task", [(_task_text(tag), tag) for tag in search.TASKS])
            language = _choice("shelf.language", [(i18n(f"shelf.language.{one}"), one) for one in search.LANGUAGES])
            library = _choice("shelf.library", [(one, one) for one in search.LIBRARIES], value=search.LIBRARIES[0])
            sorts = [(i18n(f"shelf.sort.{one}"), one) for one in search.SORTS]
            sort = gr.Dropdown(
                sorts, value=search.SORTS[0], **_words("shelf.sort"), min_width=150, interactive=True, filterable=False
            )
        with gr.Row(elem_classes="shelf-actions"):
            look = gr.Button(i18n("shelf.search"), scale=0, min_width=140, elem_id="shelf-search")
            get_typed = gr.Button(i18n("shelf.get_typed"), scale=0, min_width=180, elem_id="shelf-get")
        told = _html()
        found = gr.HTML("", apply_default_css=False, js_on_load=EVENTS, elem_id="shelf-found")
    return ShelfParts(
        fold, ask, question, delete, keep, table, arrivals, words, task, language, library, sort, mirror, look,
        get_typed, told, found, gr.State(""),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shelf:
    """The handlers."""

    parts: ShelfParts
    services: Services
    model: gr.Dropdown
    """The playground's model box."""
    wanted: gr.State
    """Set to {"ref", "at"} to put a model in the box, with a task that it can do."""

    def arrive(self, request: gr.Request) -> gr.Dropdown:
        """Where models come from, as it was chosen last; visitors of a public page do not choose."""
        hub = self.services.shelf.hub
        choices = list(dict.fromkeys([*MIRRORS, hub.home, hub.endpoint]))
        return gr.Dropdown(choices, value=hub.endpoint, visible=not self.services.settings.public)

    def draw(self, request: gr.Request) -> Updates:
        """What is here now."""
        shelf, workspace = self.services.shelf, self.services.workspace(request)
        held = holdings(shelf, workspace)
        free = shelf_view.free_bytes(shelf.hub.cache)
        return {self.parts.table: shelf_view.table(held, free, locale_of(request), time.time())}

    def act(self, event: gr.EventData, request: gr.Request) -> Updates:
        """A button in a table was pressed."""
        kind, ref = str(event._data["act"]), str(event._data["ref"])
        workspace, shelf = self.services.workspace(request), self.services.shelf
        if kind == "use":
            return {self.wanted: {"ref": ref, "at": time.time()}}
        if kind == "delete":
            return self._ask(ref, request)
        if kind == "stop":
            shelf.arrivals.stop(workspace, ref)
        else:
            self._begin(ref, request)
        return {self.parts.asked: gr.skip()}

    def get_by_name(self, words: str, request: gr.Request) -> Updates:
        """Download what was typed whole."""
        self._begin(words, request)
        return {self.parts.told: ""}

    def watch(self, request: gr.Request) -> Iterator[Updates]:
        """Tell how far the downloads of this workspace are until all have ended; they go on without a watcher."""
        arrivals, workspace = self.services.shelf.arrivals, self.services.workspace(request)
        # It tells something at least once: outputs of a generator that yields nothing are emptied.
        locale, before = locale_of(request), "-"
        while True:
            now = arrivals.of(workspace)
            drawn = shelf_view.arrivals(now, locale)
            if drawn != before:
                yield {self.parts.arrivals: drawn}
                before = drawn
            if not any(one.state == "going" for one in now):
                break
            time.sleep(_LOOK_SECONDS)
        if now:
            arrivals.settle(workspace)
            yield self.draw(request)

    def look(
        self, words: str, task: str, language: str, library: str, sort: Any, request: gr.Request
    ) -> Iterator[Updates]:
        """Search; an error stands where the models would stand."""
        shelf, locale, told = self.services.shelf, locale_of(request), self.parts.told
        yield {told: phrases.busy(say("shelf.searching", locale, endpoint=shelf.hub.endpoint)), self.parts.found: ""}
        query = search.Query(words=words or "", task=task, language=language, library=library, sort=sort)
        try:
            models = search.search(shelf.hub, query)
        except UserError as error:
            yield {told: shelf_view.failed(error, locale)}
            return
        here = frozenset(shelf.hub.downloaded())
        yield {told: "", self.parts.found: shelf_view.found(models, here, shelf.hub.endpoint, locale)}

    def choose_mirror(self, address: str | None, request: gr.Request) -> Updates:
        """Fetch from there from now on."""
        hub, locale = self.services.shelf.hub, locale_of(request)
        try:
            hub.use_mirror(address or "")
        except UserError as error:
            return {self.parts.told: shelf_view.failed(error, locale)}
        words = html.escape(say("shelf.mirror_is", locale, endpoint=hub.endpoint))
        return {self.parts.told: f'<p class="muted" role="status">{words}</p>', self.parts.found: ""}

    def remove(self, ref: str, task: str, request: gr.Request) -> Updates:
        """Delete the model that was asked about."""
        workspace, locale = self.services.workspace(request), locale_of(request)
        title = self._title(ref, request)
        remove_model(self.services.shelf, self.services.queue, workspace, ref)
        self.services.shelf.arrivals.forget(workspace, ref)
        key = "shelf.taken_off" if ref.startswith("folder:") else "shelf.deleted"
        gr.Info(html.escape(say(key, locale, model=title)))
        choices = pickers.model_choices(self.services, request, task)
        closed: Updates = {self.parts.ask: gr.Row(visible=False), self.parts.asked: ""}
        told = shelf_view.arrivals(self.services.shelf.arrivals.of(workspace), locale)
        return closed | {self.model: gr.Dropdown(choices), self.parts.arrivals: told} | self.draw(request)

    def _ask(self, ref: str, request: gr.Request) -> Updates:
        locale, kind = locale_of(request), ref.partition(":")[0]
        held = holdings(self.services.shelf, self.services.workspace(request))
        size = next((pickers.size(one.bytes) for one in held if one.ref == ref), None)
        if size is None:
            return self.draw(request)
        key = {"run": "shelf.ask_run", "folder": "shelf.ask_folder"}.get(kind, "shelf.ask")
        question = html.escape(say(key, locale, model=shelf_view.titles(held, locale)[ref], size=size))
        return {
            self.parts.asked: ref,
            self.parts.question: f'<p role="alert">{question}</p>',
            self.parts.ask: gr.Row(visible=True),
        }

    def _title(self, ref: str, request: gr.Request) -> str:
        held = holdings(self.services.shelf, self.services.workspace(request))
        return shelf_view.titles(held, locale_of(request)).get(ref, name_of(ref).removesuffix(LAST))

    def _begin(self, text: str, request: gr.Request) -> None:
        """Raises UserError shelf.not_hub, and models.offline where nobody could be asked."""
        shelf, workspace = self.services.shelf, self.services.workspace(request)
        ref = shelf.parse(text) if text and text.strip() else ""
        if not ref.startswith("hub:"):
            raise UserError("shelf.not_hub", text=(text or "").strip()[:200])
        shelf.arrivals.begin(workspace, ref)


def wire(
    parts: ShelfParts, services: Services, state: PageState, model: gr.Dropdown, task: gr.Radio, wanted: gr.State
) -> None:
    """Connect the fold. task: the playground's rail."""
    acts = Shelf(parts, services, model, wanted)
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    watch: dict[str, Any] = {
        "fn": shown(acts.watch), "inputs": None, "outputs": [parts.arrivals, parts.table],
        "concurrency_limit": _WATCHERS, "concurrency_id": "arrivals", "trigger_mode": "multiple", **quiet,
    }  # fmt: skip
    state.arrived.change(shown(acts.arrive), None, parts.mirror, **quiet)
    parts.fold.expand(shown(acts.draw), None, parts.table, **quiet).then(**watch)
    acted = [parts.table, parts.asked, parts.ask, parts.question, wanted]
    for place in (parts.table, parts.found, parts.arrivals):
        place.click(shown(acts.act), None, acted, trigger_mode="multiple", **quiet).success(**watch)
    parts.get_typed.click(shown(acts.get_by_name), parts.words, parts.told, **quiet).success(**watch)
    asking = [parts.words, parts.task, parts.language, parts.library, parts.sort]
    for trigger in (parts.search.click, parts.words.submit):
        trigger(shown(acts.look), asking, [parts.told, parts.found], concurrency_limit=4, **quiet)
    parts.mirror.input(shown(acts.choose_mirror), parts.mirror, [parts.told, parts.found], **quiet)
    removed = [parts.ask, parts.asked, model, parts.table, parts.arrivals]
    parts.delete.click(shown(acts.remove), [parts.asked, task], removed, **quiet)
    parts.keep.click(_kept, None, [parts.ask, parts.asked], queue=False, **quiet)


def _kept() -> tuple[gr.Row, str]:
    return gr.Row(visible=False), ""


def _choice(key: str, choices: list[tuple[Any, str]], value: str = "") -> gr.Dropdown:
    return gr.Dropdown([(i18n("shelf.any"), ""), *choices], value=value, **_words(key), min_width=150, interactive=True)


def _task_text(tag: str) -> Any:
    from backend.texts import catalogue

    return i18n(f"tasks.{tag}" if f"tasks.{tag}" in catalogue("en") else f"shelf.hubtask.{tag}")


def _html() -> gr.HTML:
    return gr.HTML("", apply_default_css=False)


def _words(key: str) -> dict[str, Any]:
    """Label and help of a control."""
    return {"label": i18n(key), "info": i18n(f"{key}.help")}
