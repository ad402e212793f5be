"""One tiny random model a family, with a tokenizer trained on a page of words: folders that Transformers 4 and 5 load.

    python -m benchmarks._pipelines_models FOLDER

Run in the older environment, as the models of the Hub were saved by older versions. Needs sentencepiece and protobuf.
Every weight is a function of its name and shape, so that two versions fill one configuration alike.
"""

from __future__ import annotations

import json
import sys
import zlib
from pathlib import Path
from typing import Any

from benchmarks._pipelines_tokenizers import byte_pairs, sentencepieces, wordpieces

SIZE = 32
LAYERS, HEADS = 2, 4


def fill(model: Any) -> Any:
    """Give the model its weights; large enough that answers differ, norms near one."""
    import torch

    with torch.no_grad():
        for name, weight in model.named_parameters():
            draw = torch.Generator().manual_seed(zlib.crc32(name.encode()))
            values = torch.randn(weight.shape, generator=draw)
            is_norm = weight.dim() == 1 and "norm" in name.lower() and name.endswith("weight")
            weight.copy_(1 + 0.1 * values if is_norm else 0.3 * values)
    model.tie_weights()
    return model.eval()


def _encoder_sizes(vocabulary: int) -> dict[str, Any]:
    return {
        "vocab_size": vocabulary,
        "hidden_size": SIZE,
        "embedding_size": SIZE,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "intermediate_size": 2 * SIZE,
        "max_position_embeddings": 512,
    }


