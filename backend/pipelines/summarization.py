"""Summarization: text2text generation whose records are called summary_text, and which warns of texts too short."""

from __future__ import annotations

import logging

from .text2text_generation import Text2TextGenerationPipeline

log = logging.getLogger(__name__)


class SummarizationPipeline(Text2TextGenerationPipeline):
    """Summarizes, as [{"summary_text": ...}]; the arguments are those of Text2TextGenerationPipeline."""

    return_name = "summary"

    def check_inputs(self, input_length: int, min_length: int, max_length: int) -> None:
        """Warn of a least length above the greatest, and of a text shorter than its summary may be. In tokens."""
        if max_length < min_length:
            log.warning(f"Your min_length={min_length} must be inferior than your max_length={max_length}.")
        if input_length < max_length:
            log.warning(
                f"Your max_length is set to {max_length}, but your input_length is only {input_length}. A summary is "
                f"usually shorter than its text; consider max_length={input_length // 2}."
            )
