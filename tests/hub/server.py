"""A small Hub: the routes of huggingface.co that this product uses, for models that lie in local folders.

Each repository may misbehave in one way; POST /heal/OWNER/NAME ends that.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

COMMIT = "c0ffee" * 6 + "cafe"
GOOD_TOKEN = "hf_good"

Fault = Literal["", "gated", "cut", "hold", "broken"]


@dataclass(slots=True)
class Repository:
    """A model folder and how it misbehaves.

    gated: files only for GOOD_TOKEN. cut: weights break off in the middle. hold: the last weights wait for /heal.
    broken: status 500.
    """

    folder: Path
    fault: Fault = ""
    healed: threading.Event = field(default_factory=threading.Event)

    def files(self) -> list[Path]:
        """Files of the root folder."""
        return sorted(path for path in self.folder.iterdir() if path.is_file())

    def has(self, fault: Fault) -> bool:
        """Whether it misbehaves so now."""
        return self.fault == fault and not self.healed.is_set()


class FakeHub(ThreadingHTTPServer):
    """Serves repositories; keeps the path of every request."""

    daemon_threads = True

    def __init__(self, repositories: dict[str, Repository]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories = repositories
        self.requests: list[str] = []

    @property
    def endpoint(self) -> str:
        """What --hub-endpoint takes."""
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def serving(repositories: dict[str, Repository]) -> Iterator[FakeHub]:
    """A running server, for as long as the block lasts."""
    with FakeHub(repositories) as hub:
        thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield hub
        finally:
            for repository in repositories.values():
                repository.healed.set()
            hub.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: FakeHub

    def do_HEAD(self) -> None:
        self._route()

    def do_GET(self) -> None:
        self._route()

    def do_POST(self) -> None:
        self.server.repositories[self.path.removeprefix("/heal/")].healed.set()
        self._send(200)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing on the terminal."""

    def _route(self) -> None:
        self.server.requests.append(f"{self.command} {self.path}")
        path = self.path.partition("?")[0].strip("/")
        parts = path.removeprefix("api/models/").split("/")
        if not path:
            return self._send(200)
        if len(parts) < 2:
            return self._refuse(404, "RepoNotFound")
        repository = self.server.repositories.get("/".join(parts[:2]))
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token and token not in (GOOD_TOKEN, "hf_stranger"):
            return self._refuse(401, "", "Invalid credentials in Authorization header")
        if repository is None:
            # As the Hub does: whether it lacks or is private, a stranger is not told.
            return self._refuse(404 if token else 401, "RepoNotFound")
        if repository.has("broken"):
            return self._refuse(500, "")
        if path.startswith("api/"):
            if "tree" in parts:
                return self._json([self._entry(file) for file in repository.files()])
            return self._json(self._info("/".join(parts[:2]), repository))
        if repository.has("gated") and token != GOOD_TOKEN:
            return self._refuse(403 if token else 401, "GatedRepo")
        return self._file(repository, repository.folder / parts[-1])

    def _info(self, name: str, repository: Repository) -> dict[str, Any]:
        siblings = [{"rfilename": file.name, "size": file.stat().st_size} for file in repository.files()]
        return {
            "_id": "0",
            "id": name,
            "modelId": name,
            "sha": COMMIT,
            "private": False,
            "gated": "manual" if repository.fault == "gated" else False,
            "tags": ["transformers"],
            "cardData": {"language": "en"},
            "siblings": siblings,
        }

    def _entry(self, file: Path) -> dict[str, Any]:
        return {"type": "file", "path": file.name, "size": file.stat().st_size, "oid": _etag(file)}

    def _file(self, repository: Repository, file: Path) -> None:
        if not file.is_file():
            return self._refuse(404, "EntryNotFound")
        data = file.read_bytes()
        is_weights = file.suffix in (".safetensors", ".bin")
        if self.command == "GET" and is_weights and repository.has("cut"):
            # Half of it the first time; asked for the rest, nothing.
            self._headers(200, len(data), file)
            if "Range" not in self.headers:
                self.wfile.write(data[: len(data) // 2])
            self.close_connection = True
            return None
        if self.command == "GET" and is_weights and repository.has("hold") and "00001-" not in file.name:
            repository.healed.wait()
        self._headers(200, len(data), file)
        if self.command == "GET":
            self.wfile.write(data)
        return None

    def _headers(self, status: int, length: int, file: Path) -> None:
        self.send_response(status)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{_etag(file)}"')
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def _json(self, data: Any) -> None:
        self._send(200, json.dumps(data).encode(), {"Content-Type": "application/json"})

    def _refuse(self, status: int, code: str, message: str = "") -> None:
        named = {"X-Error-Code": code, "X-Error-Message": message}
        self._send(status, b"", {name: value for name, value in named.items() if value})

    def _send(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _etag(file: Path) -> str:
    return hashlib.sha1(file.read_bytes(), usedforsecurity=False).hexdigest()
