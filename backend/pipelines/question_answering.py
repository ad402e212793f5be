"""Extractive question answering: the words of a context that answer a question, found by the model's start and end."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from transformers.models.auto.modeling_auto import MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES
from transformers.pipelines.base import ChunkPipeline

from ._questions import Example, examples_in

# Their tokenizers told of token_type_ids in 4.x and no longer do; without them the model answers differently.
_SEGMENTS_UNTOLD = frozenset(
    "albert flaubert funnel nystromformer rembert roc_bert roformer splinter xlm xlnet yoso".split()
)


# Its types are narrower than what its own subclasses do.
_ChunkPipeline: Any = ChunkPipeline


class QuestionAnsweringPipeline(_ChunkPipeline):  # type: ignore[misc]
    """Answers questions with pieces of a context, as {"score", "start", "end", "answer"}, best first.

    score: probability of start times that of end, summed over windows and spellings of one answer; start, end: where
    the answer stands in the context, in characters. One answer comes as a dict, several (`top_k`) as a list, several
    questions as a list of those.

        qa(question="Where?", context="In Paris.")
        qa("Where?", "In Paris.")
        qa(question=["Who?", "Where?"], context=text)
        qa([{"question": ..., "context": ...}, {...}], batch_size=8)

    top_k: how many answers, 1. doc_stride: tokens that two windows over a long context share, 128 or half a window.
    max_seq_len: tokens of a window, the question's among them, 384 or what the tokenizer allows. max_answer_len: tokens
    of an answer, 15. handle_impossible_answer: "" is an answer too, with the least score that the first token has in
    any window. align_to_words: an answer begins and ends with a word, True; for Chinese or Japanese better False.
    padding: as a tokenizer takes it. max_question_len is taken and has no effect, as with fast tokenizers in 4.57.6.

    Odd, and kept from 4.57.6: with a tokenizer that pads on the left (XLNet) the question's tokens may answer too; a
    question as long as a window raises what `tokenizers` raises.

    Raises ValueError for an empty or missing question or context, for numbers below 1 and for a tokenizer without
    offsets (slow ones); KeyError for a dict that lacks one of the two.
    """

    default_input_names = "question,context"
    _load_processor = False
    _load_image_processor = False
    _load_video_processor = False
    _load_feature_extractor = False
    _load_tokenizer = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.check_model_type(MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES)
        if not self.tokenizer.is_fast:
            raise ValueError(f"{type(self.tokenizer).__name__} gives no character offsets; a fast tokenizer is needed.")

    def _sanitize_parameters(
        self,
        padding: bool | str | None = None,
        topk: int | None = None,
        top_k: int | None = None,
        doc_stride: int | None = None,
        max_answer_len: int | None = None,
        max_seq_len: int | None = None,
        max_question_len: int | None = None,
        handle_impossible_answer: bool | None = None,
        align_to_words: bool | None = None,
        **_inputs: Any,
    ) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        if topk is not None and top_k is None:
            warnings.warn("topk parameter is deprecated, use top_k instead", UserWarning, stacklevel=2)
            top_k = topk
        for name, value in (("top_k", top_k), ("max_answer_len", max_answer_len)):
            if value is not None and value < 1:
                raise ValueError(f"{name} should be at least 1, not {value}")
        before = {"padding": padding, "doc_stride": doc_stride, "max_seq_len": max_seq_len}
        after = {
            "top_k": top_k,
            "max_answer_len": max_answer_len,
            "handle_impossible_answer": handle_impossible_answer,
            "align_to_words": align_to_words,
        }
        return _given(before), {}, _given(after)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The answers; see the class. A generator or torch Dataset of dicts gives an iterator of answers."""
        examples = examples_in(args, kwargs)
        if isinstance(examples, list) and len(examples) == 1:
            return super().__call__(examples[0], **kwargs)
        # Pipeline.__call__ looks at the first of a list.
        return super().__call__(examples, **kwargs) if not isinstance(examples, list) or examples else []

    def preprocess(
        self,
        example: Example | dict[str, str],
        padding: bool | str = "do_not_pad",
        doc_stride: int | None = None,
        max_seq_len: int | None = None,
    ) -> Iterator[dict[str, Any]]:
        """One dict a window: inputs and p_mask (True where no answer may be) [1, tokens], what `postprocess` needs."""
        if isinstance(example, dict):
            example = Example(example["question"], example["context"])
        if max_seq_len is None:
            max_seq_len = min(self.tokenizer.model_max_length, 384)
        if doc_stride is None:
            doc_stride = min(max_seq_len // 2, 128)
        if doc_stride > max_seq_len:
            raise ValueError(f"doc_stride ({doc_stride}) is larger than max_seq_len ({max_seq_len})")

        question_first = self.tokenizer.padding_side == "right"
        first, second = example.question, example.context
        windows = self.tokenizer(
            text=first if question_first else second,
            text_pair=second if question_first else first,
            padding=padding,
            truncation="only_second" if question_first else "only_first",
            max_length=max_seq_len,
            stride=doc_stride,
            return_token_type_ids=True,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        names = [name for name in ("input_ids", "attention_mask", "token_type_ids") if name in windows]
        count = len(windows["input_ids"])
        for index in range(count):
            ids = windows["input_ids"][index]
            cls = self.tokenizer.cls_token_id
            # The first token stays open: it stands for "no answer".
            outside = [
                question_first and part != 1 and (cls is None or token != cls)
                for part, token in zip(windows.sequence_ids(index), ids, strict=True)
            ]
            yield {
                "example": example,
                "is_last": index == count - 1,
                **{name: torch.tensor([windows[name][index]]) for name in names},
                "p_mask": torch.tensor([outside]),
                "encoding": windows[index],
            }

    def input_names(self) -> list[str]:
        """The tensors that the model is given."""
        takes = inspect.signature(self.model.forward).parameters
        wanted = [name for name in self.tokenizer.model_input_names if name != "token_type_ids"]
        if "token_type_ids" in takes and (
            "token_type_ids" in self.tokenizer.model_input_names or self.model.config.model_type in _SEGMENTS_UNTOLD
        ):
            wanted.append("token_type_ids")
        return wanted

    def _forward(self, inputs: dict[str, Any]) -> dict[str, Any]:
        takes_cache = "use_cache" in inspect.signature(self.model.forward).parameters
        options = {"use_cache": False} if takes_cache else {}
        output = self.model(**{name: inputs[name] for name in self.input_names()}, **options)
        start, end = (output["start_logits"], output["end_logits"]) if isinstance(output, dict) else output[:2]
        return {"start": start, "end": end, **inputs}

    def postprocess(
        self,
        model_outputs: Sequence[dict[str, Any]],
        top_k: int = 1,
        handle_impossible_answer: bool = False,
        max_answer_len: int = 15,
        align_to_words: bool = True,
    ) -> dict[str, Any] | list[dict[str, Any]]:
        """The answers of one question over all its windows."""
        by_text: dict[str, dict[str, Any]] = {}
        no_answer = 1_000_000.0
        # Spans of one word become one answer, so more are taken than are wanted.
        count = top_k * 2 + 10 if align_to_words else top_k
        for window in model_outputs:
            open_tokens = 1 - window["p_mask"].numpy().astype(int)
            if window.get("attention_mask") is not None:
                open_tokens &= window["attention_mask"].numpy()
            start = _probabilities(window["start"], open_tokens)
            end = _probabilities(window["end"], open_tokens)
            no_answer = min(no_answer, float(start[0] * end[0]))
            start[0] = end[0] = 0.0

            context = window["example"].context
            padded = 0
            if self.tokenizer.padding_side == "left":
                padded = int((window["input_ids"] == self.tokenizer.pad_token_id).sum())
            for first, last, score in _best_spans(start, end, open_tokens[0], count, max_answer_len):
                begin, stop = self._characters(window["encoding"], first - padded, last - padded, align_to_words)
                text = context[begin:stop]
                answer = by_text.setdefault(text.lower(), {"score": 0.0, "start": begin, "end": stop, "answer": text})
                answer["score"] += score
        answers = list(by_text.values())
        if handle_impossible_answer:
            answers.append({"score": no_answer, "start": 0, "end": 0, "answer": ""})
        answers = sorted(answers, key=lambda answer: answer["score"], reverse=True)[:top_k]
        return answers[0] if len(answers) == 1 else answers

    def _characters(self, encoding: Any, first: int, last: int, align_to_words: bool) -> tuple[int, int]:
        """Where the tokens `first` to `last` stand in the context."""
        if align_to_words:
            context = 1 if self.tokenizer.padding_side == "right" else 0
            try:
                return (
                    encoding.word_to_chars(encoding.token_to_word(first), sequence_index=context)[0],
                    encoding.word_to_chars(encoding.token_to_word(last), sequence_index=context)[1],
                )
            except (TypeError, OverflowError):
                pass  # a special token, or one that belongs to no word
        return encoding.offsets[first][0], encoding.offsets[last][1]


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _probabilities(logits: torch.Tensor, open_tokens: np.ndarray) -> np.ndarray:
    """Softmax of [1, tokens] over the open tokens, as [tokens]."""
    closed = np.where(open_tokens[0] == 0, np.float32(-10000.0), logits[0].float().numpy())
    powers = np.exp(closed - closed.max())
    probabilities: np.ndarray = powers / powers.sum()
    return probabilities


def _best_spans(
    start: np.ndarray, end: np.ndarray, open_tokens: np.ndarray, count: int, max_answer_len: int
) -> Iterator[tuple[int, int, float]]:
    """First token, last token and score of the best `count` spans, best first, without those on closed tokens.

    Ties, and the zeros behind the last real span, fall as numpy's partition has them.
    """
    scores = np.tril(np.triu(np.outer(start, end)), max_answer_len - 1)
    flat = scores.ravel()
    if count == 1:
        order = np.array([flat.argmax()])
    elif len(flat) < count:
        order = np.argsort(-flat)
    else:
        order = np.argpartition(-flat, count)[:count]
        order = order[np.argsort(-flat[order])]
    allowed = {0, *np.flatnonzero(open_tokens).tolist()}
    for first, last in zip(*(axis.tolist() for axis in np.unravel_index(order, scores.shape)), strict=True):
        if first in allowed and last in allowed:
            yield first, last, float(scores[first, last])
