"""Small vocabularies, trained on a page of words, for the tokenizers of the tiny models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

WORDS = (
    "the a of and in to is was by for with on at from as it they she he what who when where why how did not very river "
    "city bridge built old new year stone water people king queen market train north south long deep green blue Ada "
    "Bruno Vienna Prague engine wrote book music first second third hundred translate summarize English German"
).split()
CHARACTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,?!:;'-()"


def text_to_learn() -> list[str]:
    """Sentences of WORDS in a fixed order, and every character."""
    lines, state = [], 7
    for _ in range(400):
        picked = []
        for _ in range(9):
            state = (state * 1103515245 + 12345) % 2**31
            picked.append(WORDS[(state >> 8) % len(WORDS)])
        lines.append(" ".join(picked) + ".")
    return lines + [" ".join(CHARACTERS), CHARACTERS]


def sentencepieces(folder: Path, **options: Any) -> str:
    """Train a unigram model of 220 pieces; the path of its file."""
    import sentencepiece

    options = {"vocab_size": 220, "character_coverage": 1.0, "num_threads": 1, "minloglevel": 2, **options}
    folder.mkdir(parents=True, exist_ok=True)
    prefix = folder / options.pop("name", "spiece")
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text_to_learn()), model_prefix=str(prefix), hard_vocab_limit=False, **options
    )
    Path(f"{prefix}.vocab").unlink()
    return f"{prefix}.model"


def wordpieces(folder: Path) -> str:
    """A WordPiece vocabulary of WORDS in lower case and CHARACTERS; the path of its file."""
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = [word.lower() for word in WORDS if len(word) != 5]
    pieces = dict.fromkeys([*specials, *words, *CHARACTERS.lower(), *(f"##{letter}" for letter in letters), "##ing"])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n")
    return str(folder / "vocab.txt")


def byte_pairs(folder: Path) -> dict[str, str]:
    """A byte-level BPE as RoBERTa and BART have it; vocab_file and merges_file."""
    from tokenizers import ByteLevelBPETokenizer

    bpe = ByteLevelBPETokenizer()
    specials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    bpe.train_from_iterator(text_to_learn(), vocab_size=400, special_tokens=specials, show_progress=False)
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary, merges = bpe.save_model(str(folder))
    return {"vocab_file": vocabulary, "merges_file": merges}
