"""What a person takes away from a finished run: card, zip, script, and a place on the Hub."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

from playwright.sync_api import Page, expect

from backend.settings import Settings
from backend.workspace import Workspace
from tests.browser.conftest import OpenPage, open_tab, serve
from tests.hub.server import GOOD_TOKEN, serving
from tests.ui.run_folders import write_run

MINUTE = 60_000


def opened(page: Page, fold: str) -> None:
    page.locator(f"#{fold} > button.label-wrap").click()


def test_a_finished_run_is_taken_away(
    scratch: Path, tmp_path: Path, open_page: OpenPage, tiny_classifier: Path
) -> None:
    workspace = scratch / "taken"
    run = write_run(Workspace.open(Settings(workspace=workspace)), "mine")
    shutil.copytree(tiny_classifier, run.model, dirs_exist_ok=True)
    online = {"HF_HUB_OFFLINE": "0", "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(tmp_path / "home")}
    with (
        serving({}, tmp_path / "hub") as hub,
        serve(workspace, "--offline", "no", "--hub-endpoint", hub.endpoint, environ=online) as app,
    ):
        page = open_page(app.url)
        page.set_default_timeout(MINUTE)
        open_tab(page, "metrics")
        page.locator("button.link[data-run=mine]").click()
        expect(page.locator("#take-away")).to_be_visible(timeout=MINUTE)

        opened(page, "after-card")
        card = page.locator("#after-card-text textarea")
        expect(card).not_to_have_value("", timeout=MINUTE)
        page.locator("#after-licence input").click()
        page.get_by_role("option", name="cc0-1.0").click()
        expect(page.locator("#after-card")).to_contain_text("apache-2.0")
        page.wait_for_function("document.querySelector('#after-card-text textarea').value.includes('cc0-1.0')")
        card.fill(card.input_value() + "\nWritten by hand.\n")

        opened(page, "after-zip")
        page.locator("#after-zip-make").click()
        save = page.locator("#after-zip-save")
        expect(save).to_contain_text("mine.zip", timeout=MINUTE)
        with page.expect_download() as downloading:
            save.click()
        downloading.value.save_as(tmp_path / "mine.zip")
        with zipfile.ZipFile(tmp_path / "mine.zip") as found:
            assert found.testzip() is None
            written = found.read("mine/README.md").decode()
            assert "license: cc0-1.0" in written and "Written by hand." in written
            assert found.read("mine/model.safetensors") == (tiny_classifier / "model.safetensors").read_bytes()

        opened(page, "after-script")
        commands = page.locator("#after-commands")
        for command in ("python train.py", "uv run train.py", "accelerate launch train.py", "hf jobs uv run --flavor"):
            expect(commands).to_contain_text(command, timeout=MINUTE)

        opened(page, "after-push")
        repo = page.locator("#after-repo input, #after-repo textarea")
        expect(repo).to_have_attribute("placeholder", "mine")
        repo.fill("me/mine")
        page.locator("#after-token input").fill("hf_reader")
        page.locator("#after-push-go").click()
        answer = page.locator("#after-pushed")
        expect(answer).to_contain_text("may not write to me/mine", timeout=MINUTE)
        # What was typed is still there; another token is enough.
        page.locator("#after-token input").fill(GOOD_TOKEN)
        page.locator("#after-push-go").click()
        expect(answer.locator("a")).to_have_attribute("href", f"{hub.endpoint}/me/mine", timeout=MINUTE)
        assert "Written by hand." in (tmp_path / "hub" / "me" / "mine" / "README.md").read_text(encoding="utf-8")
        kept = [path for path in workspace.rglob("*") if path.is_file()]
        assert GOOD_TOKEN not in app.log.read_text(errors="replace")
        assert [path for path in kept if GOOD_TOKEN.encode() in path.read_bytes()] == []
