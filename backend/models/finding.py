"""Find a model by its ref: among the runs, the starters, a folder, the cache of downloads, or on the Hub."""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from backend import starter
from backend.errors import UserError
from backend.models import loading
from backend.models.facts import ModelFacts, Progress, read_facts, titles
from backend.models.hub import Hub
from backend.settings import Settings
from backend.workspace import Workspace

KINDS = ("starter", "run", "folder", "hub")
LAST = "@last"
"""Ends the ref of a stopped run's last state: `run:ID@last`; `run:ID` is its best checkpoint."""
_Stamp = tuple[tuple[str, int, int], ...]
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?", re.ASCII)


class ModelFinder:
    """Knows where models lie. Loads none."""

    def __init__(self, settings: Settings, hub: Hub) -> None:
        self.hub = hub
        self._bound = settings.model_memory_mib << 20
        self._facts: dict[tuple[str, Path], tuple[_Stamp, ModelFacts]] = {}

    def parse(self, text: str) -> str:
        """What a person typed or chose, as a ref: `owner/name` is a Hub id, `/a/folder` or `~/x` a folder, refs stay.

        A page address of the Hub, too. Raises UserError models.bad_ref.
        """
        text = text.strip().strip("\"'")
        kind, colon, name = text.partition(":")
        if colon and kind in KINDS:
            if not name or (kind == "hub" and not _HUB_ID.fullmatch(name)):
                raise UserError("models.bad_ref", text=text[:200])
            return text
        for address in (self.hub.endpoint, "https://huggingface.co", "https://hf-mirror.com", "https://hf.co"):
            if text.startswith(address + "/"):
                text = "/".join(text.removeprefix(address + "/").split("/")[:2])
        if text.startswith(("/", "~", "./", "../")) or re.match(r"[A-Za-z]:[\\/]", text):
            # "~someone" of whom this machine does not know stays as it is: no such folder is here.
            return f"folder:{os.path.abspath(os.path.expanduser(text))}"
        if text in {one.name for one in starter.STARTERS}:
            return f"starter:{text}"
        if _HUB_ID.fullmatch(text):
            return f"hub:{text}"
        raise UserError("models.bad_ref", text=text[:200])

    def listed(self, workspace: Workspace) -> list[ModelFacts]:
        """What is here for this visitor: runs newest first, starters, Hub cache. Broken ones are left out."""
        refs = [f"run:{name}{last}" for name in workspace.names("runs") for last in ("", LAST)]
        refs += [f"starter:{one.name}" for one in starter.installed(starter.starter_dir())]
        refs += [f"hub:{name}" for name in self.hub.downloaded()]
        found = []
        for ref in refs:
            try:
                if folder := self.folder_here(workspace, ref):
                    found.append(self._read(ref, folder))
            except UserError:
                continue
        return found

    def facts(self, workspace: Workspace, ref: str) -> ModelFacts:
        """Facts of one model, from disk where it is there, else from the Hub (its config and tokenizer are fetched)."""
        folder = self.folder_here(workspace, ref)
        if folder is not None:
            return self._read(ref, folder)
        return replace(self._remote_facts(workspace, ref)[0], path=None)

    def resolve(self, workspace: Workspace, ref: str, progress: Progress | None = None) -> ModelFacts:
        """The model on this machine (path is set), downloaded first where it must be."""
        folder = self.folder_here(workspace, ref)
        if folder is None:
            facts, weights, sizes = self._remote_facts(workspace, ref)
            # Before the download: a model that cannot be used need not come.
            loading.refuse_remote_code(facts)
            loading.refuse_too_large(facts, self._bound, "cpu")
            folder = self.hub.fetch(name_of(ref), weights, sizes, progress)
            return replace(self._read(ref, folder), languages=facts.languages)
        return self._read(ref, folder)

    def tokenizer_folder(self, workspace: Workspace, ref: str) -> Path:
        """A folder with the tokenizer of a model; from the Hub only its small files are fetched."""
        folder = self.folder_here(workspace, ref) or self.hub.snapshot(name_of(ref))
        if folder is None or not has_tokenizer(folder):
            facts = self.facts(workspace, ref)
            folder = facts.path or self.hub.snapshot(name_of(ref))
        if folder is None or not has_tokenizer(folder):
            raise UserError("models.no_tokenizer", model=name_of(ref))
        return folder

    def folder_here(self, workspace: Workspace, ref: str) -> Path | None:
        """The folder of a ref; None for a Hub model that is not here. Raises UserError for anything else missing."""
        kind, name = self.parse(ref).split(":", 1)
        if kind == "hub":
            return self.hub.whole(name)
        if kind == "starter":
            one, root = starter.find(name), starter.starter_dir()
            if one not in starter.installed(root):
                raise UserError("models.missing_starter", model=one.title, name=name)
            return root / name
        if kind == "run":
            run = workspace.folder("runs", name.removesuffix(LAST))
            folder = run / ("model-last" if name.endswith(LAST) else "model")
            if not folder.is_dir():
                raise UserError("models.missing_run", model=name)
            return folder
        if workspace.public:
            raise UserError("models.folder_not_allowed")
        folder = Path(os.path.expanduser(name))
        if not folder.is_dir():
            raise UserError("models.missing_folder", folder=name)
        return folder

    def _read(self, ref: str, folder: Path) -> ModelFacts:
        """Facts of a model that lies here; read again once a file of its folder is another."""
        try:
            stamp = _stamp(folder)
        except OSError:
            # A link to nowhere: reading says in words what lacks.
            return self._read_anew(ref, folder)
        known = self._facts.get((ref, folder))
        if known is None or known[0] != stamp:
            known = self._facts[ref, folder] = stamp, self._read_anew(ref, folder)
        return known[1]

    def _read_anew(self, ref: str, folder: Path) -> ModelFacts:
        kind, name = ref.split(":", 1)
        if kind == "starter":
            one = starter.find(name)
            return read_facts(folder, ref=ref, title=one.title, source="starter", languages=one.languages)
        if kind == "run":
            return read_facts(folder, ref=ref, title=_run_title(folder, name), source="run")
        if kind == "hub":
            return read_facts(folder, ref=ref, title=name, source="cache")
        return read_facts(folder, ref=ref, title=folder.name, source="folder")

    def _remote_facts(self, workspace: Workspace, ref: str) -> tuple[ModelFacts, list[str], dict[str, int]]:
        """Facts of a Hub model, the names of its weight files, and the sizes of all files."""
        name = name_of(ref)
        if not self.hub.online():
            here = titles(self.listed(workspace))
            raise UserError("models.offline", model=name, here=here, endpoint=self.hub.endpoint)
        listing = self.hub.listing(name)
        if "config.json" not in listing.sizes:
            found = ", ".join(sorted(listing.sizes)[:6]) or "-"
            raise UserError("models.no_config", model=name, folder=name, found=found)
        folder = self.hub.fetch(name, listing.small(), listing.sizes, None)
        facts = read_facts(folder, ref=ref, title=name, source="hub", languages=listing.languages, weights=False)
        weights = listing.weights()
        if not weights:
            raise UserError("models.no_weights", model=name, folder=name)
        size = sum(listing.sizes[one] for one in weights)
        return replace(facts, bytes=size), weights, listing.sizes


def _stamp(folder: Path) -> _Stamp:
    """Name, size and time of what lies in a folder; of a run's model, of what the run is called, too."""
    with os.scandir(folder) as entries:
        found = sorted((entry.name, (status := entry.stat()).st_size, status.st_mtime_ns) for entry in entries)
    with suppress(OSError):
        status = os.stat(folder.parent / "spec.json")
        found.append(("spec.json", status.st_size, status.st_mtime_ns))
    return tuple(found)


def name_of(ref: str) -> str:
    """What stands behind the kind: the Hub id of `hub:OWNER/NAME`."""
    return ref.split(":", 1)[1]


def _run_title(folder: Path, name: str) -> str:
    """The name a person gave the run; its id when the spec cannot be read."""
    run_id, at, last = name.partition("@")
    try:
        title = json.loads((folder.parent / "spec.json").read_text(encoding="utf-8"))["name"] or run_id
    except (OSError, ValueError, KeyError, TypeError):
        title = run_id
    return f"{title}{at and ' '}{at}{last}"


def has_tokenizer(folder: Path) -> bool:
    """Whether a model folder holds a tokenizer."""
    return read_facts(folder, ref="", title=folder.name, source="folder", weights=False).has_tokenizer
