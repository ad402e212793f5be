"""How much a model reads, as its files and its configuration say, and what is done with texts that nobody can read."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from backend.models.facts import read_facts
from backend.tasks import context
from backend.tasks.context import context_length, encodable, token_batches

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


def test_texts_are_read_with_others_as_long_and_never_more_tokens_than_the_device_takes_well(
    tiny_classifier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import pipeline

    pipe: Any = pipeline("text-classification", model=str(tiny_classifier))
    texts = [" ".join(["good"] * (1 + 7 * number % 20)) for number in range(40)]
    monkeypatch.setattr(context, "_BATCH_TOKENS", 30)
    monkeypatch.setattr(context, "_COUNTED_TEXTS", 25)
    found = [*token_batches(pipe, texts, range(1, 40), 4)]
    lengths = [[len(pipe.tokenizer(texts[index])["input_ids"]) for index in chunk] for chunk in found]
    assert lengths == [[*chunk.values()] for chunk in found]
    assert sorted(index for chunk in found for index in chunk) == [*range(1, 40)]
    assert all(len(one) == 1 or len(one) <= 4 and max(one) * len(one) <= 30 for one in lengths)
    assert all(max(one) <= min(other) for one, other in zip(lengths, lengths[1:], strict=False))
    assert max(map(len, found)) == 4 and [[*chunk] for chunk in token_batches(pipe, texts, range(3), 1)] == [
        [0],
        [1],
        [2],
    ]


def test_a_pair_is_as_long_as_both_its_texts_and_very_long_texts_are_counted_in_few(
    tiny_classifier: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import pipeline

    pipe: Any = pipeline("text-classification", model=str(tiny_classifier))
    monkeypatch.setattr(context, "_COUNTED_CHARACTERS", 10)
    texts, pairs = ["good film", "good", "film"], ["", "film film film film", "good"]
    assert [[*chunk] for chunk in token_batches(pipe, texts, range(3), 1, pairs)] == [[2], [0], [1]]
