"""The two folds that show how it works: a model's shape, changed and trained from nothing, and one step taken apart."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import App, OpenPage, choose_data
from tests.browser.test_whole_path import MINUTE, train


def test_a_smaller_model_is_drawn_up_looked_into_and_trained_from_nothing(app: App, open_page: OpenPage) -> None:
    page = open_page(app.url)
    choose_data(page, "Product reviews")
    expect(page.get_by_label("Label column")).to_have_value("label", timeout=MINUTE)
    expect(page.locator("#finetune-model input").first).to_have_value(re.compile("MiniLM"), timeout=MINUTE)
    page.get_by_role("button", name=re.compile("^Rows:")).click()
    page.get_by_label("Only some of the training rows").fill("[:60]")
    page.get_by_label("Only some of the training rows").press("Tab")

    page.get_by_role("button", name="Look inside the model").click()
    anatomy = page.locator("#anatomy")
    expect(anatomy).to_contain_text(re.compile(r"BertForSequenceClassification of 22,\d+,\d+ numbers"), timeout=MINUTE)
    anatomy.get_by_label("Train a new model from nothing with this shape").check()
    layers = anatomy.get_by_label("Layers", exact=True)
    layers.fill("2")
    layers.press("Tab")
    expect(anatomy).to_contain_text(re.compile(r"A new .* every one of them random until it is trained"))

    page.get_by_role("button", name="Inside a step").click()
    page.locator("#inside-look").click()
    step = page.locator("#inside-view")
    expect(step).to_contain_text("The first batch: 16 texts", timeout=2 * MINUTE)
    expect(step).to_contain_text("One example's loss")

    train(page, "Quick look", "Done")
    expect(page.locator(".run-view")).to_contain_text("It was trained from nothing")
