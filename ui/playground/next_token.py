"""The next token: a continuation token by token, its chances weighed anew, other roads, three ways to choose."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import gradio as gr

from backend import answering
from backend.answering import Seen
from backend.errors import UserError
from backend.tasks import all_tasks
from backend.tasks.next_token import Trace, look, three_ways
from backend.tasks.text_generation import GenerationParams
from ui import answers, pickers
from ui.errors import error_card, shown
from ui.playground import next_token_view
from ui.playground.asking import WAITERS, Stops, Updates
from ui.text import i18n, say
from ui.visitor import Services, locale_of

Asked = tuple[str, str, Mapping[str, Any], Any]
WEIGHTS = ("temperature", "top_k", "top_p")
_QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """A trace, and the question it is about."""

    asked: Asked
    trace: Trace


@dataclass(frozen=True, slots=True)
class NextTokenParts:
    """Widgets of the fold."""

    fold: gr.Accordion
    run: gr.Button
    stop: gr.Button
    ways: gr.Button
    waiting: gr.HTML
    view: gr.HTML
    weights: dict[str, gr.Slider]
    """By name in WEIGHTS."""
    bars: gr.HTML
    compared: gr.HTML
    looked: gr.State
    """Looked: what is on show."""
    chosen: gr.State
    """Which of its places the bars are about."""


def build() -> NextTokenParts:
    """Lay the fold out. It is there for a task that writes on."""
    limits = {one.name: one.metadata for one in fields(GenerationParams)}
    with gr.Accordion(i18n("next_token.title"), open=False, visible=False, elem_classes="fold") as fold:
        gr.Markdown(i18n("next_token.about"), elem_classes="hint")
        with gr.Row(elem_classes="code-actions"):
            run = gr.Button(i18n("next_token.run"), size="sm", elem_id="next-run", scale=0)
            ways = gr.Button(i18n("next_token.ways"), size="sm", elem_id="next-ways", scale=0)
            stop = gr.Button(i18n("playground.stop"), size="sm", visible=False, elem_id="next-stop", scale=0)
        waiting = gr.HTML(apply_default_css=False, elem_id="next-waiting")
        view = gr.HTML(apply_default_css=False, js_on_load=next_token_view.EVENTS, elem_id="next-tokens")
        # Seen where there are bars (CSS): to be made visible in a fold that is just being opened may be lost.
        with gr.Row(elem_classes="next-place"):
            with gr.Column(scale=2, min_width=220):
                weights = {
                    name: gr.Slider(
                        limits[name]["minimum"],
                        limits[name]["maximum"],
                        step=limits[name]["step"],
                        label=i18n(f"tasks.text-generation.{name}"),
                        interactive=True,
                        buttons=[],
                        elem_id=f"next-{name}",
                    )
                    for name in WEIGHTS
                }
            with gr.Column(scale=5, min_width=280):
                bars = gr.HTML(apply_default_css=False, js_on_load=next_token_view.EVENTS, elem_id="next-bars")
        compared = gr.HTML(apply_default_css=False, elem_id="next-compared")
    return NextTokenParts(fold, run, stop, ways, waiting, view, weights, bars, compared, gr.State(None), gr.State(0))


def put_back(parts: NextTokenParts) -> Updates:
    """Nothing looked at: a new question takes away what was said of the last one."""
    return {
        parts.looked: None,
        parts.chosen: 0,
        parts.view: "",
        parts.bars: "",
        parts.compared: "",
    }


def wire(parts: NextTokenParts, rail: gr.Radio, asked: gr.State, services: Services, stops: Stops) -> None:
    """What is looked at is the text of the last answer, with its settings. stops: of what is looked at."""

    def show_fold(task: str | None) -> gr.Accordion:
        return gr.Accordion(visible=bool(task and all_tasks()[task].writes_on))

    def run(asked: Asked | None, request: gr.Request) -> Iterator[Updates]:
        settings = _settings(asked)
        sliders: Updates = {parts.weights[name]: getattr(settings, name) for name in WEIGHTS}
        yield from _looked(parts, services, stops, asked, request, settings, Trace(()), 0, None, sliders)

    def take_road(
        event: gr.EventData,
        looked: Looked | None,
        chosen: int,
        temperature: float,
        top_k: float,
        top_p: float,
        request: gr.Request,
    ) -> Iterator[Updates]:
        if looked is None:
            return
        settings = replace(_settings(looked.asked), **_weights(temperature, top_k, top_p))
        token = int(event._data["token"])
        yield from _looked(parts, services, stops, looked.asked, request, settings, looked.trace, chosen, token, {})

    def choose(
        event: gr.EventData, looked: Looked | None, temperature: float, top_k: float, top_p: float, request: gr.Request
    ) -> tuple[int, str, str]:
        number = max(0, min(int(event._data["place"]), len(looked.trace.places) - 1)) if looked else 0
        return number, *_drawn(looked, number, _weights(temperature, top_k, top_p), locale_of(request))

    def weigh(
        looked: Looked | None, chosen: int, temperature: float, top_k: float, top_p: float, request: gr.Request
    ) -> str:
        return _drawn(looked, chosen, _weights(temperature, top_k, top_p), locale_of(request))[1]

    def compare(asked: Asked | None, request: gr.Request) -> Iterator[Updates]:
        locale, settings = locale_of(request), _settings(asked)
        for found, updates in _asked(parts, services, stops, asked, request, three_ways, settings):
            yield updates | ({parts.compared: next_token_view.ways(found, locale)} if found else {})

    def stop(request: gr.Request) -> gr.Button:
        stops.stop(request)
        return gr.Button(say("playground.stopping", locale_of(request)), interactive=False)

    weights = list(parts.weights.values())
    generate = {"concurrency_id": "ask-generate", "concurrency_limit": WAITERS, **_QUIET}
    busy = [parts.run, parts.ways, parts.stop, parts.waiting]
    found = [*busy, parts.view, parts.bars, parts.looked, parts.chosen]
    rail.change(shown(show_fold), rail, parts.fold, **_QUIET)
    parts.run.click(shown(run), asked, [*found, *weights], **generate)
    parts.bars.click(shown(take_road), [parts.looked, parts.chosen, *weights], found, **generate)
    parts.ways.click(shown(compare), asked, [*busy, parts.compared], **generate)
    parts.view.click(shown(choose), [parts.looked, *weights], [parts.chosen, parts.view, parts.bars], **_QUIET)
    for one in weights:
        one.input(
            shown(weigh), [parts.looked, parts.chosen, *weights], parts.bars, trigger_mode="always_last", **_QUIET
        )
    parts.stop.click(shown(stop), None, parts.stop, queue=False, **_QUIET)


def _settings(asked: Asked | None) -> GenerationParams:
    """Of the last answer. Without drawing, what is weighed is the model's own distribution."""
    if not asked or not all_tasks()[asked[0]].writes_on:
        raise UserError("next_token.nothing")
    settings: GenerationParams = asked[3]
    return settings if settings.do_sample else replace(settings, temperature=1.0, top_k=0, top_p=1.0)


