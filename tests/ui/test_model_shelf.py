"""The shelf and the fold about a model, as HTML: nothing that a stranger wrote is run, and each row has its buttons."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from backend.errors import UserError
from backend.models.arrivals import Arrival
from backend.models.facts import ModelFacts
from backend.models.holdings import Holding
from backend.models.profile import HEADS, profile
from backend.models.search import LANGUAGES, SORTS, TASKS, Found
from backend.texts import LOCALES, catalogue
from ui import playground_tab
from ui.playground import about_view, shelf_view
from ui.visitor import Services

EVIL = """# Title & <b onclick="steal()">bold</b>

<script>steal()</script>

<p align="center"><img src="https://spy.example/x.png" onerror="steal()">Kept words</p>

![a chart](https://spy.example/y.png) and [a link](javascript:steal()) and [another](https://hub.example/a?b="c")
and [a file](./x.md) <iframe src="https://spy.example"></iframe>

| a | b |
|---|---|
| <style>x</style>1 | `<i>` |

```python
print("<script>")
```
"""
FACTS = ModelFacts(ref="hub:acme/a", title="acme/a", source="cache", path=Path("a"), architecture="BertModel")


def held(**changes: object) -> Holding:
    one = Holding(ref="hub:acme/a", title="acme/a", kind="hub", bytes=90_000_000, came=0, facts=FACTS, removable=True)
    return replace(one, **changes)  # type: ignore[arg-type]


def test_a_card_keeps_its_words_and_runs_and_fetches_nothing() -> None:
    made = about_view.markdown(EVIL, "en")
    for forbidden in (
        "<script",
        "onclick",
        "onerror",
        "<img",
        "<iframe",
        "javascript:",
        "<style",
        "spy.example",
        "steal",
    ):
        assert forbidden not in made.replace("[a link](javascript:steal())", ""), forbidden
    for kept in ("Kept words", "bold", "[picture: a chart]", "<table>", "print(&quot;&lt;script&gt;&quot;)"):
        assert kept in made, kept
    assert 'href="https://hub.example/a?b=' in made and 'rel="noopener noreferrer nofollow"' in made
    assert "<a>a file</a>" in made


def test_a_model_that_is_here_can_be_used_and_deleted() -> None:
    made = shelf_view.table([held()], 10**10, "en", time.time())
    assert 'data-act="use"' in made and 'data-act="delete"' in made and "90 MB" in made and "not yet" in made
    assert 'aria-label="Delete acme/a"' in made


def test_two_runs_of_one_name_are_told_apart_by_their_folders() -> None:
    mine = [held(ref=ref, facts=replace(FACTS, ref=ref, title="mine", source="run")) for ref in ("run:a", "run:b")]
    assert shelf_view.titles(mine, "en") == {"run:a": "a (trained here)", "run:b": "b (trained here)"}
    assert shelf_view.titles(mine[:1], "en") == {"run:a": "mine (trained here)"}


def test_a_download_that_is_not_whole_can_be_gone_on_with() -> None:
    made = shelf_view.table([held(kind="begun", facts=None)], 10**10, "zh-CN", time.time())
    assert 'data-act="fetch"' in made and "继续" in made and 'data-act="use"' not in made


def test_a_broken_model_says_what_is_wrong_and_can_only_be_deleted() -> None:
    problem = UserError("models.no_weights", model="<b>", folder="x")
    made = shelf_view.table([held(facts=None, problem=problem)], 10**10, "en", time.time())
    assert "has no weights" in made and "<b> has" not in made and 'data-act="use"' not in made


def test_a_search_offers_what_is_here_for_use_and_the_rest_for_download() -> None:
    models = [Found(model_id="acme/a", parameters=110_000_000), Found(model_id="acme/<b>", gated=True)]
    made = shelf_view.found(models, frozenset({"acme/a"}), "https://hub", "en")
    assert made.count('data-act="use"') == 1 and made.count('data-act="fetch"') == 1
    assert "110 M" in made and "needs access" in made and "acme/<b>" not in made


@pytest.mark.parametrize(
    ("one", "words"),
    [
        (Arrival("hub:a/b", "a/b"), "asking"),
        (Arrival("hub:a/b", "a/b", done=5_000_000, total=10_000_000), "5.0 of 10.0 MB"),
        (Arrival("hub:a/b", "a/b", done=5, total=10, at_first=0, began=time.monotonic() - 1), "of 0.0 MB"),
        (Arrival("hub:a/b", "a/b", state="stopped"), "Go on"),
        (Arrival("hub:a/b", "a/b", state="done", total=10), "is here"),
        (Arrival("hub:a/b", "a/b", state="failed", error=UserError("shelf.too_many", count=3)), "3 downloads"),
    ],
)
def test_a_download_says_how_far_it_is(one: Arrival, words: str) -> None:
    made = shelf_view.arrivals([one], "en")
    assert words in made and ('data-act="stop"' in made) == (one.state == "going")


@pytest.mark.parametrize("locale", LOCALES)
def test_there_are_words_for_all_that_can_be_searched_and_all_heads(locale: str) -> None:
    texts = catalogue(locale)
    assert [tag for tag in TASKS if shelf_view.task_name(tag, locale) == tag] == []
    wanted = [f"shelf.heads.{one}" for one in HEADS] + [f"shelf.language.{one}" for one in LANGUAGES]
    assert [key for key in [*wanted, *(f"shelf.sort.{one}" for one in SORTS)] if key not in texts] == []


def test_the_view_of_a_model_names_layers_head_and_labels(services: Services, tiny_classifier: Path) -> None:
    workspace = services.workspace(None)
    made = about_view.about(profile(services.shelf, workspace, f"folder:{tiny_classifier}"), "en")
    assert "BertForSequenceClassification" in made and "negative, positive" in made
    assert "Layer 1, attention" in made and "WordPiece" in made and "It brings no card." in made


def test_a_model_is_shown_with_a_task_it_can_do() -> None:
    can = ["zero-shot-embedding", "sentence-similarity", "feature-extraction"]
    assert playground_tab.fitting_task(replace(FACTS, model_type="bert"), "feature-extraction", "") == can[2]
    assert playground_tab.fitting_task(replace(FACTS, model_type="bert"), "fill-mask", can[1]) == can[1]
    assert playground_tab.fitting_task(replace(FACTS, model_type="bert"), "fill-mask", "translation") == can[0]
    assert playground_tab.fitting_task(replace(FACTS, architecture="Strange"), "fill-mask", "") == "fill-mask"
