"""One token as a person reads it: its bytes as text again, the word it belongs to, and its kind."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

Kind = Literal["word", "piece", "number", "punctuation", "symbol", "space", "bytes", "unknown", "special"]

_MARKS = re.compile(r"^(##|▁+|Ġ|␣+)|(@@|</w>)$")
_SHOWN_AS = {" ": "␣", "\n": "↵", "\r": "␍", "\t": "⇥", "\u00a0": "⍽", "\u3000": "␣"}


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One token."""

    index: int
    piece: str
    """As the vocabulary writes it: "##izer", "Ġmovie", "▁movie", "<0xF0>"."""
    shown: str
    """For reading: bytes are text again, with ␣ for a space; bytes of a part of a character are hex: "F0 9F"."""
    id: int
    start: int | None
    """First character in the text (Unicode code points, from 0); None for a token that stands for no character."""
    end: int | None
    kind: Kind
    special: bool
    word: int
    """Number of the word it belongs to, from 0; tokens that share one are pieces of one word. -1: of none."""
    whole: str = ""
    """The character of which this token holds only some bytes; the neighbours with the same one hold the rest."""
    part: int = 0
    """Which of those this is, from 1."""
    parts: int = 0


@cache
def _byte_alphabet() -> dict[str, int]:
    """How byte-level BPE writes each byte as one character. Source: bytes_to_unicode in GPT-2's encoder.py."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + place): byte for place, byte in enumerate(rest)}


def piece_bytes(piece: str, byte_level: bool) -> bytes | None:
    """The UTF-8 a piece stands for, where it is made of bytes; None where it is made of characters."""
    fallback = re.fullmatch(r"<0x([0-9A-F]{2})>", piece)
    if fallback:
        return bytes.fromhex(fallback[1])
    if not byte_level:
        return None
    alphabet = _byte_alphabet()
    if any(character not in alphabet for character in piece):
        return None
    return bytes(alphabet[character] for character in piece)


def readable(text: str) -> str:
    """Text in which what cannot be seen is written out: spaces as ␣, a combining mark on ◌, a joiner as U+200D."""
    out = []
    for place, character in enumerate(text):
        category = unicodedata.category(character)
        if character in _SHOWN_AS:
            out.append(_SHOWN_AS[character])
        elif category[0] == "M" and not re.search(r"[^#▁␣]", text[:place]) and character != "\ufe0f":
            out.append("◌" + character)
        elif category in ("Cc", "Cf", "Co", "Cn", "Zs", "Zl", "Zp") or character == "\ufe0f":
            out.append(f"U+{ord(character):04X}")
        else:
            out.append(character)
    return "".join(out)


def join_bytes(rows: Sequence[TokenRow], held: Sequence[bytes | None]) -> list[TokenRow]:
    """The rows with `shown` and, for a character split over several tokens, `whole`, `part` and `parts`.

    held: the bytes of each row, None for a row made of characters.
    """
    joined: list[TokenRow] = []
    run: list[tuple[TokenRow, bytes]] = []
    for row, data in zip(rows, held, strict=True):
        if data is not None:
            run.append((row, data))
            continue
        joined += _join_run(run)
        run = []
        joined.append(replace(row, shown=readable(row.piece)))
    return joined + _join_run(run)


def _join_run(run: Sequence[tuple[TokenRow, bytes]]) -> list[TokenRow]:
    stream = b"".join(data for _, data in run)
    owner = [place for place, (_, data) in enumerate(run) for _ in data]
    shown = [""] * len(run)
    split: dict[int, tuple[str, int, int]] = {}
    at = 0
    while at < len(stream):
        size, character = _character_at(stream, at)
        owners = list(dict.fromkeys(owner[at : at + size]))
        if character and len(owners) == 1:
            shown[owners[0]] += character
        else:
            for number, place in enumerate(owners, 1):
                own = bytes(b for b, o in zip(stream[at : at + size], owner[at : at + size], strict=True) if o == place)
                # Private-use marks keep the hex apart from text that is made readable below.
                shown[place] += f"\ue000{own.hex(' ').upper()}\ue001"
                split[place] = (character, number, len(owners))
        at += size
    return [
        replace(row, shown=_written_out(text), whole=whole, part=part, parts=parts)
        for (row, _), text, (whole, part, parts) in zip(
            run, shown, (split.get(place, ("", 0, 0)) for place in range(len(run))), strict=True
        )
    ]


def _character_at(stream: bytes, at: int) -> tuple[int, str]:
    """(bytes, character) at a place of UTF-8; (1, "") for a byte that begins none."""
    lead = stream[at]
    size = 1 if lead < 0x80 else 2 if lead >> 5 == 6 else 3 if lead >> 4 == 14 else 4 if lead >> 3 == 30 else 1
    try:
        return size, stream[at : at + size].decode()
    except UnicodeDecodeError:
        return 1, ""


def _written_out(text: str) -> str:
    parts = re.split("\ue000(.*?)\ue001", text)
    return " ".join(part if place % 2 else readable(part) for place, part in enumerate(parts) if part)


def with_words_and_kinds(rows: Sequence[TokenRow], unknown: Sequence[bool]) -> list[TokenRow]:
    """The rows with the number of their word and their kind. word comes in as the tokenizer counts, and goes out ours.

    Chinese and Japanese have no spaces, so a tokenizer calls a whole sentence one word: there each token is its own.
    """
    out: list[TokenRow] = []
    word, before = -1, None
    for row, lost in zip(rows, unknown, strict=False):
        if row.special:
            out.append(replace(row, kind="special", word=-1))
            before = None
            continue
        joined = (
            before is not None
            and before.word == row.word
            and not row.shown.startswith(("▁", "␣"))
            and not (_ideographic(before) or _ideographic(row))
        )
        same_character = before is not None and row.part > 1 and before.whole == row.whole
        word += not (joined or same_character)
        # A space that is a token of its own does not begin the word that follows it.
        first = not joined or out[-1].kind == "space"
        out.append(replace(row, word=word, kind=_kind(row, lost, first)))
        before = row
    return out


def _ideographic(row: TokenRow) -> bool:
    return any(
        "\u2e80" <= character <= "\u9fff" or "\uac00" <= character <= "\ud7ff" or "\U00020000" <= character
        for character in row.whole or row.shown
    )


def _kind(row: TokenRow, lost: bool, first: bool) -> Kind:
    if lost:
        return "unknown"
    if row.parts:
        return "bytes"
    body = _MARKS.sub("", row.shown)
    if not body or all(character in _SHOWN_AS.values() for character in body):
        return "space"
    categories = {unicodedata.category(character)[0] for character in body}
    if categories <= {"N"}:
        return "number"
    if categories <= {"P"} or (categories <= {"P", "S"} and body.isascii()):
        return "punctuation"
    if categories <= {"S", "P"} or all(ord(character) >= 0x1F000 for character in body):
        return "symbol"
    return "word" if first else "piece"
