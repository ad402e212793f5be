"""Labels that a person types for a task without training, and the sentence each is put into."""

from __future__ import annotations

import re
from collections.abc import Sequence

from backend.errors import UserError
from backend.tasks.base import Step
from backend.tasks.context import encodable
from backend.tasks.label_scores import EVEN, label_lines

PLACE = "{}"
"""Where the label stands in a template."""
MOST = 100
_BETWEEN = re.compile(r"[,;，；、]")


def labels_of(text: str) -> list[str]:
    """The labels, each once, in order: one a line, or between commas on a single line.

    Raises UserError tasks.no_labels, tasks.too_many_labels.
    """
    text = encodable(text)
    lines = [line for line in text.splitlines() if line.strip()]
    parts = lines if len(lines) > 1 else _BETWEEN.split(text)
    labels = list(dict.fromkeys(part.strip() for part in parts if part.strip()))
    if not labels:
        raise UserError("tasks.no_labels")
    if len(labels) > MOST:
        raise UserError("tasks.too_many_labels", count=len(labels), most=MOST)
    return labels


def checked_template(template: str) -> str:
    """The template as it may be given to str.format. Raises UserError tasks.bad_template."""
    if template.count(PLACE) != 1 or re.search(r"[{}]", template.replace(PLACE, "")):
        raise UserError("tasks.bad_template", template=template)
    return encodable(template)


def sentences_of(labels: Sequence[str], template: str) -> list[str]:
    """Each label in its sentence; without a template the labels as they are. Raises UserError tasks.bad_template."""
    if not template.strip():
        return list(labels)
    before, _, after = checked_template(template.strip()).partition(PLACE)
    return [f"{before}{label}{after}" for label in labels]


def candidate_steps(labels: Sequence[str], scores: Sequence[float], alone: bool = False) -> tuple[Step, ...]:
    """The label that is the answer; where each stands alone, all that reach one half."""
    if alone:
        places = [place for place, score in enumerate(scores) if score >= EVEN]
        code = f"given = [label for label, score in zip(labels, scores) if score >= {EVEN}]"
        return (Step("candidates", label_lines(labels, places), f"{len(places)}", code),)
    best = max(range(len(scores)), key=scores.__getitem__)
    return (Step("candidate", label_lines(labels, [best]), "", "label = labels[int(scores.argmax())]"),)
