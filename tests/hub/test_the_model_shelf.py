"""The shelf against a small Hub: searching, downloads that are stopped and taken up, deleting, another mirror."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hub.child import Visit, visit
from tests.hub.server import Repository, serving

CHINESE = ("transformers", "zh", "fill-mask")


@pytest.fixture(scope="module")
def visited(
    tiny_classifier: Path, tiny_masked: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Visit, int]]:
    """All steps in one child, since starting one takes seconds; and the bytes of the weights."""
    repositories = {
        "acme/feelings": Repository(tiny_classifier),
        "acme/half": Repository(tiny_classifier, "slow"),
        "acme/cut": Repository(tiny_classifier, "cut"),
        "acme/gated": Repository(tiny_classifier, "gated"),
        "zhi/blanks": Repository(tiny_masked, tags=CHINESE),
    }
    with serving(repositories) as hub:
        mirror = hub.endpoint.replace("127.0.0.1", "localhost")
        steps: list[dict[str, Any]] = [
            {"name": "all", "call": "search"},
            {"name": "by task", "call": "search", "query": {"task": "fill-mask", "language": "zh"}},
            {"name": "by words", "call": "search", "query": {"words": "FEEL", "library": "transformers"}},
            {"name": "profile", "call": "profile", "ref": "hub:acme/feelings"},
            {"name": "small", "call": "holdings"},
            {"name": "stopped", "call": "arrive", "ref": "hub:acme/half", "stop": True},
            {"name": "begun", "call": "holdings"},
            {"name": "heal", "call": "heal", "ref": "acme/half"},
            {"name": "taken up", "call": "arrive", "ref": "hub:acme/half"},
            {"name": "works", "call": "lease", "ref": "hub:acme/half"},
            {"name": "whole", "call": "holdings"},
            {"name": "cut", "call": "arrive", "ref": "hub:acme/cut"},
            {"name": "heal cut", "call": "heal", "ref": "acme/cut"},
            {"name": "mended", "call": "arrive", "ref": "hub:acme/cut"},
            {"name": "gated", "call": "arrive", "ref": "hub:acme/gated"},
            {"name": "public", "call": "remove", "ref": "hub:acme/half", "settings": {"public": True}},
            {"name": "removed", "call": "remove", "ref": "hub:acme/half"},
            {"name": "after", "call": "holdings"},
            {"name": "mirror", "call": "mirror", "ref": mirror, "settings": {"hub_token": "hf_good"}},
            {"name": "at the mirror", "call": "search", "query": {"words": "blanks"}},
            {"name": "no token", "call": "resolve", "ref": "hub:acme/gated", "settings": {"hub_token": "hf_good"}},
            {"name": "bad mirror", "call": "mirror", "ref": "ftp://somewhere/else"},
            {"name": "public mirror", "call": "mirror", "ref": mirror, "settings": {"public": True}},
            {"name": "home", "call": "mirror", "ref": "", "settings": {"hub_token": "hf_good"}},
            {"name": "token", "call": "arrive", "ref": "hub:acme/gated", "settings": {"hub_token": "hf_good"}},
            {"name": "offline", "call": "search", "settings": {"offline": "yes"}},
            {"name": "nobody", "call": "search", "settings": {"offline": "no", "hub_endpoint": "http://127.0.0.1:9"}},
        ]
        size = (tiny_classifier / "model.safetensors").stat().st_size
        yield visit(hub, tmp_path_factory.mktemp("shelf"), steps), size


def names(found: dict[str, Any]) -> list[str]:
    return [one["model_id"] for one in found["found"]]


def test_a_search_finds_by_words_task_language_and_library(visited: tuple[Visit, int]) -> None:
    visit, _ = visited
    assert len(names(visit["all"])) == 5
    assert names(visit["by task"]) == ["zhi/blanks"]
    assert names(visit["by words"]) == ["acme/feelings"]
    one = visit["by words"]["found"][0]
    assert (one["downloads"], one["likes"], one["updated"], one["parameters"]) == (1234, 5, "2026-03-04", 4321)
    assert {one["model_id"]: one["gated"] for one in visit["all"]["found"]}["acme/gated"]


def test_a_model_is_known_by_its_parts_before_its_weights_come(visited: tuple[Visit, int]) -> None:
    visit, _ = visited
    assert visit["profile"]["head"] == "ForSequenceClassification" and visit["profile"]["blocks"] > 3
    assert visit["small"]["held"]["hub:acme/feelings"]["kind"] == "small"


def test_a_stopped_download_keeps_what_has_come_and_is_not_deleted_meanwhile(visited: tuple[Visit, int]) -> None:
    visit, size = visited
    assert visit["stopped"]["state"] == "stopped" and visit["stopped"]["removing"] == ["shelf.being_fetched"]
    held = visit["begun"]["held"]["hub:acme/half"]
    assert held["kind"] == "begun" and held["bytes"] >= size // 2


def test_the_next_download_goes_on_from_there(visited: tuple[Visit, int]) -> None:
    visit, size = visited
    assert visit["taken up"]["state"] == "done"
    assert any(f"model.safetensors bytes={size // 2}-" in one for one in visit.requests if "acme/half" in one)
    assert visit["works"]["labels"] == ["negative", "positive"]


def test_progress_is_told_in_bytes(visited: tuple[Visit, int]) -> None:
    visit, size = visited
    assert [size // 2, size] in visit["stopped"]["told"]


def test_the_time_of_the_last_use_is_that_of_the_answer(visited: tuple[Visit, int]) -> None:
    visit, _ = visited
    held = visit["whole"]["held"]
    assert held["hub:acme/half"]["kind"] == "hub" and held["hub:acme/half"]["used"] > 0
    assert held["hub:acme/feelings"]["used"] == 0


def test_a_cut_download_says_so_and_is_completed_by_the_next(visited: tuple[Visit, int]) -> None:
    visit, size = visited
    assert (visit["cut"]["state"], visit["cut"]["arrival_error"]) == ("failed", "models.cut_download")
    assert visit["mended"]["state"] == "done"
    cut = [one for one in visit.requests if "acme/cut" in one and one.startswith("GET") and "model.safetensors" in one]
    # The whole file was asked for once; after that only what lacked.
    assert [one for one in cut if "bytes=" not in one] == cut[:1] and f"bytes={size // 2}-" in cut[-1]


def test_a_gated_model_says_where_to_ask(visited: tuple[Visit, int]) -> None:
    assert visited[0]["gated"]["arrival_error"] == "models.gated"


def test_a_download_is_deleted_whole_but_not_by_a_visitor_of_a_public_page(visited: tuple[Visit, int]) -> None:
    visit, _ = visited
    assert visit["public"]["error"] == "shelf.not_yours"
    assert visit["removed"]["there"] is False
    assert "hub:acme/half" not in visit["after"]["held"] and "hub:acme/cut" in visit["after"]["held"]


def test_a_mirror_chosen_in_the_page_is_remembered_and_gets_no_token(visited: tuple[Visit, int]) -> None:
    visit, _ = visited
    assert "localhost" in visit["mirror"]["endpoint"] and visit["mirror"]["token"] is False
    assert names(visit["at the mirror"]) == ["zhi/blanks"]
    assert visit["no token"]["error"] == "shelf.gated_mirror" and "localhost" in visit["no token"]["text"]
    assert visit["home"]["token"] == "hf_good" and visit["token"]["state"] == "done"


def test_what_is_no_address_is_refused_and_a_public_page_has_no_choice(visited: tuple[Visit, int]) -> None:
    visit, _ = visited
    assert visit["bad mirror"]["error"] == "shelf.bad_mirror"
    assert visit["public mirror"]["error"] == "shelf.mirror_public"


def test_a_search_that_cannot_be_made_says_why(visited: tuple[Visit, int]) -> None:
    visit, _ = visited
    assert visit["offline"]["error"] == "shelf.search_offline"
    assert visit["nobody"]["error"] == "shelf.search_no_answer"
