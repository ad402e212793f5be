"""A model taken apart without its weights, and the shape of one that is yet to be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.errors import UserError
from backend.models.anatomy import Anatomy, look_inside
from backend.models.shape import Shape, changes, shape_of

SPECIALS = {"pad_token_id": 7}


def build(config: Any) -> Any:
    """A classifier with random weights."""
    import torch
    from transformers import AutoModelForSequenceClassification

    return AutoModelForSequenceClassification.from_config(config, dtype=torch.float32)


def small(kind: str, **other: Any) -> Any:
    """A small configuration of an architecture."""
    import transformers

    return getattr(transformers, f"{kind}Config")(vocab_size=50, pad_token_id=0, **other)


BERT: dict[str, Any] = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24,
    "max_position_embeddings": 32,
}  # fmt: skip


def taken_apart(config: Any) -> Anatomy:
    return look_inside(lambda: build(config))


def test_it_counts_what_the_model_itself_counts(tiny_encoder: Path) -> None:
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(tiny_encoder)
    found, real = taken_apart(config), build(config)
    assert found.parameters == sum(parameter.numel() for parameter in real.parameters())
    sizes = [tensor.numel() * tensor.element_size() for tensor in (*real.parameters(), *real.buffers())]
    assert found.bytes == sum(sizes)


def test_its_blocks_are_those_of_the_arithmetic() -> None:
    found = taken_apart(small("Bert", **BERT))
    counts = {(block.kind, block.layer, block.part): block.parameters for block in found.blocks}
    # Four matrices with their biases and a normalization; two matrices with theirs; words, places, segments.
    attention, forward = 4 * (16 * 16 + 16) + 32, 16 * 24 + 24 + 24 * 16 + 16 + 32
    assert counts == {
        ("embeddings", 0, ""): (50 + 32 + 2) * 16 + 32,
        ("layer", 1, "attention"): attention,
        ("layer", 1, "feed_forward"): forward,
        ("layer", 2, "attention"): attention,
        ("layer", 2, "feed_forward"): forward,
        ("pooler", 0, ""): 16 * 16 + 16,
        ("head", 0, ""): 16 * 2 + 2,
    }


def test_frozen_parameters_are_counted_apart() -> None:
    def frozen() -> Any:
        model = build(small("Bert", **BERT))
        model.base_model.embeddings.requires_grad_(False)
        return model

    found = look_inside(frozen)
    embeddings = found.blocks[0]
    assert (embeddings.kind, embeddings.trained) == ("embeddings", 0)
    assert found.trained == found.parameters - embeddings.parameters


def test_looking_leaves_the_random_numbers_of_the_process_alone() -> None:
    import torch

    before = torch.get_rng_state()
    taken_apart(small("Bert", **BERT))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    "config",
    [
        ("Bert", {}), ("DistilBert", {}), ("Roberta", {}), ("Albert", {}), ("Electra", {}), ("DebertaV2", {}),
        ("GPT2", {"bos_token_id": 1, "eos_token_id": 2}), ("Llama", {"num_key_value_heads": 8}), ("ModernBert", {}),
        ("Gemma", {}),
    ],
)  # fmt: skip
def test_a_new_shape_is_built_and_reads_texts_of_the_longest_length(config: tuple[str, dict[str, Any]]) -> None:
    import torch

    kind, other = config
    made = small(kind, **other)
    chosen = Shape(layers=2, heads=4, width=32, feed_forward=48, longest=24, dropout=0.0)
    made.update(changes(made, chosen, 40, SPECIALS, False))
    assert shape_of(made) == chosen
    with torch.random.fork_rng():
        model = build(made)
    ids = torch.full((2, 24), 9)
    ids[1, 20:] = 7
    assert model(input_ids=ids, attention_mask=(ids != 7).long()).logits.shape == (2, 2)


def test_a_width_that_the_heads_cannot_share_is_refused_with_those_that_they_can() -> None:
    with pytest.raises(UserError) as caught:
        changes(small("Bert", **BERT), replace(shape_of(small("Bert", **BERT)), heads=3), 40, SPECIALS, False)
    assert caught.value.key == "anatomy.not_divisible"
    assert (caught.value.values["below"], caught.value.values["above"]) == (15, 18)


def test_rotary_positions_need_an_even_width_of_each_head() -> None:
    with pytest.raises(UserError) as caught:
        changes(small("Llama"), Shape(layers=1, heads=4, width=20), 40, SPECIALS, False)
    assert caught.value.key == "anatomy.odd_heads"


@pytest.mark.parametrize("field", ["layers", "heads", "width"])
def test_a_size_of_zero_is_refused_by_name(field: str) -> None:
    with pytest.raises(UserError) as caught:
        Shape(**{field: 0})
    assert caught.value.values["name"] == field


def test_a_tokenizer_that_numbers_two_texts_gets_a_model_that_can_tell_them_apart() -> None:
    config = small("Roberta", type_vocab_size=1)
    assert changes(config, shape_of(config), 40, SPECIALS, True)["type_vocab_size"] == 2


def test_a_configuration_that_cannot_be_built_is_said_so() -> None:
    with pytest.raises(UserError) as caught:
        taken_apart(small("Bert", **(BERT | {"hidden_size": 15})))
    assert caught.value.key == "anatomy.cannot_build"
