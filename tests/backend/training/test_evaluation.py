"""A finished run's model on other rows: the same scores as the run's own report, labels by name, Stop, and refusals."""

from __future__ import annotations

import json
import shutil
import threading
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.data.library import add_files, open_data
from backend.errors import UserError
from backend.recipes import all_recipes
from backend.training import evaluation
from backend.training.evaluation import Asked, Evaluation
from backend.training.known_rows import ALL, as_spelt, learnt_rows, rows_to_score
from backend.training.run_folder import RunFolder
from tests.backend.training.conftest import Desk

TOLERANCE = 1e-6


def asked(desk: Desk, **changed: Any) -> Asked:
    own = Asked(data_ref=desk.draft.data_ref, data_version=1, columns=desk.draft.columns, own=True)
    return replace(own, **changed)


def other_data(desk: Desk, folder: Path, lines: str, name: str = "other.csv") -> str:
    (folder / name).write_text(f"text,label\n{lines}", encoding="utf-8")
    return add_files(desk.workspace, desk.settings, [folder / name]).ref


def scored(desk: Desk, run_id: str, one: Asked) -> Evaluation:
    """The result, once it is there."""
    name = evaluation.start(desk.settings, desk.workspace, run_id, one)
    deadline, pause = time.monotonic() + 120, __import__("threading").Event()
    while True:
        found = {one.name: one for one in evaluation.evaluations(desk.workspace, run_id)}[name]
        if not found.working:
            return found
        assert time.monotonic() < deadline
        pause.wait(0.05)


def test_the_runs_own_test_rows_get_the_scores_of_its_report(trained: tuple[Desk, str]) -> None:
    desk, run_id = trained
    own = desk.queue.report(desk.workspace, run_id)
    found = scored(desk, run_id, asked(desk)).found
    assert own and found
    assert found.report.splits["test"] == pytest.approx(own.splits["test"], abs=TOLERANCE)
    assert found.report.baseline["test"] == pytest.approx(own.baseline["test"])
    assert found.report.confusion == own.confusion
    assert [row["row_id"] for row in found.report.wrong] == [row["row_id"] for row in own.wrong]
    assert (found.scored, found.unknown, found.learnt) == (12, 0, 0)
    # Only what came of it is kept.
    assert evaluation.evaluations(desk.workspace, run_id)
    assert not list((desk.workspace.folder("runs", run_id) / "evaluations").glob(".*"))


def test_labels_are_matched_by_name_and_rows_of_unknown_ones_are_counted(
    trained: tuple[Desk, str], tmp_path: Path
) -> None:
    desk, run_id = trained
    # In another order, with another spelling, with a label that the model lacks, and with a text it was trained on.
    loved, hated = "it was a great film and we love it", "this book is awful and they hate it"
    lines = f"{loved},zebra\n{hated},BAD\n{loved}, Good\n,good\n{hated} not,BAD\n"
    known = open_data(desk.workspace, desk.draft.data_ref).load()
    lines += f"{known[0]['text']},Good\n"
    ref = other_data(desk, tmp_path, lines)
    found = scored(desk, run_id, asked(desk, data_ref=ref, part=ALL, own=False)).found
    assert found
    assert (found.scored, found.unknown, list(found.unknown_labels), found.unusable) == (4, 1, ["zebra"], 1)
    assert found.report.labels == ["bad", "good"] and np.sum(found.report.confusion) == 4
    assert found.report.splits[ALL]["accuracy"] == 1.0
    own = RunFolder(desk.workspace.folder("runs", run_id))
    spec = own.spec()
    train = learnt_rows(all_recipes()[spec.recipe], spec)
    assert train and found.learnt == int(0 in train[1])


def test_data_without_a_label_in_common_are_refused_with_both_lists(trained: tuple[Desk, str], tmp_path: Path) -> None:
    desk, run_id = trained
    ref = other_data(desk, tmp_path, "we love it,1\nwe hate it,2\n", "numbers.csv")
    with pytest.raises(UserError) as caught:
        evaluation.start(desk.settings, desk.workspace, run_id, asked(desk, data_ref=ref, part=ALL))
    assert caught.value.key == "elsewhere.no_common_labels"
    assert caught.value.values["found"] == "1, 2" and caught.value.values["known"] == "bad, good"


def test_a_column_that_is_not_there_is_refused_by_name(trained: tuple[Desk, str]) -> None:
    desk, run_id = trained
    with pytest.raises(UserError, match="body"):
        columns = {"text": "body", "label": "label"}
        evaluation.start(desk.settings, desk.workspace, run_id, asked(desk, columns=columns))


def test_a_run_without_a_model_is_refused(trained: tuple[Desk, str]) -> None:
    desk, run_id = trained
    with pytest.raises(UserError) as caught:
        evaluation.start(desk.settings, desk.workspace, run_id, asked(desk, which="last"))
    assert caught.value.key == "elsewhere.no_model"


