"""Text in, text out, by any encoder-decoder model: what summarization and translation build on."""

from __future__ import annotations

import enum
import warnings
from typing import Any

from transformers import GenerationConfig
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES
from transformers.pipelines.base import Pipeline

_NEW_TOKENS = 256


class ReturnType(enum.Enum):
    """What a record holds: token ids or text."""

    TENSORS = 0
    TEXT = 1


# Its types are narrower than what its own subclasses do.
_Pipeline: Any = Pipeline


class Text2TextGenerationPipeline(_Pipeline):  # type: ignore[misc]
    """Writes a text for a text, as [{"generated_text": ...}], with as many records as `num_return_sequences`.

        write("text")                    a list of records
        write(["one", "two"])            a list of records, or of lists of them where a text has several

    return_tensors: "generated_token_ids" instead of the text. truncation: as a tokenizer takes it; without it a text
    too long for the model raises what the model raises. clean_up_tokenization_spaces, stop_sequence (its first token
    ends the text), assistant_model; every other argument goes to `generate`.

    What `generate` gets, the later over the earlier: 256 new tokens, four beams; the arguments of `pipeline(...)`; the
    model's `task_specific_params` for the task, whose prefix goes before every text; the arguments of the call. The
    model's generation configuration fills in the rest, and its `max_length` takes the place of the 256.

    Odd, and kept from 4.57.6: the four beams go before the model's own number, and `max_length` in the call alone does
    nothing while the 256 stand, which is said in a warning of `generate`: give `max_new_tokens`. Of a list in a list
    only the first text comes back.

    Raises TypeError for anything but text or lists of it; ValueError for lists in lists where the tokenizer cannot pad.
    """

    _pipeline_calls_generate = True
    _load_processor = False
    _load_image_processor = False
    _load_video_processor = False
    _load_feature_extractor = False
    _load_tokenizer = True

    return_name = "generated"

    settings: dict[str, Any]
    """Arguments of `generate` where the call says nothing else."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.check_model_type(MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES)
        specific = (getattr(self.model.config, "task_specific_params", None) or {}).get(self.task, {})
        if "prefix" in specific:
            self.prefix = specific["prefix"]
        self.settings = self._own_settings({name: value for name, value in specific.items() if name != "prefix"})

    def _own_settings(self, specific: dict[str, Any]) -> dict[str, Any]:
        """Arguments of `generate` before those of the call; what the model's configuration says, `generate` reads."""
        settings = {"max_new_tokens": _NEW_TOKENS, "num_beams": 4, **self._generate_kwargs}
        longest = settings.get("max_length", self.model.generation_config.max_length)
        if settings["max_new_tokens"] == _NEW_TOKENS and longest not in (None, _usual("max_length")):
            del settings["max_new_tokens"]
        settings.update(specific)
        pad = self.tokenizer.pad_token_id
        if pad is not None and self.model.generation_config.pad_token_id is None:
            settings.setdefault("pad_token_id", pad)
        return settings

    def _sanitize_parameters(
        self,
        *,
        return_tensors: bool | None = None,
        return_text: bool | None = None,
        return_type: ReturnType | None = None,
        clean_up_tokenization_spaces: bool | None = None,
        truncation: Any = None,
        stop_sequence: str | None = None,
        **generate_kwargs: Any,
    ) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        before = {} if truncation is None else {"truncation": truncation}
        after: dict[str, Any] = {}
        if return_type is None and return_tensors is not None:
            return_type = ReturnType.TENSORS if return_tensors else ReturnType.TEXT
        if return_type is not None:
            after["return_type"] = return_type
        if clean_up_tokenization_spaces is not None:
            after["clean_up_tokenization_spaces"] = clean_up_tokenization_spaces
        if stop_sequence is not None:
            ids = self.tokenizer.encode(stop_sequence, add_special_tokens=False)
            if len(ids) > 1:
                warnings.warn(
                    f"The stop sequence {stop_sequence!r} is {len(ids)} tokens; the text ends at the first of them.",
                    stacklevel=2,
                )
            generate_kwargs["eos_token_id"] = ids[0]
        if getattr(self, "assistant_model", None) is not None:
            generate_kwargs["assistant_model"] = self.assistant_model
        if getattr(self, "assistant_tokenizer", None) is not None:
            generate_kwargs |= {"tokenizer": self.tokenizer, "assistant_tokenizer": self.assistant_tokenizer}
        return before, generate_kwargs, after

    def check_inputs(self, input_length: int, min_length: int, max_length: int) -> None:
        """Warn where lengths do not fit: nothing here, something in the pipelines built on this one. In tokens."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The records; see the class."""
        # Pipeline.__call__ looks at the first of a list.
        if args and isinstance(args[0], list) and not args[0]:
            return []
        result = super().__call__(*args, **kwargs)
        if (
            isinstance(args[0], list)
            and all(isinstance(text, str) for text in args[0])
            and all(len(records) == 1 for records in result)
        ):
            return [records[0] for records in result]
        return result

    def preprocess(self, inputs: str | list[str], truncation: Any = "do_not_truncate") -> Any:
        """The tensors of a text with its prefix: [1, tokens], or [texts, tokens] for a list."""
        prefix = self.prefix or ""
        texts: str | list[str]
        if isinstance(inputs, str):
            texts = prefix + inputs
        elif isinstance(inputs, list):
            if self.tokenizer.pad_token_id is None:
                raise ValueError("The tokenizer has no padding token, which a list of texts needs.")
            texts = [prefix + text for text in inputs]
        else:
            raise TypeError(f"A text or a list of texts is needed, not {type(inputs).__name__}.")
        encoded = self.tokenizer(texts, padding=isinstance(texts, list), truncation=truncation, return_tensors="pt")
        encoded.pop("token_type_ids", None)
        return encoded

    def _forward(self, model_inputs: dict[str, Any], **generate_kwargs: Any) -> dict[str, Any]:
        texts, tokens = model_inputs["input_ids"].shape
        settings = {**self.settings, **generate_kwargs}
        self.check_inputs(tokens, *(self._length(name, settings) for name in ("min_length", "max_length")))
        if settings.get("generation_config") is not None:
            settings = {"generation_config": settings["generation_config"], **generate_kwargs}
        elif settings.get("max_new_tokens") is not None and "max_length" not in generate_kwargs:
            settings.pop("max_length", None)
        written = self.model.generate(**model_inputs, **settings)
        return {"output_ids": written.reshape(texts, len(written) // texts, *written.shape[1:])}

    def _length(self, name: str, settings: dict[str, Any]) -> int:
        length = settings.get(name, getattr(self.model.generation_config, name, None))
        return int(_usual(name) if length is None else length)

    def postprocess(
        self,
        model_outputs: dict[str, Any],
        return_type: ReturnType = ReturnType.TEXT,
        clean_up_tokenization_spaces: bool = False,
    ) -> list[dict[str, Any]]:
        """The records of one text."""
        written = model_outputs["output_ids"][0]
        if return_type == ReturnType.TENSORS:
            return [{f"{self.return_name}_token_ids": ids} for ids in written]
        return [
            {
                f"{self.return_name}_text": self.tokenizer.decode(
                    ids, skip_special_tokens=True, clean_up_tokenization_spaces=clean_up_tokenization_spaces
                )
            }
            for ids in written
        ]


def _usual(name: str) -> Any:
    """What `generate` takes where nobody says."""
    return GenerationConfig._get_default_generation_params()[name]
