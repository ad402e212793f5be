"""Run in a child process: uses a ModelShelf as its steps say, and prints what came of each as JSON.

python -m tests.hub.visit STEPS.json, a list of {"name", "call", "ref", "settings"}. The child has an environment of its
own, since the Hub's library reads it once.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.request
from dataclasses import asdict
from pathlib import Path
from typing import Any

from backend.errors import UserError
from backend.exports.push import push_model
from backend.models import ModelShelf
from backend.models.holdings import holdings, remove
from backend.models.profile import profile
from backend.models.search import Query, search
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
    if step["call"] == "push":
        given = {"card": "# A card\n", "private": True} | step["given"]
        return {"url": push_model(Path(step["folder"]), repo=ref, endpoint=shelf.hub.endpoint, **given)}
    if step["call"] == "train":
        return trained(step, shelf, workspace)
    if step["call"] == "search":
        found = search(shelf.hub, Query(**step.get("query", {})))
        return {"found": [asdict(one) for one in found]}
    if step["call"] == "mirror":
        shelf.hub.use_mirror(ref)
        return {"endpoint": shelf.hub.endpoint, "token": shelf.hub.token}
    if step["call"] == "holdings":
        held = holdings(shelf, workspace)
        return {"held": {one.ref: {"kind": one.kind, "bytes": one.bytes, "used": one.used} for one in held}}
    if step["call"] == "remove":
        remove(shelf, workspace, ref)
        return {"there": shelf.hub.repository(ref.partition(":")[2]).exists()}
    if step["call"] == "profile":
        found_profile = profile(shelf, workspace, ref)
        return {"head": found_profile.head, "blocks": len(found_profile.anatomy.blocks) if found_profile.anatomy else 0}
    if step["call"] == "arrive":
        return _arrival(shelf, workspace, ref, step)
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


def _arrival(shelf: ModelShelf, workspace: Workspace, ref: str, step: dict[str, Any]) -> dict[str, Any]:
    """A download as the page makes it; stop: once some bytes were told."""
    one = shelf.arrivals.begin(workspace, ref)
    told: list[tuple[int, int]] = []
    going = []
    while one.state == "going":
        if not told or told[-1] != (one.done, one.total):
            told.append((one.done, one.total))
        if step.get("stop") and one.done:
            try:
                remove(shelf, workspace, ref)
            except UserError as error:
                going.append(error.key)
            shelf.arrivals.stop(workspace, ref)
        time.sleep(0.01)
    error = one.error.key if isinstance(one.error, UserError) else str(one.error or "")
    return {"state": one.state, "told": told, "at_first": one.at_first, "arrival_error": error, "removing": going[:1]}


def trained(step: dict[str, Any], shelf: ModelShelf, workspace: Workspace) -> dict[str, Any]:
    """A short run that goes to the Hub as it trains, and what became of it once nothing of it is under way."""
    from backend.data.library import add_files
    from backend.exports.push_along import Access, arrived
    from backend.recipes.base import TrainArguments
    from backend.training.queue import RunQueue
    from backend.training.spec import RunSpec
    from tests.backend.training.conftest import RECIPE, write_csv

    queue = RunQueue(shelf.settings, shelf)
    workspace.root.mkdir(parents=True, exist_ok=True)
    version = add_files(workspace, shelf.settings, [write_csv(workspace.root / "opinions.csv")])
    draft = RunSpec(
        name=step["name"],
        recipe=RECIPE,
        model_ref=f"folder:{step['folder']}",
        data_ref=version.ref,
        data_version=version.version,
        columns={"text": "text", "label": "label"},
        arguments=TrainArguments(**{"per_device_train_batch_size": 8} | step["arguments"]),
        push_repo=step["ref"],
    )
    run_id = queue.submit(workspace, draft, Access(step.get("token", "")))
    while queue.lives(workspace):
        time.sleep(0.05)
    there = asdict(arrived(workspace.folder("runs", run_id)))
    return {"state": queue.run(workspace, run_id).status.state, "log": queue.log_tail(workspace, run_id), **there}


def _post(url: str) -> None:
    urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=5).close()


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
