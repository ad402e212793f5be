"""Text generation: a model continues a text, or answers in a chat, token by token."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backend.errors import UserError
from backend.exports.snippet import literal
from backend.tasks import quick_writing
from backend.tasks.base import Example, Input, Step, Task, Text, check_params, param
from backend.tasks.context import context_length, ends_of, tokenizer_of
from backend.tasks.decoding import StopAt, TokenQueue, as_written, sampling

if TYPE_CHECKING:
    import torch
    from transformers import Pipeline

    from backend.models import ModelFacts

_ROLES = ("system", "user", "assistant")
_SHOWN_TOKENS = 24
_SHOWN_CANDIDATES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationParams:
    """How the next token is chosen, and when to end."""

    mode: str = param("auto", choices=("auto", "chat", "complete"))
    """chat: through the model's template; complete: the bare text goes on; auto: chat where there is a template."""
    system: str = param("")
    """Instructions that stand before the chat; empty: what the template itself puts there."""
    max_new_tokens: int = param(200, minimum=1, maximum=2000, step=1)
    do_sample: bool = param(True)
    """Draw the next token by its probability; else always take the likeliest one."""
    temperature: float = param(0.7, minimum=0.05, maximum=2.0, step=0.05)
    top_k: int = param(50, minimum=0, maximum=200, step=1)
    """Draw only from so many likeliest tokens; 0 is no such limit."""
    top_p: float = param(0.95, minimum=0.05, maximum=1.0, step=0.05)
    """Draw only from the likeliest tokens whose probabilities add up to this; 1 is no such limit."""
    repetition_penalty: float = param(1.1, minimum=1.0, maximum=2.0, step=0.05)
    """What was written already becomes so many times less likely; 1 is no penalty."""
    engine: str = param("plain", choices=("plain", "quick"))
    """plain: Transformers; quick: backend.tasks.quick_writing, on a CPU."""
    seed: int = param(0, minimum=0, maximum=2**31 - 1, step=1)
    """The same seed, text and settings give the same answer."""

    def __post_init__(self) -> None:
        check_params(self, "tasks.text-generation")


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
        """The whole answer. Raises UserError tasks.empty_text, no_chat_template, prompt_too_long or bad_chat."""
        inputs = prompt_tensors(pipe, values, params)
        if params.engine == "quick":
            return _quick_answer(pipe, list(_quick(pipe, inputs, params, threading.Event())), params, stopped=False)
        ids = _generate(pipe, inputs, params)
        return _answer(pipe, ids, params, stopped=False)

    def stream(
        self, pipe: Pipeline, values: Mapping[str, Any], params: GenerationParams, stop: threading.Event
    ) -> Iterator[Text]:
        """The answer after each token; the last one is finished. Closing the iterator ends the writing, too."""
        inputs = prompt_tensors(pipe, values, params)
        ids: list[int] = []
        if params.engine == "quick":
            written, answer = _quick(pipe, inputs, params, stop), _quick_answer
        else:
            written = as_written(lambda tokens, stops: _generate(pipe, inputs, params, tokens, stops), stop)
            answer = _answer
        for token in written:
            ids.append(token)
            yield Text(_decode(pipe, ids).rstrip("\ufffd"), len(ids), finished=False)
        yield answer(pipe, ids, params, stopped=stop.is_set())

    def batch(
        self, pipe: Pipeline, texts: Sequence[str], params: GenerationParams, pairs: Sequence[str] = ()
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """What is written to each text, one by one: each answer is the one the page gives. Shortest texts first."""
        for index in sorted(range(len(texts)), key=lambda index: len(texts[index])):
            if not texts[index].strip():
                yield index, {"answer": "", "tokens": 0, "stopped_by": ""}
                continue
            answer = self.run(pipe, {"messages": texts[index]}, params)
            yield index, {"answer": answer.text, "tokens": answer.tokens, "stopped_by": answer.stopped_by}

    def steps(self, pipe: Pipeline, values: Mapping[str, Any], params: GenerationParams) -> tuple[Step, ...]:
        """Prompt, tokens, tensors and the likeliest first tokens of the answer."""
        import torch

        inputs = prompt_tensors(pipe, values, params)
        ids = inputs["input_ids"][0].tolist()
        tokenizer = tokenizer_of(pipe)
        pieces = tokenizer.convert_ids_to_tokens(ids)
        with torch.inference_mode():
            logits = pipe.model(**inputs).logits[0, -1].float().cpu()
        best = logits.topk(min(_SHOWN_CANDIDATES, len(logits)))
        names = [repr(tokenizer.decode([token])) for token in best.indices.tolist()]
        shares = logits.softmax(-1)[best.indices].tolist()
        prompt = _prompt(pipe, values, params)
        template = (
            ()
            if isinstance(prompt, str)
            else (Step("template", tuple(str(tokenizer.decode(ids)).splitlines()), "", _TEMPLATE_CODE),)
        )
        return (
            *template,
            Step("tokens", (_shortened(pieces),), f"{len(ids)}", "pieces = tokenizer.convert_ids_to_tokens(ids)"),
            Step("tensors", (f"input_ids: {_shortened(ids)}",), f"(1, {len(ids)})", 'inputs = {"input_ids": ids}'),
            Step(
                "next_logits",
                tuple(f"{name}: {value:.2f}" for name, value in zip(names, best.values.tolist(), strict=True)),
                f"({len(logits)},)",
                "logits = model(**inputs).logits[0, -1]",
            ),
            Step(
                "next_probabilities",
                tuple(f"{name}: {share:.1%}" for name, share in zip(names, shares, strict=True)),
                f"({len(logits)},)",
                "probabilities = logits.softmax(-1)",
            ),
        )

    def snippet(self, source: str, values: Mapping[str, Any], params: GenerationParams) -> str:
        """Prints the answer. With sampling, `set_seed` in a process of its own draws what the page drew."""
        messages = _messages(values, params)
        if params.engine == "quick":
            return _quick_snippet(source, messages, params)
        seed = f"set_seed({params.seed})\n" if params.do_sample else ""
        arguments = [f"max_new_tokens={params.max_new_tokens}", f"do_sample={params.do_sample}"]
        if params.do_sample:
            arguments += [f"temperature={params.temperature}", f"top_k={params.top_k}", f"top_p={params.top_p}"]
        arguments += [f"repetition_penalty={params.repetition_penalty}", "return_full_text=False"]
        prompt = _chat_literal(messages) if params.mode != "complete" else literal(messages[-1]["content"])
        if params.mode == "auto":
            fallback = f"if writer.tokenizer.chat_template is None:\n    prompt = {literal(messages[-1]['content'])}\n"
        else:
            fallback = ""
        return f"""from transformers import pipeline{", set_seed" if seed else ""}

writer = pipeline("text-generation", model={literal(source)}, dtype="float32")
prompt = {prompt}
{fallback}{seed}answer = writer(prompt, {", ".join(arguments)})
print(answer[0]["generated_text"])
"""


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


_TEMPLATE_CODE = "ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True)"


def _generate(
    pipe: Pipeline,
    inputs: Mapping[str, Any],
    params: GenerationParams,
    streamer: TokenQueue | None = None,
    stops: Sequence[threading.Event] = (),
) -> list[int]:
    """Ids of what the model writes."""
    written = pipe.model.generate(  # type: ignore[operator]
        **inputs,
        max_new_tokens=params.max_new_tokens,
        repetition_penalty=params.repetition_penalty,
        # Sampling is done by our own last processor; what is left to generate is to take the only token left.
        do_sample=False,
        num_beams=1,
        temperature=None,
        top_k=None,
        top_p=None,
        logits_processor=_sampling(params, pipe.model.device) if params.do_sample else None,
        stopping_criteria=[StopAt(stops)] if stops else None,
        streamer=streamer,
    )
    return written[0, inputs["input_ids"].shape[1] :].tolist()  # type: ignore[no-any-return]


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
        inputs = tokenizer_of(pipe).apply_chat_template(
            prompt, add_generation_prompt=True, return_dict=True, return_tensors="pt"
        )
    tokens, limit = inputs["input_ids"].shape[1], context_length(pipe)
    if limit and tokens + params.max_new_tokens > limit:
        raise UserError("tasks.prompt_too_long", tokens=tokens, wanted=params.max_new_tokens, limit=limit)
    device = pipe.model.device
    return {name: inputs[name].to(device) for name in ("input_ids", "attention_mask")}


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
    messages = [{"role": str(one["role"]), "content": _plain(one["content"])} for one in given]
    if not messages or not messages[-1]["content"].strip():
        raise UserError("tasks.empty_text")
    if messages[-1]["role"] != "user" or any(one["role"] not in _ROLES for one in messages):
        raise UserError("tasks.bad_chat")
    if params.system.strip():
        return [{"role": "system", "content": params.system.strip()}, *messages]
    return messages


def _plain(content: Any) -> str:
    """The text of a message. Gradio's Chatbot keeps it as a string or as parts of {"type": "text", "text": ...}."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, (list, tuple)) else [content]
    return "".join(part if isinstance(part, str) else str(part.get("text", "")) for part in parts)


def _answer(pipe: Pipeline, ids: list[int], params: GenerationParams, stopped: bool) -> Text:
    if ids and ids[-1] in ends_of(pipe):
        return Text(_decode(pipe, ids), len(ids), stopped_by="end")
    full = len(ids) >= params.max_new_tokens
    return Text(_decode(pipe, ids), len(ids), stopped_by="person" if stopped and not full else "length")


def _decode(pipe: Pipeline, ids: list[int]) -> str:
    return str(tokenizer_of(pipe).decode(ids, skip_special_tokens=True))


def _chat_literal(messages: list[dict[str, str]]) -> str:
    """The messages as Python, one a line."""
    return "[\n" + "".join(f"    {literal(message)},\n" for message in messages) + "]"


def _shortened(values: Sequence[object]) -> str:
    """The last values with spaces between: a prompt's end is what the answer follows."""
    more = len(values) - _SHOWN_TOKENS
    return (f"(+{more}) … " if more > 0 else "") + " ".join(str(value) for value in values[-_SHOWN_TOKENS:])
