"""What a tokenizer does to a text: its pieces with ids and characters, and the steps in between.

Covers: fast tokenizers (WordPiece, Unigram, BPE, byte-level BPE, byte fallback) and slow ones, which know no offsets.
Does not cover: pairs of texts, truncation and padding.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from backend.token_pieces import Kind, TokenRow, join_bytes, piece_bytes, with_words_and_kinds
from backend.token_steps import SAMPLE_CHARACTERS, Step, is_byte_level, steps

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["ROW_LIMIT", "SAMPLE_CHARACTERS", "Inspection", "Kind", "Step", "TokenRow", "inspect"]

ROW_LIMIT = 2000
"""Most rows that `inspect` spells out; the totals are always those of the whole text."""


_BLANK = re.compile(r"\s*")


@dataclass(frozen=True, slots=True)
class Inspection:
    """The answer to "what does this tokenizer see?"."""

    tokens: tuple[TokenRow, ...]
    """At most ROW_LIMIT of them."""
    total: int
    """Tokens of the whole text."""
    unknown: int
    special: int
    characters: int
    """Unicode code points of the text."""
    model: str
    """"WordPiece", "Unigram", "BPE", "WordLevel", or the class of a slow tokenizer."""
    vocabulary: int
    """How many different tokens it knows."""
    has_offsets: bool
    steps: tuple[Step, ...]
    """Empty for a slow tokenizer."""

    @property
    def characters_a_token(self) -> float:
        """Of the tokens that stand for text; 0 when there is none."""
        content = self.total - self.special
        return self.characters / content if content else 0.0


def inspect(
    tokenizer: PreTrainedTokenizerBase, text: str, special_tokens: bool = True, limit: int = ROW_LIMIT
) -> Inspection:
    """Every token of `text`, none truncated. special_tokens: whether the tokenizer adds its own, as models expect."""
    # Half a surrogate pair, as a cut string may end in, cannot be encoded: the tokenizers would raise.
    text = "".join("?" if "\ud800" <= character <= "\udfff" else character for character in text)
    read = _read_fast if tokenizer.is_fast else _read_slow
    ids, pieces, spans, words, added = read(tokenizer, text, special_tokens)
    specials = set(tokenizer.all_special_ids)
    unknown_id = tokenizer.unk_token_id
    is_unknown = [
        token == unknown_id and not mine and (span is None or text[span[0] : span[1]].strip() != piece)
        for token, mine, span, piece in zip(ids, added, spans, pieces, strict=True)
    ]
    is_special = [
        bool(mine) or (token in specials and not lost) for token, mine, lost in zip(ids, added, is_unknown, strict=True)
    ]
    # A little more than is shown, so that a character cut by the limit is still whole when its bytes are read.
    some = slice(0, limit + 8)
    rows = [
        TokenRow(index, piece, piece, token, span and span[0], span and span[1], "word", special, word)
        for index, (piece, token, span, special, word) in enumerate(
            zip(pieces[some], ids[some], spans[some], is_special[some], words[some], strict=True)
        )
    ]
    byte_level = tokenizer.is_fast and is_byte_level(_backend(tokenizer))
    rows = join_bytes(rows, [None if row.special else piece_bytes(row.piece, byte_level) for row in rows])
    rows = _with_marks([_without_borrowed_span(row, text) for row in with_words_and_kinds(rows, is_unknown)], text)
    return Inspection(
        tokens=tuple(rows[:limit]),
        total=len(ids),
        unknown=sum(is_unknown),
        special=sum(is_special),
        characters=len(text),
        model=type(_backend(tokenizer).model).__name__ if tokenizer.is_fast else type(tokenizer).__name__,
        vocabulary=len(tokenizer),
        has_offsets=any(row.start is not None for row in rows),
        steps=_sample_steps(tokenizer, text, byte_level) if tokenizer.is_fast else (),
    )


def _without_borrowed_span(row: TokenRow, text: str) -> TokenRow:
    """A ▁ that the tokenizer put in by itself borrows the offsets of its neighbour: it stands for no character."""
    if row.kind == "space" and row.start is not None and not text[row.start : row.end].isspace():
        return replace(row, start=None, end=None)
    return row


def _with_marks(rows: Sequence[TokenRow], text: str) -> list[TokenRow]:
    """A combining mark that a normalizer merged into its letter, or dropped, belongs to the token of that letter."""
    out: list[TokenRow] = []
    after = len(text)
    for row in reversed(rows):
        if row.start is not None and row.end is not None:
            end = row.end
            while end < after and unicodedata.category(text[end])[0] == "M":
                end += 1
            out.append(replace(row, end=end))
            after = row.start
        else:
            out.append(row)
    return out[::-1]


_Span = tuple[int, int] | None
_Columns = tuple[Sequence[int], Sequence[str], Sequence[_Span], Sequence[int], Sequence[int]]


def _backend(tokenizer: PreTrainedTokenizerBase) -> Any:
    return tokenizer.backend_tokenizer  # type: ignore[attr-defined]


def _read_fast(tokenizer: PreTrainedTokenizerBase, text: str, special_tokens: bool) -> _Columns:
    batch = tokenizer(text, add_special_tokens=special_tokens, truncation=False, padding=False, verbose=False)
    encodings = batch.encodings
    assert encodings
    one = encodings[0]
    added = one.special_tokens_mask
    spans = [None if mine or a == b else (a, b) for (a, b), mine in zip(one.offsets, added, strict=True)]
    words = [-1 if word is None else word for word in one.word_ids]
    return one.ids, one.tokens, spans, words, added


def _read_slow(tokenizer: PreTrainedTokenizerBase, text: str, special_tokens: bool) -> _Columns:
    """A slow tokenizer says no offsets: each piece is looked for where the last ended, and has none if not there."""
    batch = tokenizer(
        text,
        add_special_tokens=special_tokens,
        return_special_tokens_mask=True,
        truncation=False,
        padding=False,
        verbose=False,
    )
    ids: list[int] = list(batch["input_ids"])
    added: list[int] = list(batch["special_tokens_mask"])
    # Some mark every special id, also [UNK] in the middle of a text: only the ends are the tokenizer's own.
    if tokenizer.unk_token_id is not None:
        added = [0 if token == tokenizer.unk_token_id else mine for token, mine in zip(ids, added, strict=True)]
    pieces: list[str] = [str(piece) for piece in tokenizer.convert_ids_to_tokens(ids)]
    content = [piece for piece, mine in zip(pieces, added, strict=True) if not mine]
    raw = text.encode()
    if len(content) == len(raw) and all(
        len(piece) == 1 and ord(piece) == byte for piece, byte in zip(content, raw, strict=True)
    ):
        # One token a byte (ByT5): the bytes say which character each is of.
        pieces = [piece if mine else f"<0x{ord(piece):02X}>" for piece, mine in zip(pieces, added, strict=True)]
        of_bytes = iter([(i, i + 1) for i, character in enumerate(text) for _ in character.encode()])
        return ids, pieces, [None if mine else next(of_bytes) for mine in added], [0] * len(ids), added
    spans = list(_found_spans(pieces, added, text))
    words, word = [], -1
    for index, span in enumerate(spans):
        before = spans[index - 1] if index else None
        word += span is None or before is None or before[1] != span[0]
        words.append(word)
    return ids, pieces, spans, words, added


def _found_spans(pieces: Sequence[str], added: Sequence[int], text: str) -> Iterator[_Span]:
    lowered = text.lower()
    if len(lowered) != len(text):
        lowered = text
    cursor = 0
    for piece, mine in zip(pieces, added, strict=True):
        surface = re.sub(r"^(##|▁|Ġ)|(@@|</w>)$", "", piece)
        blank = _BLANK.match(text, cursor)
        start = cursor if blank is None or text.startswith(surface, cursor) else blank.end()
        if mine or not surface or not (text.startswith(surface, start) or lowered.startswith(surface, start)):
            yield None
        else:
            cursor = start + len(surface)
            yield start, cursor


def _sample_steps(tokenizer: PreTrainedTokenizerBase, text: str, byte_level: bool) -> tuple[Step, ...]:
    sample = text[:SAMPLE_CHARACTERS]
    ids, pieces, _, _, added = _read_fast(tokenizer, sample, special_tokens=True)
    content = [
        TokenRow(place, piece, piece, token, None, None, "word", False, 0)
        for place, (piece, token, mine) in enumerate(zip(pieces, ids, added, strict=True))
        if not mine
    ]
    shown = join_bytes(content, [piece_bytes(row.piece, byte_level) for row in content])
    specials = [piece for piece, mine in zip(pieces, added, strict=True) if mine]
    return steps(_backend(tokenizer), sample, [row.shown for row in shown], specials)
