"""Where things are kept. A Workspace is the only door to runs, data sets, uploads and models."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Container
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.errors import UserError
from backend.settings import Settings

# Letters of any script, digits, dot, dash, underscore; no path separator, no leading dot, 80 characters at most.
_NAME = re.compile(r"(?!\.)[\w.\-]{1,80}", re.UNICODE)


@dataclass(frozen=True, slots=True)
class Workspace:
    """One visitor's folders. Backend functions take a Workspace and a name; they never take a path from the page."""

    root: Path
    public: bool = False
    shared: Path | None = None
    """Where lies what all visitors read and none changes; None: under root."""

    @classmethod
    def open(cls, settings: Settings, identity: str = "") -> Workspace:
        """The workspace of a visitor. identity: an OAuth user or the browser's secret; only public mode looks at it."""
        shared = root = settings.workspace.absolute()
        if settings.public:
            root = root / "visitors" / hashlib.sha256(identity.encode()).hexdigest()[:32]
        return cls(root, settings.public, shared)

    @property
    def name(self) -> str:
        """What the status line calls it."""
        return self.root.name

    def folder(self, kind: str, name: str) -> Path:
        """The folder of one thing: kind is runs, datasets, uploads or models. Raises UserError for a bad name.

        The kind samples is the same for all visitors.
        """
        if not _NAME.fullmatch(name):
            raise UserError("workspace.bad_name", name=name[:80])
        root = self.shared if kind == "samples" and self.shared else self.root
        return root / kind / name

    def names(self, kind: str) -> list[str]:
        """What is there of a kind, the last one changed first."""
        changed: dict[str, float] = {}
        try:
            for entry in os.scandir(self.root / kind):
                # What another page removes meanwhile is not there.
                with suppress(FileNotFoundError):
                    if entry.is_dir() and _NAME.fullmatch(entry.name):
                        changed[entry.name] = entry.stat().st_ctime
        except FileNotFoundError:
            return []
        return sorted(changed, key=lambda name: changed[name], reverse=True)

    def free_name(self, kind: str, wanted: str) -> str:
        """A name not yet taken, made from what a person typed: `my/run 1` gives `my-run-1`, then `my-run-1-2`."""
        stem = re.sub(r"[^\w.\-]+", "-", wanted, flags=re.UNICODE).strip("-.")[:60] or kind.rstrip("s")
        name, number = stem, 1
        while (self.root / kind / name).exists():
            number += 1
            name = f"{stem}-{number}"
        return name


def write_atomically(path: Path, data: bytes) -> None:
    """Write a whole file or nothing: a reader never sees a half of it. Raises UserError when the disk is full."""
    handle, temporary = -1, ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise disk_error(error, path) from error


def stamp(path: Path) -> tuple[int, int]:
    """(bytes, time of the last change in ns): another one once the file was written again."""
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def keep_newest(folder: Path, most: int, spared: Container[Path] = ()) -> None:
    """Delete what lies in a folder but the `most` files or folders changed last; hidden and spared ones stay."""
    found = []
    for path in folder.glob("[!.]*"):
        # What another process deletes meanwhile is not there.
        with suppress(FileNotFoundError):
            found.append((path.stat().st_mtime, path))
    for _, path in sorted(found, reverse=True)[most:]:
        if path in spared:
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def disk_error(error: OSError, path: Path) -> UserError:
    """What a failed write means to a person: disk full, not allowed, or something else with the system's words."""
    import errno

    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return UserError("workspace.disk_full", folder=path.parent)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return UserError("workspace.read_only", folder=path.parent)
    return UserError("workspace.cannot_write", file=path.name, reason=error.strerror or type(error).__name__)


def write_json(path: Path, data: Any) -> None:
    """data as UTF-8 JSON, atomically."""
    write_atomically(path, json.dumps(data, ensure_ascii=False, indent=1).encode())
