"""Every knob of the product: flag, environment variable, default and meaning, in one frozen dataclass."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

ENVIRONMENT_PREFIX = "WORKBENCH_"
# On a Hugging Face Space (which sets SPACE_ID) these stand in for the defaults.
SPACE_DEFAULTS = {"host": "0.0.0.0", "public": "yes"}


def knob(default: Any, meaning: str, choices: tuple[str, ...] = ()) -> Any:
    """A dataclass field with its meaning in a sentence, from which the flag's help and the README's table are made."""
    return field(default=default, metadata={"meaning": meaning, "choices": choices})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Read once at start, by `Settings.read`. A flag wins over an environment variable, that over the default."""

    host: str = knob("127.0.0.1", "Address the page is served on. 0.0.0.0 lets other machines in.")
    port: int = knob(7860, "Port the page is served on. The next free one is taken when it is in use.")
    workspace: Path = knob(Path("workspace"), "Folder that keeps runs, data sets, uploads and downloaded models.")
    public: bool = knob(False, "One private workspace a visitor and no local paths: what a public Space needs.")
    launcher: str = knob(
        "auto", "How training runs are started; auto chooses by the forecast.", ("auto", "thread", "process")
    )
    device: str = knob("auto", "Where models run: auto takes a GPU when there is one.", ("auto", "cpu", "cuda", "mps"))
    offline: str = knob("auto", "Whether the Hub may be asked; auto finds out once.", ("auto", "yes", "no"))
    hub_endpoint: str = knob("https://huggingface.co", "The Hub or a mirror of it, such as https://hf-mirror.com.")
    hub_token: str = knob("", "Token for gated models. Empty: the one that `hf auth login` stored, if any.")
    model_memory_mib: int = knob(4096, "Memory in MiB that loaded models may take together before the oldest goes.")
    upload_limit_mib: int = knob(512, "Largest file in MiB that may be uploaded.")
    trackio: bool = knob(True, "Mirror every run to trackio, so that `trackio show` displays it.")

    def __post_init__(self) -> None:
        for knob_field in fields(self):
            choices = knob_field.metadata["choices"]
            value = getattr(self, knob_field.name)
            if choices and value not in choices:
                raise ValueError(f"{flag(knob_field)} must be one of {', '.join(choices)}, not {value!r}")
        for name in ("port", "model_memory_mib", "upload_limit_mib"):
            if getattr(self, name) < 0:
                raise ValueError(f"--{name.replace('_', '-')} must not be negative")

    @classmethod
    def read(cls, arguments: Sequence[str] = (), environ: Mapping[str, str] = os.environ) -> Settings:
        """Settings from flags (without the program's name) and environment. Exits with a usage message on a bad one."""
        parser = argparse.ArgumentParser(prog="python app.py", description="Transformers Workbench")
        for knob_field in fields(cls):
            on_space = SPACE_DEFAULTS.get(knob_field.name) if "SPACE_ID" in environ else None
            value = environ.get(variable(knob_field), on_space or knob_field.default)
            choices = knob_field.metadata["choices"]
            parser.add_argument(
                flag(knob_field),
                default=str(value),
                help=f"{knob_field.metadata['meaning']} [{variable(knob_field)}, default {knob_field.default}]"
                + (f" One of: {', '.join(choices)}." if choices else ""),
                nargs="?" if isinstance(knob_field.default, bool) else None,
                const="yes" if isinstance(knob_field.default, bool) else None,
            )
        texts = vars(parser.parse_args(list(arguments)))
        try:
            return cls(**{f.name: _parsed(f, texts[f.name]) for f in fields(cls)})
        except ValueError as error:
            parser.error(str(error))


def flag(knob_field: Field[Any]) -> str:
    """The command-line flag of a field: `--hub-endpoint`."""
    return "--" + knob_field.name.replace("_", "-")


def variable(knob_field: Field[Any]) -> str:
    """The environment variable of a field: `WORKBENCH_HUB_ENDPOINT`."""
    return ENVIRONMENT_PREFIX + knob_field.name.upper()


def _parsed(knob_field: Field[Any], text: str) -> Any:
    default: object = knob_field.default
    if isinstance(default, bool):
        if text.lower() in ("1", "yes", "true", "on"):
            return True
        if text.lower() in ("0", "no", "false", "off", ""):
            return False
        raise ValueError(f"{flag(knob_field)} must be yes or no, not {text!r}")
    if isinstance(default, Path):
        return Path(text).expanduser()
    if isinstance(default, int):
        try:
            return int(text)
        except ValueError:
            raise ValueError(f"{flag(knob_field)} must be a whole number, not {text!r}") from None
    return text
