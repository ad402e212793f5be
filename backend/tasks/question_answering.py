"""Question answering: the words of a text that answer a question, by where the model sees an answer begin and end."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backend.errors import UserError
from backend.exports.snippet import literal
from backend.tasks.base import Example, Input, RunsOn, Span, Spans, Step, Task, check_params, param
from backend.tasks.context import encodable, limited, tokenizer_of
from backend.tasks.question_answering_code import CODE
from backend.tasks.question_answering_steps import steps_of

if TYPE_CHECKING:
    from transformers import Pipeline

    from backend.models import LoadedModel, ModelFacts

# These read pictures or tables.
_OTHERS = ("Vilt", "Tapas", "LayoutLM", "Blip", "Markup")
_MOST_WINDOWS = 200
_MOST_QUESTIONS = 20
_LONGEST_WINDOW = 512
_WINDOWS_AT_ONCE = 8
# Scripts without spaces between words: there a "word" may be a whole sentence.
_NO_SPACES = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\u0e00-\u0e7f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionAnsweringParams(RunsOn):
    """The question and the text, which many texts at once share, and how answers are looked for."""

    question: str = param("")
    context: str = param("")
    each: str = param("question", choices=("question", "context"))
    """What each of many texts is; the other one is shared."""
    top_k: int = param(3, minimum=1, maximum=20, step=1)
    handle_impossible_answer: bool = param(False)
    """Whether "no answer" is an answer, too."""
    max_answer_len: int = param(15, minimum=1, maximum=200, step=1)
    """Tokens."""
    max_seq_len: int = param(384, minimum=16, maximum=4096, step=1)
    """Tokens of a window, the question's among them; at most what the model reads."""
    doc_stride: int = param(128, minimum=0, maximum=2048, step=1)
    """Tokens that two windows share; at most half of what a window holds beside the question."""
    align_to_words: str = param("auto", choices=("auto", "yes", "no"))
    """Whether an answer begins and ends with a word; auto: where words stand between spaces."""

    def __post_init__(self) -> None:
        check_params(self, "tasks.question-answering")


_COURSE = (
    "🤗 Transformers is backed by the three most popular deep learning libraries — Jax, PyTorch, and TensorFlow — with "
    "a seamless integration between them. It's straightforward to train your models with one before loading them for "
    "inference with the other."
)
_CHINESE = (
    "长城是中国古代的军事防御工程，始建于春秋战国时期，历史长达两千多年。今天所说的万里长城多指明代修建的长城，"
    "它东起鸭绿江，西至嘉峪关，全长八千八百多千米。1987年，长城被列入世界文化遗产。"
)


