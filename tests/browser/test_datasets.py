"""The Data tab as a person uses it: good and bad files, refresh, search, both languages."""

import re

from playwright.sync_api import FilePayload, Page, expect

from tests.browser.conftest import App, OpenPage, open_tab


def open_data(page: Page) -> None:
    """Open the tab and wait until it is filled."""
    open_tab(page, "datasets")
    expect(page.locator("#datasets-uploading .uploading")).to_be_attached()


def upload(page: Page, name: str, content: str | bytes) -> None:
    """Choose a file of that content with the Upload button."""
    with page.expect_file_chooser() as chooser:
        page.locator("#datasets-upload").click()
    raw = content if isinstance(content, bytes) else content.encode()
    chooser.value.set_files(FilePayload(name=name, mimeType="text/csv", buffer=raw))


def reviews(first: str) -> str:
    return "text,label\n" + "".join(f"{first} number {n},{'good' if n % 2 else 'bad'}\n" for n in range(40))


def test_a_bad_file_is_explained_and_what_was_there_comes_back(app: App, open_page: OpenPage) -> None:
    page = open_page(app.url)
    open_data(page)
    upload(page, "kettles.csv", reviews("a kettle"))
    chosen = page.locator("#datasets-chosen input")
    expect(chosen).to_have_value(re.compile("kettles"))
    upload(page, "names.csv", "text,label\n")
    card = page.locator("#datasets-notice .error-card")
    expect(card).to_contain_text("“names.csv” has column names (text, label) but no rows below them.")
    expect(page.locator("#datasets-uploading .uploading")).to_be_hidden()
    expect(chosen).to_have_value(re.compile("kettles"))
    page.locator("#datasets-dismiss").click()
    expect(card).to_have_count(0)
    expect(page.locator("#datasets-table")).to_contain_text("a kettle number 0")


def test_lines_that_cannot_be_read_are_named_and_can_be_skipped(app: App, open_page: OpenPage) -> None:
    page = open_page(app.url)
    open_data(page)
    upload(page, "lamps.csv", reviews("a lamp") + '"a quote that never ends,good\n')
    expect(page.locator("#datasets-notice")).to_contain_text("Line 42 of “lamps.csv”")
    page.locator("#datasets-skip").click()
    expect(page.locator("#datasets-chosen input")).to_have_value(re.compile(r"lamps \(40 rows\)"))


def test_a_reloaded_page_in_another_browser_too_shows_the_data_set_and_search_finds_its_rows(
    app: App, open_page: OpenPage
) -> None:
    page = open_page(app.url)
    open_data(page)
    upload(page, "chairs.csv", reviews("a chair"))
    expect(page.locator("#datasets-chosen input")).to_have_value(re.compile("chairs"))
    page.reload()
    for one in (page, open_page(app.url)):
        open_data(one)
        expect(one.locator("#datasets-chosen input")).to_have_value(re.compile("chairs"))
        one.get_by_placeholder("Search all columns").fill("number 37")
        expect(one.locator("#datasets-table tbody tr")).to_have_count(1)
        expect(one.locator("#datasets-table mark")).to_have_text("number 37")


def test_a_chinese_page_reads_a_gb18030_file_and_has_no_english_of_its_own(app: App, open_page: OpenPage) -> None:
    page = open_page(app.url, language="zh-CN")
    open_data(page)
    rows = "".join(
        f"这把椅子很{'舒服' if n % 2 else '难坐'}，第{n}把,{'好评' if n % 2 else '差评'}\n" for n in range(40)
    )
    upload(page, "椅子.csv", ("评论,标签\n" + rows).encode("gb18030"))
    expect(page.locator("#datasets-chosen input")).to_have_value("椅子（40 行）")
    expect(page.locator("#datasets-details")).to_contain_text("没有空单元格")
    expect(page.locator("#datasets-tokens .facts")).to_be_visible()
    words = page.locator("#tabs > div:visible").last.inner_text()
    left = re.sub("GB18030|MiniLM|multilingual-e5-small|SmolLM2[-\\w]*|all-|kB|L6-v2|Q4_[01]", "", words)
    assert not re.findall("[A-Za-z]{3,}", left)


def test_a_data_set_of_one_s_own_is_removed_after_a_question(app: App, open_page: OpenPage) -> None:
    page = open_page(app.url)
    open_data(page)
    upload(page, "spoons.csv", reviews("a spoon"))
    chosen, ask, remove = page.locator("#datasets-chosen input"), page.locator("#datasets-ask"), "#datasets-remove"
    expect(chosen).to_have_value(re.compile("spoons"))
    page.locator(remove).click()
    expect(ask).to_contain_text("Remove “spoons” from this workspace")
    ask.get_by_role("button", name="Keep it").click()
    expect(ask).to_be_hidden()
    page.locator(remove).click()
    ask.get_by_role("button", name="Remove").click()
    expect(chosen).not_to_have_value(re.compile("spoons"))
    expect(ask).to_be_hidden()
    chosen.click()
    options = page.locator("#datasets-chosen [role=option]")
    expect(options.filter(has_text="Product reviews")).to_be_visible()
    expect(options.filter(has_text="spoons")).to_have_count(0)
    options.filter(has_text="Product reviews").click()
    expect(chosen).to_have_value(re.compile("Product reviews"))
    expect(page.locator(remove)).to_be_hidden()


def test_a_picture_named_csv_is_refused_in_words(app: App, open_page: OpenPage) -> None:
    page = open_page(app.url, language="zh-CN")
    open_data(page)
    upload(page, "photo.csv", b"\x89PNG\r\n\x1a\n" + bytes(200))
    expect(page.locator("#datasets-notice")).to_contain_text("“photo.csv”其实是图片")
