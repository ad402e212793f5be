"""Runs and misfortune, as a person sees them: the app is killed while one trains; a second one waits its turn."""

from __future__ import annotations

import csv
import os
import re
import signal
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import ROOT, OpenPage, open_tab, serve

MINUTE = 60_000


def endless(page: Page, folder: Path) -> None:
    """Upload 60 reviews and fill the form in for a run that does not end by itself within this test."""
    mine = folder / "mine.csv"
    with (ROOT / "assets" / "samples" / "reviews_en.csv").open(encoding="utf-8", newline="") as source:
        rows = list(csv.reader(source))[:61]
    with mine.open("w", encoding="utf-8", newline="") as target:
        csv.writer(target).writerows(rows)
    open_tab(page, "datasets")
    with page.expect_file_chooser() as chooser:
        page.locator("#datasets-upload").click()
    chooser.value.set_files(mine)
    expect(page.locator("#datasets-table")).to_contain_text(rows[1][0][:40], timeout=MINUTE)
    page.locator("#use-for-training").click()
    # The last thing that follows from the choice of data: the settings of the preset for it.
    fold = page.locator(".finetune-form button.label-wrap").filter(has_text="Settings:")
    expect(fold).to_contain_text("5 epochs", timeout=MINUTE)
    fold.click()
    page.get_by_label("Epochs", exact=True).fill("500")
    page.keyboard.press("Tab")
    expect(fold).to_contain_text("500 epochs", timeout=MINUTE)


def test_a_second_run_waits_its_turn_and_one_cut_off_with_the_app_goes_on(
    scratch: Path, starter_root: Path, open_page: OpenPage, tmp_path: Path
) -> None:
    workspace = scratch / "cut-off"
    # One core trains, so that another is left for the browser.
    with serve(workspace, environ={"OMP_NUM_THREADS": "1"}) as app:
        page = open_page(app.url)
        page.set_default_timeout(MINUTE)
        endless(page, tmp_path)
        page.locator("#start-training").click()
        view = page.locator(".run-view")
        # The first check is before the first step; then it trains.
        expect(view.locator(".js-plotly-plot .scatterlayer .trace").first).to_be_attached(timeout=2 * MINUTE)

        page.get_by_role("button", name="New run").click()
        page.get_by_label("Name of the run").fill("the second")
        page.locator("#start-training").click()
        expect(view).to_contain_text("Waiting: 1 run is before it", timeout=MINUTE)
        page.get_by_role("button", name="Take out of the queue").click()
        expect(view).to_contain_text("This run was stopped before its first step", timeout=MINUTE)

        open_tab(page, "tokenizer")
        page.locator("#tokenizer-text textarea").fill("words that stay")
        os.kill(app.process.pid, signal.SIGKILL)
        app.process.wait()
        expect(page.get_by_text("The app does not answer").first).to_be_visible()
        port = int(app.url.rstrip("/").rsplit(":", 1)[1])
    with serve(workspace, port=port):
        # The page that was open all the time finds the app again, by itself.
        expect(page.get_by_text("Contact with the app was lost").first).to_be_visible(timeout=MINUTE)
        expect(page.locator("#tokenizer-text textarea")).to_have_value("words that stay")
        open_tab(page, "metrics")
        table = page.locator("#runs-table")
        expect(table.locator(".chip-interrupted")).to_have_count(1, timeout=MINUTE)
        expect(table.locator(".chip-running, .chip-queued")).to_have_count(0)
        table.get_by_role("button", name="mine-minilm", exact=True).click()
        expect(page.locator(".run-view")).to_contain_text("The run was cut off", timeout=MINUTE)
        # What it had learnt to draw is still there.
        expect(page.locator(".run-view .js-plotly-plot .scatterlayer .trace").first).to_be_attached()
        # It goes on, is paused, and goes on from there.
        view = page.locator(".run-view")
        page.locator("#go-on").click()
        expect(page.locator("#pause-run")).to_be_visible(timeout=2 * MINUTE)
        expect(view).to_contain_text(re.compile(r"step [1-9][\d,]* of"), timeout=2 * MINUTE)
        page.locator("#pause-run").click()
        expect(view).to_contain_text("Paused after step", timeout=MINUTE)
        page.locator("#go-on").click()
        expect(view).to_contain_text("went on after step", timeout=2 * MINUTE)
        page.locator("#stop-run").click()
        expect(page.locator("#try-it")).to_be_visible(timeout=2 * MINUTE)
