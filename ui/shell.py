"""The page: header, tabs in the order of the work, the one timer, and what happens between tabs."""

from __future__ import annotations

import html
import os
import secrets
import socket
import time
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.models import ModelShelf, device_name
from backend.settings import Settings
from backend.training.queue import RunQueue
from backend.warm import warm_up
from ui import api, datasets_tab, finetune_tab, metrics_tab, playground_tab, starters, steady, tokenizer_tab, tour
from ui.errors import shown
from ui.text import i18n, say, translations
from ui.theme import ASSETS, css, early_script, head, theme
from ui.visitor import PageState, Services, enter, locale_of, typed_before

# Seconds: every hour, uploads and downloads of the day before go. What was read from them is in the workspace.
UPLOADS_SWEPT = (3600, 86400)


def build_page(settings: Settings) -> gr.Blocks:
    """The whole page, ready to launch."""
    shelf = ModelShelf(settings)
    services = Services(settings, shelf, RunQueue(settings, shelf))
    page = gr.Blocks(
        title="Transformers Workbench", fill_width=True, analytics_enabled=False, delete_cache=UPLOADS_SWEPT
    )
    with page:
        header = gr.HTML(_header("en", ""), elem_id="header", padding=False)
        state = PageState(arrived=gr.State(""), pulse=gr.State(""), typed=gr.State({}))
        timer = gr.Timer(2, active=False)
        starters.build(state)
        with gr.Tabs(elem_id="tabs", overflow_behavior="wrap") as tabs:
            with gr.Tab(i18n("shell.playground"), id="playground", render_children=True):
                playground = playground_tab.build(services)
            with gr.Tab(i18n("shell.tokenizer"), id="tokenizer", render_children=True):
                tokenizer = tokenizer_tab.build(services)
            with gr.Tab(i18n("shell.datasets"), id="datasets", render_children=True):
                datasets = datasets_tab.build(services)
            with gr.Tab(i18n("shell.finetune"), id="finetune", render_children=True):
                finetune = finetune_tab.build(services)
            with gr.Tab(i18n("shell.metrics"), id="metrics", render_children=True):
                metrics = metrics_tab.build(services)
        playground_tab.wire(playground, services, state, finetune.try_it, finetune.try_ref, tabs)
        tokenizer_tab.wire(tokenizer, services, state)
        datasets_tab.wire(datasets, services, state)
        finetune_tab.wire(finetune, services, state)
        metrics_tab.wire(metrics, services, state)
        _wire_visitor(page, services, state, header, tabs, timer, finetune.started)
        datasets.use_for_training.click(
            _train_on,
            [datasets.chosen],
            [finetune.wanted_data, tabs],
            show_progress="hidden",
            api_visibility="private",
        )
        metrics.open_run.change(
            _open_run, [metrics.open_run], [finetune.wanted_run, tabs], show_progress="hidden", api_visibility="private"
        )
        playground.go_train.click(_show_finetune, None, tabs, show_progress="hidden", api_visibility="private")
        api.publish(services)
        _spare_the_browser(page)
    return page


def _spare_the_browser(page: gr.Blocks) -> None:
    """Give events that show no progress no target for it.

    At each stage of each event, Gradio's browser side looks up every component that was ever such a target in the tree
    of the page and writes its state: with all outputs as targets that took a third of a core while a run was watched.
    """
    for event in page.fns.values():
        if event.show_progress == "hidden":
            event.show_progress_on = []


def launch(page: gr.Blocks, settings: Settings) -> None:
    """Serve the page until it is told to stop. Heavy libraries are imported in the background once it answers."""
    # Gradio calls its own page while it starts; a proxy that is set would be asked for it.
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = ",".join(filter(None, (os.environ.get(name), "127.0.0.1,localhost")))
    steady.mend()
    page.queue(default_concurrency_limit=8, max_size=64)
    page.launch(
        server_name=settings.host,
        server_port=free_port(settings.host, settings.port),
        theme=theme(),
        css=css(),
        head=head() + tour.head(),
        i18n=translations(),
        footer_links=[],
        ssr_mode=False,
        favicon_path=str(ASSETS / "logo.svg"),
        max_file_size=settings.upload_limit_mib * 2**20,
        allowed_paths=[],
        app_kwargs={"middleware": [Middleware(EarlyScript)]},
        prevent_thread_lock=True,
        # Gradio would ask once more, for three seconds at most, and end the app when a busy machine takes longer.
        _frontend=False,
    )
    warm_up()
    page.block_thread()


def free_port(host: str, port: int) -> int:
    """The port asked for, or the first free one of the hundred after it. 0: any."""
    for candidate in range(port, port + 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, candidate))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError(f"no free port between {port} and {port + 99}")


