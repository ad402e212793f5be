"""The shelf: every model a visitor may use, found by its ref, loaded once, leased, kept within a memory bound."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from backend.errors import UserError
from backend.models import loading
from backend.models.arrivals import Arrivals
from backend.models.facts import ModelFacts, Progress
from backend.models.finding import LAST, ModelFinder, has_tokenizer, name_of
from backend.models.hub import Hub
from backend.models.memory import checked_device, device_name, give_back
from backend.models.use import remember_use
from backend.settings import Settings
from backend.workspace import Workspace

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

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


_Key = tuple[str, str, str, str]


class ModelShelf:
    """One for the process. Every method takes the visitor's Workspace, so that nobody names another's run.

    Errors (UserError): models.bad_ref, missing_starter, missing_run, missing_folder, folder_not_allowed (public mode),
    missing_on_hub, offline, no_answer, gated, gated_refused, bad_token, hub_refused, cut_download, disk_full,
    no_config, bad_config, no_weights, missing_shards, no_tokenizer, bad_tokenizer, lfs_pointer, broken_weights,
    nan_weights, cut_weights, wrong_shapes, unsafe_weights, cannot_load, remote_code, wrong_kind, too_large, over_bound.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.hub = Hub(settings)
        self.finder = ModelFinder(settings, self.hub)
        self.arrivals = Arrivals(self.resolve)
        # Least recently used first. Guarded by _lock, which is never held while something is read or computed.
        self._entries: OrderedDict[_Key, _Entry] = OrderedDict()
        self._tokenizers: OrderedDict[tuple[str, object], PreTrainedTokenizerBase] = OrderedDict()
        self._bound = settings.model_memory_mib << 20
        self._lock = threading.Lock()
        self._reading_tokenizer = threading.Lock()

    def online(self) -> bool:
        """Whether the Hub answers; found out once (and again on `recheck`)."""
        return self.hub.online()

    def recheck(self) -> None:
        """Ask the Hub again whether it is there, in the background."""
        self.hub.recheck()

    def parse(self, text: str) -> str:
        """What a person typed or chose, as a ref: `owner/name` a Hub id, `/a/folder` or `~/x` a folder, refs stay."""
        return self.finder.parse(text)

    def listed(self, workspace: Workspace) -> list[ModelFacts]:
        """Everything on this machine this visitor may use: runs newest first, starters, Hub cache."""
        return self.finder.listed(workspace)

    def facts(self, workspace: Workspace, ref: str) -> ModelFacts:
        """Facts of one model, from disk where it is there, else from the Hub."""
        return self.finder.facts(workspace, self.parse(ref))

    def is_here(self, workspace: Workspace, ref: str) -> bool:
        """Whether a model lies on this machine whole. Raises UserError for what can be nowhere else."""
        return self.finder.folder_here(workspace, self.parse(ref)) is not None

    def resolve(self, workspace: Workspace, ref: str, progress: Progress | None = None) -> ModelFacts:
        """The model on this machine (path is set), downloaded first where it must be."""
        return self.finder.resolve(workspace, self.parse(ref), progress)

    def tokenizer(self, workspace: Workspace, ref: str, progress: Progress | None = None) -> PreTrainedTokenizerBase:
        """The tokenizer alone, cached and safe to be shared by threads; from the Hub only its files are fetched."""
        ref = self.parse(ref)
        return self._tokenizer_of(self.finder.tokenizer_folder(workspace, ref), name_of(ref))

    def _tokenizer_of(self, folder: Path, title: str) -> PreTrainedTokenizerBase:
        if not has_tokenizer(folder):
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
        self,
        workspace: Workspace,
        ref: str,
        auto_class: str,
        progress: Progress | None = None,
        device: str = "auto",
        dtype: str = "float32",
    ) -> Iterator[LoadedModel]:
        """The model in evaluation mode while the block lasts; loaded once however many ask; never evicted in use.

        auto_class: name of the transformers class, "AutoModelForCausalLM". Lacking head weights: models.wrong_kind.
        device: one of the machine's, or auto; else UserError models.no_device. dtype: one of loading.DTYPES.
        """
        facts = self.resolve(workspace, self.parse(ref), progress)
        assert facts.path is not None
        place = device_name(self.settings) if device == "auto" else checked_device(device, facts.title)
        key: _Key = (str(facts.path), auto_class, place, dtype)
        stamp = _stamp(facts.path)
        entry = self._take(key, stamp)
        if entry is None:
            with loading.loading:
                # Whoever waited here may find it loaded.
                entry = self._take(key, stamp) or self._load(key, facts, auto_class, stamp, progress)
        try:
            remember_use(workspace, facts.ref)
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
        _, _, device, dtype = key
        self._shrink(loading.needed_bytes(facts, dtype))
        try:
            loading.refuse_too_large(facts, self._bound, device, dtype)
        except UserError:
            # The bound would allow it, but the machine is short: what is not in use goes first.
            self._shrink(self._bound)
            loading.refuse_too_large(facts, self._bound, device, dtype)
        model = loading.load_model(facts, auto_class, device, progress, dtype)
        loaded = LoadedModel(facts, model, tokenizer, loading.weight_bytes(model))
        entry = _Entry(loaded, stamp, leases=1)
        with self._lock:
            self._entries[key] = entry
        self._shrink(0)
        return entry

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
            give_back(device_name(self.settings))

    def memory_bytes(self) -> int:
        """Bytes of all loaded models."""
        with self._lock:
            return sum(entry.loaded.bytes for entry in self._entries.values())

    def in_use(self, ref: str) -> bool:
        """Whether anybody leases a model now."""
        with self._lock:
            return any(entry.leases and entry.loaded.facts.ref == ref for entry in self._entries.values())

    def forget(self, ref: str) -> None:
        """Drop a model from memory as soon as nobody leases it (its files changed or are to be deleted).

        Who has it keeps it to the end of the lease; who asks next gets it anew. A run's last state goes with the run.
        """
        with self._lock:
            for key, entry in list(self._entries.items()):
                if entry.loaded.facts.ref in (ref, ref + LAST):
                    del self._entries[key]
        give_back(device_name(self.settings))


def _stamp(folder: Path, names: tuple[str, ...] = ()) -> tuple[tuple[str, int, int], ...]:
    """Name, size and time of the files: another one means that they changed since they were loaded."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.is_file() and (not names or path.name in names):
            status = path.stat()
            found.append((path.name, status.st_size, status.st_mtime_ns))
    return tuple(found)
