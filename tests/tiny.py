"""Tiny models with random weights, made on disk, so that tests run the real libraries and fetch nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

WORDS = (
    "the a it was is this not very film movie story good great fine love bad poor dull hate awful and but book food "
    "news sport team game market price music play one two three yes no we they"
).split()
CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789.,!?-'"
CHINESE = "这部电影很好看不差真的我们喜欢讨厌新闻体育市场今天天气"
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def save_encoder(folder: Path, seed: int = 0) -> Path:
    """A BERT of width 16 and one layer without a head, and its WordPiece tokenizer."""
    from transformers import BertModel

    save_wordpiece_tokenizer(folder)
    with _seeded(seed):
        BertModel(_bert_config(folder)).save_pretrained(folder)
    return folder


def save_classifier(folder: Path, labels: Sequence[str] = ("negative", "positive"), seed: int = 0) -> Path:
    """The same with a single-label classification head on it."""
    from transformers import BertForSequenceClassification

    save_wordpiece_tokenizer(folder)
    config = _bert_config(folder)
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: index for index, label in enumerate(labels)}
    with _seeded(seed):
        BertForSequenceClassification(config).save_pretrained(folder)
    return folder


def save_generator(folder: Path, seed: int = 0) -> Path:
    """A Llama of width 16 and one layer, with a byte-level BPE tokenizer and a ChatML template. It writes noise."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=specials,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([" ".join(WORDS), CHINESE], trainer)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<|im_start|>",
        eos_token="<|im_end|>",
        pad_token="<|im_end|>",
        unk_token="<|endoftext|>",
        chat_template=CHAT_TEMPLATE,
        model_max_length=256,
    ).save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=256,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=2,
        tie_word_embeddings=True,
    )
    with _seeded(seed):
        LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def save_wordpiece_tokenizer(folder: Path) -> None:
    """A lower-casing BERT tokenizer that knows WORDS, CHARACTERS and CHINESE; anything else is [UNK]."""
    from transformers import BertTokenizer

    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = dict.fromkeys([*specials, *WORDS, *CHARACTERS, *(f"##{c}" for c in CHARACTERS), *CHINESE])
    vocabulary = {piece: index for index, piece in enumerate(pieces)}
    BertTokenizer(vocab=vocabulary, do_lower_case=True, model_max_length=128).save_pretrained(folder)


def _bert_config(folder: Path):  # type: ignore[no-untyped-def]
    from transformers import AutoTokenizer, BertConfig

    return BertConfig(
        vocab_size=len(AutoTokenizer.from_pretrained(folder)),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=128,
        # Wide enough for answers that tell texts apart; with the usual 0.02 all come out even.
        initializer_range=0.5,
    )


def _seeded(seed: int):  # type: ignore[no-untyped-def]
    """Random weights that are the same each time, without touching the global generator."""
    from contextlib import contextmanager

    import torch

    @contextmanager
    def seeded():  # type: ignore[no-untyped-def]
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            yield

    return seeded()
