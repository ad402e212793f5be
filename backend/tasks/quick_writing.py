"""Writing with CTranslate2: the model's weights as 8-bit whole numbers, several times as many tokens a second on a CPU.

Temperature, top-k and top-p narrow the choice as in Transformers, in the same order. What differs: the repetition
penalty looks at what was written and not at the prompt, numbers are rounded, and a seed draws other tokens.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.errors import UserError
from backend.exports.snippet import literal
from backend.tasks.context import ends_of, tokenizer_of
from backend.workspace import disk_error, keep_newest, stamp, write_json

if TYPE_CHECKING:
    import ctranslate2
    from transformers import Pipeline

    from backend.tasks.text_generation import GenerationParams

# Kinds of models that CTranslate2 converts and that write alone.
KINDS = frozenset(
    "bloom codegen falcon gemma gemma2 gemma3_text gpt2 gpt_bigcode gpt_neox gptj llama mistral mpt opt phi phi3 qwen2 "
    "qwen3".split()
)
KEPT = 4
"""Converted models that stay on disk."""
_TRIES, _TRIED_TOKENS = 3, 12
log = logging.getLogger(__name__)
_converting = threading.Lock()


def converted(pipe: Pipeline) -> Path:
    """The folder with the pipeline's model as CTranslate2 reads it, int8; made once, which takes seconds to minutes.

    Raises UserError tasks.quick_unsupported, tasks.quick_not_cpu, and the workspace's for a failed write.
    """
    kind = str(pipe.model.config.model_type)
    source = Path(str(pipe.model.name_or_path))
    if pipe.model.device.type != "cpu":
        raise UserError("tasks.quick_not_cpu")
    if kind not in KINDS or not source.is_dir():
        raise UserError("tasks.quick_unsupported", kind=kind)
    folder = _cache() / _digest(source)
    with _converting:
        if not (folder / "model.bin").is_file():
            _convert(source, folder, kind)
    # Of a cache that is there to be read only nothing is tidied away.
    with suppress(OSError):
        os.utime(folder)
    return folder


def write(pipe: Pipeline, ids: list[int], params: GenerationParams) -> Iterator[int]:
    """The tokens that follow the prompt's, one by one; the end token is not among them. Closing it ends the writing."""
    import ctranslate2

    folder = converted(pipe)
    pieces = tokenizer_of(pipe).convert_ids_to_tokens(ids)
    # A generator of its own for each answer: the random numbers of one that has drawn before do not begin anew.
    writer = _writer(folder, threads(folder, pieces[0]))
    ctranslate2.set_random_seed(params.seed)
    steps = writer.generate_tokens(pieces, **_options(params, ends_of(pipe)))
    try:
        for step in steps:
            yield int(step.token_id)
    finally:
        steps.close()


def threads(folder: Path, piece: str) -> int:
    """With how many threads a converted model writes quickest here: tried once, and written beside it.

    All weights are read for each token, and the threads of a small model wait for one another longer than they compute.
    piece: a token to begin with.
    """
    import torch

    most, kept = torch.get_num_threads(), folder / "threads.json"
    if most == 1:
        return 1
    with suppress(OSError, ValueError, KeyError):
        known = json.loads(kept.read_text(encoding="utf-8"))
        if known["most"] == most:
            return int(known["best"])
    best = min((1, most), key=lambda count: _seconds(folder, count, piece))
    with suppress(OSError, UserError):
        write_json(kept, {"most": most, "best": best})
    return best


def _seconds(folder: Path, count: int, piece: str) -> float:
    """How long some tokens take with so many threads."""
    writer, took = _writer(folder, count), []
    for _ in range(_TRIES):
        began = time.perf_counter()
        writer.generate_batch([[piece]], max_length=_TRIED_TOKENS, min_length=_TRIED_TOKENS, sampling_topk=1)
        took.append(time.perf_counter() - began)
    return min(took)


def _writer(folder: Path, count: int) -> ctranslate2.Generator:
    import ctranslate2

    return ctranslate2.Generator(str(folder), device="cpu", compute_type="int8", intra_threads=count)


def snippet(source: str, prompt: str, params: GenerationParams, ends: str) -> str:
    """Plain Python that writes the same. prompt: code that makes `ids`; ends: code for what ends an answer."""
    options = "".join(f",\n    {name}={value}" for name, value in _options(params, []).items() if name != "end_token")
    seed = f"ctranslate2.set_random_seed({params.seed})\n" if params.do_sample else ""
    return f"""import os

import ctranslate2
from ctranslate2.converters import TransformersConverter
from transformers import AutoTokenizer, GenerationConfig

name = {literal(source)}
if not os.path.exists("quick-model"):
    TransformersConverter(name).convert("quick-model", quantization="int8")
tokenizer = AutoTokenizer.from_pretrained(name)
{prompt}
end = {ends}
writer = ctranslate2.Generator("quick-model", device="cpu", compute_type="int8")
{seed}steps = writer.generate_tokens(
    tokenizer.convert_ids_to_tokens(ids),
    end_token=end if isinstance(end, list) else [end]{options},
)
print(tokenizer.decode([step.token_id for step in steps], skip_special_tokens=True))
"""


def _options(params: GenerationParams, ends: list[int]) -> dict[str, Any]:
    options: dict[str, Any] = {
        "max_length": params.max_new_tokens,
        "min_length": params.min_new_tokens,
        "repetition_penalty": params.repetition_penalty,
        "sampling_topk": params.top_k if params.do_sample else 1,
        "end_token": ends,
    }
    if params.do_sample:
        options |= {"sampling_topp": float(params.top_p), "sampling_temperature": float(params.temperature)}
    return options


def _convert(source: Path, folder: Path, kind: str) -> None:
    from ctranslate2.converters import TransformersConverter

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".half-"))
    except OSError as error:
        raise disk_error(error, folder) from error
    try:
        TransformersConverter(str(source)).convert(str(made), quantization="int8", force=True)
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
    except MemoryError:
        raise
    except OSError as error:
        # The library's own of this kind, for a model that lacks a file, say no number of the system.
        if error.errno is None:
            raise UserError("tasks.quick_unsupported", kind=kind) from error
        raise disk_error(error, folder) from error
    except Exception as error:
        # What a model of a known kind may have that the converter does not know: it says so in many ways.
        log.warning("not converted: %s", source, exc_info=error)
        raise UserError("tasks.quick_unsupported", kind=kind) from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
    keep_newest(folder.parent, KEPT)


def _cache() -> Path:
    from backend.starter import starter_dir

    return starter_dir().parent / "quick"


def _digest(source: Path) -> str:
    files = [[path.name, *stamp(path)] for path in sorted(source.glob("*.safetensors"))]
    return hashlib.sha256(json.dumps([str(source.resolve()), files]).encode()).hexdigest()[:32]
