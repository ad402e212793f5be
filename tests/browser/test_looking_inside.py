"""A person looks into a model: switches one thing off, and takes another road than the model did."""

import re
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import expect

from tests.browser.conftest import App, OpenPage


def test_the_mask_is_switched_off_and_the_numbers_before_and_after_are_shown(
    app: App, open_page: OpenPage, tiny_classifier: Path
) -> None:
    query = {"task": "text-classification", "model": f"folder:{tiny_classifier}", "text": "we love this film"}
    page = open_page(f"{app.url}?{urlencode(query)}")
    expect(page.locator("#playground-text textarea")).to_have_value("we love this film")
    page.locator("#playground-run").click()
    expect(page.locator("#playground-answer .verdict")).to_be_visible(timeout=120_000)
    # The switches are about an answer, and stand in no form.
    expect(page.get_by_text("the attention mask were off")).to_be_hidden()
    page.get_by_role("button", name="Behind the pipeline").click()
    page.locator("#whatif").get_by_text("the attention mask were off").click()
    view = page.locator("#whatif-view")
    expect(view).to_contain_text("reads the padding as if it were words")
    expect(view.locator("tr").filter(has_text="Attention mask")).to_contain_text(re.compile("1 1 .* 0 0"))
    page.locator("#whatif").get_by_text("had no head").click()
    expect(view).to_contain_text("BertModel")


def test_a_token_is_weighed_anew_and_another_one_taken_instead(
    app: App, open_page: OpenPage, tiny_generator: Path
) -> None:
    query = {"task": "text-generation", "model": f"folder:{tiny_generator}", "messages": "the movie was"}
    page = open_page(f"{app.url}?{urlencode(query)}")
    expect(page.locator("#playground-messages textarea")).to_have_value("the movie was")
    page.locator("#playground-run").click()
    expect(page.locator("#playground-foot")).to_contain_text("tokens", timeout=120_000)
    expect(page.locator("#playground-run")).to_be_enabled(timeout=120_000)
    page.get_by_role("button", name="The next token").click()
    page.locator("#next-run").click()
    tokens, bars = page.locator("#next-tokens .token"), page.locator("#next-bars .next-option")
    expect(bars.first).to_be_visible()
    expect(tokens).to_have_count(24)
    expect(page.locator("#next-run")).to_be_enabled()
    tokens.nth(1).click()
    expect(page.locator("#next-bars .caption")).to_have_text("Chances of token 2")
    kept = page.locator("#next-bars .muted")
    expect(kept).not_to_contain_text("settings 1 of")
    top_k = page.locator("#next-top_k input[type=number]")
    top_k.fill("1")
    top_k.press("Tab")
    expect(kept).to_contain_text("With these settings 1 of")
    # The likeliest is the only one that may be drawn; the road goes over another one all the same.
    other = bars.nth(4)
    name = other.locator(".name").inner_text()
    other.click()
    expect(page.locator("#next-run")).to_be_enabled()
    expect(tokens.nth(1)).to_have_text(name)
    expect(tokens.nth(1)).to_have_attribute("aria-pressed", "true")
    # A new question takes away what was said of the last one, and what is asked then is about the new one.
    page.locator("#playground-messages textarea").fill("we love it")
    page.locator("#playground-run").click()
    expect(tokens).to_have_count(0)
    expect(page.locator("#playground-run")).to_be_enabled()
    page.locator("#next-run").click()
    expect(tokens).to_have_count(24)
    expect(bars.first).to_be_visible()
