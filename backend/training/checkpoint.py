"""What a run keeps while it goes: its best model, and state.pt, everything that it needs to go on as if it had never
been cut off. Each is replaced whole.

Weights that are not trained are left out: they are as the base model has them.
"""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from backend.training.causes import is_memory
from backend.training.scoring import Scores
from backend.workspace import disk_error, write_json

STATE_VERSION = 2
LEARNT = "learnt.safetensors"
Saved = dict[str, Any]
"""Plain values and tensors: what `torch.load(weights_only=True)` reads."""


@dataclass(slots=True)
class Moving:
    """What changes with every step, beside the watch. loss_sum: of the steps since the last point, shape ()."""

    model: Any
    optimizer: Any
    schedule: Any
    loss_sum: torch.Tensor
    scaler: Any = None
    """torch's GradScaler in fp16."""

    def own(self) -> dict[str, Any]:
        """What each process has of its own: its chance and its losses."""
        return {"chance": chance(), "loss_sum": self.loss_sum.detach().cpu().clone()}

    def state(self) -> dict[str, Any]:
        """What is the same in all processes."""
        return {
            "weights": learning(self.model),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "scaler": self.scaler.state_dict() if self.scaler else None,
        }

    def restore(self, saved: dict[str, Any], process: int = 0) -> None:
        """Put a saved state back; chance comes last, since everything before may draw."""
        weights = saved["weights"]
        with torch.no_grad():
            for name, tensor in learning(self.model).items():
                tensor.copy_(weights[name])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.schedule.load_state_dict(saved["schedule"])
        if self.scaler and saved["scaler"]:
            self.scaler.load_state_dict(saved["scaler"])
        if process < len(saved["own"]):
            own = saved["own"][process]
            self.loss_sum.copy_(own["loss_sum"])
            set_chance(own["chance"])


def learning(model: Any) -> dict[str, torch.Tensor]:
    """The tensors that training changes: trained parameters, and buffers."""
    found = {name: tensor.data for name, tensor in model.named_parameters() if tensor.requires_grad}
    return found | {f"buffer {name}": tensor for name, tensor in model.named_buffers()}


def chance() -> dict[str, Any]:
    """The state of every generator of random numbers that training may draw from."""
    state: Any = np.random.get_state()
    kind, words, position, has_gauss, gauss = state
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "python": random.getstate(),
        "numpy": (kind, torch.from_numpy(words.astype(np.int64)), position, has_gauss, gauss),
    }


def set_chance(saved: dict[str, Any]) -> None:
    """The inverse of `chance`."""
    torch.set_rng_state(saved["torch"])
    if saved["cuda"] and len(saved["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(saved["cuda"])
    version, words, gauss = saved["python"]
    random.setstate((version, tuple(words), gauss))
    kind, numbers, *rest = saved["numpy"]
    np.random.set_state((kind, numbers.numpy().astype(np.uint32), *rest))


def write_state(path: Path, state: dict[str, Any]) -> None:
    """Replace the file, so that a crash leaves the old one or the new one. Raises UserError, disk full."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    try:
        with temporary.open("wb") as file:
            torch.save(state | {"version": STATE_VERSION}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:
        temporary.unlink(missing_ok=True)
        if is_memory(error):
            raise
        # torch has words of its own for a write that came to nothing.
        said = error if isinstance(error, OSError) else OSError(errno.ENOSPC, str(error))
        raise disk_error(said, path) from error


def read_state(path: Path) -> dict[str, Any] | None:
    """What was written last; None where there is nothing.

    Raises ValueError for a file that is broken or of another version, and what reading itself raises.
    """
    if not path.exists():
        return None
    # What was cut short lacks the table at the end of a zip file. One that cannot be opened is not a broken one.
    with path.open("rb") as file:
        if not zipfile.is_zipfile(file):
            raise ValueError(f"{path.name} is not whole")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, MemoryError):
        raise
    except Exception as error:
        # torch raises what zip, pickle and its own reader raise, for want of memory, too.
        if is_memory(error):
            raise
        raise ValueError(f"{path.name} cannot be read: {error}") from error
    if not isinstance(state, dict) or state.get("version") != STATE_VERSION:
        raise ValueError(f"{path.name} is of another version")
    return state


def pack(scores: Scores | None) -> Saved | None:
    """Scores as a checkpoint keeps them."""
    if scores is None:
        return None
    return {"logits": torch.from_numpy(scores.logits), "targets": torch.from_numpy(scores.targets), "loss": scores.loss}


def unpack(kept: Saved | None) -> Scores | None:
    """The inverse of `pack`."""
    return Scores(kept["logits"].numpy(), kept["targets"].numpy(), kept["loss"]) if kept else None


def keep_model(model: Any, folder: Path, tokenizer: Any = None, settled: Mapping[str, Any] | None = None) -> None:
    """Replace the model in a folder, so that a crash leaves the old one or the new one. Raises UserError, disk full.

    tokenizer: saved beside it. settled: goes into its config.
    """
    with _replaced(folder) as temporary:
        model.save_pretrained(temporary)
        if tokenizer is not None:
            tokenizer.save_pretrained(temporary)
        if settled:
            config = json.loads((temporary / "config.json").read_text(encoding="utf-8"))
            write_json(temporary / "config.json", config | dict(settled))
        # What the run could go on from is forgotten once its model is here.
        for path in temporary.iterdir():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def keep_best(model: Any, folder: Path) -> None:
    """Replace what a folder keeps of the best state: the weights that learn. Raises UserError, disk full.

    The others are as the base model has them, and may be most of it: of multilingual-e5-small with frozen embeddings
    four fifths.
    """
    from safetensors.torch import save_file

    with _replaced(folder) as temporary:
        temporary.mkdir()
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in learning(model).items()}
        save_file(tensors, temporary / LEARNT)


def restore_best(model: Any, folder: Path) -> None:
    """Put back what `keep_best` has kept."""
    from safetensors.torch import load_file

    kept = load_file(folder / LEARNT)
    with torch.no_grad():
        for name, tensor in learning(model).items():
            tensor.copy_(kept[name])


@contextmanager
def _replaced(folder: Path) -> Iterator[Path]:
    """A folder that is not there yet, beside `folder`, and takes its place at the end."""
    temporary = folder.with_name(f".{folder.name}.new")
    try:
        temporary.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(temporary, ignore_errors=True)
        yield temporary
        shutil.rmtree(folder, ignore_errors=True)
        temporary.rename(folder)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise disk_error(error, folder) from error
    except Exception:
        # safetensors has an error class of its own for a full disk.
        shutil.rmtree(temporary, ignore_errors=True)
        raise
