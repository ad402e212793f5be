"""The inspector's answers on real tokenizers, tiny ones and the starters'."""

from __future__ import annotations

import time
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from backend.tokenization import ROW_LIMIT, Inspection, inspect

MIXED = "这部🤗 movie's great! é e\u0301 שלום\n 42 ㎏ ﬁne Ａ 👩‍👩‍👧 naïve 日本語です"


def load(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


@pytest.fixture(scope="module")
def wordpiece(tiny_encoder: Path) -> Any:
    return load(tiny_encoder)


@pytest.fixture(scope="module")
def byte_level(tiny_generator: Path) -> Any:
    return load(tiny_generator)


@pytest.fixture(scope="module")
def byte_fallback() -> Any:
    """SentencePiece-like BPE: ▁ for spaces, <0xF0> for what it has no piece for."""
    from tokenizers import Tokenizer, decoders, models, normalizers
    from transformers import PreTrainedTokenizerFast

    pieces = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "a", "b", "ab", "▁ab"]
    vocabulary = {piece: index for index, piece in enumerate(pieces)}
    merges = [("a", "b"), ("▁", "ab")]
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, unk_token="<unk>", byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.ByteFallback()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>")


def spans(inspection: Inspection) -> list[tuple[int, int]]:
    return [(row.start, row.end) for row in inspection.tokens if row.start is not None and row.end is not None]


def test_special_tokens_are_marked_and_stand_for_no_character(wordpiece: Any) -> None:
    found = inspect(wordpiece, "a good movie")
    assert [row.piece for row in found.tokens if row.special] == ["[CLS]", "[SEP]"]
    assert found.tokens[0].start is None and found.tokens[0].kind == "special" and found.special == 2


def test_special_tokens_can_be_left_out(wordpiece: Any) -> None:
    assert [row.piece for row in inspect(wordpiece, "a good movie", special_tokens=False).tokens] == [
        "a",
        "good",
        "movie",
    ]


def test_a_special_token_typed_into_the_text_keeps_its_characters(wordpiece: Any) -> None:
    row = inspect(wordpiece, "a [MASK] movie").tokens[2]
    assert (row.piece, row.special, row.start, row.end) == ("[MASK]", True, 2, 8)


def test_pieces_of_one_word_share_its_number(wordpiece: Any) -> None:
    rows = inspect(wordpiece, "movie xyz", special_tokens=False).tokens
    assert [(row.piece, row.word, row.kind) for row in rows] == [
        ("movie", 0, "word"),
        ("x", 1, "word"),
        ("##y", 1, "piece"),
        ("##z", 1, "piece"),
    ]


def test_unknown_characters_are_counted_with_their_place(wordpiece: Any) -> None:
    found = inspect(wordpiece, "good 🤗 movie")
    unknown = [row for row in found.tokens if row.kind == "unknown"]
    assert found.unknown == 1 and [(row.start, row.end) for row in unknown] == [(5, 6)]


def test_chinese_tokens_are_each_a_word_of_their_own(wordpiece: Any) -> None:
    rows = inspect(wordpiece, "这部电影", special_tokens=False).tokens
    assert [row.word for row in rows] == [0, 1, 2, 3]


def test_an_emoji_split_over_tokens_shows_its_bytes_and_the_emoji(byte_level: Any) -> None:
    rows = inspect(byte_level, "🤗", special_tokens=False).tokens
    assert " ".join(row.shown for row in rows) == "F0 9F A4 97"
    assert {row.whole for row in rows} == {"🤗"} and [row.part for row in rows] == list(range(1, len(rows) + 1))
    assert {(row.start, row.end, row.kind, row.word) for row in rows} == {(0, 1, "bytes", 0)}


def test_bytes_that_are_whole_characters_are_shown_as_text(byte_level: Any) -> None:
    rows = inspect(byte_level, "这 movie", special_tokens=False).tokens
    assert rows[0].shown == "这" and rows[0].piece != "这" and rows[1].shown.startswith("␣")


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_a_limit_in_the_middle_of_a_character_does_not_break_it(byte_level: Any, limit: int) -> None:
    rows = inspect(byte_level, "🤗🤗", special_tokens=False, limit=limit).tokens
    assert len(rows) == limit and {row.whole for row in rows} == {"🤗"}


def test_byte_fallback_pieces_are_joined_to_their_character(byte_fallback: Any) -> None:
    rows = inspect(byte_fallback, "ab 好", special_tokens=False).tokens
    assert [row.shown for row in rows] == ["▁ab", "▁", "E5", "A5", "BD"]
    assert {row.whole for row in rows[2:]} == {"好"} and {(row.start, row.end) for row in rows[2:]} == {(3, 4)}


