"""The forms in which questions and contexts come to the question-answering pipeline."""

from __future__ import annotations

import types
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from torch.utils.data import Dataset


@dataclass(frozen=True, slots=True)
class Example:
    """A question and the text to look for its answer in."""

    question: str
    context: str


def examples_in(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What was asked, in whatever form, as a list of Example; a generator or Dataset as it is."""
    asked: Any
    if len(args) == 2 and all(type(text) is str for text in args):
        asked = {"question": args[0], "context": args[1]}
    elif args:
        asked = args[0] if len(args) == 1 else list(args)
    elif "X" in kwargs or "data" in kwargs:
        asked = kwargs["X"] if "X" in kwargs else kwargs["data"]
    elif "question" in kwargs and "context" in kwargs:
        asked = _pairs(kwargs["question"], kwargs["context"])
    else:
        raise ValueError("A question and a context are needed.")
    if isinstance(asked, (types.GeneratorType, Dataset)):
        return asked
    if isinstance(asked, dict):
        asked = [asked]
    if not isinstance(asked, Iterable):
        raise ValueError(f"Questions cannot be read from {type(asked).__name__}.")
    return [example for one in asked for example in _checked(one)]


def _pairs(questions: Any, contexts: Any) -> list[dict[str, Any]]:
    if isinstance(questions, str) and isinstance(contexts, str):
        return [{"question": questions, "context": contexts}]
    if isinstance(questions, list) and isinstance(contexts, str):
        contexts = [contexts] * len(questions)
    if not (isinstance(questions, list) and isinstance(contexts, list)):
        raise ValueError("A question, or a list of them, goes with one context, or as many questions as contexts.")
    if len(questions) != len(contexts):
        raise ValueError(f"{len(questions)} questions do not go with {len(contexts)} contexts.")
    return [{"question": question, "context": context} for question, context in zip(questions, contexts, strict=True)]


def _checked(one: Any) -> list[Example]:
    if isinstance(one, Example):
        return [one]
    if not isinstance(one, dict):
        raise ValueError(f"A dict with a question and a context is needed, not {type(one).__name__}.")
    for name in ("question", "context"):
        if name not in one:
            raise KeyError(f"The dict has no {name}.")
        if one[name] is None or one[name] == "":
            raise ValueError(f"The {name} is empty.")
    if isinstance(one["question"], list):
        one = dict(one)
        pairs = _pairs(one.pop("question"), one.pop("context"))
        return [Example(**pair, **one) for pair in pairs]
    if not isinstance(one["context"], str):
        raise TypeError(f"The context is {type(one['context']).__name__}, not a text.")
    return [Example(**one)]
