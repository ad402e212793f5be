"""The nursery: jobs begin, end, and are told apart."""

from __future__ import annotations

from pathlib import Path

from backend.training.nursery import Nursery, shared_nursery


def test_two_jobs_on_one_folder_both_end_and_so_does_the_next_one(tmp_path: Path) -> None:
    # A folder without a spec: each job ends at once, with an error in its log.
    jobs = [shared_nursery().start("mirror", tmp_path), shared_nursery().start("mirror", tmp_path)]
    assert [job.wait(120) for job in jobs] == [1, 1]
    assert shared_nursery().start("mirror", tmp_path).wait(60) == 1


def test_a_job_begun_after_the_nursery_died_is_not_taken_for_lost(tmp_path: Path) -> None:
    own = Nursery()
    lost = own.start("mirror", tmp_path)
    assert own._process is not None
    own._process.kill()
    own._process.wait()
    job = own.start("mirror", tmp_path)
    try:
        assert lost.wait(60) == -9
        assert job.wait(120) == 1
    finally:
        own.close()
