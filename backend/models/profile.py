"""What a person wants to know of a model before using it: its parts, head, tokenizer, languages, licence, card."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.errors import UserError
from backend.models.anatomy import Anatomy, look_inside, refuse_endless
from backend.models.facts import ModelFacts
from backend.models.finding import name_of
from backend.models.shape import read_configuration
from backend.warm import libraries
from backend.workspace import Workspace

if TYPE_CHECKING:
    from backend.models.shelf import ModelShelf

HEADS = (
    "ForSequenceClassification",
    "ForTokenClassification",
    "ForQuestionAnswering",
    "ForMultipleChoice",
    "ForNextSentencePrediction",
    "ForMaskedLM",
    "ForPreTraining",
    "ForConditionalGeneration",
    "ForCausalLM",
    "LMHeadModel",
    "MTModel",
    "EncoderDecoderModel",
)
"""How the names of architectures end that bring a head; any other is a model without one."""
_LONGEST_CARD = 200_000
_MOST_LISTED = 200
_FRONT = re.compile(r"\A﻿?---\s*\n(.*?)\n---\s*(?:\n|\Z)", re.DOTALL)
# Tokenizers that keep no tokenizer.json, by the file that they have.
_BY_FILE = (
    ("spiece.model", "SentencePiece"),
    ("tokenizer.model", "SentencePiece"),
    ("sentencepiece.bpe.model", "SentencePiece"),
    ("merges.txt", "BPE"),
    ("vocab.txt", "WordPiece"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A model's README.md. Everything in it was written by its owner: text to show, never to run."""

    text: str = ""
    """Markdown without the front matter."""
    languages: tuple[str, ...] = ()
    licence: str = ""
    """In the Hub's words: "apache-2.0"."""
    task: str = ""
    """The Hub's tag of what it was made for."""
    base_models: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A tokenizer as its files describe it."""

    kind: str = ""
    """WordPiece, BPE, Unigram, WordLevel or SentencePiece; "" when the files do not say."""
    vocabulary: int = 0
    """0 when unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Everything that the page tells of one model."""

    facts: ModelFacts
    head: str
    """One of HEADS, "" for none."""
    words: Words
    card: Card
    anatomy: Anatomy | None = None
    problem: UserError | None = None
    """Why there is no anatomy."""


def profile(shelf: ModelShelf, workspace: Workspace, ref: str) -> Profile:
    """Of a model on the Hub only the small files are fetched. Raises what ModelShelf.facts raises."""
    ref = shelf.parse(ref)
    facts = shelf.facts(workspace, ref)
    folder = facts.path or shelf.hub.snapshot(name_of(ref))
    if folder is None:
        raise UserError("models.no_config", model=facts.title, folder=facts.title, found="-")
    anatomy: Anatomy | None = None
    problem: UserError | None = None
    try:
        anatomy = look_inside(_builder(folder, facts))
    except UserError as error:
        problem = error
    return Profile(
        facts=facts,
        head=head_of(facts),
        words=words_of(folder),
        card=read_card(folder),
        anatomy=anatomy,
        problem=problem,
    )


def head_of(facts: ModelFacts) -> str:
    """The head that a model's architecture names, "" for none."""
    return next((name for name in HEADS if facts.architecture.endswith(name)), "")


def words_of(folder: Path) -> Words:
    """Kind and size of a tokenizer, from its files alone."""
    try:
        model = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]
        # Old files name no type; WordPiece is the one with this prefix.
        kind = model.get("type") or ("WordPiece" if "continuing_subword_prefix" in model else "BPE")
        return Words(kind=str(kind), vocabulary=len(model.get("vocab", ())))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Words(kind=next((kind for file, kind in _BY_FILE if (folder / file).is_file()), ""))


def stated_task(shelf: ModelShelf, facts: ModelFacts) -> str:
    """The task that a model's card says it was made for, as the Hub's tag; "" where it says none."""
    folder = facts.path or (shelf.hub.snapshot(name_of(facts.ref)) if facts.ref.startswith("hub:") else None)
    return read_card(folder).task if folder else ""


def read_card(folder: Path) -> Card:
    """The card in a model's folder; an empty one where there is none."""
    try:
        with (folder / "README.md").open(encoding="utf-8", errors="replace") as file:
            text = file.read(_LONGEST_CARD)
    except OSError:
        return Card()
    front = _FRONT.match(text)
    said = _front_matter(front[1]) if front else {}
    return Card(
        text=(text[front.end() :] if front else text).strip(),
        languages=_listed(said.get("language")),
        licence=", ".join(_listed(said.get("license_name") or said.get("license"))),
        task=next(iter(_listed(said.get("pipeline_tag"))), ""),
        base_models=_listed(said.get("base_model")),
        datasets=_listed(said.get("datasets")),
    )


def _front_matter(text: str) -> Mapping[str, Any]:
    import yaml  # type: ignore[import-untyped]

    try:
        said = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError, OverflowError, AttributeError, TypeError):
        # A stranger's text: whatever stumbles over it, nothing is known of the card.
        return {}
    return said if isinstance(said, dict) else {}


def _listed(value: Any) -> tuple[str, ...]:
    """YAML makes False of the language no."""
    values = value[:_MOST_LISTED] if isinstance(value, list) else [value]
    # Nothing but words and numbers: YAML's aliases make whole trees of a few letters.
    plain = (one for one in values if isinstance(one, (str, int, float, bool)) and one not in ("", True))
    return tuple("no" if one is False else str(one)[:100] for one in plain)


def _builder(folder: Path, facts: ModelFacts) -> Callable[[], Any]:
    """Builds the model that the folder describes, head and all, from its configuration alone."""

    def build() -> Any:
        from backend.models.loading import refuse_remote_code

        libraries()
        import transformers

        if facts.path is not None:
            refuse_remote_code(facts)
        config = read_configuration(folder)
        refuse_endless(config)
        named = getattr(transformers, facts.architecture, None)
        if isinstance(named, type) and issubclass(named, transformers.PreTrainedModel):
            return named(config)
        return transformers.AutoModel.from_config(config, trust_remote_code=False)

    return build
