"""Tests of what a model reads: cut texts and unknown tokens are counted, and the change that mends them is bounded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.recipes import all_recipes
from backend.recipes.checks import Fix
from backend.training.suggest import ENGLISH, MULTILINGUAL
from backend.training.token_checks import Tokens, read_tokens, token_checks
from tests.backend.tables import save_version

SINGLE = all_recipes()["single-label-classification"]


def tokens(lengths: list[int], unknown: float = 0.0) -> Tokens:
    rows = len(lengths)
    counts = np.arange(rows) if unknown else np.zeros(rows, int)
    return Tokens(np.asarray(lengths), unknown, counts, np.arange(rows), tuple(f"text {row}" for row in range(rows)))


def test_cut_texts_offer_the_length_that_covers_95_of_100_and_say_its_price() -> None:
    cut, _ = token_checks(tokens([10] * 50 + [100] * 46 + [400] * 4), 32, 512, ENGLISH)
    assert (cut.level, cut.fix) == ("warning", Fix("arguments", {"max_length": 104}))
    assert cut.values["share"] == 0.5 and cut.values["covered"] == 0.96
    # (50 * 10 + 46 * 100 + 4 * 104) tokens are read in place of (50 * 10 + 50 * 32).
    assert cut.values["times"] == pytest.approx(5516 / 2100)
    assert [example.number for example in cut.examples] == [400, 400, 400]


def test_the_length_offered_is_never_more_than_the_model_reads() -> None:
    cut, _ = token_checks(tokens([300] * 10), 128, 256, ENGLISH)
    assert cut.fix == Fix("arguments", {"max_length": 256})
    at_its_end, _ = token_checks(tokens([300] * 10), 256, 256, ENGLISH)
    assert (at_its_end.key, at_its_end.level, at_its_end.fix) == ("checks.cut_by_model", "note", None)


def test_a_few_cut_texts_are_all_right() -> None:
    cut, unknown = token_checks(tokens([10] * 95 + [100] * 5), 32, 512, ENGLISH)
    assert (cut.level, unknown.level) == ("ok", "ok")


def test_many_unknown_tokens_offer_the_multilingual_starter_unless_it_is_chosen() -> None:
    _, unknown = token_checks(tokens([10, 20, 30], unknown=0.4), 64, 512, ENGLISH)
    assert (unknown.level, unknown.fix) == ("warning", Fix("model", MULTILINGUAL))
    assert unknown.examples[0].text == "text 2"
    assert token_checks(tokens([10], unknown=0.4), 64, 512, MULTILINGUAL)[1].fix is None


def test_a_sample_of_usable_rows_is_read_once_for_each_tokenizer(tmp_path: Path, tiny_encoder: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(str(tiny_encoder), local_files_only=True)
    texts = ["a good film"] * 30 + ["", "电影 电影"] + ["bad"] * 2000
    version = save_version(tmp_path / "data", text=texts, label=["a", "b"] * 1016)
    columns = {"text": "text", "label": "label"}
    read = read_tokens(SINGLE, version, columns, tokenizer, "tiny")
    assert len(read.lengths) == 1000 and 30 not in read.row_ids
    # Special tokens count, as they do in training.
    assert read.lengths[0] == len(tokenizer("a good film")["input_ids"])
    assert read_tokens(SINGLE, version, columns, None, "tiny") is read
