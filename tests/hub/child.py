"""Runs tests.hub.visit in a child process that is pointed at the small Hub, and reads what came of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.hub.server import FakeHub

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True)
class Visit:
    """What the child's steps gave, and what the server was asked for in all."""

    outcomes: dict[str, dict[str, Any]]
    requests: list[str]

    def __getitem__(self, step: str) -> dict[str, Any]:
        return self.outcomes[step]


def visit(hub: FakeHub | None, folder: Path, steps: list[dict[str, Any]], **environment: str) -> Visit:
    """Run steps in a child with an empty cache, pointed at the server (or at a port where nobody listens)."""
    endpoint = hub.endpoint if hub else "http://127.0.0.1:9"
    for step in steps:
        step["settings"] = {"hub_endpoint": endpoint} | step.get("settings", {})
    (folder / "steps.json").write_text(json.dumps(steps))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    child = {
        "HF_HOME": str(folder / "home"),
        "VISIT_WORKSPACE": str(folder / "workspace"),
        "NO_PROXY": "127.0.0.1,localhost",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "WORKBENCH_STARTER_DIR": str(folder / "starters"),
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.hub.visit", str(folder / "steps.json")],
        cwd=ROOT,
        env=kept | child | environment,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    return Visit(json.loads(done.stdout.splitlines()[-1]), list(hub.requests) if hub else [])
