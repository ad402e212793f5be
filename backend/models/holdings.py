"""What models lie on this machine for a visitor, with their size and last use; and taking one away."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from backend import starter
from backend.errors import UserError
from backend.models.facts import ModelFacts
from backend.models.finding import LAST, name_of
from backend.models.use import forget_use, last_used
from backend.workspace import Workspace, disk_error

if TYPE_CHECKING:
    from backend.models.shelf import ModelShelf

Kind = Literal["run", "head", "starter", "folder", "hub", "begun", "small"]
"""head: the linear head of a first answer; begun: a download that is not whole; small: only what a tokenizer needs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One model on this machine."""

    ref: str
    title: str
    kind: Kind
    bytes: int
    """All its files."""
    came: float
    """When its newest file was written, in seconds since 1970."""
    used: float = 0.0
    """When it was last used here, 0 where it never was. Not what the disk says: a look at a file counts there, too."""
    facts: ModelFacts | None = None
    """None where it is not whole, or broken."""
    problem: UserError | None = None
    """What is wrong with it."""
    removable: bool = False
    busy: bool = False
    """Somebody has it in use now."""


def holdings(shelf: ModelShelf, workspace: Workspace) -> list[Holding]:
    """Everything here that this visitor may use, the last used first."""
    known = last_used(workspace)
    found = [*_runs(shelf, workspace), *_starters(shelf, workspace), *_cached(shelf, workspace)]
    if not workspace.public:
        found += _folders(shelf, workspace, known)
    dated = [replace(one, used=known.get(one.ref, 0.0)) for one in found]
    return sorted(dated, key=lambda one: (one.used, one.came), reverse=True)


def remove(shelf: ModelShelf, workspace: Workspace, ref: str) -> None:
    """Delete a download; take a folder off the list, its files stay.

    A run's model goes with its run (backend.training.model_removal). Raises UserError shelf.not_yours, shelf.in_use,
    shelf.starter_stays, shelf.goes_with_run, shelf.being_fetched, or what a disk says.
    """
    kind, name = shelf.parse(ref).split(":", 1)
    if kind == "starter":
        raise UserError("shelf.starter_stays", model=starter.find(name).title)
    if kind == "run":
        raise UserError("shelf.goes_with_run", model=name)
    if kind == "hub" and workspace.public:
        raise UserError("shelf.not_yours", model=name)
    if shelf.in_use(ref):
        raise UserError("shelf.in_use", model=name)
    if kind == "hub":
        if shelf.arrivals.going(ref):
            raise UserError("shelf.being_fetched", model=name)
        shelf.forget(ref)
        _remove_download(shelf.hub.cache, shelf.hub.repository(name))
    forget_use(workspace, ref)


def _remove_download(cache: Path, repository: Path) -> None:
    """By the library, which knows what several downloads share; then what it does not count: parts of files."""
    from huggingface_hub import scan_cache_dir

    try:
        scanned = scan_cache_dir(cache)
        # A copy of a model on the Hub has the same commits: the library would delete both.
        own = replace(scanned, repos=frozenset(one for one in scanned.repos if one.repo_path.name == repository.name))
        own.delete_revisions(*(revision.commit_hash for one in own.repos for revision in one.revisions)).execute()
        if repository.is_dir():
            shutil.rmtree(repository)
        shutil.rmtree(cache / ".locks" / repository.name, ignore_errors=True)
    except OSError as error:
        raise disk_error(error, repository) from error


def _runs(shelf: ModelShelf, workspace: Workspace) -> Iterator[Holding]:
    for run in workspace.names("runs"):
        for last in ("", LAST):
            folder = workspace.folder("runs", run) / ("model-last" if last else "model")
            if folder.is_dir():
                kind: Kind = "head" if _spec_of(folder).get("loop") == "head" else "run"
                yield _held(shelf, workspace, f"run:{run}{last}", kind, folder, removable=not last)


def _starters(shelf: ModelShelf, workspace: Workspace) -> Iterator[Holding]:
    root = starter.starter_dir()
    for one in starter.installed(root):
        yield _held(shelf, workspace, f"starter:{one.name}", "starter", root / one.name)


def _cached(shelf: ModelShelf, workspace: Workspace) -> Iterator[Holding]:
    hub = shelf.hub
    for repository in sorted(hub.cache.glob("models--*")):
        name = repository.name.removeprefix("models--").replace("--", "/")
        kind: Kind = "hub" if hub.whole(name) else "begun" if hub.begun(name) else "small"
        if kind == "hub" or not workspace.public:
            one = _held(shelf, workspace, f"hub:{name}", kind, repository / "blobs", removable=not workspace.public)
            # Of one that was asked for in vain only an empty folder is left.
            if one.bytes:
                yield one


def _folders(shelf: ModelShelf, workspace: Workspace, known: dict[str, float]) -> Iterator[Holding]:
    for ref in known:
        kind, _, path = ref.partition(":")
        if kind == "folder" and Path(path).is_dir():
            yield _held(shelf, workspace, ref, "folder", Path(path), removable=True)


def _held(
    shelf: ModelShelf, workspace: Workspace, ref: str, kind: Kind, folder: Path, removable: bool = False
) -> Holding:
    facts: ModelFacts | None = None
    problem: UserError | None = None
    if kind not in ("begun", "small"):
        try:
            facts = shelf.facts(workspace, ref)
        except UserError as error:
            problem = error
    sizes, times = [0], [0.0]
    for path in folder.iterdir() if folder.is_dir() else ():
        try:
            status = path.stat()
        except OSError:
            continue
        if path.is_file():
            sizes.append(status.st_size)
            times.append(status.st_mtime)
    return Holding(
        ref=ref,
        title=facts.title if facts else Path(name_of(ref)).name if kind == "folder" else name_of(ref),
        kind=kind,
        bytes=sum(sizes),
        came=max(times),
        facts=facts,
        problem=problem,
        removable=removable,
        busy=shelf.in_use(ref),
    )


def _spec_of(folder: Path) -> dict[str, object]:
    try:
        spec = json.loads((folder.parent / "spec.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return spec if isinstance(spec, dict) else {}
