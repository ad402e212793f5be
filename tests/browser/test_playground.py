"""A person tries a model: it writes, it can be stopped, and what it lacks is said where the answer would stand."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import App, OpenPage

TOKENS_A_SECOND = re.compile(r"\d tokens a second")


def choose_writing(page: Page, name: str) -> None:
    """The task, as soon as the page takes a click, and wait for its form."""
    page.locator("#playground-task").get_by_text(name).click()
    expect(page.locator("#playground-messages textarea")).to_be_visible()


def ask(page: Page, text: str) -> None:
    page.locator("#playground-messages textarea").fill(text)
    page.locator("#playground-run").click()


def test_a_chat_streams_its_answer_says_its_speed_and_stops_when_told(app: App, open_page: OpenPage) -> None:
    page = open_page(app.url)
    choose_writing(page, "Write and chat")
    # Long enough not to end by itself before Stop is pressed, however slow the browser is.
    page.locator("#playground-settings > button").click()
    longest = page.locator("#playground-settings input[type=number]").first
    longest.fill("2000")
    longest.press("Tab")
    ask(page, "Count from 1 to 900, one number a line.")
    chat, run, foot = (page.locator(f"#playground-{name}") for name in ("chat", "run", "foot"))
    # What was said stands in the chat before the first word comes, and the box is free for the next message.
    expect(chat).to_contain_text("Count from 1 to 900")
    expect(foot).to_contain_text(TOKENS_A_SECOND, timeout=60_000)
    # Loaded anew before the end, the page would have the question again.
    page.wait_for_url(re.compile("task=text-generation&.*messages=Count"))
    page.locator("#playground-messages textarea").fill("And backwards?")
    page.locator("#playground-stop").click()
    expect(run).to_have_text("Run")
    expect(run).to_be_enabled()
    expect(page.locator("#playground-stop")).to_be_hidden()
    expect(foot).to_contain_text("You stopped it.")
    expect(foot).to_contain_text(TOKENS_A_SECOND)
    expect(page.locator("#playground-messages textarea")).to_have_value("And backwards?")


def test_on_a_phone_the_answer_comes_into_sight_after_run(app: App, open_page: OpenPage) -> None:
    page = open_page(app.url + "?task=text-generation", width=390)
    # The row of tasks has scrolled to the chosen one.
    expect(page.locator("#playground-task label.selected")).to_contain_text("Write and chat")
    expect(page.locator("#playground-task label.selected")).to_be_in_viewport(ratio=1)
    expect(page.locator("#playground-messages")).to_be_visible()
    card = page.locator(".answer-card")
    expect(card).not_to_be_in_viewport(ratio=0.9)
    ask(page, "Say a word.")
    expect(card).to_be_in_viewport(ratio=0.9)


def test_with_open_settings_run_and_the_answer_are_in_one_window(app: App, open_page: OpenPage) -> None:
    page = open_page(app.url)
    choose_writing(page, "Write and chat")
    page.locator("#playground-settings > button").click()
    expect(page.locator("#playground-settings input[type=number]").first).to_be_visible()
    page.mouse.wheel(0, 400)
    page.wait_for_function("scrollY > 200")
    expect(page.locator("#playground-run")).to_be_in_viewport(ratio=1)
    expect(page.locator(".answer-card .caption").first).to_be_in_viewport()


def test_a_form_that_makes_room_for_another_takes_no_more_words(app: App, open_page: OpenPage) -> None:
    page = open_page(app.url)
    choose_writing(page, "Write and chat")
    # In one go, before the server can answer.
    click = "document.querySelector('#playground-task input[value=text-classification]').click()"
    assert page.evaluate(f"() => {{ {click}; return document.getElementById('playground-messages').inert; }}")
    box = page.locator("#playground-text textarea")
    box.fill("a word for the new form")
    expect(box).to_have_value("a word for the new form")


def test_a_model_of_the_hub_that_is_not_here_is_said_in_the_card_and_the_text_stays(
    app: App, open_page: OpenPage
) -> None:
    page = open_page(app.url, language="zh-CN")
    choose_writing(page, "写作与聊天")
    model = page.locator("#playground-model input")
    model.fill("Qwen/Qwen3-0.6B")
    model.press("Enter")
    expect(page.locator("#playground-model")).to_contain_text("还不在本机")
    ask(page, "请介绍一下长江。")
    card = page.locator("#playground-answer")
    expect(card).to_contain_text("这台机器上没有 Qwen/Qwen3-0.6B，而且无法连接 Hub")
    expect(card).to_contain_text("输入的文本已保留。")
    expect(page.locator("#playground-messages textarea")).to_have_value("请介绍一下长江。")
    page.locator("#playground-instead").click()
    expect(page.locator("#playground-chat")).to_contain_text("请介绍一下长江。")
