"""What the tests of the page share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backend.models import ModelShelf
from backend.settings import Settings
from backend.training.queue import RunQueue
from ui.visitor import Services


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    """Real services on this test's workspace."""
    shelf = ModelShelf(settings)
    queue = RunQueue(settings, shelf)
    yield Services(settings, shelf, queue)
    queue.close()
