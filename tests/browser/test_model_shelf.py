"""A person looks at the models on this machine, finds one on a (small) Hub, fetches, uses and deletes it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests import tiny
from tests.browser.conftest import App, OpenPage, serve
from tests.hub.server import FakeHub, Repository, serving


@pytest.fixture(scope="module")
def hub(scratch: Path, tiny_masked: Path) -> Iterator[FakeHub]:
    """Two models; one waits in the middle of its weights until it is healed."""
    feelings = tiny.save_classifier(scratch / "shelf-feelings")
    (feelings / "README.md").write_text(
        "---\nlicense: mit\nlanguage: en\n---\n# Feelings\n<script>bad()</script>It feels."
    )
    waiting = Repository(feelings, "slow")
    blanks = Repository(tiny_masked, tags=("transformers", "zh", "fill-mask"))
    with serving({"acme/feelings": waiting, "zhi/blanks": blanks}) as hub:
        yield hub


@pytest.fixture(scope="module")
def shelf_app(hub: FakeHub, scratch: Path, starter_root: Path) -> Iterator[App]:
    """An app that has this Hub for its own, and an empty cache."""
    environ = {"HF_HUB_OFFLINE": "0", "HF_HOME": str(scratch / "shelf-home"), "NO_PROXY": "127.0.0.1,localhost"}
    with serve(
        scratch / "shelf-workspace", "--offline", "no", "--hub-endpoint", hub.endpoint, environ=environ
    ) as running:
        yield running


def press(page: Page, name: str) -> None:
    page.locator("#shelf").get_by_role("button", name=name, exact=True).first.click()


def test_a_model_is_found_fetched_stopped_gone_on_with_used_and_deleted(
    shelf_app: App, hub: FakeHub, open_page: OpenPage
) -> None:
    page = open_page(shelf_app.url)
    expect(page.locator("#playground-model input")).not_to_have_value("")
    page.locator("#shelf > button").click()
    expect(page.locator("#shelf-table")).to_contain_text("MiniLM")
    # A starter can be used, and not be deleted.
    expect(page.locator("#shelf-table [data-act=delete]")).to_have_count(0)

    page.locator("#shelf-words input, #shelf-words textarea").first.fill("feel")
    page.locator("#shelf-search").click()
    expect(page.locator("#shelf-found")).to_contain_text("acme/feelings")
    expect(page.locator("#shelf-found")).not_to_contain_text("zhi/blanks")
    press(page, "Download acme/feelings")
    bar = page.locator("#shelf-arrivals [role=progressbar]")
    # The server keeps the second half back.
    expect(bar).to_have_attribute("aria-valuenow", "50")
    page.reload()
    page.locator("#shelf > button").click()
    expect(bar).to_have_attribute("aria-valuenow", "50")
    press(page, "Stop the download of acme/feelings")
    expect(page.locator("#shelf-arrivals")).to_contain_text("What has come is kept")
    expect(page.locator("#shelf-table")).to_contain_text("download, not whole yet")
    hub.repositories["acme/feelings"].healed.set()
    press(page, "Go on with the download of acme/feelings")
    expect(page.locator("#shelf-arrivals")).to_contain_text("acme/feelings is here")

    press(page, "Use acme/feelings")
    expect(page.locator("#playground-model input")).to_have_value("acme/feelings")
    expect(page.locator("#playground-task input:checked")).to_have_value("text-classification")

    press(page, "Delete acme/feelings")
    expect(page.locator("#shelf-ask")).to_contain_text("Delete acme/feelings")
    page.locator("#shelf-keep").click()
    expect(page.locator("#shelf-ask")).to_be_hidden()
    expect(page.locator("#shelf-table")).to_contain_text("acme/feelings")
    press(page, "Delete acme/feelings")
    page.locator("#shelf-delete").click()
    expect(page.locator("#shelf-table")).not_to_contain_text("acme/feelings")
    expect(page.locator("#shelf-table")).to_contain_text("MiniLM")


def test_the_fold_about_a_model_follows_the_model_that_is_chosen(shelf_app: App, open_page: OpenPage) -> None:
    page = open_page(shelf_app.url)
    model = page.locator("#playground-model input")
    expect(model).not_to_have_value("")
    page.locator("#about-model > button").click()
    about = page.locator("#about-model")
    expect(about).to_contain_text("BertModel", timeout=90_000)
    expect(about).to_contain_text("Layers 1–6, attention")
    model.fill("acme/feelings")
    model.press("Enter")
    # Before its weights are here, from its small files.
    expect(about).to_contain_text("BertForSequenceClassification", timeout=60_000)
    expect(about).to_contain_text("negative, positive")
    about.get_by_text("Its card, as its owner wrote it").click()
    expect(about).to_contain_text("It feels.")
    expect(about.locator("script")).to_have_count(0)
