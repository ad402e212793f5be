"""Models come from a Hub that may be gated, slow, cut off or gone; each has words of its own. A child visits it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hub.child import Visit, visit
from tests.hub.server import Repository, serving


@pytest.fixture(scope="module")
def repositories(tiny_classifier: Path, scratch: Path) -> dict[str, Repository]:
    """One model served in many ways."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    both = shutil.copytree(tiny_classifier, scratch / "hub-both")
    (both / "pytorch_model.bin").write_bytes(b"never read")
    remote = shutil.copytree(tiny_classifier, scratch / "hub-remote")
    config = json.loads((remote / "config.json").read_text())
    config |= {"model_type": "strange", "auto_map": {"AutoConfig": "configuration_strange.StrangeConfig"}}
    (remote / "config.json").write_text(json.dumps(config))
    (remote / "configuration_strange.py").write_text("raise SystemExit('ran')")
    shards = scratch / "hub-shards"
    model = AutoModelForSequenceClassification.from_pretrained(tiny_classifier)
    model.save_pretrained(shards, max_shard_size="8KB")
    AutoTokenizer.from_pretrained(tiny_classifier).save_pretrained(shards)
    return {
        "acme/fine": Repository(both),
        "acme/words": Repository(tiny_classifier),
        "acme/gated": Repository(tiny_classifier, "gated"),
        "acme/cut": Repository(tiny_classifier, "cut"),
        "acme/slow": Repository(shards, "hold"),
        "acme/stuck": Repository(shards, "hold"),
        "acme/broken": Repository(tiny_classifier, "broken"),
        "acme/remote": Repository(remote),
    }


@pytest.fixture(scope="module")
def visited(repositories: dict[str, Repository], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visit]:
    """All steps in one child, since starting one takes seconds."""
    steps: list[dict[str, Any]] = [
        {"name": "online", "call": "online"},
        {"name": "facts", "call": "facts", "ref": "hub:acme/fine"},
        {"name": "resolve", "call": "resolve", "ref": "hub:acme/fine"},
        {"name": "listed", "call": "listed"},
        {"name": "words", "call": "tokenizer", "ref": "hub:acme/words"},
        {"name": "gated", "call": "resolve", "ref": "hub:acme/gated"},
        {"name": "refused", "call": "resolve", "ref": "hub:acme/gated", "settings": {"hub_token": "hf_stranger"}},
        {"name": "bad token", "call": "resolve", "ref": "hub:acme/gated", "settings": {"hub_token": "hf_wrong"}},
        {"name": "allowed", "call": "resolve", "ref": "hub:acme/gated", "settings": {"hub_token": "hf_good"}},
        {"name": "missing", "call": "resolve", "ref": "hub:acme/nowhere"},
        {"name": "broken", "call": "resolve", "ref": "hub:acme/broken"},
        {"name": "remote", "call": "resolve", "ref": "hub:acme/remote"},
        {"name": "bound", "call": "resolve", "ref": "hub:acme/words", "settings": {"model_memory_mib": 0}},
        {"name": "slow", "call": "resolve", "ref": "hub:acme/slow", "heal": "acme/slow"},
        {"name": "given up", "call": "resolve", "ref": "hub:acme/stuck", "give_up": True},
        {"name": "heal stuck", "call": "heal", "ref": "acme/stuck"},
        {"name": "taken up", "call": "resolve", "ref": "hub:acme/stuck"},
        {"name": "cut", "call": "resolve", "ref": "hub:acme/cut"},
        {"name": "listed after the cut", "call": "listed"},
        {"name": "heal", "call": "heal", "ref": "acme/cut"},
        {"name": "again", "call": "lease", "ref": "hub:acme/cut"},
        {"name": "public", "call": "listed", "settings": {"public": True}},
    ]
    with serving(repositories) as hub:
        yield visit(hub, tmp_path_factory.mktemp("visit"), steps)


def asked_for(visit: Visit, name: str) -> list[str]:
    return [request for request in visit.requests if request.startswith("GET") and name in request]


def test_a_server_that_answers_means_online(visited: Visit) -> None:
    assert visited["online"]["online"] is True


def test_facts_are_known_before_the_weights_are_fetched(visited: Visit) -> None:
    facts = visited["facts"]
    assert (facts["source"], facts["architecture"], facts["files"]) == ("hub", "BertForSequenceClassification", [])
    assert facts["bytes"] > 0


