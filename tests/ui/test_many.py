"""The fold of many texts: what its actions change on the page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from backend.errors import UserError
from backend.many import Job, JobSpec, Source, State
from backend.tasks import all_tasks
from ui.playground import many_parts, many_view
from ui.playground.many_actions import COLUMNS_LISTED, Many
from ui.visitor import Services, enter

SPEC = JobSpec(
    job_id="j", task="text-classification", model_ref="x", model_title="MiniLM", params={}, title="评论.csv",
    data_ref="", column="评论", rows=50_000, empty=3, pairs=False, created="2026-11-22T00:31:00+00:00",
)  # fmt: skip


@pytest.fixture
def many(services: Services) -> Many:
    with gr.Blocks():
        return Many(many_parts.build(), services)


def request_of(language: str = "en") -> gr.Request:
    enter(f"many-{language}", language, "")
    return gr.Request(session_hash=f"many-{language}")


def begun(many: Many, model: Path, text: str = "good film\nbad film") -> str:
    services, task = many.services, all_tasks()["text-classification"]
    workspace = services.workspace(request_of())
    source = Source(kind="lines", lines=text)
    job_id = services.jobs.start(services.shelf, workspace, task, f"folder:{model}", task.params(), source)
    services.jobs.wait(workspace, job_id, 60)
    return job_id


def test_a_page_with_no_job_shows_none_and_keeps_its_fold_shut(many: Many) -> None:
    shown = many.arrive(request_of())
    assert shown[many.parts.table] == "" and not shown[many.parts.take].visible
    assert not shown[many.parts.timer].active and "open" not in shown[many.parts.fold]
    assert any("sample:" in ref for _, ref in shown[many.parts.data].choices)


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_a_page_finds_the_job_that_another_began(many: Many, tiny_classifier: Path, language: str) -> None:
    job_id = begun(many, tiny_classifier)
    shown = many.arrive(request_of(language))
    assert shown[many.parts.fold].open and "good film" in shown[many.parts.table]
    assert shown[many.parts.take].visible and not shown[many.parts.timer].active
    assert shown[many.parts.earlier].value == job_id and shown[many.parts.run].interactive


def test_an_earlier_job_can_be_looked_at_again_and_removed(many: Many, tiny_classifier: Path) -> None:
    first, second = begun(many, tiny_classifier, "a film"), begun(many, tiny_classifier, "a book")
    shown = many.choose(first, request_of())
    assert "a film" in shown[many.parts.table]
    assert [ref for _, ref in shown[many.parts.earlier].choices] == [second, first]
    shown = many.remove(first, request_of())
    assert "a book" in shown[many.parts.table] and not shown[many.parts.earlier].visible


def test_a_file_is_made_where_gradio_may_give_it_out(many: Many, tiny_classifier: Path) -> None:
    job_id = begun(many, tiny_classifier)
    *_, last = many.make("csv", job_id, request_of())
    path = Path(last[many.parts.save].value["path"])
    assert path.read_bytes().startswith(b"\xef\xbb\xbf") and "good film" in path.read_text(encoding="utf-8-sig")
    assert path.is_relative_to(many.parts.save.GRADIO_CACHE)


def test_a_wide_file_lists_its_first_columns_and_says_so(many: Many, tmp_path: Path) -> None:
    names = [f"c{number}" for number in range(10_000)]
    (file := tmp_path / "wide.csv").write_text("\n".join([",".join(names), *[",".join(["good"] * 10_000)] * 2]))
    shown = many.look_into("file", str(file), None, "text-classification", request_of())
    column = shown[many.parts.column]
    assert len(column.choices) == COLUMNS_LISTED and "10,000" in column.info


def test_a_broken_file_is_said_where_its_columns_would_stand(many: Many, tmp_path: Path) -> None:
    (file := tmp_path / "t.xlsx").write_bytes(b"PK\x03\x04 broken")
    shown = many.look_into("file", str(file), None, "text-classification", request_of())
    assert "t.xlsx" in shown[many.parts.wrong] and not shown[many.parts.column].visible


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_progress_says_how_many_how_fast_and_how_long(language: str) -> None:
    job = Job(spec=SPEC, state=State.ANSWERING, done=10_000, seconds=50.0, seconds_left=200.0)
    page = many_view.waiting(job, language)
    assert all(words in page for words in ("10,000", "50,000", "200", "width:20.0%"))


def test_texts_in_a_language_that_the_model_never_saw_are_told() -> None:
    job = Job(spec=SPEC, state=State.ANSWERING, done=12, unknown=0.43, seconds=3.0)
    assert "43% of the tokens" in many_view.told(job, "en") and "43%" not in many_view.told(
        replace(job, unknown=0.05), "en"
    )


@pytest.mark.parametrize(("params", "words"), [({}, "only a part"), ({"truncation": False}, "have no answer")])
def test_texts_longer_than_the_model_reads_are_told(params: dict[str, Any], words: str) -> None:
    job = Job(spec=replace(SPEC, params=params), state=State.DONE, done=12, cut=2, seconds=3.0)
    assert words in many_view.told(job, "en") and words not in many_view.told(replace(job, cut=0), "en")


@pytest.mark.parametrize(
    ("state", "error", "words"),
    [
        (State.STOPPED, None, "Stopped before the end"),
        (State.CUT_OFF, None, "The app ended"),
        (State.FAILED, UserError("many.broken", reason="x"), "our fault"),
    ],
)
def test_what_ended_early_says_why_and_what_is_there(state: State, error: Any, words: str) -> None:
    page = many_view.told(Job(spec=SPEC, state=state, done=12, seconds=3.0, error=error), "en")
    assert words in page and "12 / 50,000" in page and "3 of them empty" in page and "column “评论”" in page