class EarlyScript:
    """ASGI middleware: puts the early script right after <head>, since launch(head=...) comes too late for it.

    A question of a page that another process made is refused (409): what is known of an open page was lost with that
    process. The script loads the page again then.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.name = secrets.token_hex(8)
        self.script = early_script(self.name).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (scope["path"].endswith("/queue/join") or "/run/" in scope["path"]):
            asked = dict(scope["headers"]).get(b"x-workbench-app", b"").decode()
            if asked and asked != self.name:
                return await Response(status_code=409)(scope, receive, send)
        if scope["type"] != "http" or scope["path"] != "/":
            return await self.app(scope, receive, send)
        start: Message = {}
        body = b""

        async def insert(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                start = message
                return
            body += message.get("body", b"")
            if message.get("more_body"):
                return
            body = body.replace(b"<head>", b"<head>" + self.script, 1)
            others = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
            await send({**start, "headers": [*others, (b"content-length", str(len(body)).encode())]})
            await send({"type": "http.response.body", "body": body})

        await self.app(scope, receive, insert)


def _wire_visitor(
    page: gr.Blocks,
    services: Services,
    state: PageState,
    header: gr.HTML,
    tabs: gr.Tabs,
    timer: gr.Timer,
    started: gr.State,
) -> None:
    """The browser introduces itself at load; then the timer, tab changes and starts of runs keep `pulse` true."""
    language, secret, kept = (gr.Textbox(visible=False) for _ in range(3))

    def arrive(language: str, secret: str, kept: str, request: gr.Request) -> tuple[str, dict[str, str], Any]:
        enter(request.session_hash or "", language, secret)
        services.queue.recover(services.workspace(request))
        # Somebody is here: have a child with the libraries in it ready for their first forecast or run.
        services.queue.warm()
        # A laptop goes online and offline while the app runs; the header is drawn after this.
        services.shelf.recheck()
        typed = typed_before(kept)
        if "again" in typed:
            gr.Info(say("shell.again", locale_of(request)))
        tab = gr.Tabs(selected=typed["tab"]) if "tab" in typed else gr.skip()
        return f"{request.session_hash} {language}", typed, tab

    def tick(request: gr.Request) -> tuple[str, gr.Timer]:
        workspace = services.workspace(request)
        return services.queue.fingerprint(workspace), gr.Timer(active=services.queue.lives(workspace))

    def draw_header(request: gr.Request) -> str:
        locale = locale_of(request)
        return _header(locale, _status(services, request, locale))

    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    page.load(
        shown(arrive),
        [language, secret, kept],
        [state.arrived, state.typed, tabs],
        js="() => workbench.visitor()",
        **quiet,
    )
    state.arrived.change(shown(draw_header), None, header, **quiet)
    for trigger in (timer.tick, state.arrived.change, started.change, tabs.select):
        # Through the queue: with queue=False Gradio tells the page of no changed State, and nobody would hear it.
        trigger(shown(tick), None, [state.pulse, timer], **quiet)


def _train_on(ref: str) -> tuple[dict[str, Any], gr.Tabs]:
    # The time makes the same wish twice a change, too.
    return {"ref": ref, "at": time.time()}, gr.Tabs(selected="finetune")


def _show_finetune() -> gr.Tabs:
    return gr.Tabs(selected="finetune")


def _open_run(wanted: dict[str, Any]) -> tuple[dict[str, Any], gr.Tabs]:
    return wanted, gr.Tabs(selected="finetune")


def _header(locale: str, status: str) -> str:
    """Brand, status, tour, language and colour scheme. Plain buttons: what they do needs no server."""
    logo = (ASSETS / "logo.svg").read_text(encoding="utf-8")
    scheme = html.escape(say("shell.scheme", locale))
    languages = "".join(_language(code, name, locale) for code, name in (("en", "EN"), ("zh-CN", "中文")))
    return f"""
<div class="topbar" data-lost="{html.escape(say("shell.lost", locale))}">
  <div class="brand">{logo}<b>Transformers <span>Workbench</span></b></div>
  <div class="status">{status}</div>
  <button type="button" class="quiet" id="tour-start" onclick="workbench.tour(0)">{say("shell.tour", locale)}</button>
  <div class="switch" role="group" aria-label="Language 语言">{languages}</div>
  <button type="button" class="quiet" id="scheme" title="{scheme}" aria-label="{scheme}"
    onclick="workbench.toggleScheme()">◐</button>
</div>"""


def _language(code: str, name: str, locale: str) -> str:
    on = code == locale
    return (
        f'<button type="button" lang="{code}" class="{"on" if on else ""}" aria-pressed="{str(on).lower()}"'
        f""" onclick="workbench.speak('{code}')">{name}</button>"""
    )


def _status(services: Services, request: gr.Request, locale: str) -> str:
    import psutil

    online = services.shelf.online()
    memory = psutil.virtual_memory()
    free, total = f"{memory.available / 2**30:.1f}", f"{memory.total / 2**30:.0f}"
    # In public mode the folder's name is a hash, which tells a visitor nothing.
    public = services.settings.public
    place = say("shell.private", locale) if public else html.escape(_short(services.workspace(request).root))
    dot, net = ("on", "shell.online") if online else ("off", "shell.offline")
    parts = (
        ("net", f'<i class="dot {dot}"></i>{say(net, locale)}'),
        ("device", device_name(services.settings).upper()),
        ("memory", say("shell.memory", locale, free=free, total=total)),
        ("place", say("shell.workspace", locale, name=f"<b>{place}</b>")),
    )
    return "".join(f'<span class="{name}">{text}</span>' for name, text in parts)


def _short(root: Path) -> str:
    return root.name if root.name != "workspace" else root.parent.name
