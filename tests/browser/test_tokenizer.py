"""The Tokens tab as a person uses it."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import App, OpenPage, open_tab


def test_chinese_text_with_an_emoji_is_shown_token_by_token(app: App, open_page: OpenPage) -> None:
    page = open_page(app.url, language="zh-CN")
    open_tab(page, "tokenizer")
    expect(page.locator("#tokenizer-picker input")).to_have_value(re.compile("multilingual-e5-small（入门模型"))
    page.locator("#tokenizer-text textarea").fill("我喜欢北京🤗")
    page.locator("#tokenize").click()
    tokens = page.locator("#tokens .token")
    # The example's tokens stand there until the answer comes.
    expect(page.locator("#tokens")).to_contain_text("北京")
    expect(page.locator("#token-table")).to_contain_text("5–6")
    pieces = "".join(tokens.locator("bdi").all_inner_texts())
    assert "".join(piece for piece in pieces if piece not in "▁ ") == "<s>我喜欢北京🤗</s>"
    expect(page.locator("#token-table th")).to_have_text(["#", "词元", "编号", "类型", "特殊", "字符位置"])


def test_special_tokens_can_be_left_out(app: App, open_page: OpenPage) -> None:
    page = open_page(app.url)
    open_tab(page, "tokenizer")
    expect(page.locator("#tokens .token").first).to_contain_text("[CLS]")
    page.get_by_label("Special tokens", exact=True).uncheck()
    expect(page.locator("#tokens .token-special")).to_have_count(0)
    expect(page.locator("#tokens .token").first).to_contain_text("token")


def test_a_hundred_thousand_characters_are_counted_and_the_first_tokens_shown(app: App, open_page: OpenPage) -> None:
    page = open_page(app.url)
    open_tab(page, "tokenizer")
    expect(page.locator("#tokens .token").first).to_be_visible()
    page.locator("#tokenizer-text textarea").fill("word " * 20_000)
    page.locator("#tokenize").click()
    expect(page.locator(".tokenizer-answer .facts")).to_contain_text("20,002")
    expect(page.locator(".token-note")).to_contain_text("20,002")
