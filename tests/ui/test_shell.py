"""Tests of ui/shell.py: what needs no browser."""

import asyncio
import socket

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
    asyncio.run(EarlyScript(HTMLResponse("<html><head><title>x</title></head></html>"))(scope, receive, send))
    headers, body = dict(sent[0]["headers"]), sent[1]["body"]
    assert body.startswith(b"<html><head><script>") and b"workbench-visitor" in body
    assert int(headers[b"content-length"]) == len(body)


def test_two_visitors_of_a_public_page_have_different_workspaces_and_one_keeps_theirs(tmp_path: object) -> None:
    settings = Settings(workspace=tmp_path, public=True)  # type: ignore[arg-type]
    mine, again, other = (Workspace.open(settings, secret) for secret in ("a" * 32, "a" * 32, "b" * 32))
    assert mine == again and mine.root != other.root
    assert "a" * 8 not in str(mine.root)


def test_the_language_of_a_page_is_the_one_it_introduced_itself_with() -> None:
    visitor.enter("session", "zh-CN", "secret")
    request = type("Request", (), {"session_hash": "session", "headers": {"accept-language": "en"}})()
    try:
        assert visitor.locale_of(request) == "zh-CN"
    finally:
        visitor.leave(request)
    assert visitor.locale_of(request) == "en"
