"""How a model's vectors are made: pooling, prefix and length as its files and its name say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from backend.models import ModelFacts
from backend.tasks.embedding import EmbeddingParams, embed, embeds, manner_of, manner_of_pipe, pool


@pytest.mark.parametrize(
    ("source", "prefix"),
    [
        ("intfloat/multilingual-e5-small", "query: "),
        ("/home/a/hub/models--intfloat--e5-base-v2/snapshots/abc", "query: "),
        ("/starter/multilingual-e5-small", "query: "),
        ("intfloat/multilingual-e5-large-instruct", ""),
        ("sentence-transformers/all-MiniLM-L6-v2", ""),
        ("/home/e5-fan/models/bert", ""),
    ],
)
def test_the_e5_family_gets_its_prefix_by_its_name(source: str, prefix: str) -> None:
    assert manner_of(source, EmbeddingParams()).prefix == prefix
    assert manner_of(source, EmbeddingParams(prefix="none")).prefix == ""


def test_the_files_of_sentence_transformers_are_obeyed(tmp_path: Path) -> None:
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
    (tmp_path / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 99}))
    prompts = {"prompts": {"search": "find: "}, "default_prompt_name": "search"}
    (tmp_path / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    manner = manner_of(str(tmp_path), EmbeddingParams())
    assert (manner.pooling, manner.limit, manner.prefix) == ("cls", 99, "find: ")
    assert manner_of(str(tmp_path), EmbeddingParams(pooling="max")).pooling == "max"


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_padding_changes_no_vector(encoder: Any, pooling: str) -> None:
    manner = manner_of_pipe(encoder, EmbeddingParams(pooling=pooling))
    alone = embed(encoder, ["good"], manner)
    beside = embed(encoder, ["this is a very long story and not a good one", "good"], manner)
    assert (alone[0] - beside[1]).abs().max() < 1e-5


def test_the_mean_leaves_padding_out() -> None:
    import torch

    states = torch.tensor([[[1.0, 3.0], [3.0, 5.0], [900.0, 900.0]]])
    assert pool(states, torch.tensor([[1, 1, 0]]), "mean").tolist() == [[2.0, 4.0]]


@pytest.mark.parametrize(
    ("kind", "architecture", "fits"),
    [
        ("bert", "BertModel", True),
        ("xlm-roberta", "XLMRobertaModel", True),
        ("bert", "BertForSequenceClassification", False),
        ("t5", "T5Model", False),
        ("llama", "LlamaModel", False),
    ],
)
def test_encoders_without_a_head_are_offered(kind: str, architecture: str, fits: bool) -> None:
    facts = ModelFacts(ref="x", title="x", source="folder", path=None, architecture=architecture, model_type=kind)
    assert embeds(facts) is fits