@pytest.mark.parametrize("kind", ["wordpiece", "byte_level", "byte_fallback"])
def test_offsets_run_forward_and_lie_in_the_text(kind: str, request: pytest.FixtureRequest) -> None:
    found = spans(inspect(request.getfixturevalue(kind), MIXED))
    assert found == sorted(found) and all(0 <= start < end <= len(MIXED) for start, end in found)


@pytest.mark.parametrize("kind", ["byte_level", "byte_fallback"])
def test_no_replacement_character_is_ever_shown(kind: str, request: pytest.FixtureRequest) -> None:
    assert not any("\ufffd" in row.shown for row in inspect(request.getfixturevalue(kind), MIXED + "\ud83e").tokens)


def test_a_combining_mark_belongs_to_the_token_of_its_letter(wordpiece: Any) -> None:
    assert spans(inspect(wordpiece, "e\u0301 the")) == [(0, 2), (3, 6)]


def test_half_an_emoji_is_read_as_a_question_mark(wordpiece: Any, byte_level: Any) -> None:
    for tokenizer in (wordpiece, byte_level):
        assert inspect(tokenizer, "good \ud83d") == inspect(tokenizer, "good ?")


def test_a_long_text_gives_the_first_rows_and_the_totals_of_all(byte_level: Any) -> None:
    text = "这部 movie was great. " * 5000
    began = time.perf_counter()
    found = inspect(byte_level, text)
    # 0.5 s on two cores; a loop over every token in Python would take several times as long.
    assert time.perf_counter() - began < 5
    assert len(found.tokens) == ROW_LIMIT < found.total and found.characters == len(text)


def test_an_empty_text_has_only_the_special_tokens(wordpiece: Any) -> None:
    found = inspect(wordpiece, "")
    assert found.total == found.special == 2 and found.characters_a_token == 0


def test_the_steps_tell_what_each_stage_gives(wordpiece: Any) -> None:
    normalizer, pre_tokenizer, model, post_processor = inspect(wordpiece, "Good movíe!").steps
    assert "lowercase" in normalizer.traits and normalizer.pieces == ("good movie!",)
    assert pre_tokenizer.pieces == ("good", "movie", "!")
    assert model.traits == ("wordpiece",) and model.pieces == ("good", "movie", "!")
    assert post_processor.pieces == ("[CLS]", "[SEP]")


def test_the_steps_of_a_byte_level_tokenizer_are_readable(byte_level: Any) -> None:
    _, pre_tokenizer, _, post_processor = inspect(byte_level, "这部 movie").steps
    assert pre_tokenizer.pieces == ("这部", "␣movie") and post_processor.traits == ("nothing",)


def test_a_slow_tokenizer_has_offsets_where_its_pieces_stand_in_the_text(tmp_path: Path) -> None:
    from transformers import CTRLTokenizer

    (tmp_path / "vocab.json").write_text('{"<unk>": 0, "go@@": 1, "od": 2, "movie": 3}')
    (tmp_path / "merges.txt").write_text("#version: 0.2\ng o\nm o\nmo v\nmov i\nmovi e</w>\no d</w>\n")
    tokenizer = CTRLTokenizer(str(tmp_path / "vocab.json"), str(tmp_path / "merges.txt"))
    found = inspect(tokenizer, "good movie 🤗")
    assert [(row.piece, row.start, row.end) for row in found.tokens] == [
        ("go@@", 0, 2),
        ("od", 2, 4),
        ("movie", 5, 10),
        ("<unk>", None, None),
    ]
    assert [row.word for row in found.tokens][:3] == [0, 0, 1] and found.unknown == 1 and found.steps == ()


def test_a_tokenizer_of_single_bytes_joins_them_to_characters() -> None:
    from transformers import ByT5Tokenizer

    found = inspect(ByT5Tokenizer(), "a好")
    assert [row.shown for row in found.tokens] == ["a", "E5", "A5", "BD", "</s>"]
    assert [(row.start, row.end) for row in found.tokens] == [(0, 1), (1, 2), (1, 2), (1, 2), (None, None)]


def test_the_multilingual_starter_keeps_offsets_to_the_text_before_nfkc(starter_root: Path) -> None:
    found = inspect(load(starter_root / "multilingual-e5-small"), MIXED)
    for row in found.tokens:
        if row.start is not None and not row.special and row.kind != "space":
            assert unicodedata.normalize("NFKC", MIXED[row.start : row.end]).strip() == row.piece.lstrip("▁")
    assert [row.start for row in found.tokens if row.piece == "▁kg"] == [MIXED.index("㎏")]


def test_the_writing_starter_covers_every_character_of_a_mixed_text(starter_root: Path) -> None:
    found = inspect(load(starter_root / "SmolLM2-135M-Instruct"), MIXED)
    covered = {place for start, end in spans(found) for place in range(start, end)}
    assert covered == set(range(len(MIXED))) and found.unknown == 0
