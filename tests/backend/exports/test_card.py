"""The model card: what the Hub files it by, what a person reads, and an example that runs."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from backend.exports.card import licence_of, model_card, with_licence
from backend.recipes.base import Report
from backend.training.spec import RunSpec
from tests.ui.run_folders import report, spec

FACTS = {"best_step": 350, "train_rows": 4000}


def front(card: str) -> dict[str, Any]:
    """The YAML at a card's head."""
    found = re.match(r"---\n(.*?)\n---\n", card, re.DOTALL)
    assert found
    return dict(yaml.safe_load(found[1]))


@pytest.fixture
def run() -> tuple[RunSpec, Report]:
    found = report(0.9)
    return spec("my run", learning_rate=3e-5, lora_rank=4), replace(found, facts={**found.facts, **FACTS})


def test_the_hub_can_file_it(run: tuple[RunSpec, Report]) -> None:
    head = front(model_card(*run, "en", "mit"))
    assert (head["license"], head["base_model"]) == ("mit", "sentence-transformers/all-MiniLM-L6-v2")
    assert (head["pipeline_tag"], head["library_name"], head["language"]) == (
        "text-classification",
        "transformers",
        "en",
    )
    assert "lora" in head["tags"]
    result = head["model-index"][0]["results"][0]
    assert result["dataset"] == {"name": "Reviews", "type": "reviews_en", "split": "test"}
    assert {"type": "accuracy", "value": 0.9, "name": "accuracy"} in result["metrics"]


def test_a_person_reads_scores_beside_the_simplest_guess(run: tuple[RunSpec, Report]) -> None:
    card = model_card(*run, "en")
    assert "accuracy **0.900**" in card and "gets 0.550" in card
    assert "| accuracy | 0.900 | 0.900 | 0.550 |" in card
    assert "| positive | 0.900 | 0.880 | 0.890 | 24 |" in card
    assert "`3e-05`" in card and "`lora_rank`" in card and "4,000" in card
    assert "license" not in front(card)


def test_no_row_of_the_data_stands_in_it(run: tuple[RunSpec, Report]) -> None:
    card = model_card(*run, "en")
    assert run[1].wrong and not any(row["text"][:12] in card for row in run[1].wrong)


def test_it_speaks_the_language_of_the_page(run: tuple[RunSpec, Report]) -> None:
    card = model_card(*run, "zh-CN")
    assert "## 如何使用" in card and "准确率" in card
    assert front(card) == front(model_card(*run, "en"))


def test_names_cannot_break_out_of_their_place(run: tuple[RunSpec, Report]) -> None:
    chosen, found = run
    strange = replace(chosen, name="a: 'b'\n---\n<script>", data_title="x | y `z`")
    found = replace(found, labels=["a|b", "c"], per_label=[dict(found.per_label[0], label="a|b")])
    card = model_card(strange, found, "en")
    assert front(card)["model-index"][0]["name"] == strange.name
    assert "<script>" not in card.partition("\n---\n")[2] and "| a\\|b |" in card


def test_another_licence_changes_its_line_alone(run: tuple[RunSpec, Report]) -> None:
    mine = model_card(*run, "en", "mit") + "\nlicense: said by a person\n"
    changed = with_licence(mine, "cc0-1.0")
    assert (licence_of(mine), licence_of(changed)) == ("mit", "cc0-1.0")
    assert set(changed.splitlines()) ^ set(mine.splitlines()) == {"license: mit", "license: cc0-1.0"}
    assert licence_of(with_licence(mine, "")) == ""
    assert licence_of(with_licence("no front matter", "mit")) == "mit"


@pytest.mark.parametrize(
    ("recipe", "columns", "config"),
    [
        ("single-label-classification", {"text": "t", "label": "l"}, {}),
        (
            "multi-label-classification",
            {"text": "t", "labels": "l"},
            {"problem_type": "multi_label_classification", "thresholds": {"negative": 0.0, "positive": 1.0}},
        ),
        ("sentence-pair-classification", {"text": "t", "text_pair": "u", "label": "l"}, {}),
    ],
)
def test_the_example_runs(
    recipe: str, columns: dict[str, str], config: dict[str, Any], tmp_path: Path, tiny_classifier: Path,
    run: tuple[RunSpec, Report], capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    model = shutil.copytree(tiny_classifier, tmp_path / "model")
    settings = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(settings | config))
    card = model_card(replace(run[0], recipe=recipe, columns=columns), run[1], "en", repo=str(model))
    example = re.search(r"```python\n(.*?)```", card, re.DOTALL)
    assert example
    exec(compile(example[1], "example", "exec"), {})
    said = capsys.readouterr().out
    assert said.strip() == "['negative']" if config else "'score':" in said
