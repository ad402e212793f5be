"""Fetch weights into the Hub's cache so that a download that was cut or stopped goes on where it was.

What has come lies as `blobs/ETAG.incomplete` beside the whole files; once whole, the library takes it as its own. The
library itself begins anew: since 2.x it writes to another file at each try, and removes it when that fails.
"""

from __future__ import annotations

import hashlib
import os
import queue
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
INCOMPLETE = ".incomplete"
_TRIES = 5
_WAIT_SECONDS = 1.0
_READ_SECONDS = 10.0
_AT_ONCE = 4
# The Hub names large files by what is in them.
_SHA256 = re.compile(r"[0-9a-f]{64}")


class GivenUp(Exception):
    """Raised in the threads of a download that nobody waits for."""


@dataclass(frozen=True, slots=True)
class _Part:
    url: str
    blob: Path
    size: int

    @property
    def incomplete(self) -> Path:
        return self.blob.with_name(self.blob.name + INCOMPLETE)

    @property
    def here(self) -> int:
        return self.size if self.blob.is_file() else size_of(self.incomplete)


class Weights:
    """The large files of one model on their way here. All methods raise what the library and httpx2 raise."""

    def __init__(
        self, model_id: str, sizes: Mapping[str, int], repository: Path, endpoint: str, token: str | bool | None
    ) -> None:
        self.model_id, self.sizes, self.repository = model_id, sizes, repository
        self.endpoint, self.token = endpoint, token
        self.given_up = threading.Event()
        self._parts: list[_Part] = []

    @property
    def done(self) -> int:
        """Bytes that are here, those of an earlier try included."""
        return sum(min(part.here, part.size) for part in self._parts)

    def fetch(self) -> None:
        """Bring all of them into `blobs`; returns when they are whole."""
        if not self.sizes:
            return
        try:
            self._parts = _some_at_once(self._look_up, list(self.sizes))
            _some_at_once(self._bring, self._parts)
        except BaseException:
            # The others need not go on: what they have stays.
            self.given_up.set()
            raise

    def _look_up(self, name: str) -> _Part:
        from huggingface_hub import get_hf_file_metadata, hf_hub_url

        url = hf_hub_url(self.model_id, name, endpoint=self.endpoint)
        found = get_hf_file_metadata(url, token=self.token, endpoint=self.endpoint)
        if not found.etag or "/" in found.etag:
            raise OSError(f"{self.endpoint} gives no name for the contents of {name}")
        return _Part(url, self.repository / "blobs" / found.etag, found.size or self.sizes[name])

    def _bring(self, part: _Part) -> None:
        from filelock import FileLock

        part.blob.parent.mkdir(parents=True, exist_ok=True)
        locks = self.repository.parent / ".locks" / self.repository.name
        locks.mkdir(parents=True, exist_ok=True)
        # The library's own lock: another process may fetch the same file.
        with FileLock(locks / f"{part.blob.name}.lock"):
            if part.blob.is_file():
                return
            resumed = size_of(part.incomplete) > 0
            self._read_all(part)
            if resumed and _SHA256.fullmatch(part.blob.name) and _sha256(part.incomplete) != part.blob.name:
                part.incomplete.unlink()
                raise OSError("the parts of the file do not belong together")
            os.replace(part.incomplete, part.blob)

    def _read_all(self, part: _Part) -> None:
        """Until the file is whole; gives up after _TRIES without a new byte."""
        import httpx2

        part.incomplete.touch()
        tries = _TRIES
        while (had := size_of(part.incomplete)) != part.size:
            failure: Exception | None = None
            if self.given_up.is_set():
                raise GivenUp
            if had > part.size:
                part.incomplete.write_bytes(b"")
            try:
                self._read_on(part)
            except httpx2.TransportError as error:
                failure = error
            if size_of(part.incomplete) > had:
                tries = _TRIES
                continue
            tries -= 1
            if not tries:
                raise failure or OSError("the server ends the file before its end")
            self.given_up.wait(_WAIT_SECONDS)

    def _read_on(self, part: _Part) -> None:
        """Ask for what lacks, and write it as it comes."""
        from huggingface_hub.utils import (  # type: ignore[attr-defined]
            build_hf_headers,
            hf_raise_for_status,
            http_stream_backoff,
        )

        had = size_of(part.incomplete)
        headers = build_hf_headers(token=self.token) | {"Accept-Encoding": "identity"}
        if had:
            headers["Range"] = f"bytes={had}-"
        with http_stream_backoff(
            "GET", part.url, headers=headers, timeout=_READ_SECONDS,
            retry_on_exceptions=(), retry_on_status_codes=(408, 429),
        ) as response:  # fmt: skip
            hf_raise_for_status(response)
            # A server that does not know ranges sends the whole file again.
            with part.incomplete.open("ab" if response.status_code == 206 else "wb", buffering=0) as file:
                for chunk in response.iter_bytes():
                    if self.given_up.is_set():
                        raise GivenUp
                    file.write(chunk)


def _some_at_once(work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """What `work` gives for each, in daemon threads: one that waits for the network must not hold up the app's end."""
    todo: queue.SimpleQueue[tuple[Item, Future[Result]]] = queue.SimpleQueue()
    results: list[Future[Result]] = [Future() for _ in items]
    for pair in zip(items, results, strict=True):
        todo.put(pair)

    def run() -> None:
        while not todo.empty():
            try:
                item, result = todo.get_nowait()
            except queue.Empty:
                return
            try:
                result.set_result(work(item))
            except BaseException as error:  # noqa: BLE001 - raised again in the thread that asked
                result.set_exception(error)

    for _ in range(min(_AT_ONCE, len(items))):
        threading.Thread(target=run, name="hub-weights", daemon=True).start()
    return [result.result() for result in results]


def size_of(path: Path) -> int:
    """Bytes of a file, 0 where there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
