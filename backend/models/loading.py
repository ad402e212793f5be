"""Bring a model or a tokenizer from its folder into memory, and say what is wrong when that fails."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.errors import UserError
from backend.models.facts import ModelFacts, Progress, read_config, refuse_pointer, tensor_bytes, weight_files
from backend.models.memory import available_bytes
from backend.warm import libraries

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

DTYPES = ("float32", "bfloat16", "float16")
_WIDTH = {"float32": 4, "bfloat16": 2, "float16": 2}
_NARROW_TYPES = ("float16", "bfloat16", "torch.float16", "torch.bfloat16")
# What a loaded model takes beyond its weights while it is read and run for the first time.
_HEADROOM = 1.1
# While it works, from_pretrained changes the default dtype and PreTrainedModel.tie_weights for the whole process, and
# puts back what it found: two at once may leave every later model with its weights untied. Who loads here holds this.
loading = threading.Lock()
_listener = threading.local()


def needed_bytes(facts: ModelFacts, dtype: str = "float32") -> int:
    """Bytes the model takes once loaded: it is computed in numbers of this kind, however it is stored."""
    if facts.parameters:
        return facts.parameters * _WIDTH[dtype]
    if facts.path is None:
        return facts.bytes
    config = read_config(facts.path, facts.title)
    stored = 2 if str(config.get("dtype", config.get("torch_dtype"))) in _NARROW_TYPES else 4
    return facts.bytes * _WIDTH[dtype] // stored


def refuse_too_large(facts: ModelFacts, bound: int, device: str, dtype: str = "float32") -> None:
    """Raise UserError models.too_large or over_bound, before anything is read. bound: bytes the settings allow."""
    needed = int(needed_bytes(facts, dtype) * _HEADROOM)
    if needed > bound:
        raise UserError("models.over_bound", model=facts.title, need=needed >> 20, bound=bound >> 20)
    free = available_bytes(device)
    if needed > free:
        raise UserError("models.too_large", model=facts.title, need=needed >> 20, free=free >> 20)


def refuse_remote_code(facts: ModelFacts) -> None:
    """Raise UserError models.remote_code for a model of a kind that transformers has not, with code of its own."""
    assert facts.path is not None
    config = read_config(facts.path, facts.title)
    if not config.get("auto_map"):
        return
    libraries()
    from transformers.models.auto.auto_mappings import CONFIG_MAPPING_NAMES

    if facts.model_type not in CONFIG_MAPPING_NAMES:
        raise UserError("models.remote_code", model=facts.title, kind=facts.model_type or facts.architecture or "-")


def load_model(
    facts: ModelFacts, auto_class: str, device: str, progress: Progress | None, dtype: str = "float32"
) -> PreTrainedModel:
    """The model in evaluation mode, in numbers of one of DTYPES, on the device.

    Raises UserError models.wrong_kind, models.remote_code, models.unsafe_weights, models.broken_weights or
    models.nan_weights.
    """
    import pickle

    libraries()
    import safetensors
    import torch
    import transformers

    assert facts.path is not None
    refuse_remote_code(facts)
    chosen = getattr(transformers, auto_class)
    _refuse_wrong_architecture(facts, chosen)
    try:
        with _reported(facts, progress):
            model, info = chosen.from_pretrained(
                facts.path,
                dtype=getattr(torch, dtype),
                local_files_only=True,
                trust_remote_code=False,
                weights_only=True,
                output_loading_info=True,
            )
    except pickle.UnpicklingError as error:
        key = "models.unsafe_weights" if "Weights only load failed" in str(error) else "models.broken_weights"
        raise UserError(key, model=facts.title, file=_first_file(facts), reason=_reason(error)) from error
    except (safetensors.SafetensorError, OSError, RuntimeError, EOFError) as error:
        raise _weights_error(facts, error) from error
    except Exception as error:
        # The files are a stranger's: any part of transformers may stumble over them in its own way.
        raise UserError("models.cannot_load", model=facts.title, reason=_reason(error)) from error
    # A pooler that nothing reads may be missing; a head may not: it would answer at random.
    missing = sorted(name for name in info["missing_keys"] if auto_class != "AutoModel" or "pooler" not in name)
    if missing:
        raise UserError(
            "models.wrong_kind", model=facts.title, found=facts.architecture or "-", wanted=_head(auto_class)
        )
    for name, weight in model.named_parameters():
        # One pass over the numbers; only where their sum is none is it looked at more closely.
        if not torch.isfinite(weight.sum()) and torch.isnan(weight).any():
            raise UserError("models.nan_weights", model=facts.title, weight=name)
    model.requires_grad_(False)
    return model.eval().to(device)  # type: ignore[no-any-return]


def load_tokenizer(folder: Path, title: str) -> PreTrainedTokenizerBase:
    """The tokenizer of a model folder, safe to share. Raises UserError models.no_tokenizer or bad_tokenizer."""
    libraries()
    from transformers import AutoTokenizer

    for name in ("tokenizer.json", "tokenizer_config.json"):
        if (folder / name).is_file():
            refuse_pointer(folder / name, title)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        # Its parser is written in Rust and raises bare Exception.
        raise UserError("models.bad_tokenizer", model=title, reason=_reason(error)) from error
    if len(tokenizer) <= len(set(tokenizer.all_special_ids)):
        raise UserError("models.no_tokenizer", model=title)
    return _shared(tokenizer)


def _shared(tokenizer: PreTrainedTokenizerBase) -> PreTrainedTokenizerBase:
    """The same tokenizer, encoding for one thread at a time.

    Padding and truncation are settings of the Rust object: changed by one thread while another encodes, they cut the
    other's texts.
    """
    encode = getattr(tokenizer, "_encode_plus", None)
    if encode is None:
        return tokenizer
    lock = threading.RLock()

    def encode_alone(*arguments: Any, **options: Any) -> Any:
        with lock:
            return encode(*arguments, **options)

    tokenizer._encode_plus = encode_alone  # type: ignore[method-assign]
    return tokenizer


def weight_bytes(model: PreTrainedModel) -> int:
    """Bytes of parameters and buffers; what two modules share counts once."""
    tensors = {tensor.data_ptr(): tensor.nbytes for tensor in (*model.parameters(), *model.buffers())}
    return sum(tensors.values())


def _refuse_wrong_architecture(facts: ModelFacts, chosen: Any) -> None:
    """A look at the name before minutes of loading. One without a name goes on to the look at its weights."""
    if not facts.architecture or chosen.__name__ == "AutoModel":
        return
    # The mapping of names behind the lazy one of classes, which would import the model's module.
    names = chosen._model_mapping._model_mapping.values()
    known = {name for entry in names for name in (entry if isinstance(entry, (tuple, list)) else (entry,))}
    if facts.architecture not in known:
        raise UserError("models.wrong_kind", model=facts.title, found=facts.architecture, wanted=_head(chosen.__name__))


def _head(auto_class: str) -> str:
    """ "ForCausalLM" of "AutoModelForCausalLM": how the names of fitting architectures end."""
    return auto_class.removeprefix("AutoModel") or auto_class


def _weights_error(facts: ModelFacts, error: Exception) -> UserError:
    if "size mismatch" in str(error) or "mismatched" in str(error):
        return UserError("models.wrong_shapes", model=facts.title)
    return UserError("models.broken_weights", model=facts.title, file=_first_file(facts), reason=_reason(error))


def _first_file(facts: ModelFacts) -> str:
    assert facts.path is not None
    return weight_files(facts.path, facts.title)[0].name


def _reason(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()] or [""]
    return f"{type(error).__name__}: {lines[0][:200]}"


class _reported:
    """While it lasts, the tensors that this thread loads are told to `progress`, in bytes."""

    def __init__(self, facts: ModelFacts, progress: Progress | None) -> None:
        self.facts = facts
        self.progress = progress

    def __enter__(self) -> None:
        from transformers.utils import logging

        logging.set_tqdm_hook(_hook)
        _listener.report = self._counted if self.progress else _silent

    def __exit__(self, *error: object) -> None:
        _listener.report = None

    def _counted(self, tensors: Iterable[Any]) -> Iterator[Any]:
        """The tensors; each that has been set adds its bytes. A name may differ from the file's by its first part."""
        assert self.progress is not None and self.facts.path is not None
        sizes: dict[str, int] = {}
        for file in weight_files(self.facts.path, self.facts.title):
            if file.suffix == ".safetensors":
                sizes |= tensor_bytes(file, self.facts.title)
        short = {name.partition(".")[2]: size for name, size in sizes.items()}
        done, total = 0, sum(sizes.values())
        self.progress("load", 0, total)
        for item in tensors:
            yield item
            name = item[0] if isinstance(item, tuple) else ""
            done += sizes.get(name) or short.get(name) or sizes.get(name.partition(".")[2]) or 0
            self.progress("load", min(done, total), total)
        self.progress("load", total, total)


def _silent(tensors: Iterable[Any]) -> Iterable[Any]:
    return tensors


def _hook(factory: Callable[..., Any], arguments: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """What transformers calls in the place of tqdm: ours in a thread that listens, its own in any other."""
    report = getattr(_listener, "report", None)
    if report is None or not arguments:
        return factory(*arguments, **options)
    return report(arguments[0])
