"""Where the model that a run began with comes from: its name on the Hub, its licence, its languages."""

from __future__ import annotations

import re
from pathlib import Path

from backend.starter import STARTERS
from backend.training.spec import RunSpec

ORIGINALS = {
    "all-MiniLM-L6-v2": "sentence-transformers/all-MiniLM-L6-v2",
    "multilingual-e5-small": "intfloat/multilingual-e5-small",
    "SmolLM2-135M-Instruct": "HuggingFaceTB/SmolLM2-135M-Instruct",
}
"""The starters' names on the Hub."""


def hub_name(spec: RunSpec) -> str:
    """`owner/name` of the base model on the Hub; "" where it is not from there."""
    source, _, name = spec.model_ref.partition(":")
    if source == "starter":
        return ORIGINALS.get(name, "")
    return name if source == "hub" else ""


def base_licence(spec: RunSpec) -> str:
    """The Hub's word for the base model's licence, such as apache-2.0; "" where it is not known."""
    source, _, name = spec.model_ref.partition(":")
    for starter in STARTERS:
        if source == "starter" and starter.name == name:
            return starter.licence.lower()
    return _said_in_card(Path(spec.model_path), "license") if spec.model_path else ""


def _said_in_card(folder: Path, field: str) -> str:
    """What the front matter of a model's card says of a field, where that is one word."""
    try:
        card = (folder / "README.md").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
    front = re.match(r"---\n(.*?)\n---", card, re.DOTALL)
    found = re.search(rf"^{field}: *([\w.\-]+) *$", front[1], re.MULTILINE) if front else None
    return found[1] if found else ""
