"""Run in a child process: uses a ModelShelf as its steps say, and prints what came of each as JSON.

python -m tests.hub.visit STEPS.json, a list of {"name", "call", "ref", "settings"}. The child has an environment of its
own, since the Hub's library reads it once.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from pathlib import Path
from typing import Any

from backend.errors import UserError
from backend.models import ModelShelf
from backend.settings import Settings
from backend.workspace import Workspace


def main(steps: list[dict[str, Any]]) -> None:
    """Prints {step name: outcome}."""
    print(json.dumps({step["name"]: outcome(step) for step in steps}))


class GivenUp(Exception):
    """What a step's progress raises to end a download."""


def outcome(step: dict[str, Any]) -> dict[str, Any]:
    """What one step gave: facts, files and progress, or the error's key and values."""
    settings = Settings(workspace=Path(os.environ["VISIT_WORKSPACE"]), **step.get("settings", {}))
    workspace = Workspace.open(settings, "visitor")
    shelf = ModelShelf(settings)
    progress: list[tuple[str, int, int]] = []

    def report(phase: str, done: int, total: int) -> None:
        progress.append((phase, done, total))
        if step.get("give_up"):
            raise GivenUp
        if step.get("heal") and 0 < done < total:
            _post(f"{shelf.hub.endpoint}/heal/{step['heal']}")

    try:
        return _called(step, shelf, workspace, report) | {"progress": progress}
    except GivenUp:
        return {"given_up": True}
    except UserError as error:
        return {"error": error.key, "values": error.to_json()["values"], "text": str(error)}


def _called(step: dict[str, Any], shelf: ModelShelf, workspace: Workspace, report: Any) -> dict[str, Any]:
    ref = step.get("ref", "")
    if step["call"] == "heal":
        _post(f"{shelf.hub.endpoint}/heal/{ref}")
        return {}
    if step["call"] == "online":
        return {"online": shelf.online()}
    if step["call"] == "tokenizer":
        return {"ids": shelf.tokenizer(workspace, ref)("good movie")["input_ids"]}
    if step["call"] == "listed":
        return {"refs": [facts.ref for facts in shelf.listed(workspace)]}
    if step["call"] == "lease":
        with shelf.lease(workspace, ref, "AutoModelForSequenceClassification", report) as loaded:
            return {"bytes": loaded.bytes, "labels": list(loaded.facts.labels)}
    facts = getattr(shelf, step["call"])(workspace, ref, *([report] if step["call"] == "resolve" else []))
    files = sorted(path.name for path in facts.path.iterdir()) if facts.path else []
    return {"source": facts.source, "architecture": facts.architecture, "bytes": facts.bytes, "files": files}


def _post(url: str) -> None:
    urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=5).close()


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
