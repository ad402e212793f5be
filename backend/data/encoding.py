"""Which encoding a text file is in, and text that was encoded twice.

Covers: byte order marks, UTF-16 without one, UTF-8, GB18030, Big5, Shift-JIS, EUC-KR, Windows-1252, Windows-1251.
Does not cover: other code pages; they are read as the one of these that fits best.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from backend.errors import UserError

SAMPLE_BYTES = 1 << 20
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SHOWN = {
    "utf-8": "UTF-8",
    "utf-8-sig": "UTF-8 (BOM)",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16 LE",
    "utf-16-be": "UTF-16 BE",
    "utf-32": "UTF-32",
    "gb18030": "GB18030",
    "big5": "Big5",
    "shift_jis": "Shift-JIS",
    "euc_kr": "EUC-KR",
    "cp1252": "Windows-1252",
    "cp1251": "Windows-1251",
}


def shown(codec: str) -> str:
    """The name a person knows an encoding by."""
    return _SHOWN.get(codec, codec.upper())


def detect(path: Path) -> tuple[str, bool]:
    """(codec, clean): the Python codec of a text file, and whether every byte fits it.

    clean is False only for UTF-8 with a few broken bytes: read it with errors="replace".
    Raises UserError data.not_text for a file that is no text in any encoding known here.
    """
    with path.open("rb") as file:
        head = file.read(SAMPLE_BYTES)
    for mark, codec in _MARKS:
        if head.startswith(mark):
            return codec, True
    if b"\0" in head:
        return _wide(path, head), True
    if _is_utf8(path):
        return "utf-8", True
    return _best_guess(path, head)


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _wide(path: Path, head: bytes) -> str:
    """UTF-16 without a byte order mark: line ends and ASCII have their zero byte on one side only."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    # A file of numbers in a binary format has zeros on both sides.
    if max(even, odd) > 4 * min(even, odd):
        codec = "utf-16-le" if odd > even else "utf-16-be"
        try:
            text = head[: len(head) // 2 * 2].decode(codec, errors="replace")
        except UnicodeDecodeError:
            text = "\ufffd"
        if _printable_share(text) > 0.98:
            return codec
    raise UserError("data.not_text", file=path.name)


def _printable_share(text: str) -> float:
    good = sum(character.isprintable() or character in "\r\n\t" for character in text)
    return good / max(1, len(text))


@cache
def _usual(codec: str) -> frozenset[str]:
    """The characters that make up nearly all of a text in this encoding: first-level characters, punctuation,
    letters."""
    spans = {
        "gb18030": ((0xA1, 0xA3, 0xA1, 0xFE), (0xB0, 0xD7, 0xA1, 0xFE)),
        "big5": ((0xA1, 0xA3, 0x40, 0xFE), (0xA4, 0xC6, 0x40, 0xFE)),
        "shift_jis": ((0x81, 0x83, 0x40, 0xFC), (0x88, 0x97, 0x40, 0xFC)),
        # Hangul. Chinese read as Korean needs lead bytes beyond C8 half the time.
        "euc_kr": ((0xB0, 0xC8, 0xA1, 0xFE), (0xA1, 0xA3, 0xA1, 0xFE)),
    }[codec]
    found: set[str] = set()
    for first, last, low, high in spans:
        for lead in range(first, last + 1):
            for trail in range(low, high + 1):
                found.update(bytes((lead, trail)).decode(codec, errors="ignore"))
    return frozenset(character for character in found if ord(character) > 127)


def _wide_share(text: str, codec: str) -> float:
    usual = _usual(codec)
    foreign = [character for character in text if ord(character) > 127]
    share = sum(character in usual for character in foreign) / max(1, len(foreign))
    if codec == "euc_kr":
        # Any Korean is also some Chinese; but of eight Chinese characters half would lie beyond the Hangul.
        share += 0.01 if share == 1 and len(foreign) >= 8 else -0.01
    return share


def _letter_share(text: str, alphabet: str) -> float:
    """How much of what is not ASCII stands in a word, as accents do (next to a letter), or in a Cyrillic word."""
    good = total = 0
    for index, character in enumerate(text):
        if ord(character) < 128:
            continue
        total += 1
        near = text[max(0, index - 1) : index] + text[index + 1 : index + 2]
        if character.isalpha():
            if alphabet == "latin":
                good += any(other.isascii() and other.isalpha() for other in near)
            else:
                good += "\u0400" <= character <= "\u04ff" and not any(o.isascii() and o.isalpha() for o in near)
        else:
            good += character in "“”‘’–—…€£°§«»©®· №"
    return good / max(1, total)


def _best_guess(path: Path, head: bytes) -> tuple[str, bool]:
    """The encoding in which the file decodes without an error and reads most like a text."""
    # A cut in the middle of a character is no error.
    head = head[: head.rfind(b"\n") + 1] or head
    broken = head.decode("utf-8", errors="replace")
    wide = sum(ord(character) > 127 for character in broken)
    scores = [(1 - broken.count("\ufffd") / max(1, wide), "utf-8")]
    for codec in ("gb18030", "big5", "shift_jis", "euc_kr", "cp1252", "cp1251"):
        try:
            text = head.decode(codec)
        except UnicodeDecodeError:
            continue
        if codec in ("cp1252", "cp1251"):
            scores.append((_letter_share(text, "latin" if codec == "cp1252" else "cyrillic"), codec))
        else:
            scores.append((_wide_share(text, codec), codec))
    # Among equals the first stands: GB18030 before Big5 before the Western ones.
    score, codec = max(scores, key=lambda pair: pair[0])
    if score < 0.5 or _printable_share(head.decode(codec, errors="replace").replace("\ufffd", "x")) < 0.95:
        raise UserError("data.not_text", file=path.name)
    return codec, codec != "utf-8" and _decodes(path, codec)


def _decodes(path: Path, codec: str) -> bool:
    try:
        with path.open(encoding=codec, newline="") as file:
            while file.read(1 << 20):
                pass
    except UnicodeDecodeError:
        return False
    return True


@cache
def _western_bytes() -> dict[str, int]:
    """Character to byte, for Windows-1252 and for Latin-1, which differ in the bytes 80 to 9f only."""
    table = {chr(byte): byte for byte in range(256)}
    for byte in range(0x80, 0xA0):
        table[bytes((byte,)).decode("cp1252", errors="ignore")] = byte
    table.pop("", None)
    return table


def mend(text: str, wrong: str) -> str:
    """text with one wrong reading undone ("cp1252": Ã© is é again); the same text when it was not read wrongly."""
    if text.isascii():
        return text
    try:
        if wrong == "cp1252":
            table = _western_bytes()
            return bytes([table[character] for character in text]).decode("utf-8")
        return text.encode(wrong).decode("utf-8")
    except (KeyError, UnicodeError):
        return text


def twice_encoded(values: Iterable[str]) -> str:
    """The encoding that UTF-8 was once wrongly read as ("cp1252" or "gb18030"), or "" when the texts are sound.

    Text that only looks odd hardly ever turns into valid UTF-8, so half of the non-ASCII values suffice as evidence.
    """
    foreign = [value for value in values if not value.isascii()]
    for wrong in ("cp1252", "gb18030"):
        mended = [mend(value, wrong) for value in foreign]
        changed = sum(
            new != old and (wrong == "cp1252" or any("\u4e00" <= character <= "\u9fff" for character in new))
            for new, old in zip(mended, foreign, strict=True)
        )
        if foreign and changed >= len(foreign) / 2:
            return wrong
    return ""
