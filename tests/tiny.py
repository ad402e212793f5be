"""Tiny models with random weights, made on disk, so that tests run the real libraries and fetch nothing."""

from __future__ import annotations

import json
import shutil
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
    with seeded(seed):
        BertModel(_bert_config(folder)).save_pretrained(folder)
    return folder


def save_classifier(folder: Path, labels: Sequence[str] = ("negative", "positive"), seed: int = 0) -> Path:
    """The same with a single-label classification head on it."""
    from transformers import BertForSequenceClassification

    save_wordpiece_tokenizer(folder)
    config = _bert_config(folder)
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: index for index, label in enumerate(labels)}
    with seeded(seed):
        BertForSequenceClassification(config).save_pretrained(folder)
    return folder


def without_limit(model: Path, folder: Path) -> Path:
    """A copy of a model whose tokenizer does not say how much is read; its position embeddings do."""
    shutil.copytree(model, folder)
    file = folder / "tokenizer_config.json"
    config = json.loads(file.read_text(encoding="utf-8"))
    del config["model_max_length"]
    file.write_text(json.dumps(config), encoding="utf-8")
    return folder


def save_masked_model(folder: Path, seed: int = 0) -> Path:
    """The same with a head that fills masks."""
    from transformers import BertForMaskedLM

    save_wordpiece_tokenizer(folder)
    with seeded(seed):
        BertForMaskedLM(_bert_config(folder)).save_pretrained(folder)
    return folder


def save_token_classifier(
    folder: Path, labels: Sequence[str] = ("B-PER", "I-PER", "B-LOC", "I-LOC"), seed: int = 0
) -> Path:
    """The same with a head that gives one label a token. None is O: what is random must not come out empty."""
    from transformers import BertForTokenClassification

    save_wordpiece_tokenizer(folder)
    config = _bert_config(folder)
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: index for index, label in enumerate(labels)}
    with seeded(seed):
        BertForTokenClassification(config).save_pretrained(folder)
    return folder


def save_question_answerer(folder: Path, seed: int = 0) -> Path:
    """The same with a head that finds answers in a text."""
    from transformers import BertForQuestionAnswering

    save_wordpiece_tokenizer(folder)
    with seeded(seed):
        BertForQuestionAnswering(_bert_config(folder)).save_pretrained(folder)
    return folder


T5_TASKS = {
    "summarization": {
        "prefix": "story ",
        "min_length": 4,
        "num_beams": 3,
        "length_penalty": 2.0,
        "early_stopping": True,
    },
    "translation_en_to_de": {"prefix": "book ", "num_beams": 2, "max_length": 30},
}
"""What the T5 below says of its tasks, as T5's own configuration does."""


def save_writer(folder: Path, seed: int = 0) -> Path:
    """A T5 of width 16 with prefixes of its own, over the tokenizer of the BERTs. It writes noise."""
    from transformers import AutoTokenizer, T5Config, T5ForConditionalGeneration

    save_wordpiece_tokenizer(folder)
    config = T5Config(
        vocab_size=len(AutoTokenizer.from_pretrained(folder)),
        d_model=16,
        d_kv=8,
        d_ff=32,
        num_layers=1,
        num_heads=2,
        decoder_start_token_id=0,
        pad_token_id=0,
        eos_token_id=3,
        task_specific_params=T5_TASKS,
    )
    with seeded(seed):
        _spread(T5ForConditionalGeneration(config)).save_pretrained(folder)
    return folder


def save_translator(folder: Path, seed: int = 0) -> Path:
    """An mBART of width 16 whose tokenizer knows WORDS, CHARACTERS, CHINESE and the languages of mBART."""
    from transformers import MBartConfig, MBartForConditionalGeneration, MBartTokenizer
    from transformers.models.mbart.tokenization_mbart import FAIRSEQ_LANGUAGE_CODES

    pieces = [*(f"▁{word}" for word in WORDS), "▁", *CHARACTERS, *CHINESE]
    specials = ["<s>", "<pad>", "</s>", "<unk>"]
    scores = [*((piece, 0.0) for piece in specials), *((piece, -2.0) for piece in dict.fromkeys(pieces))]
    scores += [(piece, 0.0) for piece in (*FAIRSEQ_LANGUAGE_CODES, "<mask>")]
    tokenizer = MBartTokenizer(vocab=scores, model_max_length=64)
    tokenizer.save_pretrained(folder)
    config = MBartConfig(
        vocab_size=len(tokenizer),
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        max_position_embeddings=64,
    )
    with seeded(seed):
        _spread(MBartForConditionalGeneration(config)).save_pretrained(folder)
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
    with seeded(seed):
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


def _spread(model):  # type: ignore[no-untyped-def]
    """Wide weights: with the usual ones every text comes out alike."""
    import torch

    with torch.no_grad():
        for weights in model.parameters():
            if weights.dim() > 1:
                weights.normal_(0.0, 0.5)
    return model


def seeded(seed: int):  # type: ignore[no-untyped-def]
    """Random weights that are the same each time, without touching the global generator."""
    from contextlib import contextmanager

    import torch

    @contextmanager
    def seeded():  # type: ignore[no-untyped-def]
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            yield

    return seeded()
