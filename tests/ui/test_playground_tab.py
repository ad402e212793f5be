"""The playground's form, and its memory of what was typed."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import gradio as gr
import pytest

from backend.errors import UserError
from backend.models import ModelShelf
from backend.settings import Settings
from backend.tasks import all_tasks
from backend.texts import catalogue
from backend.training.queue import RunQueue
from ui import playground_tab
from ui.playground import asking, form
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
    # What stands beside the text does not stand among the settings, too.
    own = [given.name for given in fields(one.params) if given.name not in (*made.inputs, *form.COMMON)]
    assert list(made.params) == [*own, *form.COMMON]


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
    ours = [one for one in all_tasks()[task].examples if not one.course]
    own = [list(one.values.values()) for one in ours if one.language == locale]
    # A second text that an example lacks is an empty box.
    assert own and samples and samples[0][: len(own[0])] == own[0] and not any(samples[0][len(own[0]) :])


@pytest.mark.parametrize("task", TASKS)
def test_examples_of_the_course_stand_under_their_chapter_in_every_language(task: str) -> None:
    theirs = [one for one in all_tasks()[task].examples if one.course]
    for locale in ("en", "zh-CN"):
        with gr.Blocks():
            course = form.draw(all_tasks()[task], {}, locale).course
        assert len(course) == len({one.course for one in theirs})
        assert sum(len(one.samples) for one in course) == len(theirs)
    assert all(f"playground.course.{one.course}" in catalogue("zh-CN") for one in theirs)


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


def test_a_task_that_nothing_here_can_do_says_what_would(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBENCH_STARTER_DIR", str(tmp_path))
    shelf = ModelShelf(settings)
    services = Services(settings, shelf, RunQueue(settings, shelf))
    enter("y", "zh-CN", "")
    shown = playground_tab.show_task(services, gr.Request(session_hash="y"), "sentence-similarity", {})
    card, go_train = shown[3], shown[-1]
    assert "multilingual-e5-small" in card.value and not go_train.visible
    assert asking.trainable("text-classification") and not asking.trainable("sentence-similarity")


def test_labels_typed_beside_the_text_are_a_setting_too() -> None:
    task = all_tasks()["zero-shot-embedding"]
    given = {name: widget.value for name, widget in drawn(task.name).by_name().items()}
    values, params = form.parse(task, given | {"inputs.text": "a", "inputs.labels": "x, y"})
    assert values["text"] == "a" and params.labels == "x, y" and params.template == ""


@pytest.mark.parametrize("name", ["question-answering", "summarization", "translation", "text2text-generation"])
def test_tasks_that_no_starter_does_say_what_they_need_and_draw_their_form(
    name: str, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKBENCH_STARTER_DIR", str(tmp_path))
    shelf = ModelShelf(settings)
    enter("y", "en", "")
    services = Services(settings, shelf, RunQueue(settings, shelf))
    card = playground_tab.show_task(services, gr.Request(session_hash="y"), name, {})[3]
    assert "in the box “Model”" in card.value
    task = all_tasks()[name]
    given = {key: getattr(widget, "value", None) for key, widget in drawn(name).by_name().items()}
    assert form.parse(task, given)[1] == task.params()


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


def test_an_answer_that_comes_after_a_newer_question_is_not_shown(services: Services, tiny_classifier: Path) -> None:
    enter("z", "en", "")
    task, stops, request = all_tasks()["text-classification"], asking.Stops(), gr.Request(session_hash="z")
    with gr.Blocks():
        tab, made = playground_tab.build(services), form.draw(all_tasks()["text-classification"], {}, "en")
    run = asking.asker(tab, services, stops, task, made, lambda request: {}, lambda *asked: "")
    widgets = {name: getattr(widget, "value", None) for name, widget in made.by_name().items()}
    given = widgets | {"model": f"folder:{tiny_classifier}", "chat": [], "inside_open": False}
    late = run(request, **given | {"inputs.text": "good film"})
    next(late)
    # The last update says the answer and frees the button.
    newer = list(run(request, **given | {"inputs.text": "bad film"}))[-1]
    assert tab.answer in newer and tab.run in newer
    assert not [update for update in late if tab.answer in update or tab.run in update]