def build_question_answering(family: str, folder: Path) -> None:
    """Save the family's model and tokenizer."""
    import transformers as t

    tokenizer: Any
    if family in ("bert", "distilbert", "electra"):
        cls = {"bert": t.BertTokenizerFast, "distilbert": t.DistilBertTokenizerFast, "electra": t.ElectraTokenizerFast}
        tokenizer = cls[family](vocab_file=wordpieces(folder), do_lower_case=True, model_max_length=512)
    elif family == "roberta":
        tokenizer = t.RobertaTokenizerFast(**byte_pairs(folder), model_max_length=510)
    elif family == "albert":
        pieces = sentencepieces(folder, pad_id=0, unk_id=1, bos_id=-1, eos_id=-1, control_symbols="[CLS],[SEP],[MASK]")
        tokenizer = t.AlbertTokenizerFast(vocab_file=pieces, model_max_length=512)
    elif family == "xlnet":
        marks = "<cls>,<sep>,<pad>,<mask>,<eod>,<eop>"
        tokenizer = t.XLNetTokenizerFast(vocab_file=sentencepieces(folder, control_symbols=marks))
    else:
        marks = {"pad_piece": "[PAD]", "bos_piece": "[CLS]", "eos_piece": "[SEP]", "unk_piece": "[UNK]"}
        ids = {"pad_id": 0, "bos_id": 1, "eos_id": 2, "unk_id": 3}
        tokenizer = t.DebertaV2TokenizerFast(
            vocab_file=sentencepieces(folder, name="spm", **marks, **ids), model_max_length=512
        )
    sizes = _encoder_sizes(len(tokenizer))
    config: Any
    if family == "distilbert":
        config = t.DistilBertConfig(vocab_size=len(tokenizer), dim=SIZE, n_layers=LAYERS, n_heads=HEADS, hidden_dim=64)
    elif family == "xlnet":
        config = t.XLNetConfig(vocab_size=len(tokenizer), d_model=SIZE, n_layer=LAYERS, n_head=HEADS, d_inner=64)
        config.start_n_top = config.end_n_top = 5
    elif family == "roberta":
        config = t.RobertaConfig(**sizes | {"max_position_embeddings": 514}, type_vocab_size=1)
    elif family == "deberta_v2":
        config = t.DebertaV2Config(
            **sizes, relative_attention=True, position_buckets=32, pos_att_type=["p2c", "c2p"], share_att_key=True,
            norm_rel_ebd="layer_norm", position_biased_input=False, type_vocab_size=0,
        )  # fmt: skip
    else:
        config = {"bert": t.BertConfig, "electra": t.ElectraConfig, "albert": t.AlbertConfig}[family](**sizes)
    model = t.XLNetForQuestionAnsweringSimple(config) if family == "xlnet" else None
    fill(model or t.AutoModelForQuestionAnswering.from_config(config)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


T5_TASKS = {
    "summarization": {
        "prefix": "summarize: ",
        "max_length": 30,
        "min_length": 3,
        "num_beams": 3,
        "length_penalty": 2.0,
    },
    "translation_en_to_de": {"prefix": "translate English to German: ", "max_length": 24, "num_beams": 2},
    "translation_en_to_fr": {"prefix": "translate English to French: ", "early_stopping": True},
}
"""As in T5's own configuration, shorter."""


def build_seq2seq(family: str, folder: Path) -> None:
    """Save the family's model and tokenizer."""
    import transformers as t

    tokenizer: Any
    options: dict[str, Any] = {}
    if family in ("t5", "mt5"):
        pieces = sentencepieces(folder, pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
        tokenizer = t.T5TokenizerFast(vocab_file=pieces, extra_ids=10, model_max_length=64)
        kind = t.T5Config if family == "t5" else t.MT5Config
        config: Any = kind(
            vocab_size=len(tokenizer), d_model=SIZE, d_kv=8, d_ff=64, num_layers=LAYERS, num_heads=HEADS,
            decoder_start_token_id=0, **{"task_specific_params": T5_TASKS} if family == "t5" else {},
        )  # fmt: skip
        model: Any = (t.T5ForConditionalGeneration if family == "t5" else t.MT5ForConditionalGeneration)(config)
    elif family == "encoder_decoder":
        tokenizer = t.BertTokenizerFast(vocab_file=wordpieces(folder), do_lower_case=True, model_max_length=512)
        sizes = _encoder_sizes(len(tokenizer))
        config = t.EncoderDecoderConfig.from_encoder_decoder_configs(t.BertConfig(**sizes), t.BertConfig(**sizes))
        config.decoder_start_token_id, config.pad_token_id, config.eos_token_id = 2, 0, 3
        model = t.EncoderDecoderModel(config)
        options = {"decoder_start_token_id": 2, "pad_token_id": 0, "eos_token_id": 3, "bos_token_id": 2}
    else:
        tokenizer = _seq2seq_tokenizer(family, folder)
        config, options = _seq2seq_config(family, tokenizer)
        model = t.AutoModelForSeq2SeqLM.from_config(config)
    fill(model)
    model.generation_config.update(**options)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _seq2seq_tokenizer(family: str, folder: Path) -> Any:
    import transformers as t

    if family == "bart":
        return t.BartTokenizerFast(**byte_pairs(folder), model_max_length=128)
    if family == "mbart":
        pieces = sentencepieces(folder, name="sentencepiece.bpe")
        return t.MBartTokenizerFast(vocab_file=pieces, src_lang="en_XX", tgt_lang="de_DE", model_max_length=128)
    if family == "pegasus":
        pieces = sentencepieces(folder, pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
        return t.PegasusTokenizerFast(vocab_file=pieces, model_max_length=128)
    import sentencepiece

    source = sentencepieces(folder, name="source", bos_id=-1)
    target = sentencepieces(folder, name="target", bos_id=-1)
    read = sentencepiece.SentencePieceProcessor(model_file=source)
    pieces = dict.fromkeys(["</s>", "<unk>", *(read.id_to_piece(i) for i in range(read.vocab_size())), "<pad>"])
    vocabulary = folder / "vocab.json"
    vocabulary.write_text(json.dumps({piece: index for index, piece in enumerate(pieces)}, ensure_ascii=False))
    for side in (source, target):
        Path(side).rename(Path(side).with_suffix(".spm"))
    return t.MarianTokenizer(
        source_spm=str(Path(source).with_suffix(".spm")),
        target_spm=str(Path(target).with_suffix(".spm")),
        vocab=str(vocabulary),
        source_lang="en",
        target_lang="de",
        model_max_length=128,
    )


def _seq2seq_config(family: str, tokenizer: Any) -> tuple[Any, dict[str, Any]]:
    import transformers as t

    sizes = {
        "vocab_size": len(tokenizer),
        "d_model": SIZE,
        "encoder_layers": LAYERS,
        "decoder_layers": LAYERS,
        "encoder_attention_heads": HEADS,
        "decoder_attention_heads": HEADS,
        "encoder_ffn_dim": 2 * SIZE,
        "decoder_ffn_dim": 2 * SIZE,
        "max_position_embeddings": 128,
        "pad_token_id": tokenizer.pad_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    if family == "bart":  # like bart-large-cnn: lengths and beams of its own
        config: Any = t.BartConfig(**sizes, bos_token_id=0, decoder_start_token_id=2, forced_eos_token_id=2)
        return config, {
            "max_length": 40,
            "min_length": 8,
            "num_beams": 2,
            "no_repeat_ngram_size": 3,
            "length_penalty": 2.0,
        }
    if family == "mbart":
        return t.MBartConfig(**sizes, bos_token_id=0, forced_eos_token_id=2), {"max_length": 30, "num_beams": 5}
    if family == "pegasus":
        config = t.PegasusConfig(**sizes, decoder_start_token_id=0, forced_eos_token_id=1)
        return config, {"num_beams": 8, "length_penalty": 0.8}
    pad = tokenizer.pad_token_id
    config = t.MarianConfig(
        **sizes, decoder_start_token_id=pad, bad_words_ids=[[pad]], decoder_vocab_size=len(tokenizer)
    )
    return config, {"max_length": 50, "num_beams": 6, "bad_words_ids": [[pad]], "forced_eos_token_id": 0}


QUESTION_ANSWERING = ("bert", "distilbert", "roberta", "albert", "electra", "xlnet", "deberta_v2")
SEQ2SEQ = ("t5", "mt5", "bart", "mbart", "marian", "pegasus", "encoder_decoder")


def main(root: Path) -> None:
    """Build every family that lacks beneath `root`, as question-answering/FAMILY and seq2seq/FAMILY."""
    for group, families in (("question-answering", QUESTION_ANSWERING), ("seq2seq", SEQ2SEQ)):
        build = build_question_answering if group == "question-answering" else build_seq2seq
        for family in families:
            if not (root / group / family / "config.json").exists():
                print("building", group, family, flush=True)
                build(family, root / group / family)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