def test_a_pickle_is_left_where_it_is_when_there_are_safetensors(visited: Visit) -> None:
    assert "model.safetensors" in visited["resolve"]["files"]
    assert asked_for(visited, "pytorch_model.bin") == []


def test_a_downloaded_model_is_listed(visited: Visit) -> None:
    assert "hub:acme/fine" in visited["listed"]["refs"]


def test_a_tokenizer_comes_without_the_weights(visited: Visit) -> None:
    assert len(visited["words"]["ids"]) == 4
    assert asked_for(visited, "acme/words/resolve") and not asked_for(
        visited, f"acme/words/resolve/{'c0ffee' * 6}cafe/model."
    )


def test_a_gated_model_says_where_to_ask(visited: Visit) -> None:
    assert visited["gated"]["error"] == "models.gated"
    assert visited["gated"]["values"]["page"].endswith("/acme/gated")


def test_a_token_without_access_is_told_so(visited: Visit) -> None:
    assert visited["refused"]["error"] == "models.gated_refused"


def test_a_token_that_the_hub_does_not_know_is_told_so(visited: Visit) -> None:
    assert visited["bad token"]["error"] == "models.bad_token"


def test_a_token_with_access_gets_the_model(visited: Visit) -> None:
    assert "model.safetensors" in visited["allowed"]["files"]


def test_a_model_that_does_not_exist_is_missing(visited: Visit) -> None:
    assert visited["missing"]["error"] == "models.missing_on_hub"


def test_a_failing_server_is_named_with_its_status(visited: Visit) -> None:
    assert visited["broken"]["error"] == "models.hub_refused"
    assert visited["broken"]["values"]["status"] == "500"


def test_code_of_a_model_is_refused_before_its_weights_come(visited: Visit) -> None:
    assert visited["remote"]["error"] == "models.remote_code"
    assert asked_for(visited, "configuration_strange.py") == []
    assert [request for request in asked_for(visited, "acme/remote") if "safetensors" in request] == []


def test_a_model_over_the_memory_bound_is_refused_before_it_comes(visited: Visit) -> None:
    assert visited["bound"]["error"] == "models.over_bound"


def test_progress_tells_the_bytes_while_they_come(visited: Visit) -> None:
    told = visited["slow"]["progress"]
    # The server holds the last shards back until some bytes were told.
    assert any(phase == "download" and 0 < done < total for phase, done, total in told)
    assert told == sorted(told, key=lambda one: one[1])


def test_a_download_that_is_given_up_ends_at_once_and_can_be_taken_up_again(visited: Visit) -> None:
    # The server holds the last shards back until the next step: whoever waited for them would wait for ever.
    assert visited["given up"] == {"given_up": True}
    assert visited["taken up"]["source"] == "cache" and "config.json" in visited["taken up"]["files"]


def test_a_cut_download_says_so_and_leaves_nothing_to_use(visited: Visit) -> None:
    assert visited["cut"]["error"] == "models.cut_download"
    assert "hub:acme/cut" not in visited["listed after the cut"]["refs"]


def test_a_cut_download_is_completed_at_the_next_try(visited: Visit) -> None:
    assert visited["again"]["labels"] == ["negative", "positive"]


def test_a_public_page_does_not_list_the_downloads_of_whoever_started_it(visited: Visit) -> None:
    assert visited["public"]["refs"] == []


def test_what_is_here_is_used_without_asking(repositories: dict[str, Repository], tmp_path: Path) -> None:
    step = {"call": "resolve", "ref": "hub:acme/fine"}
    with serving(repositories) as hub:
        visit(hub, tmp_path, [step | {"name": "first"}])
        before = len(asked_for(visit(hub, tmp_path, [{"name": "none", "call": "listed"}]), "acme/fine"))
        after = visit(hub, tmp_path, [step | {"name": "second"}])
    assert after["second"]["source"] == "cache"
    assert len(asked_for(after, "acme/fine")) == before


def test_offline_says_what_is_here_and_how_to_get_the_rest(tmp_path: Path) -> None:
    result = visit(None, tmp_path, [{"name": "away", "call": "resolve", "ref": "hub:acme/fine"}])["away"]
    assert result["error"] == "models.offline"
    assert "--hub-endpoint" in result["text"]


def test_the_librarys_offline_switch_counts(repositories: dict[str, Repository], tmp_path: Path) -> None:
    with serving(repositories) as hub:
        result = visit(hub, tmp_path, [{"name": "online", "call": "online"}], HF_HUB_OFFLINE="1")
    assert result["online"]["online"] is False
    assert result.requests == []
