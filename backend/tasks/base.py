"""What a task is: the form it asks for, the Pipeline that answers, and the closed set of answers."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from backend.errors import UserError

if TYPE_CHECKING:
    from transformers import Pipeline

    from backend.models import LoadedModel, ModelFacts

Lane = Literal["short", "generate"]
UNREAD = "unread"
"""Of a row of `Task.batch`, where its text is longer than the model reads: by how many tokens."""


# Answers: a closed set, one renderer a kind in ui/answers.py.


@dataclass(frozen=True, slots=True)
class Bars:
    """Scores of labels, best first. exclusive: they compete, sum 1 (softmax); else each stands alone (sigmoid)."""

    scores: tuple[tuple[str, float], ...]
    exclusive: bool = True
    tokens: int = 0
    """Tokens of the text, special ones included; 0 when not counted."""
    tokens_read: int = 0
    """How many of them the model took in; fewer than `tokens` when the end was cut off, which the page says."""
    unknown: int = 0
    """How many of those read are in no vocabulary of the model: it sees that something is there, not what."""
    labels: int = 0
    """How many labels the model knows, where fewer are shown; 0: all are here."""
    raw: bool = False
    """The scores are the model's own numbers, of any size; else shares between 0 and 1."""
    thresholds: tuple[float, ...] = ()
    """From which score on a label is given, one for each of `scores`; empty: at most one label is meant."""
    range: tuple[float, float] | None = None
    """Least and largest score that the model learnt from, where it gives one number."""
    cosine_from: float | None = None
    """The scores are cosine similarities, drawn from here: the model's hardly ever lie lower. None: they are none."""


@dataclass(frozen=True, slots=True)
class Text:
    """Written text, complete or so far. tokens: how many the model wrote; finished: false while it streams."""

    text: str
    tokens: int = 0
    finished: bool = True
    stopped_by: Literal["", "end", "length", "person"] = ""
    others: tuple[str, ...] = ()
    """More texts for the same input, where several were asked for."""
    given: int = 0
    """Tokens of the text that it was written from, special ones included; 0 when not counted."""
    given_read: int = 0
    """How many of them the model took in; fewer than `given` when the end was cut off, which the page says."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of plain values, as batch answers and structured ones come."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """How alike each two of several texts are: values[row][column], cosine similarities, 1 on the diagonal."""

    texts: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]
    cosine_from: float = 0.0
    """The model's similarities hardly ever lie lower: where a scale begins."""
    tokens: int = 0
    """Tokens of all texts, special ones included."""
    cut: int = 0
    """How many texts were longer than the model reads."""
    limit: int = 0
    """Tokens that the model reads of a text."""


@dataclass(frozen=True, slots=True)
class Vector:
    """The vector of each text, and from three texts on a map of them in two dimensions."""

    texts: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]
    """One vector a text, all of one size."""
    norms: tuple[float, ...]
    """Length of each vector as the model gave it, before it was made 1 where that is so."""
    places: tuple[tuple[float, float], ...] = ()
    """Where each text lies on the map; empty: there is none."""
    kept: float = 0.0
    """Share of the differences (variance) between the vectors that the map shows."""
    states: tuple[int, ...] = ()
    """Shape of the hidden states that the first vector was made of: (texts, tokens, size)."""
    tokens: int = 0
    cut: int = 0
    limit: int = 0
    """As in Matrix."""


