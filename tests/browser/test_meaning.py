"""Rows found by their meaning, in the page."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import App, OpenPage, open_tab


def test_a_question_finds_rows_that_share_no_word_with_it(app: App, open_page: OpenPage) -> None:
    page = open_page(app.url)
    open_tab(page, "datasets")
    sample = page.locator("#datasets-samples label").first
    chosen = page.locator("#datasets-chosen input")
    expect(sample.or_(page.locator("#datasets-table td").first).first).to_be_visible()
    if not sample.is_visible():
        chosen.click()
        page.get_by_role("option", name="Product reviews").first.click()
    else:
        sample.click()
    expect(chosen).to_have_value("Product reviews (English) (480 rows)")
    page.locator("#meaning > button").click()
    expect(page.locator("#meaning-column input")).to_have_value("text")
    page.locator("#meaning-find").click()
    expect(page.locator("#meaning-found .error-card")).to_be_visible()
    page.locator("#meaning-question textarea").fill("The parcel came too late")
    page.locator("#meaning-find").click()
    rows = page.locator("#meaning-found tbody tr")
    expect(rows).to_have_count(10, timeout=120_000)
    expect(rows.first).to_contain_text("Late delivery")
    expect(page.locator("#meaning")).to_contain_text("480")
