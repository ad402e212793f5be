"""The shelf: every model a visitor may use, found by its ref, loaded once, leased, kept within a memory bound."""

from __future__ import annotations

import gc
import json
import re
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from backend import starter
from backend.errors import UserError
from backend.models import loading
from backend.models.facts import ModelFacts, Progress, read_facts, titles
from backend.models.hub import Hub
from backend.models.memory import device_name
from backend.settings import Settings
from backend.workspace import Workspace

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

KINDS = ("starter", "run", "folder", "hub")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?", re.ASCII)
_LAST = "@last"
_TOKENIZERS_KEPT = 6


@dataclass(slots=True)
class LoadedModel:
    """A model in memory, with its tokenizer. Shared by leases: read it, never train or change it."""

    facts: ModelFacts
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    bytes: int
    """Parameters and buffers."""


@dataclass(slots=True)
class _Entry:
    loaded: LoadedModel
    stamp: tuple[tuple[str, int, int], ...]
    leases: int = 0


_Key = tuple[str, str]


class ModelShelf:
    """One for the process. Every method takes the visitor's Workspace, so that nobody names another's run.

    Errors (UserError), all with what is here and how to get the model: models.missing_starter, missing_run, missing_folder,
    missing_on_hub, offline, no_answer, gated, gated_refused, bad_token, hub_refused, cut_download, disk_full, wrong_kind, no_config,
    bad_config, no_weights, missing_shards, no_tokenizer, bad_tokenizer, lfs_pointer, broken_weights, cut_weights, wrong_shapes,
    unsafe_weights, cannot_load, too_large, over_bound, remote_code, folder_not_allowed (public mode), bad_ref.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.hub = Hub(settings)
        # Least recently used first. Guarded by _lock, which is never held while something is read or computed.
        self._entries: OrderedDict[_Key, _Entry] = OrderedDict()
        self._tokenizers: OrderedDict[tuple[str, object], PreTrainedTokenizerBase] = OrderedDict()
        self._lock = threading.Lock()
        self._reading_tokenizer = threading.Lock()

    def online(self) -> bool:
        """Whether the Hub answers; found out once (and again on `recheck`)."""
        return self.hub.online()

    def recheck(self) -> None:
        """Ask the Hub again whether it is there, in the background."""
        self.hub.recheck()

    # Finding.

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
            return f"folder:{Path(text).expanduser().absolute()}"
        if text in {one.name for one in starter.STARTERS}:
            return f"starter:{text}"
        if _HUB_ID.fullmatch(text):
            return f"hub:{text}"
        raise UserError("models.bad_ref", text=text[:200])

    def listed(self, workspace: Workspace) -> list[ModelFacts]:
        """Everything on this machine this visitor may use: runs newest first, starters, Hub cache. What is broken is left out."""
        refs = [f"run:{name}{last}" for name in workspace.names("runs") for last in ("", _LAST)]
        refs += [f"starter:{one.name}" for one in starter.installed(starter.starter_dir())]
        refs += [f"hub:{name}" for name in self.hub.downloaded()]
        found = []
        for ref in refs:
            try:
                if folder := self._local_folder(workspace, ref):
                    found.append(self._read(ref, folder))
            except UserError:
                continue
        return found

    def facts(self, workspace: Workspace, ref: str) -> ModelFacts:
        """Facts of one model, from disk where it is there, else from the Hub (its config and tokenizer are fetched)."""
        folder = self._local_folder(workspace, ref)
        if folder is not None:
            return self._read(ref, folder)
        return replace(self._remote_facts(workspace, ref)[0], path=None)

    def resolve(self, workspace: Workspace, ref: str, progress: Progress | None = None) -> ModelFacts:
        """The model on this machine (path is set), downloaded first where it must be."""
        folder = self._local_folder(workspace, ref)
        if folder is None:
            facts, weights, sizes = self._remote_facts(workspace, ref)
            # Before the download: a model that cannot be used need not come.
            loading.refuse_remote_code(facts)
            loading.refuse_too_large(facts, self._bound, "cpu")
            folder = self.hub.fetch(_name(ref), weights, sizes, progress)
            return replace(self._read(ref, folder), languages=facts.languages)
        return self._read(ref, folder)

    def _local_folder(self, workspace: Workspace, ref: str) -> Path | None:
        """The folder of a ref on this disk; None for a Hub model that is not here. Raises UserError for anything else missing."""
        kind, name = self.parse(ref).split(":", 1)
        if kind == "hub":
            return self.hub.whole(name)
        if kind == "starter":
            one, root = starter.find(name), starter.starter_dir()
            if one not in starter.installed(root):
                raise UserError("models.missing_starter", model=one.title, name=name)
            return root / name
        if kind == "run":
            run = workspace.folder("runs", name.removesuffix(_LAST))
            folder = run / ("model-last" if name.endswith(_LAST) else "model")
            if not folder.is_dir():
                raise UserError("models.missing_run", model=name)
            return folder
        if workspace.public:
            raise UserError("models.folder_not_allowed")
        folder = Path(name).expanduser()
        if not folder.is_dir():
            raise UserError("models.missing_folder", folder=name)
        return folder

    def _read(self, ref: str, folder: Path) -> ModelFacts:
        """Facts of a model that lies here."""
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
        name = _name(ref)
        if not self.online():
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

    # Loading.

    def tokenizer(self, workspace: Workspace, ref: str, progress: Progress | None = None) -> PreTrainedTokenizerBase:
        """The tokenizer alone, cached and safe to be shared by threads; from the Hub only its files are fetched."""
        ref = self.parse(ref)
        folder = self._local_folder(workspace, ref)
        if folder is None:
            snapshot = self.hub.snapshot(_name(ref))
            folder = snapshot if snapshot and _has_tokenizer(snapshot) else None
        if folder is None:
            facts = self._remote_facts(workspace, ref)[0]
            assert facts.path is not None
            folder = facts.path
        return self._tokenizer_of(folder, _name(ref))

    def _tokenizer_of(self, folder: Path, title: str) -> PreTrainedTokenizerBase:
        if not _has_tokenizer(folder):
            raise UserError("models.no_tokenizer", model=title)
        key = (str(folder), _stamp(folder, ("tokenizer.json", "tokenizer_config.json", "vocab.txt")))
        with self._reading_tokenizer:
            if key not in self._tokenizers:
                self._tokenizers[key] = loading.load_tokenizer(folder, title)
            self._tokenizers.move_to_end(key)
            while len(self._tokenizers) > _TOKENIZERS_KEPT:
                self._tokenizers.popitem(last=False)
            return self._tokenizers[key]

    @contextmanager
    def lease(
        self, workspace: Workspace, ref: str, auto_class: str, progress: Progress | None = None
    ) -> Iterator[LoadedModel]:
        """The model in evaluation mode for as long as the block lasts; loaded once however many ask; never evicted in use.

        auto_class: name of the transformers class, "AutoModelForCausalLM". Missing head weights raise models.wrong_kind.
        """
        facts = self.resolve(workspace, self.parse(ref), progress)
        assert facts.path is not None
        key: _Key = (str(facts.path), auto_class)
        stamp = _stamp(facts.path)
        entry = self._take(key, stamp)
        if entry is None:
            with loading.loading:
                # Whoever waited here may find it loaded.
                entry = self._take(key, stamp) or self._load(key, facts, auto_class, stamp, progress)
        try:
            yield entry.loaded
        finally:
            with self._lock:
                entry.leases -= 1
            self._shrink(0)

    def _take(self, key: _Key, stamp: object) -> _Entry | None:
        """The entry with one lease more; None when it is not loaded, or its files have changed since."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or entry.stamp != stamp:
                return None
            entry.leases += 1
            self._entries.move_to_end(key)
            return entry

    def _load(
        self,
        key: _Key,
        facts: ModelFacts,
        auto_class: str,
        stamp: tuple[tuple[str, int, int], ...],
        progress: Progress | None,
    ) -> _Entry:
        """Load a model and put it on the shelf with one lease. Called by one thread at a time."""
        assert facts.path is not None
        tokenizer = self._tokenizer_of(facts.path, facts.title)
        with self._lock:
            self._entries.pop(key, None)
        self._shrink(loading.needed_bytes(facts))
        device = device_name(self.settings)
        loading.refuse_too_large(facts, self._bound, device)
        model = loading.load_model(facts, auto_class, device, progress)
        loaded = LoadedModel(facts, model, tokenizer, loading.weight_bytes(model))
        entry = _Entry(loaded, stamp, leases=1)
        with self._lock:
            self._entries[key] = entry
        self._shrink(0)
        return entry

    @property
    def _bound(self) -> int:
        return self.settings.model_memory_mib << 20

    def _shrink(self, wanted: int) -> None:
        """Drop what was not used for longest, and is not in use, until `wanted` more bytes are within the bound."""
        dropped = False
        with self._lock:
            for key in [key for key, entry in self._entries.items() if not entry.leases]:
                if sum(entry.loaded.bytes for entry in self._entries.values()) + wanted <= self._bound:
                    break
                del self._entries[key]
                dropped = True
        if dropped:
            gc.collect()

    def memory_bytes(self) -> int:
        """Bytes of all loaded models."""
        with self._lock:
            return sum(entry.loaded.bytes for entry in self._entries.values())

    def forget(self, ref: str) -> None:
        """Drop a model from memory as soon as nobody leases it (its files changed or are to be deleted).

        Who has it now keeps it to the end of the lease; who asks next gets it anew. A run's last state goes with the run.
        """
        with self._lock:
            for key, entry in list(self._entries.items()):
                if entry.loaded.facts.ref in (ref, ref + _LAST):
                    del self._entries[key]
        gc.collect()


def _name(ref: str) -> str:
    return ref.split(":", 1)[1]


def _run_title(folder: Path, name: str) -> str:
    """The name a person gave the run; its id when the spec cannot be read."""
    run_id, at, last = name.partition("@")
    try:
        title = json.loads((folder.parent / "spec.json").read_text(encoding="utf-8"))["name"] or run_id
    except (OSError, ValueError, KeyError, TypeError):
        title = run_id
    return f"{title}{at and ' '}{at}{last}"


def _has_tokenizer(folder: Path) -> bool:
    return read_facts(folder, ref="", title=folder.name, source="folder", weights=False).has_tokenizer


def _stamp(folder: Path, names: tuple[str, ...] = ()) -> tuple[tuple[str, int, int], ...]:
    """Name, size and time of the files: another one means that they changed since they were loaded."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.is_file() and (not names or path.name in names):
            status = path.stat()
            found.append((path.name, status.st_size, status.st_mtime_ns))
    return tuple(found)
