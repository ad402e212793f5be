"""What a model is made of, told from its small files: parts, head, tokenizer, card."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from backend.models import ModelShelf
from backend.models.profile import profile, read_card, words_of
from backend.settings import Settings
from backend.workspace import Workspace

CARD = """---
language:
- en
- zh
- no
license: other
license_name: my-licence
pipeline_tag: text-classification
base_model: acme/base
datasets: [imdb]
---

# A model

It **works**.
"""


@pytest.fixture
def shelf(settings: Settings) -> ModelShelf:
    return ModelShelf(settings)


def test_the_parts_of_a_model_with_its_head_are_counted(
    shelf: ModelShelf, workspace: Workspace, tiny_classifier: Path
) -> None:
    found = profile(shelf, workspace, f"folder:{tiny_classifier}")
    assert found.head == "ForSequenceClassification" and found.anatomy is not None
    assert found.anatomy.architecture == "BertForSequenceClassification"
    # The buffers of position ids are no parameters.
    assert 0 <= found.facts.parameters - found.anatomy.parameters <= 128
    assert "head" in {block.kind for block in found.anatomy.blocks}


def test_a_model_without_a_head_and_one_that_writes(
    shelf: ModelShelf, workspace: Workspace, tiny_encoder: Path, tiny_generator: Path
) -> None:
    bare = profile(shelf, workspace, f"folder:{tiny_encoder}")
    assert bare.head == "" and bare.anatomy is not None
    assert {block.kind for block in bare.anatomy.blocks} == {"embeddings", "layer", "pooler"}
    assert profile(shelf, workspace, f"folder:{tiny_generator}").head == "ForCausalLM"


def test_what_the_library_cannot_build_is_said_and_the_rest_is_shown(
    shelf: ModelShelf, workspace: Workspace, tiny_classifier: Path, tmp_path: Path
) -> None:
    strange = shutil.copytree(tiny_classifier, tmp_path / "strange")
    config = (strange / "config.json").read_text().replace('"model_type": "bert"', '"model_type": "strange"')
    (strange / "config.json").write_text(config.replace("{", '{"auto_map": {"AutoConfig": "x.Y"},', 1))
    found = profile(shelf, workspace, f"folder:{strange}")
    assert found.anatomy is None and found.problem is not None and found.problem.key == "models.remote_code"
    assert found.words.kind == "WordPiece"


def test_kind_and_size_of_a_tokenizer(tiny_classifier: Path, tiny_generator: Path, tmp_path: Path) -> None:
    assert words_of(tiny_classifier).kind == "WordPiece" and words_of(tiny_classifier).vocabulary > 100
    assert words_of(tiny_generator).kind == "BPE"
    (tmp_path / "spiece.model").write_bytes(b"")
    assert words_of(tmp_path).kind == "SentencePiece" and words_of(tmp_path).vocabulary == 0


def test_a_card_says_languages_licence_task_and_what_it_was_made_from(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(CARD, encoding="utf-8")
    card = read_card(tmp_path)
    assert card.languages == ("en", "zh", "no") and card.licence == "my-licence"
    assert (card.task, card.base_models, card.datasets) == ("text-classification", ("acme/base",), ("imdb",))
    assert card.text.startswith("# A model")


@pytest.mark.parametrize("text", ["", "no front", "---\n: [\n---\nrest", "---\n- a\n---\nrest", "---\nunended"])
def test_a_card_that_says_nothing_is_no_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "README.md").write_text(text)
    card = read_card(tmp_path)
    assert card.languages == () and card.licence == "" and "---\n:" not in card.text
