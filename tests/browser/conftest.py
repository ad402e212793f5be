"""The real app in a process of its own, and Debian's Chromium to look at it."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
# The last questions of the pages to the app, for the report of a failure.
ASKED: list[str] = []
TABS = ["playground", "tokenizer", "datasets", "finetune", "metrics"]

# Another test may take half of the machine meanwhile.
expect.set_options(timeout=45_000)


@dataclass
class App:
    """A running app: where it answers and what it keeps."""

    url: str
    workspace: Path
    process: subprocess.Popen[bytes]
    log: Path


@contextmanager
def serve(
    workspace: Path, *flags: str, environ: dict[str, str] | None = None, port: int | None = None
) -> Iterator[App]:
    """`python app.py` on a free port, if none is named, from its first HTTP 200 to the end of the block."""
    if port is None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
    workspace.parent.mkdir(parents=True, exist_ok=True)
    log = workspace.with_suffix(".log")
    command = [sys.executable, "app.py", "--port", str(port), "--workspace", str(workspace), "--offline", "yes", *flags]
    with log.open("ab") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ | (environ or {}), stdout=output, stderr=output)
    url = f"http://127.0.0.1:{port}/"
    try:
        deadline = time.monotonic() + 240
        while True:
            try:
                with urllib.request.urlopen(url, timeout=5):
                    break
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                assert process.poll() is None, log.read_text(errors="replace")[-4000:]
                assert time.monotonic() < deadline, "the app did not answer within 240 s"
                time.sleep(0.1)
        yield App(url, workspace, process, log)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def app(scratch: Path, starter_root: Path) -> Iterator[App]:
    """One app that the browser tests share."""
    with serve(scratch / "browser-workspace") as running:
        yield running


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, headless."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert found, "Chromium is needed: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


OpenPage = Callable[..., Page]


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[OpenPage]:
    """Opens the page in a browser of its own: open_page(url, language="zh-CN", width=390, scheme="dark")."""
    contexts = []

    def open_one(
        url: str, *, language: str = "en", width: int = 1440, scheme: str = "light", tour: str | None = "seen"
    ) -> Page:
        context = chromium.new_context(
            viewport={"width": width, "height": 900 if width > 600 else 844},
            locale=language,
            color_scheme=scheme,  # type: ignore[arg-type]
        )
        contexts.append(context)
        if tour is not None:
            context.add_init_script(
                f"localStorage.getItem('workbench-tour') ?? localStorage.setItem('workbench-tour', '{tour}')"
            )
        page = context.new_page()
        page.on("request", _remember)
        page.goto(url)
        expect(page.locator("#header .status .device")).not_to_be_empty()
        return page

    yield open_one
    for context in contexts:
        context.close()


def _remember(request: Request) -> None:
    if request.method == "POST":
        ASKED.append(f"{time.strftime('%X')} {request.url.rsplit('/', 1)[-1]} {(request.post_data or '')[:200]}")


def open_tab(page: Page, name: str) -> None:
    """Click one of the five tabs, named as in ui/shell.py."""
    page.locator("#tabs > .tab-wrapper [role=tab]").nth(TABS.index(name)).click()


def choose_data(page: Page, title: str) -> None:
    """On the Fine-tune tab, once it has chosen for itself, choose the data set whose title begins so."""
    open_tab(page, "finetune")
    box = page.locator("#finetune-data input")
    expect(box).not_to_have_value("")
    box.click()
    page.get_by_role("option", name=re.compile(f"^{title}")).first.click()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With a failure, what the app printed last and what the pages told."""
    report = yield
    if report.failed and isinstance(item, pytest.Function):
        running = item.funcargs.get("app")
        if isinstance(running, App):
            report.sections.append(("the app's log", running.log.read_text(errors="replace")[-3000:]))
        report.sections.append(("asked of the app", "\n".join(ASKED[-40:])))
    return report
