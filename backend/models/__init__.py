"""Find a model (starter, run, folder, cache, Hub), load it once, lease it, keep the hot ones within a memory bound."""

from __future__ import annotations

from backend.models.facts import ModelFacts, Progress, Source
from backend.models.memory import available_bytes, device_name
from backend.models.shelf import LoadedModel, ModelShelf

__all__ = ["LoadedModel", "ModelFacts", "ModelShelf", "Progress", "Source", "available_bytes", "device_name"]