class QuestionAnswering(Task):
    """Questions and a text in, the places in the text that answer them out."""

    name = "question-answering"
    lane = "short"
    inputs = (Input("question", kind="setting", lines=2), Input("context", kind="setting", lines=7))
    params = QuestionAnsweringParams
    auto_class = "AutoModelForQuestionAnswering"
    examples = (
        # The course's own, of its first and its seventh chapter.
        Example(
            "en",
            {
                "question": "Where do I work?",
                "context": "My name is Sylvain and I work at Hugging Face in Brooklyn",
            },
            course="tasks",
        ),
        Example("en", {"question": "Which deep learning libraries back 🤗 Transformers?", "context": _COURSE}),
        Example("en", {"question": "Who invented the steam engine?", "context": _COURSE}),
        Example("zh-CN", {"question": "长城全长多少千米？", "context": _CHINESE}),
        Example("zh-CN", {"question": "长城西端在哪里？\n长城哪一年被列入世界文化遗产？", "context": _CHINESE}),
        Example(
            "zh-CN",
            {"question": "我在哪里工作？", "context": "我叫西尔万，在布鲁克林的 Hugging Face 工作。"},
            course="tasks",
        ),
    )

    @property
    def takes_pairs(self) -> bool:
        """Questions with a text each."""
        return True

    def fits(self, facts: ModelFacts) -> bool:
        """A head that says of each token how likely an answer begins or ends there."""
        ends = facts.architecture.endswith(("ForQuestionAnswering", "ForQuestionAnsweringSimple"))
        return ends and not facts.architecture.startswith(_OTHERS)

    def pipeline(self, loaded: LoadedModel) -> Pipeline:
        """The product's own, which Transformers 5 no longer has. Raises UserError tasks.slow_tokenizer."""
        import transformers

        from backend import pipelines

        pipelines.register()
        tokenizer = limited(loaded)
        if not tokenizer.is_fast:
            raise UserError("tasks.slow_tokenizer", name=type(tokenizer).__name__)
        # Its types know the names of its own pipelines only.
        build: Any = transformers.pipeline
        return build(self.name, model=loaded.model, tokenizer=tokenizer, device=loaded.model.device)  # type: ignore[no-any-return]

    def run(self, pipe: Pipeline, values: Mapping[str, Any], params: QuestionAnsweringParams) -> Spans:
        """The best answer of each question marked in the text, and of each the best `top_k`.

        Raises UserError tasks.no_question, tasks.no_context, tasks.too_many_questions, tasks.question_too_long,
        tasks.too_many_windows.
        """
        questions, context = asked_of(values)
        window, stride, windows = _windows(pipe, questions, context, params)
        asked = [(question, _answers(pipe, question, context, params, window, stride)) for question in questions]
        best = [
            Span(one[0].start, one[0].end, question if len(questions) > 1 else "", one[0].score, one[0].word)
            for question, one in asked
            if one and one[0].word
        ]
        tokens = len(tokenizer_of(pipe)(context, verbose=False)["input_ids"])
        spans = tuple(sorted(best, key=lambda one: (one.start, one.end)))
        return Spans(context, spans, tokens=tokens, tokens_read=tokens, asked=tuple(asked), windows=windows)

    def batch(
        self, pipe: Pipeline, texts: Sequence[str], params: QuestionAnsweringParams, pairs: Sequence[str] = ()
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """The best answer of each, its score and its place; shortest first.

        texts are questions with `pairs` as their texts; without those what `each` says, with the other one shared.
        Where one of the two is empty or too long the cells are. Raises UserError tasks.no_context, tasks.no_question.
        """
        if pairs:
            both = list(zip(texts, pairs, strict=True))
        elif params.each == "question":
            if not params.context.strip():
                raise UserError("tasks.no_context")
            both = [(text, encodable(params.context)) for text in texts]
        else:
            if not params.question.strip():
                raise UserError("tasks.no_question")
            both = [(encodable(params.question.strip()), text) for text in texts]
        for index in sorted(range(len(both)), key=lambda index: sum(map(len, both[index]))):
            question, context = (text.strip() if place == 0 else text for place, text in enumerate(both[index]))
            row: dict[str, Any] = {"answer": "", "score": None, "start": None, "end": None}
            try:
                if question and context.strip():
                    window, stride, _ = _windows(pipe, [question], context, params)
                    for best in _answers(pipe, question, context, params, window, stride)[:1]:
                        row = {"answer": best.word, "score": best.score, "start": best.start, "end": best.end}
                        if not best.word:
                            row |= {"start": None, "end": None}
            except UserError as error:
                if error.key not in ("tasks.question_too_long", "tasks.too_many_windows"):
                    raise
            yield index, row

    def steps(self, pipe: Pipeline, values: Mapping[str, Any], params: QuestionAnsweringParams) -> tuple[Step, ...]:
        """For the first question: the windows, one window's tokens and tensors, where an answer may begin and end."""
        questions, context = asked_of(values)
        window, stride, _ = _windows(pipe, questions, context, params)
        answers = _answers(pipe, questions[0], context, params, window, stride)
        return steps_of(pipe, questions[0], context, answers, window, stride, params.max_answer_len)

    def settled(self, pipe: Pipeline, values: Mapping[str, Any], params: QuestionAnsweringParams) -> Mapping[str, Any]:
        """Sizes of the windows, and which tensors the model is given."""
        questions, context = asked_of(values)
        window, stride, _ = _windows(pipe, questions, context, params)
        names = pipe.input_names()  # type: ignore[attr-defined]
        left = tokenizer_of(pipe).padding_side == "left"
        return {**values, "window": window, "stride": stride, "names": names, "left": left}

    def snippet(self, source: str, values: Mapping[str, Any], params: QuestionAnsweringParams) -> str:
        """Prints score, place and text of each answer. With AutoModelForQuestionAnswering: Transformers 5 has no
        pipeline for it."""
        questions, context = asked_of(values)
        left = bool(values.get("left"))
        align = _aligned(params, context)
        return CODE.format(
            source=literal(source),
            dtype=params.dtype,
            moved=params.moved,
            questions="[" + ", ".join(literal(question) for question in questions) + "]",
            context=literal(context),
            both="context, question" if left else "question, context",
            cut="only_first" if left else "only_second",
            window=values.get("window", params.max_seq_len),
            stride=values.get("stride", params.doc_stride),
            names=list(values.get("names", ("input_ids", "attention_mask"))),
            part=0 if left else 1,
            closed="False" if left else "part != 1 and token != tokenizer.cls_token_id",
            count=params.top_k * 2 + 10 if align else params.top_k,
            longest=params.max_answer_len,
            align=align,
            impossible=params.handle_impossible_answer,
            top_k=params.top_k,
        )


def asked_of(values: Mapping[str, Any]) -> tuple[list[str], str]:
    """The questions, one a line, and the text. Raises UserError tasks.no_question, no_context, too_many_questions."""
    questions = [line.strip() for line in encodable(str(values.get("question") or "")).splitlines() if line.strip()]
    context = encodable(str(values.get("context") or ""))
    if not questions:
        raise UserError("tasks.no_question")
    if not context.strip():
        raise UserError("tasks.no_context")
    if len(questions) > _MOST_QUESTIONS:
        raise UserError("tasks.too_many_questions", count=len(questions), most=_MOST_QUESTIONS)
    return questions, context


def _windows(
    pipe: Pipeline, questions: Sequence[str], context: str, params: QuestionAnsweringParams
) -> tuple[int, int, int]:
    """Tokens of a window, tokens that two share, and about how many windows there are for the longest question.

    Raises UserError tasks.question_too_long, tasks.too_many_windows.
    """
    tokenizer = tokenizer_of(pipe)
    window = min(params.max_seq_len, tokenizer.model_max_length)
    if tokenizer.model_max_length > 1_000_000:
        window = min(window, _LONGEST_WINDOW)
    before = max(
        len(tokenizer(question, add_special_tokens=False, verbose=False)["input_ids"]) for question in questions
    )
    room = window - before - tokenizer.num_special_tokens_to_add(pair=True)
    if room < 2:
        raise UserError("tasks.question_too_long", tokens=before, limit=window)
    stride = min(params.doc_stride, room // 2)
    tokens = len(tokenizer(context, add_special_tokens=False, verbose=False)["input_ids"])
    count = 1 + max(0, -(-(tokens - room) // (room - stride)))
    if count * len(questions) > _MOST_WINDOWS:
        raise UserError("tasks.too_many_windows", tokens=tokens, count=count * len(questions), most=_MOST_WINDOWS)
    return window, stride, count


def _answers(
    pipe: Pipeline, question: str, context: str, params: QuestionAnsweringParams, window: int, stride: int
) -> tuple[Span, ...]:
    """Best first; "no answer" has no word and no place."""
    ask: Any = pipe
    found = ask(
        question=question,
        context=context,
        top_k=params.top_k,
        handle_impossible_answer=params.handle_impossible_answer,
        max_answer_len=params.max_answer_len,
        max_seq_len=window,
        doc_stride=stride,
        align_to_words=_aligned(params, context),
        batch_size=_WINDOWS_AT_ONCE if tokenizer_of(pipe).pad_token_id is not None else 1,
    )
    rows = found if isinstance(found, list) else [found]
    spans = [Span(row["start"], row["end"], "", float(row["score"]), row["answer"]) for row in rows if row["answer"]]
    # Spans of the first token come without words, too, and with a chance of zero.
    none = [float(row["score"]) for row in rows if not row["answer"]]
    if params.handle_impossible_answer and none:
        spans.append(Span(-1, -1, "", max(none), ""))
    return tuple(sorted(spans, key=lambda one: one.score, reverse=True))


def _aligned(params: QuestionAnsweringParams, context: str) -> bool:
    if params.align_to_words == "auto":
        return _NO_SPACES.search(context) is None
    return params.align_to_words == "yes"
