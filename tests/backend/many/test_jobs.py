"""Jobs of many texts on tiny models: order, stopping, going on, and what may go wrong."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend import answering
from backend.data.library import add_files
from backend.errors import UserError
from backend.many import AnsweringJobs, Job, Source, State
from backend.many.job import JobFolder, Status
from backend.models import ModelShelf
from backend.settings import Settings
from backend.tasks import all_tasks
from backend.workspace import Workspace
from tests import tiny

CLASSIFY = all_tasks()["text-classification"]
REVIEWS = "评论,分数\n这部电影很好看,5\n,1\n讨厌,2\n我们喜欢这部电影,4\n"


@pytest.fixture
def shelf(settings: Settings) -> ModelShelf:
    return ModelShelf(settings)


@pytest.fixture
def jobs() -> AnsweringJobs:
    return AnsweringJobs()


@pytest.fixture
def held() -> Iterator[threading.Event]:
    """The short lane is busy until this is set: a job that is begun lives for as long."""
    free = threading.Event()
    turns = [answering._threads("short").submit(free.wait, 60) for _ in range(answering.LANES["short"])]
    yield free
    free.set()
    for turn in turns:
        turn.result()


def ended(jobs: AnsweringJobs, workspace: Workspace, job_id: str) -> Job:
    jobs.wait(workspace, job_id, 60)
    job = jobs.look(workspace, job_id)
    assert job is not None and not job.state.lives
    return job


def typed(*texts: str) -> Source:
    return Source(kind="lines", lines="\n".join(texts))


def begin(
    jobs: AnsweringJobs, shelf: ModelShelf, workspace: Workspace, model: Path, source: Source, task: str = CLASSIFY.name
) -> str:
    one = all_tasks()[task]
    return jobs.start(shelf, workspace, one, f"folder:{model}", one.params(), source)


def test_typed_lines_are_answered_in_the_order_given(
    jobs: AnsweringJobs, shelf: ModelShelf, workspace: Workspace, tiny_classifier: Path
) -> None:
    texts = ["a very good movie and a fine story", "bad", "we love it"]
    job = ended(jobs, workspace, name := begin(jobs, shelf, workspace, tiny_classifier, typed(*texts, " ")))
    table = jobs.rows(workspace, name).table(10)
    assert job.state is State.DONE and job.done == 3 and job.device == "cpu" and job.seconds > 0
    assert table.columns[:3] == ("text", "label", "score") and [row[0] for row in table.rows] == texts
    # The pipeline itself says the same.
    with shelf.lease(workspace, f"folder:{tiny_classifier}", CLASSIFY.auto_class) as loaded:
        alone = CLASSIFY.run(CLASSIFY.pipeline(loaded), {"text": texts[0]}, CLASSIFY.params())
    assert table.rows[0][2] == pytest.approx(alone.scores[0][1], abs=1e-5)  # type: ignore[union-attr]


def test_a_column_of_a_file_keeps_its_empty_cells_and_says_how_many(
    jobs: AnsweringJobs, shelf: ModelShelf, workspace: Workspace, tiny_classifier: Path, tmp_path: Path
) -> None:
    (file := tmp_path / "评论.csv").write_bytes(REVIEWS.encode("gb18030"))
    name = begin(jobs, shelf, workspace, tiny_classifier, Source(kind="file", file=file, column="评论"))
    file.unlink()
    job = ended(jobs, workspace, name)
    assert (job.spec.title, job.spec.rows, job.spec.empty, job.done) == ("评论.csv", 4, 1, 4)
    rows = [row[:2] for row in jobs.rows(workspace, name).table(10).rows]
    assert [text for text, _ in rows] == ["这部电影很好看", "", "讨厌", "我们喜欢这部电影"] and rows[1][1] == ""


def test_a_column_of_a_data_set_is_read_and_the_job_is_found_by_another_page(
    jobs: AnsweringJobs,
    shelf: ModelShelf,
    workspace: Workspace,
    settings: Settings,
    tiny_classifier: Path,
    tmp_path: Path,
) -> None:
    (file := tmp_path / "r.csv").write_text(REVIEWS, encoding="utf-8")
    version = add_files(workspace, settings, [file], "电影")
    name = begin(jobs, shelf, workspace, tiny_classifier, Source(kind="data", data=version.ref))
    job = ended(jobs, workspace, name)
    assert (job.spec.title, job.spec.data_ref, job.spec.column) == ("电影", version.ref, "评论")
    assert jobs.newest(workspace) == job
    # Another app finds it on disk, another workspace does not.
    assert AnsweringJobs().newest(workspace) == job
    assert jobs.newest(replace(workspace, root=tmp_path / "other")) is None


def test_a_second_job_of_a_workspace_is_refused_while_one_lives(
    jobs: AnsweringJobs, shelf: ModelShelf, workspace: Workspace, tiny_classifier: Path, held: threading.Event
) -> None:
    name = begin(jobs, shelf, workspace, tiny_classifier, typed("good"))
    with pytest.raises(UserError, match="still being answered") as raised:
        begin(jobs, shelf, workspace, tiny_classifier, typed("bad"))
    assert raised.value.key == "many.busy" and jobs.names(workspace) == [name]
    with pytest.raises(UserError, match="still being answered"):
        jobs.remove(workspace, name)
    held.set()
    ended(jobs, workspace, name)
    jobs.remove(workspace, name)
    assert jobs.newest(workspace) is None and not workspace.folder("answers", name).exists()


def test_what_was_done_before_stop_is_kept_and_the_rest_can_be_answered_later(
    jobs: AnsweringJobs, shelf: ModelShelf, workspace: Workspace, tiny_classifier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A turn ends after one answer, and the first one asks for Stop.
    monkeypatch.setattr("backend.many.answer._TURN_SECONDS", 0.0)
    kept = JobFolder.append

    def stopping(folder: JobFolder, rows: dict[int, dict[str, object]]) -> dict[int, int]:
        folder.ask_to_stop()
        return kept(folder, rows)

    monkeypatch.setattr(JobFolder, "append", stopping)
    texts = ["a very good movie and a fine story", "bad", "we love it"]
    job = ended(jobs, workspace, name := begin(jobs, shelf, workspace, tiny_classifier, typed(*texts)))
    assert (job.state, job.done, job.can_go_on) == (State.STOPPED, 1, True)
    rows = jobs.rows(workspace, name)
    # The shortest comes first.
    assert not rows.whole and [row[0] for row in rows.table(9).rows] == ["bad"]
    monkeypatch.setattr(JobFolder, "append", kept)
    jobs.go_on(shelf, workspace, name)
    job = ended(jobs, workspace, name)
    assert (job.state, job.done, job.can_go_on) == (State.DONE, 3, False)
    assert [row[0] for row in jobs.rows(workspace, name).table(9).rows] == texts


def test_stop_ends_what_is_being_written_and_half_of_an_answer_is_none(
    jobs: AnsweringJobs, shelf: ModelShelf, workspace: Workspace, tiny_generator: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from backend.tasks import text_generation

    began, generate = threading.Event(), text_generation._generate

    def held(*arguments: Any, **options: Any) -> Any:
        began.set()
        assert options["stops"][0].wait(30), "nobody told it"
        return generate(*arguments, **options)

    monkeypatch.setattr(text_generation, "_generate", held)
    task = "text-generation"
    name = begin(jobs, shelf, workspace, tiny_generator, typed("good", "bad"), task)
    assert began.wait(60)
    jobs.stop(workspace, name)
    job = ended(jobs, workspace, name)
    assert (job.state, job.done, job.can_go_on) == (State.STOPPED, 0, True)
    monkeypatch.setattr(text_generation, "_generate", generate)
    jobs.go_on(shelf, workspace, name)
    assert ended(jobs, workspace, name).done == 2 and jobs.rows(workspace, name).whole


def test_typed_lines_may_hold_half_an_emoji(
    jobs: AnsweringJobs, shelf: ModelShelf, workspace: Workspace, tiny_classifier: Path
) -> None:
    job = ended(jobs, workspace, name := begin(jobs, shelf, workspace, tiny_classifier, typed("good \ud83d")))
    assert job.state is State.DONE and jobs.rows(workspace, name).table(9).rows[0][0] == "good ?"


def test_a_job_whose_app_was_killed_is_cut_off_and_goes_on_behind_its_last_whole_answer(
    jobs: AnsweringJobs, shelf: ModelShelf, workspace: Workspace, tiny_classifier: Path
) -> None:
    name = begin(jobs, shelf, workspace, tiny_classifier, typed("good", "bad", "we love it"))
    ended(jobs, workspace, name)
    folder = JobFolder(workspace.folder("answers", name))
    lines = folder.answers.read_bytes().splitlines(keepends=True)
    folder.answers.write_bytes(lines[0] + lines[1][:-5])
    folder.write_status(Status(state=State.ANSWERING, pid=2**22 + 1))
    job = AnsweringJobs().newest(workspace)
    assert job and (job.state, job.done, job.can_go_on) == (State.CUT_OFF, 1, True)
    jobs.go_on(shelf, workspace, name)
    assert ended(jobs, workspace, name).state is State.DONE
    assert folder.answers.read_bytes().splitlines(keepends=True)[0] == lines[0] and len(jobs.rows(workspace, name)) == 3


def test_a_model_deleted_while_it_answers_answers_on_and_then_is_gone(
    jobs: AnsweringJobs, shelf: ModelShelf, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tiny.save_classifier(tmp_path / "model")
    kept = JobFolder.append

    def deleting(folder: JobFolder, rows: dict[int, dict[str, object]]) -> dict[int, int]:
        shutil.rmtree(model, ignore_errors=True)
        return kept(folder, rows)

    monkeypatch.setattr("backend.many.answer._TURN_SECONDS", 0.0)
    monkeypatch.setattr(JobFolder, "append", deleting)
    name = begin(jobs, shelf, workspace, model, typed("good", "bad", "we love it"))
    assert ended(jobs, workspace, name).state is State.DONE and not model.exists()
    # Cut off after that, it says so, and keeps what there is.
    folder = JobFolder(workspace.folder("answers", name))
    folder.answers.write_bytes(folder.answers.read_bytes().splitlines(keepends=True)[0])
    folder.write_status(Status(state=State.STOPPED, done=1))
    jobs.go_on(shelf, workspace, name)
    job = ended(jobs, workspace, name)
    assert job.state is State.FAILED and job.error and job.error.key.startswith("models.") and job.done == 1


def test_texts_that_are_compared_with_each_other_have_no_answer_before_all_are_read(
    jobs: AnsweringJobs, shelf: ModelShelf, workspace: Workspace, tiny_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.many.answer._TURN_SECONDS", 0.0)
    texts = typed("good film", "a good film", "sport")
    task = "sentence-similarity"
    job = ended(jobs, workspace, name := begin(jobs, shelf, workspace, tiny_encoder, texts, task))
    assert job.state is State.DONE
    found = {row[0]: row[1] for row in jobs.rows(workspace, name).table(9).rows}
    assert found.keys() == {"good film", "a good film", "sport"} and all(found.values())


def test_how_much_of_the_texts_the_model_does_not_know_is_counted_and_kept(
    jobs: AnsweringJobs, shelf: ModelShelf, workspace: Workspace, tiny_classifier: Path
) -> None:
    known = ended(jobs, workspace, begin(jobs, shelf, workspace, tiny_classifier, typed("good film", "a good film")))
    strange = ended(jobs, workspace, begin(jobs, shelf, workspace, tiny_classifier, typed("房间很干净。", "\ud83d")))
    assert known.unknown == 0 and strange.unknown > 0.5
    assert (kept := AnsweringJobs().newest(workspace)) and kept.unknown == strange.unknown


def test_a_megabyte_of_text_is_answered_beside_a_short_one(
    jobs: AnsweringJobs, shelf: ModelShelf, workspace: Workspace, tiny_classifier: Path, tmp_path: Path
) -> None:
    file = tmp_path / "long.jsonl"
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in ("good " * 200_000, "bad")), encoding="utf-8")
    job = ended(jobs, workspace, name := begin(jobs, shelf, workspace, tiny_classifier, Source(kind="file", file=file)))
    assert job.state is State.DONE and len(jobs.rows(workspace, name).table(9).rows[0][0]) == 1000
    # One of them was not read whole, which is known after a kill, too; a text that says so is none.
    columns, long, short = (table := jobs.rows(workspace, name).table(9)).columns, *table.rows
    assert job.cut == 1 and (long[-1], short[-1]) == (200_002 - 128, None) and columns[-1] == "unread"
    folder = JobFolder(workspace.folder("answers", name))
    folder.append({1: {"label": 'he said "unread": 5', "score": 1.0}})
    folder.write_status(Status(state=State.ANSWERING, pid=2**22 + 1))
    assert (job := AnsweringJobs().newest(workspace)) and job.cut == 1


@pytest.mark.parametrize(
    ("name", "data", "column", "key"),
    [
        ("t.csv", b"", "", "data.empty_file"),
        ("t.xlsx", b"PK\x03\x04 broken", "", "data.broken_file"),
        ("t.csv", b"a,b\n1,2\n3,4\n", "", "playground.no_text_column"),
        ("t.csv", b"a,b\nx,y\nz,w\n", "c", "data.no_column"),
        ("t.txt", b" \n\n", "", "playground.no_texts"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_and_leaves_nothing(
    jobs: AnsweringJobs,
    shelf: ModelShelf,
    workspace: Workspace,
    tiny_classifier: Path,
    tmp_path: Path,
    name: str,
    data: bytes,
    column: str,
    key: str,
) -> None:
    (file := tmp_path / name).write_bytes(data)
    with pytest.raises(UserError) as raised:
        begin(jobs, shelf, workspace, tiny_classifier, Source(kind="file", file=file, column=column))
    assert raised.value.key == key and jobs.names(workspace) == []


def test_a_file_of_ten_thousand_columns_is_answered(
    jobs: AnsweringJobs, shelf: ModelShelf, workspace: Workspace, tiny_classifier: Path, tmp_path: Path
) -> None:
    (file := tmp_path / "wide.csv").write_text(
        ",".join(f"c{number}" for number in range(10_000))
        + "\n"
        + ("good," * 10_000)[:-1]
        + "\n"
        + ("bad," * 10_000)[:-1]
    )
    job = ended(
        jobs, workspace, begin(jobs, shelf, workspace, tiny_classifier, Source(kind="file", file=file, column="c9999"))
    )
    assert job.state is State.DONE and job.spec.rows == 2


def test_the_newest_jobs_are_kept(
    jobs: AnsweringJobs, shelf: ModelShelf, workspace: Workspace, tiny_classifier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.many.jobs.KEPT", 2)
    names = []
    for text in ("good", "bad", "fine"):
        names.append(begin(jobs, shelf, workspace, tiny_classifier, typed(text)))
        ended(jobs, workspace, names[-1])
    assert jobs.names(workspace) == names[:0:-1]


def test_a_short_job_does_not_wait_for_the_end_of_anothers_long_one(
    jobs: AnsweringJobs, shelf: ModelShelf, settings: Settings, tiny_generator: Path, tiny_classifier: Path
) -> None:
    mine, theirs = Workspace.open(settings, "me"), Workspace.open(replace(settings, workspace=settings.workspace / "b"))
    write = all_tasks()["text-generation"]
    lines = typed(*(f"the film number {number}" for number in range(400)))
    long = jobs.start(shelf, theirs, write, f"folder:{tiny_generator}", write.params(max_new_tokens=50), lines)
    short = jobs.start(shelf, mine, CLASSIFY, f"folder:{tiny_classifier}", CLASSIFY.params(), typed("good", "bad"))
    assert ended(jobs, mine, short).state is State.DONE
    job = jobs.look(theirs, long)
    assert job is not None and job.state.lives
    jobs.stop(theirs, long)
    assert ended(jobs, theirs, long).state is State.STOPPED