def test_a_stop_reports_the_blocks_done_so_far(trained: tuple[Desk, str], monkeypatch: pytest.MonkeyPatch) -> None:
    from backend.training import elsewhere

    desk, run_id = trained
    place = evaluation._new_place(RunFolder(desk.workspace.folder("runs", run_id)))
    version = open_data(desk.workspace, desk.draft.data_ref)
    one = asked(desk, part=ALL, data_folder=str(version.folder), data_title="opinions", created="2026")
    (place.work / "asked.json").write_text(json.dumps(asdict(one)), encoding="utf-8")
    monkeypatch.setattr(elsewhere, "FEW_ROWS", 50)
    monkeypatch.setattr(elsewhere, "TELL_SECONDS", 0.0)
    told = elsewhere.Place.tell

    def tell(self: evaluation.Place, done: int, rows: int) -> None:
        told(self, done, rows)
        if done > 50:
            (self.work / "stop").touch()

    monkeypatch.setattr(elsewhere.Place, "tell", tell)
    elsewhere.evaluate(place.work)
    found = next(one for one in evaluation.evaluations(desk.workspace, run_id) if one.name == place.result.stem)
    assert found.stopped and found.found
    # The second block was begun, its batches of 64 rows done, and the third never.
    assert (found.found.scored, found.found.rows) == (100, 120)
    evaluation.remove(desk.workspace, run_id, found.name)
    assert not place.result.exists()


def test_one_that_the_app_left_behind_says_that_it_was_cut_off(trained: tuple[Desk, str]) -> None:
    desk, run_id = trained
    place = evaluation._new_place(RunFolder(desk.workspace.folder("runs", run_id)))
    # Who has seen an earlier scoring through may still be at its last words.
    for thread in threading.enumerate():
        if thread.name == evaluation._thread(place):
            thread.join(60)
    (place.work / "asked.json").write_text(json.dumps(asdict(asked(desk))), encoding="utf-8")
    (place.work / "progress.json").write_text(json.dumps({"done": 3, "rows": 9, "pid": 2**22 - 1, "born": 1.0}))
    found = next(one for one in evaluation.evaluations(desk.workspace, run_id) if one.name == place.result.stem)
    assert found.error and found.error.key == "elsewhere.cut_off"
    assert not place.work.exists()


def test_rows_that_the_run_left_out_were_not_learnt(trained: tuple[Desk, str]) -> None:
    desk, run_id = trained
    spec = RunFolder(desk.workspace.folder("runs", run_id)).spec()
    recipe, plan = all_recipes()[spec.recipe], replace(spec.split, leave_out=("conflicts",))
    learnt = learnt_rows(recipe, replace(spec, split=plan))
    version = open_data(desk.workspace, spec.data_ref)
    rows = rows_to_score(recipe, version, spec.columns, ("bad", "good"), "train", plan)
    assert learnt and learnt[1].tolist() == rows.row_ids.tolist()


def test_a_model_that_cannot_be_read_is_said_and_the_run_stays_as_it_is(trained: tuple[Desk, str]) -> None:
    desk, run_id = trained
    whole = desk.workspace.folder("runs", run_id)
    broken = RunFolder(Path(shutil.copytree(whole, whole.with_name("broken"))))
    weights = broken.model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    error = scored(desk, "broken", asked(desk)).error
    assert error and error.key == "elsewhere.failed" and "Safetensor" in error.what()
    assert broken.status() == RunFolder(whole).status()
    shutil.rmtree(broken.path)


def test_a_half_written_result_is_left_out(trained: tuple[Desk, str]) -> None:
    desk, run_id = trained
    folder = desk.workspace.folder("runs", run_id) / "evaluations"
    folder.mkdir(exist_ok=True)
    (folder / "900.json").write_text('{"asked": {', encoding="utf-8")
    assert "900" not in {one.name for one in evaluation.evaluations(desk.workspace, run_id)}
    (folder / "900.json").unlink()


@pytest.mark.parametrize(
    ("labels", "there", "spelt"),
    [
        (("good", "bad"), ("Good ", "bad"), ("Good ", "bad")),
        (("A", "a"), ("A", "b"), ("A", "a")),
        (("good",), ("Good", "GOOD"), ("good",)),
    ],
)
def test_another_spelling_counts_only_where_it_is_plain(
    labels: tuple[str, ...], there: tuple[str, ...], spelt: tuple[str, ...]
) -> None:
    assert as_spelt(labels, there) == spelt


def test_a_row_with_one_strange_label_among_several_is_left_out(desk: Desk, tmp_path: Path) -> None:
    lines = "a film,joy|anger\na book,joy|zebra\na team,anger\nno,[]\na game,joy\n"
    ref = other_data(desk, tmp_path, lines, "several.csv")
    recipe, version = all_recipes()["multi-label-classification"], open_data(desk.workspace, ref)
    columns = {"text": "text", "labels": "label"}
    rows = rows_to_score(recipe, version, columns, ("anger", "joy"), ALL, desk.draft.split)
    assert rows.row_ids.tolist() == [0, 2, 3, 4] and rows.unknown_labels == ["zebra"]
    assert rows.targets.tolist() == [[1, 1], [1, 0], [0, 0], [0, 1]]