def _weights(temperature: float, top_k: float, top_p: float) -> dict[str, Any]:
    return {"temperature": temperature, "top_k": int(top_k), "top_p": top_p}


def _drawn(looked: Looked | None, chosen: int, weights: Mapping[str, Any], locale: str) -> tuple[str, str]:
    """The row of tokens, and the bars of one of them."""
    if looked is None or not looked.trace.places:
        return "", ""
    trace = looked.trace
    return next_token_view.tokens(trace, chosen, locale), next_token_view.bars(trace, chosen, weights, locale)


def _looked(
    parts: NextTokenParts,
    services: Services,
    stops: Stops,
    asked: Asked | None,
    request: gr.Request,
    settings: GenerationParams,
    trace: Trace,
    chosen: int,
    token: int | None,
    sliders: Updates,
) -> Iterator[Updates]:
    """Updates while a continuation is written: the first one, or from another token at the place `chosen` on."""
    weights = {name: getattr(settings, name) for name in WEIGHTS}
    road = (trace.places[: chosen + 1], token) if token is not None else ()
    for found, updates in _asked(parts, services, stops, asked, request, look, settings, *road):
        if found is not None:
            assert asked is not None
            looked = Looked(asked, found)
            view, bars = _drawn(looked, chosen, weights, locale_of(request))
            updates |= {parts.view: view, parts.bars: bars, parts.looked: looked, parts.chosen: chosen} | sliders
        yield updates


def _asked(
    parts: NextTokenParts,
    services: Services,
    stops: Stops,
    asked: Asked | None,
    request: gr.Request,
    how: Any,
    settings: GenerationParams,
    *more: Any,
) -> Iterator[tuple[Any, Updates]]:
    """(what `how` found so far or None, updates of the buttons and of what is said meanwhile)."""
    assert asked is not None
    name, ref, values, _ = asked
    task, locale, stop = all_tasks()[name], locale_of(request), stops.begin(request)
    workspace = services.workspace(request)
    yield None, _buttons(parts, locale, True) | {parts.waiting: answers.waiting(None, "", locale)}
    said = ""
    try:
        title = pickers.model_title(services.shelf.facts(workspace, ref), locale)

        def looking(pipe: Any) -> Iterator[Any]:
            return how(pipe, values, settings, stop, *more)  # type: ignore[no-any-return]

        for news in answering.look_inside(services.shelf, workspace, task, ref, settings, looking, stop):
            if isinstance(news, Seen):
                yield news.what, {parts.waiting: ""}
            else:
                yield None, {parts.waiting: answers.waiting(news, html.escape(title), locale)}
    except Exception as error:  # noqa: BLE001 - stands where the numbers would; error_card logs ours
        said = error_card(error, locale)
    yield None, _buttons(parts, locale, False) | {parts.waiting: said}


def _buttons(parts: NextTokenParts, locale: str, works: bool) -> Updates:
    return {
        parts.run: gr.Button(interactive=not works),
        parts.ways: gr.Button(interactive=not works),
        parts.stop: gr.Button(say("playground.stop", locale), interactive=works, visible=works),
    }
