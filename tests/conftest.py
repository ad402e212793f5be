"""What all tests share: an environment with no Hub, tiny models, starters, a workspace of their own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Read by the libraries at import, hence before any of them is. Child processes inherit them.
os.environ.update(
    HF_HUB_OFFLINE="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    HF_HUB_DISABLE_PROGRESS_BARS="1",
    GRADIO_ANALYTICS_ENABLED="False",
    TOKENIZERS_PARALLELISM="false",
    # Two workers train at once on two cores: with two threads each they wait for one another in turn.
    OMP_NUM_THREADS="1",
)
BROWSER = "tests/browser/"
# Browser tests that start an app of their own: they need not run where the others share one.
OWN_APP = {f"{BROWSER}test_{name}.py" for name in ("many", "model_shelf", "runs", "taking_away")}
_SCRATCH = tempfile.TemporaryDirectory(prefix="workbench-tests-", ignore_cleanup_errors=True)
os.environ["TRACKIO_DIR"] = os.path.join(_SCRATCH.name, "trackio")
os.environ["GRADIO_TEMP_DIR"] = os.path.join(_SCRATCH.name, "gradio")
for name in [name for name in os.environ if name.startswith("WORKBENCH_") and name != "WORKBENCH_STARTER_DIR"]:
    del os.environ[name]

import pytest

from backend.settings import Settings
from backend.workspace import Workspace
from tests import tiny


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs a browser comes first: it takes longest."""
    items.sort(key=lambda item: not item.nodeid.startswith(BROWSER))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With two workers: browser tests that share an app on one of them; else a file stays together."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return BROWSER if file.startswith(BROWSER) and file not in OWN_APP else file

    return Scheduling(config, log)


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
def tiny_masked(scratch: Path) -> Path:
    """A BERT of width 16 that fills masks. Read-only."""
    return tiny.save_masked_model(scratch / "tiny-masked")


@pytest.fixture(scope="session")
def tiny_tagger(scratch: Path) -> Path:
    """A BERT of width 16 that labels tokens as people and places. Read-only."""
    return tiny.save_token_classifier(scratch / "tiny-tagger")


@pytest.fixture(scope="session")
def tiny_nli(scratch: Path) -> Path:
    """A BERT of width 16 that says contradiction, neutral or entailment. Read-only."""
    return tiny.save_classifier(scratch / "tiny-nli", labels=("contradiction", "neutral", "entailment"))


@pytest.fixture(scope="session")
def tiny_answerer(scratch: Path) -> Path:
    """A BERT of width 16 that finds answers. Read-only."""
    return tiny.save_question_answerer(scratch / "tiny-answerer")


@pytest.fixture(scope="session")
def tiny_writer(scratch: Path) -> Path:
    """A T5 of width 16 that knows prefixes. Read-only."""
    return tiny.save_writer(scratch / "tiny-writer")


@pytest.fixture(scope="session")
def tiny_translator(scratch: Path) -> Path:
    """An mBART of width 16. Read-only."""
    return tiny.save_translator(scratch / "tiny-translator")


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
