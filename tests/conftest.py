"""What all tests share: an environment with no Hub, tiny models, starters, a workspace of their own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

# Read by the libraries at import, hence before any of them is. Child processes inherit them.
os.environ.update(
    HF_HUB_OFFLINE="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    HF_HUB_DISABLE_PROGRESS_BARS="1",
    GRADIO_ANALYTICS_ENABLED="False",
    TOKENIZERS_PARALLELISM="false",
)
_SCRATCH = tempfile.TemporaryDirectory(prefix="workbench-tests-", ignore_cleanup_errors=True)
os.environ["TRACKIO_DIR"] = os.path.join(_SCRATCH.name, "trackio")
os.environ["GRADIO_TEMP_DIR"] = os.path.join(_SCRATCH.name, "gradio")
for name in [name for name in os.environ if name.startswith("WORKBENCH_") and name != "WORKBENCH_STARTER_DIR"]:
    del os.environ[name]

import pytest

from backend.settings import Settings
from backend.workspace import Workspace
from tests import tiny


@pytest.fixture(scope="session", autouse=True)
def scratch() -> Iterator[Path]:
    """A folder for the whole session, removed at its end."""
    yield Path(_SCRATCH.name)
    _SCRATCH.cleanup()


@pytest.fixture(scope="session")
def starter_root() -> Path:
    """The folder of the three starter models, fetched if they lack."""
    from backend import starter

    root = starter.starter_dir()
    for one in starter.STARTERS:
        starter.fetch(one, root)
    return root


@pytest.fixture(scope="session")
def tiny_encoder(scratch: Path) -> Path:
    """A headless BERT of width 16: something to fine-tune. Read-only."""
    return tiny.save_encoder(scratch / "tiny-encoder")


@pytest.fixture(scope="session")
def tiny_classifier(scratch: Path) -> Path:
    """A two-class BERT of width 16. Read-only."""
    return tiny.save_classifier(scratch / "tiny-classifier")


@pytest.fixture(scope="session")
def tiny_generator(scratch: Path) -> Path:
    """A Llama of width 16 with a chat template. Read-only."""
    return tiny.save_generator(scratch / "tiny-generator")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with a workspace of this test's own, offline."""
    return Settings(workspace=tmp_path / "workspace", offline="yes")


@pytest.fixture
def workspace(settings: Settings) -> Workspace:
    """This test's own workspace."""
    return Workspace.open(settings)
