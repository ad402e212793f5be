"""The section "Take it away": shown for a run with a model, its zip, its card, its commands, its refusals."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from backend.settings import Settings
from backend.training.queue import RunQueue
from backend.training.spec import RunState
from backend.workspace import Workspace
from tests.ui.run_folders import spec, write_run
from ui.finetune import after, after_card, after_script
from ui.visitor import Services

NOTHING: Any = None
"""No request: the English page of the shared workspace."""


@pytest.fixture
def page(services: Services) -> after.TakeAway:
    """The section and its handlers."""
    with gr.Blocks():
        return after.TakeAway(after.build(), services, gr.State())


def drawn(page: after.TakeAway, run_id: str, before: list[Any] | None = None) -> dict[Any, Any]:
    return page.show(run_id, before, NOTHING)


def test_it_is_there_for_a_run_with_a_model_alone(page: after.TakeAway, workspace: Workspace) -> None:
    states = {RunState.DONE: True, RunState.STOPPED: True, RunState.RUNNING: False, RunState.FAILED: False}
    for state, there in states.items():
        write_run(workspace, state.value, state)
        assert drawn(page, state.value)[page.parts.section].visible is there
    assert drawn(page, "")[page.parts.section].visible is False


def test_what_is_typed_stays_until_another_run_is_shown(page: after.TakeAway, workspace: Workspace) -> None:
    write_run(workspace, "one")
    first = drawn(page, "one")
    again = drawn(page, "one", first[page.drawn])
    assert set(again) == {page.drawn}
    write_run(workspace, "two")
    assert drawn(page, "two", first[page.drawn])[page.parts.card.text] == ""


def test_the_zip_is_made_and_handed_over_with_the_card_as_typed(page: after.TakeAway, workspace: Workspace) -> None:
    write_run(workspace, "one")
    news = list(page.zip("one", "# Mine", NOTHING))
    assert news[0][page.parts.make].interactive is False and "progressbar" in news[0][page.parts.told]
    save = news[-1][page.parts.save]
    file = save.value["path"] if isinstance(save.value, dict) else str(save.value)
    assert save.visible and file.endswith("/one.zip") and "one.zip" in str(save.label)
    # Gradio gives out what lies in its own folder, and copies what lies elsewhere.
    assert Path(file).is_relative_to(page.parts.save.GRADIO_CACHE)
    with zipfile.ZipFile(file) as found:
        assert found.read("one/README.md") == b"# Mine"


def test_a_zip_that_is_refused_says_why_in_its_place(page: after.TakeAway, workspace: Workspace) -> None:
    write_run(workspace, "one", RunState.RUNNING)
    last = list(page.zip("one", "", NOTHING))[-1]
    assert "still trains" in last[page.parts.told] and last[page.parts.make].interactive is True


def test_the_card_is_written_once_changed_and_kept(page: after.TakeAway, workspace: Workspace) -> None:
    folder, cards = write_run(workspace, "one"), after_card.Cards(page.parts.card, page.services)
    found = cards.open("one", "", NOTHING)
    assert found[page.parts.card.text].startswith("---\n") and "# one" in found[page.parts.card.look]
    assert "---" not in found[page.parts.card.look].partition("\n")[0]
    assert "apache-2.0" in found[page.parts.card.told]
    # Opened again, what was typed is still there.
    assert set(cards.open("one", "typed", NOTHING)) == {page.parts.card.told}
    licensed = cards.license("mit", found[page.parts.card.text])
    cards.save("one", licensed, NOTHING)
    assert (folder.model / "README.md").read_text(encoding="utf-8") == licensed
    assert cards.open("one", "", NOTHING)[page.parts.card.licence] == "mit"


def pushed(page: after.TakeAway, **given: Any) -> str:
    asked = {"run_id": "one", "typed": "", "repo": "me/one", "token": "", "private": True} | given
    return str(list(page.push(**asked, request=NOTHING))[-1][page.parts.pushed])


def test_offline_nothing_is_sent(page: after.TakeAway, workspace: Workspace) -> None:
    write_run(workspace, "one")
    assert "work offline" in pushed(page, token="hf_mine")
    assert "cannot be a name" in pushed(page, repo="a b")


def test_a_visitor_of_a_public_page_never_writes_with_the_login_of_whoever_started_it(tmp_path: Path) -> None:
    settings = Settings(workspace=tmp_path, public=True, hub_token="hf_owner", hub_endpoint="http://127.0.0.1:9")
    from backend.models import ModelShelf

    shelf = ModelShelf(settings)
    services = Services(settings, shelf, RunQueue(settings, shelf))
    with gr.Blocks():
        page = after.TakeAway(after.build(), services, gr.State())
    write_run(Workspace.open(settings), "one")
    assert "Without a token" in pushed(page)


def test_the_commands_say_where_the_base_model_is() -> None:
    local = replace(spec("one"), model_path="/models/my base")
    commands = dict(after_script.commands(local, public=False))
    assert commands["uv"] == "uv run train.py --model '/models/my base'"
    assert "--model sentence-transformers/all-MiniLM-L6-v2" in commands["jobs"]
    public = dict(after_script.commands(local, public=True))
    assert not any("/models" in command for command in public.values())


@pytest.mark.parametrize("act", [lambda parts: parts.commands, lambda parts: parts.source])
def test_the_script_fold_shows_commands_and_source(
    act: Callable[[Any], Any], page: after.TakeAway, workspace: Workspace
) -> None:
    write_run(workspace, "one")
    scripts = after_script.Scripts(page.parts.script, page.services)
    assert "train.py" in str(scripts.show("one", NOTHING)[act(page.parts.script)])
