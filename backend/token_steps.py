"""How a fast tokenizer got there: normalizer, pre-tokenizer, model, post-processor, on the beginning of a text."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from backend.token_pieces import piece_bytes, readable

SAMPLE_CHARACTERS = 160
"""How much of the text the steps are shown on."""

_TRAITS = {
    "Lowercase": "lowercase",
    "StripAccents": "strip_accents",
    "NFC": "nfc",
    "NFD": "nfd",
    "NFKC": "nfkc",
    "NFKD": "nfkd",
    "Precompiled": "precompiled",
    "Replace": "replace",
    "Prepend": "prepend",
    "Strip": "strip",
    "BertPreTokenizer": "space_punctuation",
    "Whitespace": "space_punctuation",
    "WhitespaceSplit": "space",
    "Punctuation": "punctuation",
    "Metaspace": "metaspace",
    "ByteLevel": "bytes",
    "Digits": "digits",
    "Split": "pattern",
    "WordPiece": "wordpiece",
    "Unigram": "unigram",
    "BPE": "bpe",
    "WordLevel": "wordlevel",
}
_BERT_SWITCHES = {"clean_text": "clean", "handle_chinese_chars": "split_chinese", "lowercase": "lowercase"}


@dataclass(frozen=True, slots=True)
class Step:
    """One stage. traits: keys of the texts `tokenizer.trait.*`, or a type's own name where there is no such text."""

    name: Literal["normalizer", "pre_tokenizer", "model", "post_processor"]
    traits: tuple[str, ...]
    pieces: tuple[str, ...]
    """What the stage gives for the sample: one text, pieces of it, tokens, or the special tokens it adds."""


def components(component: Any) -> list[dict[str, Any]]:
    """A normalizer, pre-tokenizer, decoder or post-processor as its JSON, sequences flattened. Empty for None."""

    def flat(part: dict[str, Any]) -> Iterator[dict[str, Any]]:
        inner = next((part[n] for n in ("normalizers", "pretokenizers", "decoders", "processors") if n in part), None)
        if inner is None:
            yield part
        else:
            for one in inner:
                yield from flat(one)

    return [] if component is None else list(flat(json.loads(component.__getstate__())))


def is_byte_level(backend: Any) -> bool:
    """Whether a `tokenizers.Tokenizer` works on bytes, each written as one printable character."""
    every = (*components(backend.normalizer), *components(backend.pre_tokenizer), *components(backend.decoder))
    return any(part["type"] == "ByteLevel" for part in every)


def steps(backend: Any, text: str, tokens: Sequence[str], added: Sequence[str]) -> tuple[Step, ...]:
    """The stages of a `tokenizers.Tokenizer`. tokens: what the model gives, readable; added: its specials."""
    byte_level = is_byte_level(backend)
    normalized = backend.normalizer.normalize_str(text) if backend.normalizer else text
    words = backend.pre_tokenizer.pre_tokenize_str(normalized) if backend.pre_tokenizer else [(normalized, (0, 0))]
    return (
        Step("normalizer", _traits(components(backend.normalizer)), (readable_line(normalized, byte_level=False),)),
        Step(
            "pre_tokenizer",
            _traits(components(backend.pre_tokenizer)),
            tuple(readable_line(word, byte_level) for word, _ in words),
        ),
        Step("model", (_TRAITS.get(type(backend.model).__name__, type(backend.model).__name__),), tuple(tokens)),
        Step("post_processor", ("adds",) if added else ("nothing",), tuple(added)),
    )


def readable_line(text: str, byte_level: bool) -> str:
    """A piece of text for one line: byte-level writing undone, line ends visible, spaces left as they are inside it."""
    data = piece_bytes(text, byte_level)
    if data is not None:
        text = data.decode("utf-8", errors="backslashreplace")
        return readable(text)
    return text.replace("\n", "↵").replace("\t", "⇥")


def _traits(parts: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    names: list[str] = []
    for part in parts:
        if part["type"] == "BertNormalizer":
            names += [trait for switch, trait in _BERT_SWITCHES.items() if part[switch]]
            # Not said means: as lower-casing is.
            if part["strip_accents"] or (part["strip_accents"] is None and part["lowercase"]):
                names.append("strip_accents")
        else:
            names.append(_TRAITS.get(part["type"], part["type"]))
    return tuple(dict.fromkeys(names)) or ("nothing",)
