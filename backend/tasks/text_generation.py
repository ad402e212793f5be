"""Text generation: a model continues a text, or answers in a chat, token by token."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backend.errors import UserError
from backend.exports.snippet import literal
from backend.tasks import quick_writing
from backend.tasks.base import Example, Input, RunsOn, Step, Task, Text, check_params, param
from backend.tasks.context import context_length, encodable, ends_of, tokenizer_of
from backend.tasks.decoding import StopAt, TokenQueue, as_written, sampling
from backend.tasks.generation_steps import steps_of

if TYPE_CHECKING:
    import torch
    from transformers import Pipeline, PreTrainedTokenizerBase

    from backend.models import ModelFacts

_ROLES = ("system", "user", "assistant")


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationParams(RunsOn):
    """How the next token is chosen, and when to end."""

    mode: str = param("auto", choices=("auto", "chat", "complete"))
    """chat: through the model's template; complete: the bare text goes on; auto: chat where there is a template."""
    system: str = param("")
    """Instructions that stand before the chat; empty: what the template itself puts there."""
    max_new_tokens: int = param(200, minimum=1, maximum=2000, step=1)
    min_new_tokens: int = param(0, minimum=0, maximum=2000, step=1)
    """Tokens before the answer may end."""
    do_sample: bool = param(True)
    """Draw the next token by its probability; else always take the likeliest one."""
    temperature: float = param(0.7, minimum=0.05, maximum=2.0, step=0.05)
    top_k: int = param(50, minimum=0, maximum=200, step=1)
    """Draw only from so many likeliest tokens; 0 is no such limit."""
    top_p: float = param(0.95, minimum=0.05, maximum=1.0, step=0.05)
    """Draw only from the likeliest tokens whose probabilities add up to this; 1 is no such limit."""
    repetition_penalty: float = param(1.1, minimum=1.0, maximum=2.0, step=0.05)
    """What was written already becomes so many times less likely; 1 is no penalty."""
    num_beams: int = param(1, minimum=1, maximum=8, step=1)
    """How many beginnings are followed side by side; 1 takes the likeliest token. Sampling has one."""
    length_penalty: float | None = param(None, minimum=-5.0, maximum=5.0, optional=True)
    """Power of the length by which a beam's score is divided. None: the model's own."""
    num_return_sequences: int = param(1, minimum=1, maximum=8, step=1)
    """How many answers."""
    engine: str = param("plain", choices=("plain", "quick"))
    """plain: Transformers; quick: backend.tasks.quick_writing, on a CPU."""
    seed: int = param(0, minimum=0, maximum=2**31 - 1, step=1)
    """The same seed, text and settings give the same answer."""

    def __post_init__(self) -> None:
        check_params(self, "tasks.text-generation")
        if self.min_new_tokens > self.max_new_tokens:
            name, most = "min_new_tokens", self.max_new_tokens
            raise UserError("tasks.too_large", name=name, value=self.min_new_tokens, maximum=most)
        if not self.do_sample and self.num_return_sequences > self.num_beams:
            raise UserError("tasks.more_than_beams", count=self.num_return_sequences, beams=self.num_beams)
        if self.engine == "quick" and not self.grows:
            raise UserError("tasks.quick_one_way")

    @property
    def beams(self) -> int:
        """How many beams there are."""
        return 1 if self.do_sample else self.num_beams

    @property
    def grows(self) -> bool:
        """Whether there is one answer that grows token by token: of several beams any may be the best until the end."""
        return self.beams == 1 and self.num_return_sequences == 1

    def arguments(self) -> dict[str, Any]:
        """What `generate` is given, but for sampling."""
        given: dict[str, Any] = {"max_new_tokens": self.max_new_tokens}
        if self.min_new_tokens:
            given["min_new_tokens"] = self.min_new_tokens
        if self.beams > 1:
            given["num_beams"] = self.beams
            given |= {} if self.length_penalty is None else {"length_penalty": self.length_penalty}
        if self.num_return_sequences > 1:
            given["num_return_sequences"] = self.num_return_sequences
        return given


