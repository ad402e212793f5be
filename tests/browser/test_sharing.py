"""A person hands an answer on: by its address, and as a notebook."""

import json
import re
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import App, OpenPage

TEXT = "Shares rose & the bank's rate is 2% #up"


def test_an_address_opens_the_page_as_it_was_asked_and_the_code_leaves_as_a_notebook(
    app: App, open_page: OpenPage
) -> None:
    page = open_page(app.url)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    # The form hears the page from here on.
    expect(page.locator("#playground-text textarea")).to_be_visible()
    page.locator("#playground-task").get_by_text("Your own labels, by meaning").click()
    labels = page.locator("#playground-labels textarea")
    expect(labels).to_be_visible()
    page.locator("#playground-text textarea").fill(TEXT)
    labels.fill("sport, business")
    page.locator("#playground-run").click()
    expect(page.locator("#playground-answer .verdict")).to_contain_text("business", timeout=120_000)
    page.wait_for_url(re.compile(r"\?task=zero-shot-embedding&model=starter:.*&text=Shares.*&labels=sport"))

    page.get_by_role("button", name="The code").click()
    page.locator("#copy-link").click()
    expect(page.locator("#link-told")).to_contain_text("Copied")
    link = page.evaluate("navigator.clipboard.readText()")
    with page.expect_download() as download:
        page.locator("#take-notebook").click()
    assert download.value.suggested_filename == "zero-shot-embedding.ipynb"
    cells = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))["cells"]
    assert TEXT in "".join(cells[-1]["source"])

    other = open_page(link)
    expect(other.locator("#playground-labels textarea")).to_have_value("sport, business")
    expect(other.locator("#playground-text textarea")).to_have_value(TEXT)
    expect(other.locator("#playground-model input")).to_have_value(
        page.locator("#playground-model input").input_value()
    )
    expect(other.locator("#playground-answer .verdict")).to_have_count(0)
    # Refreshed, and in the other language, it is still there; what was typed since goes before the address.
    other.reload()
    expect(other.locator("#playground-labels textarea")).to_have_value("sport, business")
    other.locator("#playground-text textarea").fill("something else")
    other.get_by_role("button", name="中文", exact=True).click()
    expect(other.locator("#playground-text textarea")).to_have_value("something else")
    expect(other.locator("#playground-labels textarea")).to_have_value("sport, business")


def test_an_address_of_a_model_that_is_not_here_says_so_and_keeps_the_text(app: App, open_page: OpenPage) -> None:
    page = open_page(app.url + "?task=text-generation&model=hub:Qwen/Qwen3-0.6B&messages=Hello")
    expect(page.locator("#playground-answer")).to_contain_text("Qwen/Qwen3-0.6B")
    expect(page.locator("#playground-messages textarea")).to_have_value("Hello")
    # Another task has another input; junk is nothing.
    page.locator("#playground-task input[value=zero-shot-embedding]").check(force=True)
    expect(page.locator("#playground-labels textarea")).to_be_visible()
    assert page.evaluate("location.search") == "?task=zero-shot-embedding"
    page.goto(app.url + "?task=cooking&text=%FF&model=%3C")
    expect(page.locator("#playground-run")).to_be_enabled()
    expect(page.locator("#playground-text textarea")).to_have_value("")
