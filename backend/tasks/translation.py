"""Translation: an encoder-decoder model writes a text in another language; each family is told the pair in its way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backend.errors import UserError
from backend.tasks.base import Example, Input, param
from backend.tasks.context import tokenizer_of
from backend.tasks.encoder_decoder import Wanted, WritingParams
from backend.tasks.languages import LANGUAGES, code_among, codes_of, language_of, some
from backend.tasks.writing import Writing

if TYPE_CHECKING:
    from transformers import Pipeline

    from backend.models import ModelFacts

_ARCHITECTURES = ("Marian", "FSMT", "M2M100", "NllbMoe", "MBart", "T5", "MT5", "UMT5", "EncoderDecoder")
# Their pair is told in words before the text.
_IN_WORDS = ("t5", "mt5", "umt5", "t5gemma", "longt5", "switch_transformers")


@dataclass(frozen=True, slots=True, kw_only=True)
class TranslationParams(WritingParams):
    """How it is written, and from which language into which: empty is what the model itself says."""

    source: str = param("")
    target: str = param("")


class Translation(Writing):
    """A text in, the same in another language out."""

    name = "translation"
    inputs = (
        Input("text", lines=6),
        Input("source", kind="setting", lines=1),
        Input("target", kind="setting", lines=1),
    )
    params = TranslationParams
    examples = (
        # The course's own, of its first chapter and of its chapter on translation.
        Example(
            "en", {"text": "This course is produced by Hugging Face.", "source": "en", "target": "fr"}, course="tasks"
        ),
        Example("en", {"text": "Default to expanded threads", "source": "en", "target": "fr"}),
        Example("en", {"text": "Where is the nearest train station?", "source": "en", "target": "zh"}),
        Example("zh-CN", {"text": "这门课程由 Hugging Face 制作。", "source": "zh", "target": "en"}, course="tasks"),
        Example("zh-CN", {"text": "请问最近的地铁站怎么走？", "source": "zh", "target": "en"}),
        Example("zh-CN", {"text": "The weather is lovely today.", "source": "en", "target": "zh"}),
    )

    def fits(self, facts: ModelFacts) -> bool:
        """One of a family that translates."""
        return super().fits(facts) and facts.architecture.startswith(_ARCHITECTURES)

    def pipeline_name(self, config: Any) -> str:
        """For T5 its first pair: with the plain name the pipeline would take that one, too, and warn."""
        return next(iter(_pairs(config)), self.name)

    def wanted(self, pipe: Pipeline, params: TranslationParams) -> Wanted:
        """The languages as the model takes them.

        Raises UserError tasks.unknown_language, tasks.no_language, tasks.other_pair.
        """
        tokenizer: Any = tokenizer_of(pipe)
        if codes := codes_of(tokenizer):
            source = _code("source", params.source or getattr(tokenizer, "src_lang", None) or "", codes)
            target = _code("target", params.target or getattr(tokenizer, "tgt_lang", None) or "", codes)
            first = getattr(tokenizer, "lang_code_to_token", {}).get(target, target)
            settled = {"src_lang": source, "forced_bos": first}
            return Wanted(pipe, options={"src_lang": source, "tgt_lang": target}, settled=settled)
        if hasattr(tokenizer, "supported_language_codes"):
            return Wanted(pipe, before=_marian(tokenizer, params))
        if pipe.model.config.model_type in _IN_WORDS:
            return _in_words(pipe, params)
        return Wanted(pipe)


def _code(name: str, language: str, codes: tuple[str, ...]) -> str:
    """One of the codes. Raises UserError tasks.no_language, tasks.unknown_language."""
    if not language.strip():
        raise UserError("tasks.no_language", name=name, known=some(codes))
    found = code_among(language, codes)
    if found is None:
        raise UserError("tasks.unknown_language", language=language, known=some(codes))
    return found


def _marian(tokenizer: Any, params: TranslationParams) -> str:
    """What a Marian model wants before the text: nothing, or where it knows several languages which one to write."""
    built_in = f"{tokenizer.source_lang or '?'} → {tokenizer.target_lang or '?'}"
    codes = tuple(code.strip("<>") for code in tokenizer.supported_language_codes)
    asked = [(params.source, tokenizer.source_lang)]
    asked += [] if codes else [(params.target, tokenizer.target_lang)]
    for language, own in asked:
        # A family of languages ("ROMANCE", "mul") may hold any.
        if language.strip() and language_of(own or "") not in (None, language_of(language)):
            raise UserError("tasks.other_pair", found=built_in)
    return f">>{_code('target', params.target or _only_target(tokenizer, codes), codes)}<< " if codes else ""


def _only_target(tokenizer: Any, codes: tuple[str, ...]) -> str:
    """What a model writes where nobody says it: the language of its name, or the only one that it knows. Else ""."""
    languages = {language_of(code) or code for code in codes}
    only = languages.pop() if len(languages) == 1 else ""
    return code_among(tokenizer.target_lang or "", codes) or code_among(only, codes) or ""


def _pairs(config: Any) -> Mapping[str, Any]:
    """What the configuration says of translating: {"translation_en_to_de": {"prefix": ...}}."""
    specific = getattr(config, "task_specific_params", None) or {}
    return {name: found for name, found in specific.items() if name.startswith("translation_")}


def _in_words(pipe: Pipeline, params: TranslationParams) -> Wanted:
    """T5: the pair of its configuration, or the same words for another; none without languages."""
    import transformers

    from_to = [params.source.strip(), params.target.strip()]
    if not any(from_to):
        return Wanted(pipe)
    for name, language in zip(("source", "target"), from_to, strict=True):
        if not language:
            raise UserError("tasks.no_language", name=name, known=some(tuple(LANGUAGES)))
        if language_of(language) is None:
            raise UserError("tasks.unknown_language", language=language, known=some(tuple(LANGUAGES)))
    source, target = (language_of(language) or "" for language in from_to)
    known: Any = f"translation_{source}_to_{target}"
    if known in _pairs(pipe.model.config):
        own = transformers.pipeline(known, model=pipe.model, tokenizer=pipe.tokenizer, device=pipe.device)
        return Wanted(own)
    # The pipeline's prefix is that of another pair.
    vars(pipe)["prefix"] = f"translate {LANGUAGES[source][0]} to {LANGUAGES[target][0]}: "
    return Wanted(pipe)
