"""How much a model reads, as its files and its configuration say, and what is done with texts that nobody can read."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from backend.models.facts import read_facts
from backend.tasks.context import context_length, encodable

SIZES: dict[str, Any] = {
    "vocab_size": 50,
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 20,
}
OWN: dict[str, dict[str, Any]] = {
    "longformer": {"attention_window": [4]},
    "luke": {"entity_vocab_size": 10, "entity_emb_size": 8},
    "xmod": {"languages": ("en_XX",), "default_language": "en_XX"},
}


@pytest.mark.parametrize(
    "kind",
    "bert electra camembert data2vec-text ibert longformer luke mpnet roberta roberta-prelayernorm xlm-roberta "
    "xlm-roberta-xl xmod".split(),
)
def test_a_model_reads_as_many_tokens_as_is_said_and_no_more(kind: str, tmp_path: Path) -> None:
    import torch
    from transformers import AutoConfig, AutoModel

    config = AutoConfig.for_model(kind, **SIZES, **OWN.get(kind, {}))
    model = AutoModel.from_config(config).eval()
    limit = context_length(SimpleNamespace(model=model, tokenizer=None))  # type: ignore[arg-type]
    with torch.inference_mode():
        model(input_ids=torch.full((1, limit), 5), attention_mask=torch.ones(1, limit, dtype=torch.long))
        with pytest.raises((IndexError, RuntimeError)):
            model(input_ids=torch.full((1, limit + 1), 5), attention_mask=torch.ones(1, limit + 1, dtype=torch.long))
    (tmp_path / "config.json").write_text(json.dumps(config.to_dict()))
    assert read_facts(tmp_path, ref="x", title="x", source="folder", weights=False).max_length == limit


def test_half_of_a_pair_becomes_a_question_mark_and_all_else_stays() -> None:
    assert encodable("good \ud83d 🙂 好 e\u0301") == "good ? 🙂 好 e\u0301"
