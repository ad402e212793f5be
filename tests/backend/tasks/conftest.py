"""Pipelines of tiny models, made as the page makes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from backend.models import ModelShelf
from backend.settings import Settings
from backend.tasks import all_tasks
from backend.workspace import Workspace

Opened = Callable[[str, Path], Any]


@contextmanager
def opened(settings: Settings, task: str, ref: str) -> Iterator[Any]:
    """The task's pipeline on a leased model."""
    one = all_tasks()[task]
    with ModelShelf(settings).lease(Workspace.open(settings), ref, one.auto_class) as loaded:
        yield one.pipeline(loaded)


@pytest.fixture
def classifier(settings: Settings, tiny_classifier: Path) -> Iterator[Any]:
    """Two classes."""
    with opened(settings, "text-classification", f"folder:{tiny_classifier}") as pipe:
        yield pipe


@pytest.fixture
def encoder(settings: Settings, tiny_encoder: Path) -> Iterator[Any]:
    """Gives a vector a token; has no head."""
    with opened(settings, "feature-extraction", f"folder:{tiny_encoder}") as pipe:
        yield pipe


@pytest.fixture
def filler(settings: Settings, tiny_masked: Path) -> Iterator[Any]:
    """Fills masks, called [MASK]."""
    with opened(settings, "fill-mask", f"folder:{tiny_masked}") as pipe:
        yield pipe


@pytest.fixture
def tagger(settings: Settings, tiny_tagger: Path) -> Iterator[Any]:
    """Labels tokens."""
    with opened(settings, "token-classification", f"folder:{tiny_tagger}") as pipe:
        yield pipe


@pytest.fixture
def judge(settings: Settings, tiny_nli: Path) -> Iterator[Any]:
    """Says whether one text entails another."""
    with opened(settings, "zero-shot-classification", f"folder:{tiny_nli}") as pipe:
        yield pipe


@pytest.fixture
def answerer(settings: Settings, tiny_answerer: Path) -> Iterator[Any]:
    """Finds answers in texts of up to 128 tokens."""
    with opened(settings, "question-answering", f"folder:{tiny_answerer}") as pipe:
        yield pipe


@pytest.fixture
def summarizer(settings: Settings, tiny_writer: Path) -> Iterator[Any]:
    """A T5 with a prefix and settings for summaries."""
    with opened(settings, "summarization", f"folder:{tiny_writer}") as pipe:
        yield pipe


@pytest.fixture
def translator(settings: Settings, tiny_translator: Path) -> Iterator[Any]:
    """An mBART: is told languages by code."""
    with opened(settings, "translation", f"folder:{tiny_translator}") as pipe:
        yield pipe


@pytest.fixture
def writer(settings: Settings, tiny_generator: Path) -> Iterator[Any]:
    """Writes noise; has a chat template."""
    with opened(settings, "text-generation", f"folder:{tiny_generator}") as pipe:
        yield pipe
