"""The distribution that a next token is drawn from, small enough to be kept, and weighed anew without the model.

Covers: temperature, top k and top p as Transformers applies them, in its order, at the places of the page's sliders.
Does not cover: other ways of choosing (min p, typical p); more than STORED tokens for top k.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backend.tasks.context import tokenizer_of

if TYPE_CHECKING:
    import numpy as np
    import torch
    from transformers import Pipeline

SHOWN = 10
STORED = 200
"""As many logits of a place are kept: the most that top k can be set to."""
TEMPERATURES = tuple(round(0.05 * place, 2) for place in range(1, 41))
TOP_PS = tuple(round(0.05 * place, 2) for place in range(1, 20))
"""Where the sliders stand; 1.0 is no limit. For these the mass of the tokens that are not kept is worked out."""


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """The distribution at one place, after the repetition penalty and before temperature, and what was taken.

    Logits are less the largest one, so that the likeliest token has 0.
    """

    ids: tuple[int, ...]
    """The likeliest tokens, likeliest first, STORED at most."""
    logits: np.ndarray
    """Theirs, (len(ids),), float64."""
    texts: tuple[str, ...]
    """Of the first SHOWN."""
    masses: np.ndarray
    """Sum of exp(logit / temperature) over the whole vocabulary, for each of TEMPERATURES."""
    nucleus_counts: np.ndarray
    """How many tokens top p leaves, (TEMPERATURES, TOP_PS); nucleus_masses: the sum of exp over these."""
    nucleus_masses: np.ndarray
    vocabulary: int
    taken: int = 0
    taken_text: str = ""
    taken_rank: int = 0
    """From 0, the likeliest."""
    taken_logit: float = 0.0


@dataclass(frozen=True, slots=True)
class Option:
    """One token that might come next. share: its chance as weighed, 0 where it may not be drawn; model: unweighed."""

    token: int
    text: str
    share: float
    model: float
    likeliest: bool
    taken: bool


def weighed(place: Place, temperature: float, top_k: int, top_p: float) -> tuple[tuple[Option, ...], int]:
    """The likeliest tokens, the taken one among them, and how many tokens may be drawn at all.

    As TemperatureLogitsWarper, TopKLogitsWarper and TopPLogitsWarper one after another. temperature and top_p count as
    the nearest of TEMPERATURES and of TOP_PS and 1. top_k: 0 is no limit.
    """
    import numpy as np

    row = _nearest(TEMPERATURES, temperature)
    heat, column = TEMPERATURES[row], _nearest((*TOP_PS, 1.0), top_p)
    weights = np.exp(place.logits / heat)
    if 0 < top_k < place.vocabulary:
        # As many as are as likely as the last of them stay.
        kept = int((place.logits >= place.logits[min(top_k, len(weights)) - 1]).sum())
        before = np.cumsum(weights[:kept]) - weights[:kept]
        if column < len(TOP_PS):
            kept = max(1, int((before < TOP_PS[column] * weights[:kept].sum()).sum()))
        mass = float(weights[:kept].sum())
    elif column < len(TOP_PS):
        kept, mass = int(place.nucleus_counts[row, column]), float(place.nucleus_masses[row, column])
    else:
        kept, mass = place.vocabulary, float(place.masses[row])
    plain = float(place.masses[_nearest(TEMPERATURES, 1.0)])
    shown = [(rank, place.ids[rank], text, float(place.logits[rank])) for rank, text in enumerate(place.texts)]
    if place.taken_rank >= len(shown):
        shown.append((place.taken_rank, place.taken, place.taken_text, place.taken_logit))
    options = [
        Option(
            token,
            text,
            float(np.exp(logit / heat)) / mass if rank < kept else 0.0,
            float(np.exp(logit)) / plain,
            likeliest=rank == 0,
            taken=token == place.taken,
        )
        for rank, token, text, logit in shown
    ]
    return tuple(options), kept


def place_of(pipe: Pipeline, logits: torch.Tensor) -> Place:
    """The place that these logits make, nothing taken yet. logits: (vocabulary,); -inf can never be drawn."""
    import numpy as np

    best = logits.sort(descending=True)
    ordered = best.values.double().numpy() - float(best.values[0])
    masses, counts, nuclei = [], [], []
    for heat in TEMPERATURES:
        sums = np.cumsum(np.exp(ordered / heat))
        masses.append(sums[-1])
        # A token stays when those before it have less than top p together.
        count = np.searchsorted(sums, np.array(TOP_PS) * sums[-1], side="left") + 1
        counts.append(count)
        nuclei.append(sums[count - 1])
    ids = tuple(best.indices[:STORED].tolist())
    return Place(
        ids,
        ordered[:STORED].copy(),
        tuple(text_of_token(pipe, token) for token in ids[:SHOWN]),
        np.array(masses),
        np.array(counts),
        np.array(nuclei),
        len(ordered),
    )


def text_of_token(pipe: Pipeline, token: int) -> str:
    """A token as it stands in the text; a part of a letter as the tokenizer calls it."""
    text = str(tokenizer_of(pipe).decode([token]))
    return text if text and "\ufffd" not in text else str(tokenizer_of(pipe).convert_ids_to_tokens(token))


def _nearest(places: Sequence[float], value: float) -> int:
    return min(range(len(places)), key=lambda place: abs(places[place] - value))