class TextGeneration(Task):
    """Writes. Values: `messages`, a text or a list of {"role", "content"} that ends with what the person said."""

    name = "text-generation"
    lane = "generate"
    inputs = (Input("messages", kind="chat"),)
    params = GenerationParams
    streams = True
    auto_class = "AutoModelForCausalLM"
    writes_on = True
    examples = (
        Example("en", {"messages": "In this course, we will teach you how to"}, course="tasks"),
        Example("en", {"messages": "Explain in three sentences why the sky is blue."}),
        Example("en", {"messages": "Write a short thank-you note to a colleague who helped me move house."}),
        Example("en", {"messages": "What is the difference between weather and climate?"}),
        # The writing starter knows English; the last one is for models that know Chinese.
        Example("zh-CN", {"messages": "Write a polite email in English asking a hotel for a quiet room."}),
        Example("zh-CN", {"messages": "Explain in simple English why the sky is blue."}),
        Example("zh-CN", {"messages": "请用三句话解释天空为什么是蓝色的。"}),
    )

    def fits(self, facts: ModelFacts) -> bool:
        """A head that says the next token from those before it."""
        return facts.architecture.endswith(("ForCausalLM", "LMHeadModel"))

    def converses(self, facts: ModelFacts, params: GenerationParams) -> bool:
        """Through a chat template, where there is one and the person did not ask for bare continuing."""
        return params.mode == "chat" or (params.mode == "auto" and facts.has_chat_template)

    def run(self, pipe: Pipeline, values: Mapping[str, Any], params: GenerationParams) -> Text:
        """The whole answer.

        Raises UserError tasks.empty_text, no_chat_template, template_refuses, prompt_too_long or bad_chat.
        """
        return _written(pipe, values, params, threading.Event())

    def stream(
        self, pipe: Pipeline, values: Mapping[str, Any], params: GenerationParams, stop: threading.Event
    ) -> Iterator[Text]:
        """The answer after each token; the last one is finished. Closing the iterator ends the writing, too.

        With several beams or answers only the whole comes.
        """
        if not params.grows:
            yield _written(pipe, values, params, stop)
            return
        inputs = prompt_tensors(pipe, values, params)
        ids: list[int] = []
        if params.engine == "quick":
            written = _quick(pipe, inputs, params, stop)
        else:
            written = as_written(lambda tokens, stops: _generate(pipe, inputs, params, tokens, stops), stop)
        for token in written:
            ids.append(token)
            yield Text(_decode(pipe, ids).rstrip("\ufffd"), len(ids), finished=False)
        stopped = stop.is_set()
        if params.engine == "quick":
            yield _quick_answer(pipe, ids, params, stopped)
        else:
            yield _answer(pipe, [ids], params, stopped)

    def batch(
        self,
        pipe: Pipeline,
        texts: Sequence[str],
        params: GenerationParams,
        pairs: Sequence[str] = (),
        *,
        stop: threading.Event | None = None,
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """What is written to each text, one by one: each answer is the one the page gives. Shortest texts first.

        stop: ends within a token.
        """
        stop = stop or threading.Event()
        for index in sorted(range(len(texts)), key=lambda index: len(texts[index])):
            if not texts[index].strip():
                yield index, {"answer": "", "tokens": 0, "stopped_by": ""}
                continue
            try:
                answer = _written(pipe, {"messages": texts[index]}, params, stop)
            except UserError as error:
                limit = context_length(pipe)
                if error.key != "tasks.prompt_too_long" or params.max_new_tokens >= limit:
                    raise
                # This one has no room; the others have.
                yield index, {"answer": "", "tokens": 0, "stopped_by": ""}
                continue
            if stop.is_set():
                # What was begun is no answer.
                return
            others = {f"answer_{number}": text for number, text in enumerate(answer.others, 2)}
            said = {"answer": answer.text, **others, "tokens": answer.tokens, "stopped_by": answer.stopped_by}
            yield index, said

    def steps(self, pipe: Pipeline, values: Mapping[str, Any], params: GenerationParams) -> tuple[Step, ...]:
        """Prompt, tokens, tensors, all layers and the likeliest first tokens of the answer."""
        inputs = prompt_tensors(pipe, values, params)
        return steps_of(pipe, inputs, _prompt(pipe, values, params))

    def snippet(self, source: str, values: Mapping[str, Any], params: GenerationParams) -> str:
        """Prints the answer. With sampling, `set_seed` in a process of its own draws what the page drew."""
        messages = _messages(values, params)
        if params.engine == "quick":
            return _quick_snippet(source, messages, params)
        seed = f"set_seed({params.seed})\n" if params.do_sample else ""
        arguments = [f"{name}={value}" for name, value in params.arguments().items()]
        arguments += [f"do_sample={params.do_sample}"]
        if params.do_sample:
            arguments += [f"temperature={params.temperature}", f"top_k={params.top_k}", f"top_p={params.top_p}"]
        arguments += [f"repetition_penalty={params.repetition_penalty}", "return_full_text=False"]
        prompt = _chat_literal(messages) if params.mode != "complete" else literal(messages[-1]["content"])
        if params.mode == "auto":
            fallback = f"if writer.tokenizer.chat_template is None:\n    prompt = {literal(messages[-1]['content'])}\n"
        else:
            fallback = ""
        return f"""from transformers import pipeline{", set_seed" if seed else ""}

writer = pipeline("text-generation", model={literal(source)}, {params.loaded})
prompt = {prompt}
{fallback}{seed}answers = writer(prompt, {", ".join(arguments)})
for answer in answers:
    print(answer["generated_text"])
"""


def _written(pipe: Pipeline, values: Mapping[str, Any], params: GenerationParams, stop: threading.Event) -> Text:
    """The whole answer, or as much of it as there is when `stop` is set. Raises what `run` does."""
    inputs = prompt_tensors(pipe, values, params)
    if params.engine == "quick":
        return _quick_answer(pipe, list(_quick(pipe, inputs, params, stop)), params, stopped=stop.is_set())
    return _answer(pipe, _generate(pipe, inputs, params, stops=(stop,)), params, stopped=stop.is_set())


def _quick(pipe: Pipeline, inputs: Mapping[str, Any], params: GenerationParams, stop: threading.Event) -> Iterator[int]:
    for token in quick_writing.write(pipe, inputs["input_ids"][0].tolist(), params):
        yield token
        if stop.is_set():
            return


def _quick_answer(pipe: Pipeline, ids: list[int], params: GenerationParams, stopped: bool) -> Text:
    """The end token is not among the ids: fewer than were allowed, and nobody stopped it, means that it came."""
    ended = "length" if len(ids) >= params.max_new_tokens else "person" if stopped else "end"
    return Text(_decode(pipe, ids), len(ids), stopped_by=ended)  # type: ignore[arg-type]


def _quick_snippet(source: str, messages: list[dict[str, str]], params: GenerationParams) -> str:
    bare = f'ids = tokenizer({literal(messages[-1]["content"])})["input_ids"]'
    chat = (
        f"messages = {_chat_literal(messages)}\n"
        'ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)["input_ids"]'
    )
    prompt = bare if params.mode == "complete" else chat
    if params.mode == "auto":
        inner = chat.replace("\n", "\n    ")
        prompt = f"if tokenizer.chat_template is None:\n    {bare}\nelse:\n    {inner}"
    return quick_writing.snippet(source, prompt, params, "GenerationConfig.from_pretrained(name).eos_token_id")


def _generate(
    pipe: Pipeline,
    inputs: Mapping[str, Any],
    params: GenerationParams,
    streamer: TokenQueue | None = None,
    stops: Sequence[threading.Event] = (),
) -> list[list[int]]:
    """Ids of what the model writes, the best answer first; each up to the token that ends it."""
    given = params.arguments()
    if params.do_sample:
        # Our own last processor draws for each of them; what is left to generate is to take the only token left.
        count = given.pop("num_return_sequences", 1)
        inputs = {name: value.repeat_interleave(count, 0) for name, value in inputs.items()}
    written = pipe.model.generate(  # type: ignore[operator]
        **inputs,
        **{"num_beams": 1} | given,
        repetition_penalty=params.repetition_penalty,
        do_sample=False,
        temperature=None,
        top_k=None,
        top_p=None,
        logits_processor=_sampling(params, pipe.model.device) if params.do_sample else None,
        stopping_criteria=[StopAt(stops)] if stops else None,
        streamer=streamer,
    )
    ends = set(ends_of(pipe))
    rows = written[:, inputs["input_ids"].shape[1] :].tolist()
    lengths = [next((place for place, token in enumerate(row, 1) if token in ends), len(row)) for row in rows]
    return [row[:length] for row, length in zip(rows, lengths, strict=True)]


def _sampling(params: GenerationParams, device: torch.device) -> list[Any]:
    return sampling(
        temperature=params.temperature, top_k=params.top_k, top_p=params.top_p, seed=params.seed, device=device
    )


def prompt_tensors(pipe: Pipeline, values: Mapping[str, Any], params: GenerationParams) -> dict[str, Any]:
    """input_ids and attention_mask of the prompt, (1, tokens) each. Raises UserError when it does not fit."""
    prompt = _prompt(pipe, values, params)
    if isinstance(prompt, str):
        inputs = tokenizer_of(pipe)(prompt, return_tensors="pt", verbose=False)
    else:
        inputs = _through_template(tokenizer_of(pipe), prompt)
    tokens, limit = inputs["input_ids"].shape[1], context_length(pipe)
    if limit and tokens + params.max_new_tokens > limit:
        raise UserError("tasks.prompt_too_long", tokens=tokens, wanted=params.max_new_tokens, limit=limit)
    device = pipe.model.device
    return {name: inputs[name].to(device) for name in ("input_ids", "attention_mask")}


def _through_template(tokenizer: PreTrainedTokenizerBase, messages: list[dict[str, str]]) -> Any:
    """The tensors of a chat. Raises UserError tasks.template_refuses with the template's own words."""
    from jinja2 import TemplateError

    try:
        return tokenizer.apply_chat_template(
            messages, add_generation_prompt=True, return_dict=True, return_tensors="pt"
        )
    except TemplateError as error:
        # Some know no instructions, others only messages that take turns.
        raise UserError("tasks.template_refuses", reason=str(error)[:200]) from error


def _prompt(pipe: Pipeline, values: Mapping[str, Any], params: GenerationParams) -> str | list[dict[str, str]]:
    """The bare text to continue, or the messages for the chat template."""
    messages = _messages(values, params)
    has_template = bool(tokenizer_of(pipe).chat_template)
    if params.mode == "chat" and not has_template:
        raise UserError("tasks.no_chat_template")
    if params.mode == "complete" or not has_template:
        return messages[-1]["content"]
    return messages


def _messages(values: Mapping[str, Any], params: GenerationParams) -> list[dict[str, str]]:
    """The chat as the template takes it, the system prompt first. A bare text is a chat of one message."""
    given = values.get("messages") or ""
    if isinstance(given, str):
        given = [{"role": "user", "content": given}]
    messages = [{"role": str(one["role"]), "content": encodable(_plain(one["content"]))} for one in given]
    if not messages or not messages[-1]["content"].strip():
        raise UserError("tasks.empty_text")
    if messages[-1]["role"] != "user" or any(one["role"] not in _ROLES for one in messages):
        raise UserError("tasks.bad_chat")
    if params.system.strip():
        return [{"role": "system", "content": encodable(params.system.strip())}, *messages]
    return messages


def _plain(content: Any) -> str:
    """The text of a message. Gradio's Chatbot keeps it as a string or as parts of {"type": "text", "text": ...}."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, (list, tuple)) else [content]
    return "".join(part if isinstance(part, str) else str(part.get("text", "")) for part in parts)


def _answer(pipe: Pipeline, rows: list[list[int]], params: GenerationParams, stopped: bool) -> Text:
    ids, others = rows[0], tuple(_decode(pipe, row) for row in rows[1:])
    if ids and ids[-1] in ends_of(pipe):
        return Text(_decode(pipe, ids), len(ids), stopped_by="end", others=others)
    full = len(ids) >= params.max_new_tokens
    return Text(_decode(pipe, ids), len(ids), stopped_by="person" if stopped and not full else "length", others=others)


def _decode(pipe: Pipeline, ids: list[int]) -> str:
    return str(tokenizer_of(pipe).decode(ids, skip_special_tokens=True))


def _chat_literal(messages: list[dict[str, str]]) -> str:
    """The messages as Python, one a line."""
    return "[\n" + "".join(f"    {literal(message)},\n" for message in messages) + "]"
