"""Checks before Start in the page: found, mended from the keyboard, seen in the split, and taken back."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import App, OpenPage, open_tab
from tests.browser.test_datasets import open_data, upload

ROWS = 60


def leaky() -> str:
    """Rows that are tested on and learnt from, and twelve times as many good ones as bad ones."""
    lines = ["text,label,split"]
    for row in range(ROWS):
        label = "bad" if row % 12 == 0 else "good"
        lines.append(f"This is what they say of book number {row},{label},train")
    lines += [f"THIS is what they say of book number {row},good,test" for row in range(1, 11)]
    lines += [f"Nobody said that of film {row},good,validation" for row in range(10)]
    return "\n".join(lines) + "\n"


def test_a_leak_is_found_and_mended_from_the_keyboard(app: App, open_page: OpenPage) -> None:
    page = open_page(app.url, width=390)
    open_data(page)
    upload(page, "leaky.csv", leaky())
    expect(page.locator("#datasets-table")).to_contain_text("book number")
    open_tab(page, "finetune")
    box = page.locator("#finetune-data input")
    expect(box).not_to_have_value("")
    box.click()
    page.get_by_role("option", name=re.compile("^leaky")).first.click()
    checks = page.locator("#data-checks").first
    leak = checks.locator("[data-check=leaks]")
    expect(checks).to_contain_text("10 of the 20 rows to check and test on")
    expect(checks.locator("[data-ready]")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

    leak.focus()
    page.keyboard.press("Enter")
    expect(leak).to_have_text("Undo")
    # The focus stays on the button that came in its place, so that a second press takes it back.
    expect(leak).to_be_focused()
    expect(page.locator(".forecast-rows .split-line")).to_have_text(re.compile("50 rows to learn from.*: 10"))
    page.keyboard.press("Enter")
    expect(leak).to_have_text("Leave the training rows with these texts out (10)")
    expect(page.locator(".forecast-rows .split-line")).to_have_text(re.compile("60 rows to learn from"))
