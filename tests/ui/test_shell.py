"""Tests of ui/shell.py: what needs no browser."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import gradio as gr
import pytest
from starlette.requests import Request as Incoming
from starlette.responses import HTMLResponse
from starlette.types import Message, Scope

from backend.settings import Settings
from backend.workspace import Workspace
from ui import visitor
from ui.shell import EarlyScript, free_port


def test_the_next_free_port_is_taken_when_the_wanted_one_is_in_use() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port("127.0.0.1", port) > port


def test_the_early_script_stands_before_everything_else_in_the_head_of_the_page() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    scope: Scope = {"type": "http", "path": "/", "method": "GET", "headers": []}
    page = EarlyScript(HTMLResponse("<html><head><title>x</title></head></html>"))
    # In a thread of its own: the browser tests leave an event loop running in this one.
    with ThreadPoolExecutor() as pool:
        pool.submit(lambda: asyncio.run(page(scope, receive, send))).result()
    headers, body = dict(sent[0]["headers"]), sent[1]["body"]
    assert body.startswith(b"<html><head><script data-app=") and b"workbench-visitor" in body
    assert int(headers[b"content-length"]) == len(body)


def test_a_question_of_a_page_that_another_process_made_is_refused() -> None:
    page = EarlyScript(HTMLResponse("answered"))
    for headers, status in (
        ([], 200),
        ([(b"x-workbench-app", page.name.encode())], 200),
        ([(b"x-workbench-app", b"old")], 409),
    ):
        sent: list[Message] = []

        async def send(message: Message, sent: list[Message] = sent) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": "http.request"}

        for path in ("/gradio_api/queue/join", "/gradio_api/run/predict"):
            sent.clear()
            scope: Scope = {"type": "http", "path": path, "method": "POST", "headers": headers}
            with ThreadPoolExecutor() as pool:
                pool.submit(lambda scope=scope, send=send: asyncio.run(page(scope, receive, send))).result()
            assert sent[0]["status"] == status


def test_two_visitors_of_a_public_page_have_different_workspaces_and_one_keeps_theirs(tmp_path: object) -> None:
    settings = Settings(workspace=tmp_path, public=True)  # type: ignore[arg-type]
    mine, again, other = (Workspace.open(settings, secret) for secret in ("a" * 32, "a" * 32, "b" * 32))
    assert mine == again and mine.root != other.root
    assert "a" * 8 not in str(mine.root)


def request(session: str, username: str | None = None) -> gr.Request:
    return gr.Request(Incoming({"type": "http", "headers": [(b"accept-language", b"en")]}), username, session)


def test_a_browser_cannot_pass_for_an_account_or_for_another_page(tmp_path: Path) -> None:
    settings = Settings(workspace=tmp_path, public=True)
    services = visitor.Services(settings, cast(Any, None), cast(Any, None))
    for secret in ("julie", "account:julie", "page"):
        visitor.enter("thief", "en", secret)
        stolen = services.workspace(request("thief"))
        assert stolen != services.workspace(request("x", username="julie"))
        assert stolen != services.workspace(request("page"))


def test_two_visitors_who_say_nothing_of_themselves_share_nothing(tmp_path: Path) -> None:
    services = visitor.Services(Settings(workspace=tmp_path, public=True), cast(Any, None), cast(Any, None))
    visitor.enter("one", "en", "")
    visitor.enter("two", "en", "")
    assert services.workspace(request("one")) != services.workspace(request("two"))
    assert services.workspace(request("")) != services.workspace(request(""))


def test_the_language_of_a_page_is_the_one_it_introduced_itself_with() -> None:
    visitor.enter("session", "zh-CN", "secret")
    assert visitor.locale_of(request("session")) == "zh-CN"
    assert visitor.locale_of(request("stranger")) == "en"


@pytest.mark.parametrize("words", ["", "{", "[1]", "null", '{"a": 1}'])
def test_what_a_browser_says_it_kept_counts_for_nothing_if_it_is_no_text_by_name(words: str) -> None:
    assert visitor.typed_before(words) == {}
    assert visitor.typed_before('{"a": 1, "b": "text"}') == {"b": "text"}


def test_pages_that_were_closed_long_ago_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visitor, "SESSIONS_KEPT", 2)
    for session in ("a", "b", "c"):
        visitor.enter(session, "zh-CN", "secret")
    assert [visitor.locale_of(request(session)) for session in "abc"] == ["en", "zh-CN", "zh-CN"]
