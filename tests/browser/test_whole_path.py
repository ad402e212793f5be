"""The product's promise: from a person's table to a model of their own, in the page, with no network."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import ROOT, App, OpenPage, open_tab

SAMPLES = ROOT / "assets" / "samples"
MINUTE = 60_000

# What transformers itself says of the run's folder, in a process that knows nothing of this product.
PLAIN_PIPELINE = """
import json, sys
from transformers import pipeline
scores = pipeline("text-classification", model=sys.argv[1], top_k=None)([sys.argv[2]])[0]
print(json.dumps({score["label"]: score["score"] for score in scores}))
"""


def upload(page: Page, path: Path) -> None:
    open_tab(page, "datasets")
    with page.expect_file_chooser() as chooser:
        page.locator("#datasets-upload").click()
    chooser.value.set_files(path)


def shares(page: Page) -> dict[str, float]:
    """The bars of the answer card: label to share."""
    text = page.locator("#playground-answer").inner_text()
    return {label: float(share) / 100 for label, share in re.findall(r"^(\S+)\n\s*([\d.]+)%$", text, re.MULTILINE)}


def train(page: Page, quick: str, done: str) -> None:
    """From the form, filled in, to the report."""
    page.locator("#finetune-presets").get_by_text(quick).click()
    page.locator("#start-training").click()
    expect(page.locator("#stop-run")).to_be_visible(timeout=MINUTE)
    expect(page.locator(".chip-running:visible").first).to_be_visible(timeout=MINUTE)
    # The curves are drawn while it trains.
    expect(page.locator(".js-plotly-plot:visible .scatterlayer .trace").first).to_be_attached(timeout=3 * MINUTE)
    expect(page.locator("#try-it")).to_be_visible(timeout=6 * MINUTE)
    expect(page.locator(".chip-done:visible").first).to_contain_text(done)


def try_it(page: Page, run: str) -> None:
    """From the report to the playground, the model of that run chosen."""
    page.locator("#try-it").click()
    expect(page.locator("#tabs > .tab-wrapper [role=tab]").first).to_have_attribute("aria-selected", "true")
    expect(page.locator("#playground-model input").first).to_have_value(re.compile(run))
    expect(page.locator("#playground-text textarea")).to_be_visible()


def test_an_uploaded_csv_becomes_a_model_that_answers_as_the_plain_pipeline_does(
    app: App, open_page: OpenPage, tmp_path: Path
) -> None:
    mine = tmp_path / "my reviews.csv"
    with (SAMPLES / "reviews_en.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))[:200]
    # As a spreadsheet with another locale writes it.
    with mine.open("w", encoding="utf-16", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["review", "sentiment"])
        writer.writerows([row["text"], row["label"]] for row in rows)

    page = open_page(app.url)
    upload(page, mine)
    expect(page.locator("#datasets-table")).to_contain_text(rows[0]["text"][:40], timeout=MINUTE)
    page.locator("#use-for-training").click()
    expect(page.get_by_role("tab", name="Fine-tune")).to_have_attribute("aria-selected", "true")
    expect(page.locator("#finetune-columns")).to_be_visible()
    expect(page.get_by_label("Text column")).to_have_value("review")
    expect(page.get_by_label("Label column")).to_have_value("sentiment")
    train(page, "Quick look", "Done")

    # A second browser sees the same run, and a refresh changes nothing.
    other = open_page(app.url)
    open_tab(other, "metrics")
    expect(other.locator("#runs-table .chip-done").first).to_be_visible()

    try_it(page, "my-reviews")
    sentence = "The soup was cold and the waiter never came back."
    page.locator("#playground-text textarea").fill(sentence)
    page.locator("#playground-run").click()
    answer = page.locator("#playground-answer")
    expect(answer).to_contain_text("%", timeout=MINUTE)
    shown = shares(page)
    assert set(shown) == {"positive", "negative"}

    model = max((app.workspace / "runs").glob("*/model"), key=lambda path: path.stat().st_mtime)
    plain = subprocess.run(
        [sys.executable, "-c", PLAIN_PIPELINE, str(model), sentence], capture_output=True, text=True, check=True
    )
    for label, score in json.loads(plain.stdout.splitlines()[-1]).items():
        assert shown[label] == pytest.approx(score, abs=0.0006), label


def test_the_same_path_in_chinese_trains_the_multilingual_starter(
    app: App, open_page: OpenPage, tmp_path: Path
) -> None:
    mine = tmp_path / "新闻标题.csv"
    with (SAMPLES / "news_zh.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["类别"] in ("体育", "财经")]
    with mine.open("w", encoding="gb18030", newline="") as file:
        writer = csv.DictWriter(file, ["标题", "类别"])
        writer.writeheader()
        writer.writerows(rows)

    page = open_page(app.url, language="zh-CN")
    upload(page, mine)
    expect(page.locator("#datasets-table")).to_contain_text(rows[0]["标题"], timeout=MINUTE)
    page.locator("#use-for-training").click()
    expect(page.locator("#finetune-model input").first).to_have_value(
        re.compile("multilingual-e5-small"), timeout=MINUTE
    )
    train(page, "快速看看", "完成")
    try_it(page, "新闻标题")
    page.locator("#playground-text textarea").fill("主场作战的球队在加时赛中逆转夺冠")
    page.locator("#playground-run").click()
    expect(page.locator("#playground-answer")).to_contain_text("%", timeout=MINUTE)
    shown = shares(page)
    assert shown["体育"] > shown["财经"]
