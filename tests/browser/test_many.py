"""A person uploads a Chinese table, lets a model answer its column, reloads the page, and takes the answers away."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import App, OpenPage, serve

MINUTE = 60_000
ROWS = 600
REVIEWS = ["这部电影很好看", "", "讨厌", "=我们喜欢这部电影"]


@pytest.fixture
def quiet_app(tmp_path: Path) -> Iterator[App]:
    """An app of its own: in a workspace with answers, the fold of every page is open."""
    with serve(tmp_path / "many-workspace") as running:
        yield running


def begin(page: Page, model: Path, file: Path) -> None:
    page.locator("#playground-task label").first.click()
    # It takes no words until the form of the other task is there.
    expect(page.locator("#playground-model[inert]")).to_have_count(0)
    box = page.locator("#playground-model input")
    box.fill(str(model))
    box.press("Enter")
    box.press("Tab")
    expect(page.locator("#playground-model")).to_contain_text("2 labels")
    page.locator("#playground-many > button").click()
    page.locator("#many-source label").nth(1).click()
    page.locator("#many-file input[type=file]").set_input_files(file)
    column = page.locator("#many-column input")
    expect(column).to_have_value("标题")
    column.click()
    page.get_by_role("option", name="评论").click()
    page.locator("#many-run").click()


def test_a_chinese_column_is_answered_survives_a_reload_and_opens_in_excel(
    quiet_app: App, open_page: OpenPage, tiny_classifier: Path, tmp_path: Path
) -> None:
    file = tmp_path / "评论.csv"
    lines = [f"这是一个很长很长很长很长很长的标题{row},{REVIEWS[row % len(REVIEWS)]}" for row in range(ROWS)]
    file.write_bytes("\n".join(["标题,评论", *lines]).encode("gb18030"))
    page = open_page(quiet_app.url)
    begin(page, tiny_classifier, file)
    # It lives in the app, not in the page: the reload may come before or after its end.
    expect(page.locator("#many-told")).to_contain_text("评论.csv", timeout=MINUTE)
    page.reload()
    told, first = page.locator("#many-told"), page.locator("#many-table tbody tr").first
    expect(told).to_contain_text("600 texts", timeout=MINUTE)
    expect(told).to_contain_text("150 of them empty", timeout=MINUTE)
    expect(first).to_contain_text(REVIEWS[0])
    csv_button = page.locator("#many-csv")
    expect(csv_button).to_be_visible(timeout=MINUTE)
    with page.expect_download(timeout=MINUTE) as downloading:
        csv_button.click()
    downloading.value.save_as(tmp_path / "answers.csv")
    assert (tmp_path / "answers.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    with (tmp_path / "answers.csv").open(encoding="utf-8-sig", newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert [row["text"] for row in rows[:4]] == [*REVIEWS[:3], "'" + REVIEWS[3]] and len(rows) == ROWS
    assert rows[0]["label"] in ("negative", "positive") and rows[1]["label"] == ""
    # A second browser finds the same answers, in its own language.
    other = open_page(quiet_app.url, language="zh-CN", width=390, scheme="dark")
    expect(other.locator("#many-told")).to_contain_text("600 条文本")
    expect(other.locator("#many-table tbody tr").first).to_contain_text(REVIEWS[0])
    other.locator("#many-remove").click()
    expect(other.locator("#many-take")).to_be_hidden()
    page.reload()
    expect(page.locator("#playground-many > button")).to_be_visible()
    expect(page.locator("#many-source")).to_be_hidden()
