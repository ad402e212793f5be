"""The playground's form, its memory of what was typed, and its files of many texts."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path

import gradio as gr
import pytest
from gradio.state_holder import SessionState

from backend.errors import UserError
from backend.models import ModelShelf
from backend.settings import Settings
from backend.tasks import all_tasks
from backend.tasks.base import Table
from backend.texts_in_file import columns_of, texts_of
from backend.training.queue import RunQueue
from ui import playground_tab
from ui.playground import asking, form, many, parts
from ui.visitor import Services, enter

TASKS = sorted(all_tasks())


def drawn(task: str) -> form.Form:
    with gr.Blocks():
        return form.draw(all_tasks()[task], {}, "en")


@pytest.mark.parametrize("task", TASKS)
def test_the_form_has_a_widget_for_every_input_and_every_field(task: str) -> None:
    one = all_tasks()[task]
    made = drawn(task)
    assert list(made.inputs) == [given.name for given in one.inputs]
    assert list(made.params) == [given.name for given in fields(one.params)]


@pytest.mark.parametrize("task", TASKS)
def test_an_untouched_form_gives_the_defaults_of_the_dataclass(task: str) -> None:
    given = {name: getattr(widget, "value", None) for name, widget in drawn(task).by_name().items()}
    assert form.parse(all_tasks()[task], given)[1] == all_tasks()[task].params()


def test_a_slider_s_float_becomes_the_whole_number_it_is() -> None:
    task = all_tasks()["text-generation"]
    given = {f"params.{one.name}": one.default for one in fields(task.params)} | {"params.max_new_tokens": 50.0}
    params = form.parse(task, given)[1]
    assert params.max_new_tokens == 50 and isinstance(params.max_new_tokens, int)


@pytest.mark.parametrize(("typed", "meant"), [("", None), (" 3 ", 3), (None, None)])
def test_an_optional_number_is_typed_as_text(typed: str | None, meant: int | None) -> None:
    task = all_tasks()["text-classification"]
    given = {f"params.{one.name}": one.default for one in fields(task.params)} | {"params.top_k": typed}
    assert form.parse(task, given)[1].top_k == meant


def test_an_error_about_a_setting_names_it_as_the_page_does() -> None:
    task = all_tasks()["text-classification"]
    given = {f"params.{one.name}": one.default for one in fields(task.params)} | {"params.top_k": "many"}
    with pytest.raises(UserError) as raised:
        form.parse(task, given)
    assert "Labels shown" in form.named(raised.value, task, "en").what("en")


@pytest.mark.parametrize("locale", ["en", "zh-CN"])
@pytest.mark.parametrize("task", TASKS)
def test_examples_in_the_page_s_language_come_first(task: str, locale: str) -> None:
    with gr.Blocks():
        samples = form.draw(all_tasks()[task], {}, locale).examples.samples
    own = [list(one.values.values()) for one in all_tasks()[task].examples if one.language == locale]
    # A second text that an example lacks is an empty box.
    assert own and samples and samples[0][: len(own[0])] == own[0] and not any(samples[0][len(own[0]) :])


def test_what_was_typed_for_a_task_is_remembered_with_its_model() -> None:
    task = all_tasks()["text-classification"]
    kept = playground_tab.remembered({"kept": {"x": {}}, "models": {}}, task, "run:a", {"inputs.text": "hello"})
    assert kept == {"kept": {"x": {}, task.name: {"inputs.text": "hello"}}, "models": {task.name: "run:a"}}


def test_a_page_with_no_fitting_model_says_so_and_offers_training(settings: Settings, tmp_path: Path) -> None:
    shelf = ModelShelf(settings)
    services = Services(settings, shelf, RunQueue(settings, shelf))
    enter("x", "en", "")
    request = gr.Request(session_hash="x")
    shown = playground_tab.show_task(services, request, "text-classification", {})
    card, go_train = shown[3], shown[-1]
    assert "No model on this computer" in card.value and go_train.visible


def test_nothing_in_the_model_box_is_an_error_in_words(settings: Settings) -> None:
    shelf = ModelShelf(settings)
    with pytest.raises(UserError, match="No model is chosen"):
        asking.chosen_ref(Services(settings, shelf, RunQueue(settings, shelf)), " ")


def test_a_chatbot_s_messages_become_plain_text() -> None:
    kept = [{"role": "user", "content": [{"type": "text", "text": "hi"}], "metadata": None}]
    assert asking.plain_messages(kept) == [{"role": "user", "content": "hi"}]


def test_a_second_question_of_a_page_stops_its_first() -> None:
    stops, request, other = asking.Stops(), gr.Request(session_hash="a"), gr.Request(session_hash="b")
    first, foreign = stops.begin(request), stops.begin(other)
    second = stops.begin(request)
    assert first.is_set() and not second.is_set() and not foreign.is_set()


def test_the_downloaded_answers_open_as_utf8_and_hold_no_formulas(tmp_path: Path) -> None:
    data = many.write_csv(Table(("text", "label"), (("=1+1", "好"),)), tmp_path).read_bytes()
    assert data.startswith(b"\xef\xbb\xbf") and "'=1+1,好" in data.decode("utf-8-sig")


def test_the_answers_can_be_downloaded_and_leave_nothing_in_the_temporary_folder(
    settings: Settings, tiny_classifier: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (temporary := tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    shelf = ModelShelf(settings)
    task = all_tasks()["text-classification"]
    with gr.Blocks() as page:
        model, fold = gr.Dropdown([f"folder:{tiny_classifier}"], value=f"folder:{tiny_classifier}"), parts._many()
        widgets = form.draw(task, {}, "en").by_name()
        services = Services(settings, shelf, RunQueue(settings, shelf))
        many.wire_form(fold, model, services, asking.Stops(), task, widgets)
    (handler,) = page.fns.values()
    given = [
        {fold.texts: "a good film", model: model.value}.get(one, getattr(one, "value", None)) for one in handler.inputs
    ]

    enter("many", "en", "")

    async def asked() -> str:
        state, done, shown = SessionState(page), {"iterator": None, "is_generating": True}, ""
        while done["is_generating"]:
            done = await page.process_api(
                handler, given, state, gr.Request(session_hash="many"), iterator=done["iterator"], session_hash="many"
            )
            download = done["data"][handler.outputs.index(fold.download)]
            shown = ((download or {}).get("value") or {}).get("path", shown)
        return shown

    # In a thread of its own: browser tests leave an event loop running in this one.
    with ThreadPoolExecutor(1) as pool:
        kept = Path(pool.submit(lambda: asyncio.run(asked())).result())
    assert "a good film" in kept.read_text(encoding="utf-8-sig") and temporary not in kept.parents
    assert list(temporary.iterdir()) == []


def test_the_longest_text_column_of_a_file_is_guessed(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("id,label,review\n1,good,a long and friendly text\n2,bad,\n", encoding="utf-8")
    assert columns_of(file) == (["label", "review"], "review")
    assert texts_of(file, "review") == ["a long and friendly text", ""]


def test_a_text_file_in_gb18030_gives_its_lines(tmp_path: Path) -> None:
    file = tmp_path / "t.txt"
    file.write_bytes("房间很干净，服务也热情。\n\n下次还来住这里。\n".encode("gb18030"))
    assert columns_of(file) == ([], None)
    assert texts_of(file, None) == ["房间很干净，服务也热情。", "下次还来住这里。"]


def test_a_table_without_texts_names_its_columns(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("a,b\n1,2\n3,4\n", encoding="utf-8")
    with pytest.raises(UserError, match="a, b"):
        columns_of(file)
