"""LoRA: what learns, where, and that the merged model answers as the one that learnt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from backend.errors import UserError
from backend.recipes.base import TrainArguments
from backend.recipes.freezing import parameter_counts
from backend.recipes.lora import merged
from backend.recipes.starting_model import sequence_model
from backend.training.checkpoint import keep_best, restore_best

TOKENS = torch.tensor([[2, 9, 10, 11, 3]])


def lora(path: Path, **arguments: Any) -> Any:
    """The tiny model with LoRA."""
    chosen = TrainArguments(lora_rank=4, **arguments)
    return sequence_model(str(path), ("a", "b", "c"), "single_label_classification", chosen)


def learnt(model: Any) -> Any:
    """The model after some steps."""
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.05)
    for _ in range(5):
        model.train()(input_ids=TOKENS, labels=torch.tensor([2])).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.eval()


def test_only_the_small_matrices_and_the_head_learn(tiny_encoder: Path) -> None:
    model = lora(tiny_encoder)
    names = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert all("lora_" in name or "modules_to_save" in name for name in names)
    assert any("query.lora_A" in name for name in names) and any("classifier.modules_to_save" in n for n in names)
    trained, of_all = parameter_counts(model)
    assert 0 < trained < of_all / 4


def test_the_merged_model_is_a_plain_one_with_the_same_answers(tiny_encoder: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForSequenceClassification

    model = learnt(lora(tiny_encoder, lora_alpha=32))
    answers = model(input_ids=TOKENS).logits
    assert torch.allclose(merged(model, copied=True).eval()(input_ids=TOKENS).logits, answers, atol=1e-5)
    merged(model).save_pretrained(tmp_path)
    assert not list(tmp_path.glob("adapter*"))
    loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    assert torch.allclose(loaded(input_ids=TOKENS).logits, answers, atol=1e-5)
    assert loaded.config.id2label == {0: "a", 1: "b", 2: "c"}


def test_a_kept_state_is_small_and_comes_back_whole(tiny_encoder: Path, tmp_path: Path) -> None:
    model = learnt(lora(tiny_encoder))
    answers = model(input_ids=TOKENS).logits
    keep_best(model, tmp_path / "best")
    whole = (tiny_encoder / "model.safetensors").stat().st_size
    assert (tmp_path / "best" / "learnt.safetensors").stat().st_size < whole / 2
    other = learnt(learnt(lora(tiny_encoder)))
    assert not torch.allclose(other(input_ids=TOKENS).logits, answers, atol=1e-5)
    restore_best(other, tmp_path / "best")
    assert torch.allclose(other.eval()(input_ids=TOKENS).logits, answers, atol=1e-6)


def test_targets_are_the_named_layers_or_all(tiny_encoder: Path) -> None:
    def targeted(model: Any) -> set[str]:
        return {name.split(".lora_A")[0].rpartition(".")[2] for name, _ in model.named_parameters() if "lora_A" in name}

    assert targeted(lora(tiny_encoder)) == {"query", "value"}
    assert targeted(lora(tiny_encoder, lora_targets="key, dense")) == {"key", "dense"}
    assert targeted(lora(tiny_encoder, lora_targets="all-linear")) == {"query", "key", "value", "dense"}


def test_a_target_that_the_model_lacks_is_refused_with_those_it_has(tiny_encoder: Path) -> None:
    with pytest.raises(UserError) as caught:
        lora(tiny_encoder, lora_targets="q_proj, query")
    assert caught.value.key == "arguments.no_such_target"
    assert caught.value.values == {"targets": "q_proj", "known": "dense, key, query, value"}


def test_rank_alpha_and_dropout_reach_the_layers(tiny_encoder: Path) -> None:
    layer = lora(tiny_encoder, lora_alpha=12, lora_dropout=0.3).base_model.model.bert.encoder.layer[0].attention.self
    query = layer.query
    assert (query.r["default"], query.scaling["default"], query.lora_dropout["default"].p) == (4, 3.0, 0.3)


def test_a_model_that_writes_learns_so_too(tiny_generator: Path) -> None:
    model = lora(tiny_generator)
    assert merged(learnt(model)).score.weight.shape[0] == 3
