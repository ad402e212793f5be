"""What a person sees of the page around the tabs."""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import App, OpenPage, open_tab
from ui.text import say


def test_the_browser_s_language_is_the_first_guess_and_the_switch_is_remembered(app: App, open_page: OpenPage) -> None:
    page = open_page(app.url, language="zh-CN")
    tabs = page.locator("#tabs > .tab-wrapper [role=tab]")
    expect(tabs).to_have_text(["试用", "分词", "数据", "微调", "记录"])
    expect(page.locator("#header .status")).to_contain_text("离线")
    page.get_by_role("button", name="EN", exact=True).click()
    expect(tabs).to_have_text(["Playground", "Tokens", "Data", "Fine-tune", "Runs"])
    expect(page.locator("#header .status")).to_contain_text("Offline")
    page.reload()
    expect(tabs.first).to_have_text("Playground")


def test_the_colour_scheme_button_is_remembered_after_a_reload(app: App, open_page: OpenPage) -> None:
    page = open_page(app.url)
    body = page.locator("body")
    expect(body).not_to_have_class(re.compile(r"\bdark\b"))
    page.locator("#scheme").click()
    expect(body).to_have_class(re.compile(r"\bdark\b"))
    page.reload()
    expect(page.locator("#header .status .device")).not_to_be_empty()
    expect(body).to_have_class(re.compile(r"\bdark\b"))


def test_the_tour_is_offered_once_goes_on_after_a_reload_and_stays_away_once_left(
    app: App, open_page: OpenPage
) -> None:
    page = open_page(app.url, tour=None)
    tour = page.locator("#tour")
    expect(tour).to_contain_text("Train a model on your own CSV?")
    tour.get_by_role("button", name="Show me").click()
    expect(page.get_by_role("tab", name="Data")).to_have_attribute("aria-selected", "true")
    expect(page.locator(".tour-target")).to_have_id("datasets-upload")
    tour.get_by_role("button", name="Next").click()
    page.reload()
    expect(tour).to_contain_text("Step 2 / 6")
    page.keyboard.press("Escape")
    expect(tour).to_have_count(0)
    page.reload()
    expect(page.locator("#header .status .device")).not_to_be_empty()
    expect(tour).to_have_count(0)


def test_the_tour_takes_the_table_along_that_was_looked_at(app: App, open_page: OpenPage) -> None:
    page = open_page(app.url, tour=None)
    tour = page.locator("#tour")
    tour.get_by_role("button", name="Show me").click()
    page.locator("#datasets-chosen input").click()
    page.get_by_role("option", name=re.compile("^Sentence pairs with a score")).click()
    expect(page.locator("#datasets-table")).to_contain_text("sentence2")
    for _ in range(2):
        tour.get_by_role("button", name="Next").click()
    expect(page.locator("#finetune-data input")).to_have_value(re.compile("^Sentence pairs with a score"))


def test_a_change_of_language_keeps_what_was_typed_the_task_and_the_open_tab(app: App, open_page: OpenPage) -> None:
    page = open_page(app.url)
    page.locator("#playground-task").get_by_text("Write and chat").click()
    message, words = page.locator("#playground-messages textarea"), page.locator("#tokenizer-text textarea")
    message.fill("Say a word.")
    open_tab(page, "tokenizer")
    words.fill("seven words that I would not lose")
    for language, tab in (("中文", "分词"), ("EN", "Tokens")):
        page.get_by_role("button", name=language, exact=True).click()
        expect(page.get_by_role("tab", name=tab, exact=True)).to_have_attribute("aria-selected", "true")
        expect(words).to_have_value("seven words that I would not lose")
        # The server has the text, too: it has counted its tokens.
        expect(page.locator("#tokens")).to_contain_text("lose")
    open_tab(page, "playground")
    expect(message).to_have_value("Say a word.")
    page.locator("#playground-run").click()
    expect(page.locator("#playground-chat")).to_contain_text("Say a word.")


def test_a_change_of_language_alone_changes_the_example_and_the_model_too(app: App, open_page: OpenPage) -> None:
    page = open_page(app.url)
    open_tab(page, "tokenizer")
    expect(page.locator("#tokens .token").first).to_be_visible()
    page.get_by_role("button", name="中文", exact=True).click()
    expect(page.locator("#tokenizer-text textarea")).to_have_value(say("tokenizer.example.mixed", "zh-CN"))
    expect(page.locator("#tokenizer-picker input")).to_have_value(re.compile("multilingual-e5-small"))


