"""A small Hub: the routes of huggingface.co that this product uses, for models that lie in local folders.

Each repository may misbehave in one way; POST /heal/OWNER/NAME ends that. What is pushed lies in a folder of its own
and can be fetched afterwards; large files come by the LFS protocol (a client has to be told HF_HUB_DISABLE_XET).
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs

COMMIT = "c0ffee" * 6 + "cafe"
GOOD_TOKEN = "hf_good"
OWNER = "me"
"""Whose token GOOD_TOKEN is."""

Fault = Literal["", "gated", "cut", "slow", "hold", "broken"]


@dataclass(slots=True)
class Repository:
    """A model folder and how it misbehaves.

    gated: files only for GOOD_TOKEN. cut: weights break off in the middle. hold: the last weights wait for /heal.
    slow: after half of them the weights come a byte a second until /heal. broken: status 500.
    """

    folder: Path
    fault: Fault = ""
    tags: tuple[str, ...] = ("transformers", "en", "text-classification")
    """By which a search finds it; the last is its task."""
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

    def __init__(self, repositories: dict[str, Repository], pushed: Path | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repositories = repositories
        self.requests: list[str] = []
        self.pushed = pushed
        """Where new repositories lie; None: nothing can be pushed."""
        self.large: dict[str, bytes] = {}
        """What came by LFS, by its sha256."""
        self.private: dict[str, bool] = {}

    @property
    def endpoint(self) -> str:
        """What --hub-endpoint takes."""
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def serving(repositories: dict[str, Repository], pushed: Path | None = None) -> Iterator[FakeHub]:
    """A running server, for as long as the block lasts."""
    with FakeHub(repositories, pushed) as hub:
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
        body = self._body()
        if self.path.startswith("/heal/"):
            self.server.repositories[self.path.removeprefix("/heal/")].healed.set()
            return self._send(200)
        self.server.requests.append(f"POST {self.path}")
        if not self._may_write():
            return None
        path = self.path.partition("?")[0].strip("/")
        if path == "api/repos/create":
            return self._create(json.loads(body))
        if path == "api/validate-yaml":
            return self._validate(json.loads(body)["content"])
        if path.endswith(".git/info/lfs/objects/batch"):
            return self._json({"objects": [self._large(one) for one in json.loads(body)["objects"]]})
        name, action = "/".join(path.split("/")[2:4]), path.split("/")[4]
        repository = self.server.repositories.get(name)
        if repository is None or not name.startswith(f"{OWNER}/"):
            return self._refuse(403, "", "You don't have the rights to write here")
        if repository.has("broken"):
            return self._refuse(500, "")
        if action == "preupload":
            return self._preupload(json.loads(body))
        return self._commit(name, repository, body)

    def do_PUT(self) -> None:
        data = self._body()
        self.server.large[hashlib.sha256(data).hexdigest()] = data
        self._send(200)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing on the terminal."""

    # What is pushed.

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _may_write(self) -> bool:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in (GOOD_TOKEN, "hf_reader"):
            self._refuse(401, "", "Invalid credentials in Authorization header")
        elif token != GOOD_TOKEN:
            self._refuse(403, "", "This token can only read")
        return token == GOOD_TOKEN

    def _create(self, asked: dict[str, Any]) -> None:
        owner, pushed = asked["organization"] or OWNER, self.server.pushed
        name = f"{owner}/{asked['name']}"
        if owner != OWNER or pushed is None:
            return self._refuse(403, "", "You don't have the rights to create a model there")
        if name in self.server.repositories:
            return self._send(409, json.dumps({"url": f"{self.server.endpoint}/{name}"}).encode())
        (pushed / name).mkdir(parents=True)
        self.server.repositories[name] = Repository(pushed / name)
        self.server.private[name] = asked.get("private") or asked.get("visibility") == "private"
        return self._json({"url": f"{self.server.endpoint}/{name}", "name": name})

    def _validate(self, card: str) -> None:
        if "license: nonsense" in card:
            errors = [{"message": '"license" must be one of a list'}]
            return self._send(400, json.dumps({"errors": errors, "warnings": []}).encode())
        return self._json({"errors": [], "warnings": []})

    def _preupload(self, asked: dict[str, Any]) -> None:
        def mode(name: str) -> str:
            return "lfs" if name.endswith((".safetensors", ".bin")) else "regular"

        files = [{"path": f["path"], "uploadMode": mode(f["path"]), "shouldIgnore": False} for f in asked["files"]]
        self._json({"files": files})

    def _large(self, one: dict[str, Any]) -> dict[str, Any]:
        upload = {"href": f"{self.server.endpoint}/lfs/{one['oid']}", "header": {}}
        return {"oid": one["oid"], "size": one["size"], "actions": {"upload": upload}}

    def _commit(self, name: str, repository: Repository, lines: bytes) -> None:
        for line in map(json.loads, lines.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                (repository.folder / value["path"]).write_bytes(base64.b64decode(value["content"]))
            elif line["key"] == "lfsFile":
                (repository.folder / value["path"]).write_bytes(self.server.large[value["oid"]])
        self._json({"commitUrl": f"{self.server.endpoint}/{name}/commit/{COMMIT}", "commitOid": COMMIT})

    # What is fetched.

    def _route(self) -> None:
        self.server.requests.append(" ".join([self.command, self.path, *self.headers.get_all("Range", ())]))
        path, _, query = self.path.partition("?")
        path = path.strip("/")
        parts = path.removeprefix("api/models/").split("/")
        if not path:
            return self._send(200)
        if path == "api/models":
            return self._json(self._found(parse_qs(query)))
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

    def _found(self, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        """The repositories that a search finds, as the Hub lists them."""
        tags = {*query.get("filter", ()), *query.get("pipeline_tag", ())}
        words = " ".join(query.get("search", ())).casefold().split()
        kept = [
            (name, one)
            for name, one in self.server.repositories.items()
            if tags <= {*one.tags} and all(word in name.casefold() for word in words)
        ]
        return [
            {
                "_id": "0", "id": name, "modelId": name, "downloads": 1234, "likes": 5, "pipeline_tag": one.tags[-1],
                "library_name": one.tags[0], "gated": "manual" if one.fault == "gated" else False,
                "lastModified": "2026-03-04T05:06:07.000Z", "tags": [*one.tags],
                "safetensors": {"parameters": {"F32": 4321}, "total": 4321},
            }
            for name, one in kept[: int(query.get("limit", ["99"])[0])]
        ]  # fmt: skip

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
        data, whole = file.read_bytes(), file.stat().st_size
        is_weights = file.suffix in (".safetensors", ".bin")
        if self.command == "GET" and is_weights and repository.has("cut"):
            # Half of it the first time; asked for the rest, nothing.
            if "Range" in self.headers:
                self._headers(206, whole, file, f"bytes {whole // 2}-{whole - 1}/{whole}")
            else:
                self._headers(200, whole, file)
                self.wfile.write(data[: whole // 2])
            self.close_connection = True
            return None
        if self.command == "GET" and is_weights and repository.has("hold") and "00001-" not in file.name:
            repository.healed.wait()
        begin = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
        # As the Hub's store does for its large files, and only for them.
        partly = begin > 0 and is_weights
        data = data[begin:] if partly else data
        self._headers(206 if partly else 200, len(data), file, f"bytes {begin}-{whole - 1}/{whole}" if partly else "")
        if self.command == "GET":
            sent = 0
            if is_weights and repository.has("slow"):
                sent = len(data) // 2 if begin == 0 else 0
                self.wfile.write(data[:sent])
                # A byte a second, so that nobody takes the line for dead.
                while not repository.healed.wait(1) and sent < len(data):
                    self.wfile.write(data[sent : sent + 1])
                    sent += 1
            self.wfile.write(data[sent:])
        return None

    def _headers(self, status: int, length: int, file: Path, part: str = "") -> None:
        self.send_response(status)
        if part:
            self.send_header("Content-Range", part)
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
    """Large files are named by their sha256, as LFS does."""
    if file.suffix in (".safetensors", ".bin"):
        return hashlib.sha256(file.read_bytes()).hexdigest()
    return hashlib.sha1(file.read_bytes(), usedforsecurity=False).hexdigest()