@dataclass(frozen=True, slots=True)
class Blanks:
    """A text with blanks, and what a model would put into each, likeliest first."""

    pieces: tuple[str, ...]
    """The text around the blanks: one more than there are blanks."""
    options: tuple[tuple[tuple[str, float], ...], ...]
    """(token, probability) for each blank, each filled as if the others stayed empty."""
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a text: characters from start to end (-1 each where the tokenizer cannot say), and what it is."""

    start: int
    end: int
    label: str
    score: float
    word: str


@dataclass(frozen=True, slots=True)
class Spans:
    """A text and its marked parts, in order, none over another."""

    text: str
    spans: tuple[Span, ...]
    tokens: int = 0
    tokens_read: int = 0
    """As in Bars."""
    grouped: bool = True
    """Whether tokens of one thing are one span; else every token has its own."""
    asked: tuple[tuple[str, tuple[Span, ...]], ...] = ()
    """(question, its answers, best first) where the parts answer questions; a span without a word is "no answer"."""
    windows: int = 1
    """In how many overlapping pieces the text was read."""


Answer = Bars | Text | Table | Matrix | Vector | Blanks | Spans


# Forms: what a person fills in, and the worked examples.


@dataclass(frozen=True, slots=True)
class Input:
    """One thing the task is given. kind: text (a box of `lines` lines), chat (messages, as Chatbot keeps them), lines
    (several texts, one a line), or setting (a field of `params`, too, that stands beside the text instead of among the
    settings, so that examples fill it; many texts at once share it).

    optional: it may stay empty, and stands in a fold of its own.
    """

    name: str
    kind: Literal["text", "chat", "lines", "setting"] = "text"
    lines: int = 4
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Example:
    """A worked example: one click fills the form and runs it."""

    language: str
    values: Mapping[str, str]
    course: str = ""
    """The chapter of the Hugging Face course that it is from (text `playground.course.{course}`): there for readers of
    every language. Empty: ours."""


def param(
    default: Any,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    step: float | None = None,
    choices: tuple[str, ...] = (),
    optional: bool = False,
) -> Any:
    """A field of a task's or recipe's dataclass, with what its widget and its check need.

    The widget follows the type: bool a checkbox, choices a dropdown, a number with both ends a slider, else a number
    or text box.
    Its label and help are the texts `{area}.{name}` and `{area}.{name}.help`. optional: None is allowed (an empty box).
    """
    limits = {"minimum": minimum, "maximum": maximum, "step": step, "choices": choices, "optional": optional}
    return field(default=default, metadata=limits)


def check_params(params: Any, area: str) -> None:
    """Raise UserError for the first field of a dataclass made with `param` that is outside its limits or of wrong type.

    area: the prefix of the label texts, so that the error names the control as the page does.
    """
    for one in fields(params):
        limits = one.metadata
        if "minimum" not in limits:
            continue
        value = getattr(params, one.name)
        if value is None and limits["optional"]:
            continue
        if limits["choices"]:
            if value not in limits["choices"]:
                raise UserError("tasks.not_a_choice", name=one.name, value=value, choices=", ".join(limits["choices"]))
        elif isinstance(one.default, bool):
            if not isinstance(value, bool):
                raise UserError("tasks.not_yes_or_no", name=one.name, value=value)
        elif isinstance(one.default, str):
            continue
        elif isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
            raise UserError("tasks.not_a_number", name=one.name, value=value)
        elif limits["step"] == 1 and value % 1:
            raise UserError("tasks.not_whole", name=one.name, value=value)
        elif limits["minimum"] is not None and value < limits["minimum"]:
            raise UserError("tasks.too_small", name=one.name, value=value, minimum=limits["minimum"])
        elif limits["maximum"] is not None and value > limits["maximum"]:
            raise UserError("tasks.too_large", name=one.name, value=value, maximum=limits["maximum"])


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsOn:
    """Where a model computes, and in which numbers: part of the parameters of every task. Texts `tasks.any.{name}`."""

    device: str = param("auto", choices=("auto", "cpu", "cuda", "mps"))
    """auto: a GPU where there is one."""
    dtype: str = param("float32", choices=("float32", "bfloat16", "float16"))

    @property
    def place(self) -> RunsOn:
        """These two alone."""
        return RunsOn(device=self.device, dtype=self.dtype)

    @property
    def loaded(self) -> str:
        """What the Python that loads a pipeline says of it."""
        return f'dtype="{self.dtype}"' + ("" if self.device == "auto" else f', device="{self.device}"')

    @property
    def moved(self) -> str:
        """What stands behind a model that is loaded without a pipeline."""
        return "" if self.device == "auto" else f'.to("{self.device}")'


@dataclass(frozen=True, slots=True)
class Step:
    """One step inside a pipeline, for "behind the pipeline". key: text `tasks.step.{key}`; code: its Python line."""

    key: str
    lines: tuple[str, ...]
    shape: str = ""
    code: str = ""


class Task(ABC):
    """One text task, stateless. Adding one is adding a file here, its texts (assets/text/*/tasks.json) and its test."""

    name: ClassVar[str]
    """The Hub's pipeline tag: "text-classification"."""
    lane: ClassVar[Lane] = "short"
    inputs: ClassVar[tuple[Input, ...]]
    params: ClassVar[type[Any]]
    """A frozen dataclass made with `param`, which checks itself in __post_init__."""
    examples: ClassVar[tuple[Example, ...]]
    streams: ClassVar[bool] = False
    writes_on: ClassVar[bool] = False
    """Whether it goes on with a text token by token, so that backend.tasks.next_token has something to show."""
    what_ifs: ClassVar[tuple[str, ...]] = ()
    """What can be changed about a text to see what it does, by the names of backend.tasks.whatif."""
    compares: ClassVar[bool] = False
    """Whether `batch` compares each text with all others: its answers mean something once all are there."""
    auto_class: ClassVar[str]
    """Name of the transformers class that loads a fitting model: "AutoModelForSequenceClassification"."""

    @property
    def takes_pairs(self) -> bool:
        """Whether `batch` can be given second texts."""
        return any(one.name == "text_pair" for one in self.inputs)

    @abstractmethod
    def fits(self, facts: ModelFacts) -> bool:
        """Whether this model has the head the task needs, so that its answers mean something."""

    def converses(self, facts: ModelFacts, params: Any) -> bool:
        """Whether the model answers in a chat that goes on, so that what was said is kept."""
        return False

    def pipeline(self, loaded: LoadedModel) -> Pipeline:
        """The transformers Pipeline that answers, on the loaded model's device."""
        from transformers import pipeline

        return pipeline(self.name, model=loaded.model, tokenizer=loaded.tokenizer, device=loaded.model.device)  # type: ignore[call-overload,no-any-return]

    @abstractmethod
    def run(self, pipe: Pipeline, values: Mapping[str, Any], params: Any) -> Answer:
        """The answer to one input. values: by Input.name. Raises UserError for input that cannot be answered."""

    @abstractmethod
    def batch(
        self, pipe: Pipeline, texts: Sequence[str], params: Any, pairs: Sequence[str] = ()
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """(index, answer as a table row) for many texts, sorted by length inside, so not in the order given.

        pairs: the second texts, as many, for a task that takes two. A task that `streams` takes the keyword `stop`, a
        threading.Event, too: once it is set, the batch ends within a token, without the answers that it was at.
        """

    def stream(self, pipe: Pipeline, values: Mapping[str, Any], params: Any, stop: threading.Event) -> Iterator[Answer]:
        """The answer as it grows; the last one is finished. Ends within a token of `stop`. Only where `streams`."""
        yield self.run(pipe, values, params)

    def steps(self, pipe: Pipeline, values: Mapping[str, Any], params: Any) -> tuple[Step, ...]:
        """What happened inside, for one input."""
        return ()

    def steps_until(
        self, pipe: Pipeline, values: Mapping[str, Any], params: Any, stop: threading.Event
    ) -> tuple[Step, ...]:
        """The same, for a task whose steps take as long as its answer: they end soon after `stop`."""
        return self.steps(pipe, values, params)

    def read_text(self, pipe: Pipeline, values: Mapping[str, Any], params: Any) -> Mapping[str, Any]:
        """The values with `text`, and `text_pair` where there is one, as the model reads them, for a what-if."""
        return values

    def settled(self, pipe: Pipeline, values: Mapping[str, Any], params: Any) -> Mapping[str, Any]:
        """The values with what this model made of them (its own language codes, a prefix), for the snippet."""
        return values

    @abstractmethod
    def snippet(self, source: str, values: Mapping[str, Any], params: Any) -> str:
        """Runnable Python with exactly this model (a Hub id or folder), input and arguments, without this product.

        values: those of `settled`, where it has something to say.
        """
