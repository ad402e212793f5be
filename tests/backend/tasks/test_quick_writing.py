"""The quick way to write: the same by seed, stopped within a token, in code that writes the same, refused in words."""

from __future__ import annotations

import errno
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from backend.errors import UserError
from backend.tasks import all_tasks, quick_writing
from backend.tasks.text_generation import GenerationParams
from tests.plain_python import printed

TASK = all_tasks()["text-generation"]
ASKED = {"messages": "tell a good story"}


def quick(**options: Any) -> GenerationParams:
    return GenerationParams(**{"engine": "quick", "max_new_tokens": 12, **options})


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Converted models go there, not to this user's."""
    monkeypatch.setattr(quick_writing, "_cache", lambda: tmp_path / "quick")
    return tmp_path / "quick"


def test_the_model_is_converted_once_and_a_seed_gives_the_same_answer(writer: Any, cache: Path) -> None:
    first = TASK.run(writer, ASKED, quick(seed=3))
    (folder,) = cache.iterdir()
    made = (folder / "model.bin").stat().st_mtime_ns
    assert TASK.run(writer, ASKED, quick(seed=3)) == first
    assert (folder / "model.bin").stat().st_mtime_ns == made
    others = {TASK.run(writer, ASKED, quick(seed=seed)).text for seed in range(4, 8)}
    assert others != {first.text}
    assert 0 < first.tokens <= 12 and first.stopped_by in ("end", "length")


def test_the_stream_is_the_answer_and_stop_ends_it_within_a_token(writer: Any) -> None:
    params = quick(seed=1)
    parts = list(TASK.stream(writer, ASKED, params, threading.Event()))
    assert [part.tokens for part in parts[:-1]] == list(range(1, parts[-1].tokens + 1))
    assert parts[-1] == TASK.run(writer, ASKED, params) and parts[-1].finished
    stop = threading.Event()
    seen = []
    for part in TASK.stream(writer, ASKED, quick(max_new_tokens=200, do_sample=False), stop):
        seen.append(part)
        stop.set()
    assert seen[-1].tokens == 1 and seen[-1].stopped_by == "person"


def test_how_many_threads_are_quickest_is_tried_once_and_anew_where_there_are_more(
    writer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.get_num_threads", lambda: 2)
    folder = quick_writing.converted(writer)
    best = quick_writing.threads(folder, "good")
    assert best in (1, 2) and json.loads((folder / "threads.json").read_text()) == {"most": 2, "best": best}
    monkeypatch.setattr(quick_writing, "_seconds", lambda folder, count, piece: 1 / count)
    assert quick_writing.threads(folder, "good") == best
    (folder / "threads.json").write_text("{")
    assert quick_writing.threads(folder, "good") == 2
    monkeypatch.setattr("torch.get_num_threads", lambda: 3)
    assert quick_writing.threads(folder, "good") == 3


def test_the_penalty_counts_what_was_written(writer: Any) -> None:
    free = TASK.run(writer, ASKED, quick(do_sample=False, repetition_penalty=1.0, max_new_tokens=20))
    strict = TASK.run(writer, ASKED, quick(do_sample=False, repetition_penalty=2.0, max_new_tokens=20))
    assert len(set(strict.text.split())) > len(set(free.text.split()))


def test_the_code_writes_the_same(writer: Any, tmp_path: Path) -> None:
    params = quick(max_new_tokens=6, seed=5)
    code = TASK.snippet(str(writer.model.name_or_path), ASKED, params)
    assert printed(code, tmp_path).removesuffix("\n") == TASK.run(writer, ASKED, params).text


def test_a_kind_of_model_that_it_does_not_know_is_told(writer: Any, cache: Path) -> None:
    config = writer.model.config
    kind, config.model_type = config.model_type, "xlnet"
    try:
        with pytest.raises(UserError) as caught:
            TASK.run(writer, ASKED, quick())
    finally:
        config.model_type = kind
    assert caught.value.key == "tasks.quick_unsupported" and caught.value.what("zh-CN") and caught.value.todo("en")
    assert not cache.exists()


def test_weights_that_cannot_be_converted_are_told_and_leave_nothing(writer: Any, cache: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text('{"model_type": "llama", "architectures": ["LlamaForCausalLM"]}')
    name, writer.model.name_or_path = writer.model.name_or_path, str(tmp_path / "other")
    try:
        with pytest.raises(UserError) as caught:
            TASK.run(writer, ASKED, quick())
    finally:
        writer.model.name_or_path = name
    assert caught.value.key == "tasks.quick_unsupported"
    assert not [*cache.glob("*")] and not [*cache.glob(".half-*")]


def test_a_cache_that_cannot_be_written_is_told(writer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(quick_writing, "_cache", lambda: tmp_path / "file" / "quick")
    with pytest.raises(UserError) as caught:
        TASK.run(writer, ASKED, quick())
    assert caught.value.key == "workspace.cannot_write"


def test_a_disk_that_is_full_is_told_and_leaves_nothing(
    writer: Any, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ctranslate2.converters import TransformersConverter

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(TransformersConverter, "convert", full)
    with pytest.raises(UserError) as caught:
        TASK.run(writer, ASKED, quick())
    assert caught.value.key == "workspace.disk_full"
    assert not [*cache.glob("*")] and not [*cache.glob(".half-*")]


def test_a_batch_ends_within_a_token(writer: Any) -> None:
    stop = threading.Event()
    stop.set()
    assert list(TASK.batch(writer, ["tell a good story"], quick(), stop=stop)) == []
