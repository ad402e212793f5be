"""A first answer in seconds, on the page: from the sample to a score and a model that answers."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import App, OpenPage, choose_data, open_tab

MINUTE = 60_000


def test_the_sample_gets_a_first_answer_that_can_be_tried_and_the_form_is_still_there(
    app: App, open_page: OpenPage
) -> None:
    page = open_page(app.url)
    choose_data(page, "Product reviews")
    expect(page.get_by_label("Label column")).to_have_value("label", timeout=MINUTE)
    expect(page.locator("#finetune-model input").first).to_have_value(re.compile("MiniLM"), timeout=MINUTE)
    page.locator("#first-answer").click()
    expect(page.locator("#try-it")).to_be_visible(timeout=3 * MINUTE)
    sentence = page.locator(".run-view .lead-text").first
    expect(sentence).to_contain_text(re.compile(r"\d+% after \d+ s; always guessing \w+ gives \d+%\."))

    page.locator("#try-it").click()
    expect(page.locator("#playground-model input").first).to_have_value(re.compile("-first"))
    page.locator("#playground-text textarea").fill("The soup was cold and the waiter never came back.")
    page.locator("#playground-run").click()
    expect(page.locator("#playground-answer")).to_contain_text("%", timeout=MINUTE)

    open_tab(page, "finetune")
    page.get_by_role("button", name="Train the whole model").click()
    expect(page.locator("#start-training")).to_be_visible()
    expect(page.get_by_label("Label column")).to_have_value("label")
