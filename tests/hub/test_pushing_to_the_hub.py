"""A trained model goes to the Hub with its card, by a token that may write; what is refused has its own words."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.hub.server import GOOD_TOKEN, Repository, serving

ROOT = Path(__file__).resolve().parent.parent.parent
CARD = '---\nlicense: mit\n---\n\n# Said 好\n\npipeline(model="OWNER/NAME")\n'
GOOD = {"token": GOOD_TOKEN, "card": CARD}


@dataclass(frozen=True)
class Pushed:
    """What the child's steps gave, what it printed and wrote, and the Hub afterwards."""

    outcomes: dict[str, dict[str, Any]]
    output: str
    home: Path
    folder: Path
    private: dict[str, bool]
    requests: list[str]


@pytest.fixture(scope="module")
def pushed(tiny_classifier: Path, tiny_encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pushed]:
    """All steps in one child, since starting one takes seconds."""
    root = tmp_path_factory.mktemp("push")
    (root / "broken").mkdir()
    (root / "their").mkdir()
    here, nowhere = {"call": "push", "folder": str(tiny_classifier), "given": GOOD}, "http://127.0.0.1:9"
    # Long enough for a look at the first checkpoints while the others are made.
    often = {"num_train_epochs": 60, "save_steps": 50, "save_total_limit": 1}
    along = {"call": "train", "folder": str(tiny_encoder), "settings": {"launcher": "thread", "device": "cpu"}}
    steps: list[dict[str, Any]] = [
        here | {"name": "first", "ref": "me/said"},
        here | {"name": "own account", "ref": "mine", "given": GOOD | {"private": False}},
        here | {"name": "again", "ref": "me/said", "given": GOOD | {"card": CARD + "More.\n"}},
        {"name": "fetched", "call": "resolve", "ref": "hub:me/said"},
        here | {"name": "reader", "ref": "me/said", "given": GOOD | {"token": "hf_reader"}},
        here | {"name": "theirs", "ref": "acme/fine"},
        here | {"name": "unknown token", "ref": "me/said", "given": GOOD | {"token": "hf_wrong"}},
        here | {"name": "no token", "ref": "me/said", "given": GOOD | {"token": False}},
        here | {"name": "bad name", "ref": "me/sa id"},
        here | {"name": "dots", "ref": "me/sa..id"},
        here | {"name": "failing", "ref": "me/broken"},
        here | {"name": "bad card", "ref": "me/said", "given": GOOD | {"card": "---\nlicense: nonsense\n---\n"}},
        along | {"name": "along", "ref": "me/along", "token": GOOD_TOKEN, "arguments": often},
        along | {"name": "along, in vain", "ref": "me/along", "token": "hf_wrong", "arguments": {"max_steps": 3}},
        along | {"name": "along, bad name", "ref": "me/al ong", "arguments": {}},
        here | {"name": "no network", "ref": "me/said", "settings": {"hub_endpoint": nowhere}},
    ]
    repositories = {"me/broken": Repository(root / "broken", "broken"), "acme/fine": Repository(root / "their")}
    with serving(repositories, root / "hub") as hub:
        for step in steps:
            step["settings"] = {"hub_endpoint": hub.endpoint} | step.get("settings", {})
        (root / "steps.json").write_text(json.dumps(steps))
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        child = {
            "HF_HOME": str(root / "home"),
            "VISIT_WORKSPACE": str(root / "workspace"),
            "NO_PROXY": "127.0.0.1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            # The small Hub stands for one, or a mirror of it, that takes large files by LFS.
            "HF_HUB_DISABLE_XET": "1",
            "HF_DEBUG": "1",
        }
        done = subprocess.run(
            [sys.executable, "-m", "tests.hub.visit", str(root / "steps.json")],
            cwd=ROOT, env=kept | child, capture_output=True, text=True, timeout=180,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        outcomes = json.loads(done.stdout.splitlines()[-1])
        yield Pushed(outcomes, done.stderr, root / "home", root / "hub", hub.private, list(hub.requests))


def test_model_and_card_arrive_whole(pushed: Pushed, tiny_classifier: Path) -> None:
    assert pushed.outcomes["first"]["url"].endswith("/me/said")
    arrived = pushed.folder / "me" / "said"
    for path in tiny_classifier.iterdir():
        assert (arrived / path.name).read_bytes() == path.read_bytes()


def test_a_second_push_is_a_new_version(pushed: Pushed) -> None:
    assert pushed.outcomes["again"]["url"] == pushed.outcomes["first"]["url"]
    card = (pushed.folder / "me" / "said" / "README.md").read_text(encoding="utf-8")
    # The example names the place where the model now is.
    assert card == CARD.replace("OWNER/NAME", "me/said") + "More.\n"


def test_a_name_without_owner_goes_to_the_tokens_account(pushed: Pushed) -> None:
    assert pushed.outcomes["own account"]["url"].endswith("/me/mine")
    assert pushed.private == {"me/said": True, "me/mine": False, "me/along": True}


def test_what_was_pushed_can_be_used_by_its_name(pushed: Pushed) -> None:
    assert "model.safetensors" in pushed.outcomes["fetched"]["files"]


@pytest.mark.parametrize(
    ("step", "key"),
    [
        ("reader", "after.no_right"),
        ("theirs", "after.no_right"),
        ("unknown token", "after.bad_token"),
        ("no token", "after.no_token"),
        ("bad name", "after.bad_repo"),
        ("dots", "after.bad_repo"),
        ("failing", "after.hub_refused"),
        ("bad card", "after.bad_card"),
        ("no network", "after.no_answer"),
        ("along, bad name", "after.bad_repo"),
    ],
)
def test_what_is_refused_is_said(pushed: Pushed, step: str, key: str) -> None:
    assert pushed.outcomes[step]["error"] == key, pushed.outcomes[step]


def test_a_bad_name_asks_nobody(pushed: Pushed) -> None:
    assert [request for request in pushed.requests if "sa%20id" in request or "sa..id" in request] == []


def test_a_run_goes_to_the_hub_while_it_trains_and_its_model_at_the_end(pushed: Pushed) -> None:
    run = pushed.outcomes["along"]
    assert run["state"] == "done" and run["whole"] and not run["error"], run
    assert run["address"].endswith("/me/along") and run["step"] % 50 == 0 < run["step"]
    commits = [request for request in pushed.requests if "me/along/commit" in request]
    assert len(commits) >= 2 and f"on the Hub: step {run['step']}" in run["log"]
    there = pushed.folder / "me" / "along"
    assert "OWNER/NAME" not in (card := (there / "README.md").read_text()) and "me/along" in card
    assert (there / "model.safetensors").exists() and (there / "tokenizer.json").exists()


def test_a_run_that_cannot_go_to_the_hub_is_trained_all_the_same(pushed: Pushed) -> None:
    run = pushed.outcomes["along, in vain"]
    assert run["state"] == "done" and not run["address"]
    assert run["error"]["key"] == "after.bad_token"


def test_the_token_is_neither_printed_nor_written(pushed: Pushed) -> None:
    assert GOOD_TOKEN not in pushed.output
    assert GOOD_TOKEN not in json.dumps(pushed.outcomes)
    kept = [path for path in pushed.home.parent.rglob("*") if path.is_file() and path.name != "steps.json"]
    assert kept and [path for path in kept if GOOD_TOKEN.encode() in path.read_bytes()] == []
