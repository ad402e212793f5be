"""Find a model (starter, run, folder, Hub cache, Hub), load it once, lease it, keep the hot ones within a memory bound."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from backend.settings import Settings
from backend.workspace import Workspace

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Source = Literal["starter", "run", "folder", "cache", "hub"]
Progress = Callable[[str, int, int], None]
"""(phase, done, total): phase is download or load; done and total in bytes, total 0 when unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFacts:
    """What is known of a model without loading it, from its config and file headers."""

    ref: str
    """`starter:NAME`, `run:RUN_ID`, `folder:PATH` or `hub:OWNER/NAME` (cache and Hub alike): what the page and specs keep."""
    title: str
    source: Source
    path: Path | None
    """Local folder that from_pretrained takes; None for a Hub model not downloaded yet."""
    architecture: str = ""
    """First of config.architectures: "BertForSequenceClassification"."""
    model_type: str = ""
    parameters: int = 0
    """Parameter count; 0 when unknown."""
    bytes: int = 0
    """Size of the weights on disk."""
    languages: tuple[str, ...] = ()
    """("en",), ("multilingual",) or () when unknown."""
    labels: tuple[str, ...] = ()
    """id2label in id order when it has a classification head."""
    max_length: int = 0
    """Longest input in tokens; 0 when unknown."""
    has_tokenizer: bool = True
    has_chat_template: bool = False


@dataclass(slots=True)
class LoadedModel:
    """A model in memory, with its tokenizer. Shared by leases: read it, never train or change it."""

    facts: ModelFacts
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    bytes: int
    """Parameters and buffers."""


class ModelShelf:
    """One for the process. Every method takes the visitor's Workspace, so that nobody names another's run.

    Errors (UserError): models.missing (says what is there and how to get it), models.offline, models.gated, models.wrong_kind,
    models.no_config, models.no_tokenizer, models.lfs_pointer, models.broken_weights, models.unsafe_weights,
    models.too_large, models.remote_code, models.folder_not_allowed (public mode), models.cut_download, models.bad_ref.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def online(self) -> bool:
        """Whether the Hub answers; found out once (and again on `recheck`)."""
        raise NotImplementedError

    def parse(self, text: str) -> str:
        """What a person typed or chose, as a ref: `owner/name` is a Hub id, `/a/folder` or `~/x` a folder, refs stay."""
        raise NotImplementedError

    def listed(self, workspace: Workspace) -> list[ModelFacts]:
        """Everything on this machine this visitor may use: runs newest first, starters, Hub cache."""
        raise NotImplementedError

    def facts(self, workspace: Workspace, ref: str) -> ModelFacts:
        """Facts of one model, from disk where it is there, else from the Hub."""
        raise NotImplementedError

    def resolve(self, workspace: Workspace, ref: str, progress: Progress | None = None) -> ModelFacts:
        """The model on this machine (path is set), downloaded first where it must be."""
        raise NotImplementedError

    def tokenizer(self, workspace: Workspace, ref: str, progress: Progress | None = None) -> PreTrainedTokenizerBase:
        """The tokenizer alone, cached; from the Hub only its files are fetched."""
        raise NotImplementedError

    @contextmanager
    def lease(
        self, workspace: Workspace, ref: str, auto_class: str, progress: Progress | None = None
    ) -> Iterator[LoadedModel]:
        """The model in evaluation mode for as long as the block lasts; loaded once however many ask; never evicted in use.

        auto_class: name of the transformers class, "AutoModelForCausalLM". Missing head weights raise models.wrong_kind.
        """
        raise NotImplementedError
        yield

    def memory_bytes(self) -> int:
        """Bytes of all loaded models."""
        raise NotImplementedError

    def forget(self, ref: str) -> None:
        """Drop a model from memory as soon as nobody leases it (its files changed or are to be deleted)."""
        raise NotImplementedError


def device_name(settings: Settings) -> str:
    """The torch device that models run on: cpu, cuda or mps."""
    raise NotImplementedError
