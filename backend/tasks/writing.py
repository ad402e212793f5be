"""What tasks share in which an encoder-decoder model writes a text for a text: settings, lengths, beams, streaming."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from backend.exports.snippet import literal
from backend.tasks.base import UNREAD, Input, Step, Task, Text
from backend.tasks.context import batches, encodable, text_of, tokenizer_of
from backend.tasks.decoding import TokenQueue, as_written
from backend.tasks.encoder_decoder import (
    Wanted,
    WritingParams,
    answer_of,
    generate,
    inputs_of,
    own_tokenizer,
    whole,
    written_for,
)
from backend.tasks.writing_steps import steps_of

if TYPE_CHECKING:
    from transformers import Pipeline

    from backend.models import LoadedModel, ModelFacts

_ARCHITECTURES = frozenset(
    f"{name}ForConditionalGeneration"
    for name in (
        "Bart BigBirdPegasus Blenderbot BlenderbotSmall FSMT LED LongT5 M2M100 MBart MT5 Mvp NllbMoe Pegasus PegasusX "
        "PLBart ProphetNet SwitchTransformers T5 T5Gemma UMT5"
    ).split()
) | {"MarianMTModel", "EncoderDecoderModel"}
_BATCH = 8


class Writing(Task):
    """A text in, a text out, in the lane of what takes long."""

    lane = "generate"
    inputs: ClassVar[tuple[Input, ...]] = (Input("text", lines=6),)
    params: ClassVar[type[Any]] = WritingParams
    streams = True
    auto_class = "AutoModelForSeq2SeqLM"

    def fits(self, facts: ModelFacts) -> bool:
        """An encoder that reads and a decoder that writes."""
        return facts.architecture in _ARCHITECTURES

    def pipeline(self, loaded: LoadedModel) -> Pipeline:
        """The product's own, which Transformers 5 no longer has, with a tokenizer that knows how much is read."""
        import transformers

        from backend import pipelines

        pipelines.register()
        # Its types know the names of its own pipelines only.
        build: Any = transformers.pipeline
        name, device = self.pipeline_name(loaded.model.config), loaded.model.device
        return build(name, model=loaded.model, tokenizer=own_tokenizer(loaded), device=device)  # type: ignore[no-any-return]

    def pipeline_name(self, config: Any) -> str:
        """What `transformers.pipeline` calls it."""
        return self.name

    def wanted(self, pipe: Pipeline, params: Any) -> Wanted:
        """How the pipeline is asked. Raises UserError for what this model cannot do."""
        return Wanted(pipe)

    def run(self, pipe: Pipeline, values: Mapping[str, Any], params: Any) -> Text:
        """What the model writes.

        Raises UserError tasks.empty_text, tasks.text_too_long (where it may not be cut), tasks.too_large.
        """
        return _written(self.wanted(pipe, params), text_of(values), params)

    def stream(self, pipe: Pipeline, values: Mapping[str, Any], params: Any, stop: threading.Event) -> Iterator[Text]:
        """The answer after each token; with several beams only the whole: until its end any of them may be the best."""
        wanted = self.wanted(pipe, params)
        inputs, given = inputs_of(wanted, text_of(values), params)
        if params.beams > 1 or params.num_return_sequences > 1:
            yield answer_of(
                wanted, inputs, given, generate(wanted, inputs, params, stops=(stop,)), params, stop.is_set()
            )
            return

        rows: list[Any] = []

        def write(tokens: TokenQueue, stops: Sequence[threading.Event]) -> None:
            rows.append(generate(wanted, inputs, params, tokens, stops))

        ids: list[int] = []
        for token in as_written(write, stop):
            ids.append(token)
            text = str(tokenizer_of(wanted.pipe).decode(ids, skip_special_tokens=True))
            yield Text(text.rstrip("\ufffd"), len(ids), finished=False)
        yield answer_of(wanted, inputs, given, rows[0], params, stop.is_set())

    def batch(
        self,
        pipe: Pipeline,
        texts: Sequence[str],
        params: Any,
        pairs: Sequence[str] = (),
        *,
        stop: threading.Event | None = None,
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """What is written for each text, and how many of its tokens were not read; shortest first.

        Empty texts, and those too long where they may not be cut, have empty answers. stop: ends within a token.
        """
        wanted, stops = self.wanted(pipe, params), (stop,) if stop else ()
        tokenizer, unread = tokenizer_of(wanted.pipe), dict[int, int]()
        for index, text in enumerate(texts):
            over = 0
            if text.strip():
                tokens = len(tokenizer(whole(wanted, text), verbose=False)["input_ids"])
                over = max(0, tokens - tokenizer.model_max_length)
            if not text.strip() or over and not params.truncation:
                yield index, {"answer": "", UNREAD: over}
            else:
                unread[index] = over
        # Drawing by a generator of its own, a text gets the answer that it gets alone only where it is alone.
        most = 1 if params.do_sample or tokenizer.pad_token_id is None else _BATCH
        for chunk in batches({index: len(texts[index]) for index in unread}, most):
            if params.do_sample:
                answer = _written(wanted, texts[chunk[0]], params, stops)
                written = [[answer.text, *answer.others]]
            else:
                written = written_for(wanted, [texts[index] for index in chunk], params, stops)
            if stop and stop.is_set():
                # What was begun is no answer.
                return
            for index, answers in zip(chunk, written, strict=True):
                more = {f"answer_{number}": text for number, text in enumerate(answers[1:], 2)}
                yield index, {"answer": answers[0], **more, UNREAD: unread[index]}

    def steps(self, pipe: Pipeline, values: Mapping[str, Any], params: Any) -> tuple[Step, ...]:
        """Tokens, tensors, what the encoder made of them, the first token's chances, and what was written."""
        return self.steps_until(pipe, values, params, threading.Event())

    def steps_until(
        self, pipe: Pipeline, values: Mapping[str, Any], params: Any, stop: threading.Event
    ) -> tuple[Step, ...]:
        """The same: a text is written once more for it."""
        wanted = self.wanted(pipe, params)
        inputs, _ = inputs_of(wanted, text_of(values), params)

        def write(**more: Any) -> Any:
            return generate(wanted, inputs, params, stops=(stop,), **more)

        before = whole(wanted, "")
        name = f"{literal(before)} + text" if before else "text"
        return steps_of(wanted.pipe, inputs, {name: before + text_of(values)}, write, params)

    def settled(self, pipe: Pipeline, values: Mapping[str, Any], params: Any) -> Mapping[str, Any]:
        """`before` the text, the most tokens read, and `arguments` of generate where they are the model's own."""
        wanted = self.wanted(pipe, params)
        own: dict[str, Any] = dict(wanted.pipe.settings)
        for name in ("max_length", "pad_token_id"):
            own.pop(name, None)
        return {
            **values,
            "before": whole(wanted, ""),
            "limit": tokenizer_of(pipe).model_max_length,
            "arguments": own,
            **wanted.settled,
        }

    def snippet(self, source: str, values: Mapping[str, Any], params: Any) -> str:
        """Prints each text. With AutoModelForSeq2SeqLM, since Transformers 5 has no pipeline for it."""
        sampled = {name: getattr(params, name) for name in ("temperature", "top_k", "top_p")}
        given = values.get("arguments", {}) | params.arguments() | (sampled if params.do_sample else {})
        arguments = "".join(f"    {name}={value!r},\n" for name, value in given.items())
        limit = f", max_length={values['limit']}" if "limit" in values else ""
        before = f"{literal(values['before'])} + " if values.get("before") else ""
        language = f", src_lang={literal(values['src_lang'])}" if values.get("src_lang") else ""
        if first := values.get("forced_bos"):
            arguments += f"    forced_bos_token_id=tokenizer.convert_tokens_to_ids({literal(first)}),\n"
        seeded, to = ", set_seed" if params.do_sample else "", ".to(model.device)" if params.moved else ""
        return f"""from transformers import AutoModelForSeq2SeqLM, AutoTokenizer{seeded}

tokenizer = AutoTokenizer.from_pretrained({literal(source)}{language})
model = AutoModelForSeq2SeqLM.from_pretrained({literal(source)}, dtype="{params.dtype}"){params.moved}
text = {literal(encodable(str(values.get("text") or "")))}
inputs = tokenizer({before}text, truncation=True{limit}, return_tensors="pt"){to}
inputs.pop("token_type_ids", None)
{f"set_seed({params.seed})" + chr(10) if params.do_sample else ""}written = model.generate(
    **inputs,
{arguments})
for ids in written:
    print(tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))
"""


def _written(wanted: Wanted, text: str, params: Any, stops: Sequence[threading.Event] = ()) -> Text:
    """What the model writes for a text. Raises UserError tasks.text_too_long, tasks.too_large."""
    inputs, given = inputs_of(wanted, text, params)
    return answer_of(wanted, inputs, given, generate(wanted, inputs, params, stops=stops), params)