def test_the_tour_starts_from_a_phone_and_its_last_step_points_to_where_the_report_will_be(
    app: App, open_page: OpenPage
) -> None:
    page = open_page(app.url, width=390)
    page.get_by_role("button", name="Tour").click()
    tour = page.locator("#tour")
    for step in range(1, 6):
        expect(tour).to_contain_text(f"Step {step} / 6")
        expect(page.locator(".tour-target")).to_have_count(1)
        tour.get_by_role("button", name="Next").click()
    expect(page.locator(".tour-target")).to_have_text("Fine-tune")
    tour.get_by_role("button", name="Done").click()
    expect(page.locator(".tour-target")).to_have_count(0)


def test_nothing_is_wider_than_a_phone_on_any_tab(app: App, open_page: OpenPage) -> None:
    for language in ("en", "zh-CN"):
        page = open_page(app.url, language=language, width=390)
        for tab in ("playground", "tokenizer", "datasets", "finetune", "metrics"):
            open_tab(page, tab)
            expect(page.get_by_role("tabpanel").locator("button:visible").first).to_be_visible()
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width <= 390, f"{tab} in {language} is {width} px wide"


def test_an_open_page_comes_to_rest(app: App, open_page: OpenPage) -> None:
    page = open_page(app.url)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.method == "POST" else None)
    open_tab(page, "finetune")
    # What follows from the first choices takes a while; then a page that nobody touches asks for nothing.
    for _ in range(30):
        asked.clear()
        page.wait_for_timeout(2000)
        if not asked:
            break
    page.wait_for_timeout(3000)
    assert not asked


def tokens_over(page: Page, network: str) -> Page:
    """The Tokens tab with its example, over a network that a script of the browser makes."""
    page.add_init_script(network)
    page.reload()
    open_tab(page, "tokenizer")
    expect(page.locator("#tokens .token").first).to_be_visible()
    return page


def tokenize(page: Page, words: str) -> None:
    """Ask for the tokens of these words and wait for them."""
    page.locator("#tokenizer-text textarea").fill(words)
    page.locator("#tokenize").click()
    expect(page.locator("#tokens")).to_contain_text(words)


# The network as it may be on a busy machine: the word that nothing is under way comes right after the next question.
LATE_WORD = """
const ask = window.fetch;
let asked = () => {};
window.fetch = async (what, how) => {
  const answer = await ask(what, how), path = what.url ?? what;
  if (path.includes("/queue/join")) setTimeout(asked, 300);
  if (!path.includes("/queue/data")) return answer;
  const pieces = answer.body.pipeThrough(new TextDecoderStream()).getReader(), encoder = new TextEncoder();
  const pull = async page => {
    const { done, value } = await pieces.read();
    if (done) return page.close();
    const word = value.indexOf('data: {"msg":"close_stream"'), at = word < 0 ? value.length : word;
    page.enqueue(encoder.encode(value.slice(0, at)));
    if (word < 0) return;
    await new Promise(resume => { asked = resume; });
    window.late = true;
    page.enqueue(encoder.encode(value.slice(at)));
  };
  return new Response(new ReadableStream({ pull }), answer);
};
"""


def test_a_question_is_answered_that_was_asked_while_the_stream_of_answers_was_being_closed(
    app: App, open_page: OpenPage
) -> None:
    page = tokens_over(open_page(app.url), LATE_WORD)
    for words in ("first", "second"):
        tokenize(page, words)
    assert page.evaluate("window.late")


# A busy browser: what a question is called is known after its answer has come.
LATE_NAME = """
const ask = window.fetch;
window.listening = 0;
window.fetch = async (what, how) => {
  const answer = await ask(what, how), path = what.url ?? what;
  if (path.includes("/queue/join")) await new Promise(resume => setTimeout(resume, 400 * Math.random()));
  if (!path.includes("/queue/data")) return answer;
  window.listening += 1;
  const pieces = answer.body.getReader();
  const pull = async page => {
    const { done, value } = await pieces.read();
    if (!done) return page.enqueue(value);
    window.listening -= 1;
    page.close();
  };
  return new Response(new ReadableStream({ pull }), answer);
};
"""


def test_answers_that_come_before_their_names_are_taken_and_no_connection_stays_open(
    app: App, open_page: OpenPage
) -> None:
    page = tokens_over(open_page(app.url), LATE_NAME)
    tokenize(page, "words")
    page.wait_for_function("window.listening === 0", timeout=60_000)
