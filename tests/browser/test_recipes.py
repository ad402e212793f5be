"""Pairs of texts with a score: chosen, trained and tried in the page, without a word of how."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import App, OpenPage, choose_data, open_tab
from tests.browser.test_whole_path import MINUTE, train
from ui.text import say


def test_scored_pairs_become_a_model_that_scores_two_sentences(app: App, open_page: OpenPage) -> None:
    page = open_page(app.url)
    choose_data(page, "Sentence pairs with a score")
    expect(page.locator("#finetune-recipe input")).to_have_value("A score per pair of texts")
    expect(page.get_by_label("Second text column")).to_have_value("sentence2")
    expect(page.get_by_label("Score column")).to_have_value("score")
    expect(page.locator(".head-note").last).to_contain_text("gets a new last layer")
    # A few rows will do: what is held here is the way, not the score.
    page.get_by_role("button", name=re.compile("^Rows:")).click()
    page.get_by_label("Only some of the training rows").fill("[:60]")
    page.get_by_label("Only some of the training rows").press("Tab")
    expect(page.locator(".split-line").first).to_contain_text("48 rows to learn from, 6 to check")
    train(page, "Quick look", "Done")
    expect(page.locator(".lead-text:visible")).to_contain_text("Pearson correlation")
    expect(page.locator(".wrong-table th").nth(1)).to_have_text("Second text")

    page.locator("#try-it").click()
    page.locator("#playground-text textarea").fill("A man is playing a guitar.")
    # The model was trained on pairs, so the box for the second text stands open.
    page.locator("#playground-text_pair textarea").fill("Somebody plays the guitar.")
    page.locator("#playground-run").click()
    answer = page.locator("#playground-answer")
    expect(answer.locator(".score-scale")).to_be_visible(timeout=MINUTE)
    expect(answer.locator(".verdict")).to_have_text(re.compile(r"^-?\d\.\d\d$"))
    page.get_by_role("button", name="The code").click()
    expect(page.locator("#playground-code")).to_contain_text("text_pair")


def test_a_reload_and_another_language_leave_the_form_as_it_was_filled_in(app: App, open_page: OpenPage) -> None:
    page = open_page(app.url)
    choose_data(page, "Sentence pairs with a score")
    expect(page.get_by_label("Second text column")).to_have_value("sentence2")
    page.get_by_label("Name of the run").fill("my pairs")
    page.get_by_role("button", name=re.compile("^Rows:")).click()
    page.get_by_label("Only some of the training rows").fill("[:60]")
    page.get_by_label("Only some of the training rows").press("Tab")
    page.get_by_role("button", name=re.compile("^Settings:")).click()
    page.get_by_label("Learning rate", exact=True).fill("0.0007")
    page.get_by_label("Learning rate", exact=True).press("Tab")
    page.get_by_role("button", name=re.compile("^How it runs:")).click()
    page.get_by_label("native PyTorch loop").check()
    expect(page.get_by_role("button", name=re.compile("^How it runs: native"))).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^Settings:"))).to_contain_text("7e-4")

    def as_before(locale: str) -> None:
        open_tab(page, "finetune")
        expect(page.get_by_label(say("recipes.role.text_pair", locale))).to_have_value("sentence2")
        expect(page.get_by_label(say("finetune.name", locale))).to_have_value("my pairs")
        expect(page.locator(".split-line").first).to_contain_text("48")
        expect(page.get_by_role("button", name=re.compile(".*7e-4"))).to_be_visible()
        name = say("launch.loop.native", locale)
        expect(page.get_by_role("button", name=re.compile(f".*{name}")).first).to_be_visible()

    page.reload()
    as_before("en")
    page.get_by_role("button", name="中文", exact=True).click()
    as_before("zh-CN")
    # From here on the form chooses for itself again, all but what was changed by hand.
    choose_data(page, "外卖|酒店|.*评")
    expect(page.get_by_label(say("recipes.role.text_pair", "zh-CN"))).to_be_hidden()
    expect(page.get_by_role("button", name=re.compile(".*7e-4"))).to_be_visible()
