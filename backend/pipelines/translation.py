"""Translation: text2text generation that tells a model of many languages which two are meant."""

from __future__ import annotations

import logging
import warnings
from typing import Any

from .text2text_generation import Text2TextGenerationPipeline

log = logging.getLogger(__name__)


class TranslationPipeline(Text2TextGenerationPipeline):
    """Translates, as [{"translation_text": ...}]; further arguments are those of Text2TextGenerationPipeline.

    src_lang, tgt_lang: the tokenizer's names of the languages ("en_XX", "eng_Latn"), which tokenizers of mBART, M2M100,
    NLLB and their kin need (ValueError without) and all others ignore. Without both, a task named translation_XX_to_YY
    gives them; T5 takes its prefix from that name. The name "translation" alone means the first pair of languages in
    the model's `task_specific_params`, with a warning.
    """

    return_name = "translation"

    def __init__(self, model: Any, *args: Any, task: str = "", **kwargs: Any) -> None:
        specific = getattr(model.config, "task_specific_params", None) or {}
        pairs = [name for name in specific if name.startswith("translation")]
        if task == "translation" and pairs:
            task = pairs[0]
            warnings.warn(f'"translation" names no languages; taking "{task}".', UserWarning, stacklevel=2)
        super().__init__(model, *args, task=task, **kwargs)

    def _sanitize_parameters(
        self, *, src_lang: str | None = None, tgt_lang: str | None = None, **kwargs: Any
    ) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        before, generate_kwargs, after = super()._sanitize_parameters(**kwargs)
        words = str(kwargs.get("task", self.task)).split("_")
        if src_lang is None and tgt_lang is None and len(words) == 4:
            src_lang, tgt_lang = words[1], words[3]
        languages = {"src_lang": src_lang, "tgt_lang": tgt_lang}
        before |= {name: language for name, language in languages.items() if language is not None}
        return before, generate_kwargs, after

    def check_inputs(self, input_length: int, min_length: int, max_length: int) -> None:
        """Warn of a text that leaves its translation no room. In tokens."""
        if input_length > 0.9 * max_length:
            log.warning(
                f"Your input_length: {input_length} is bigger than 0.9 * max_length: {max_length}; its translation may "
                "be cut. Consider a larger max_length."
            )

    def preprocess(
        self,
        inputs: str | list[str],
        truncation: Any = "do_not_truncate",
        src_lang: str | None = None,
        tgt_lang: str | None = None,
    ) -> Any:
        """The tensors of a text: the tokenizer's own way where it knows languages, else as for any text."""
        build = getattr(self.tokenizer, "_build_translation_inputs", None)
        if build is None:
            return super().preprocess(inputs, truncation)
        return build(inputs, return_tensors="pt", truncation=truncation, src_lang=src_lang, tgt_lang=tgt_lang)
