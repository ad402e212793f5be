"""After a run: its model scored on other rows, the form filled in again with one thing changed, the two compared."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import App, OpenPage, choose_data, open_tab
from tests.browser.test_whole_path import MINUTE, train


def test_a_run_is_scored_elsewhere_run_again_with_another_seed_and_compared(app: App, open_page: OpenPage) -> None:
    page = open_page(app.url)
    page.set_default_timeout(MINUTE)
    choose_data(page, "News headlines")
    expect(page.get_by_label("Label column")).to_have_value("topic")
    page.get_by_role("button", name=re.compile("^Rows:")).click()
    rows = page.get_by_label("Only some of the training rows")
    rows.fill("[:80]")
    rows.press("Tab")
    expect(page.locator(".split-line").first).to_contain_text("64 rows to learn from")
    page.get_by_label("Name of the run").fill("headlines")
    train(page, "Quick look", "Done")

    page.get_by_role("button", name="Score it on other data").click()
    # The fold is filled in for the run that has just ended.
    expect(page.locator("#elsewhere-data input")).to_have_value(re.compile("News headlines"))
    page.locator("#elsewhere-part").get_by_text("Validation").click(force=True)
    expect(page.locator("#elsewhere-part").get_by_label("Validation")).to_be_checked()
    page.locator("#elsewhere-start").click()
    fold = page.locator("#elsewhere")
    expect(fold.locator(".lead-text")).to_contain_text("On 8 rows of News headlines", timeout=2 * MINUTE)
    expect(fold.locator(".lead-text")).to_contain_text("In the final test of its own run")
    # The labels of these data are others: the refusal stands where the answer would stand.
    page.locator("#elsewhere-data input").click()
    page.get_by_role("option", name=re.compile("^Product reviews")).click()
    expect(fold.get_by_label("Text column")).to_have_value("text")
    page.locator("#elsewhere-start").click()
    expect(fold.locator(".error-card")).to_contain_text("(negative, positive) is one that the model knows")

    page.locator("#run-again").click()
    expect(page.locator("#again-note")).to_contain_text("Filled in from the run headlines")
    expect(page.get_by_label("Name of the run")).to_have_value("headlines-2")
    expect(rows).to_have_value("[:80]")
    settings = page.locator(".finetune-form button.label-wrap").filter(has_text="Settings:")
    settings.click()
    seed = page.locator(".finetune-form").get_by_label("Seed", exact=True)
    seed.fill("7")
    seed.press("Tab")
    page.locator("#start-training").click()
    expect(page.locator(".run-view h2")).to_contain_text("headlines-2")
    expect(page.locator("#run-again")).to_be_visible(timeout=6 * MINUTE)

    open_tab(page, "metrics")
    compared = page.locator("#compare-view")
    expect(compared).to_contain_text("Nothing differs but the seed (Seed 7 / 42)")
    # What was scored is kept with the run, and so is there after a refresh.
    page.reload()
    open_tab(page, "metrics")
    page.locator("#runs-table").get_by_role("button", name="headlines", exact=True).click()
    page.get_by_role("button", name="Score it on other data").click()
    expect(page.locator("#elsewhere-past")).to_contain_text("News headlines (English), Validation: accuracy")
    expect(page.locator("#elsewhere-past input:checked")).to_have_count(1)
    expect(fold.locator(".lead-text")).to_contain_text("On 8 rows of News headlines")
