"""The four text pipelines that Transformers 5 dropped, with the answers of 4.57.6.

    from backend import pipelines
    pipelines.register()
    transformers.pipeline("question-answering", model=folder)(question="Who?", context="Ada wrote it.")

Tasks: question-answering, summarization, translation (and translation_XX_to_YY), text2text-generation. Where 4.57.6 was
odd, its answer is kept; the docstrings of the classes say where. Nothing else of this product is needed.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_CLASSES = {
    "question-answering": ("question_answering", "QuestionAnsweringPipeline"),
    "text2text-generation": ("text2text_generation", "Text2TextGenerationPipeline"),
    "summarization": ("summarization", "SummarizationPipeline"),
    "translation": ("translation", "TranslationPipeline"),
}
TASKS = tuple(_CLASSES)
"""Names that `transformers.pipeline` takes after `register`; beside them translation_XX_to_YY."""


def register() -> None:
    """Make `transformers.pipeline` know TASKS. Imports torch and transformers; a second call changes nothing.

    Changes three things of the imported library: its registry, its list of removed tasks (which is asked first), and
    how the registry reads a task's name, since only 4.x knew names like translation_en_to_de.
    """
    from transformers import AutoModelForQuestionAnswering, AutoModelForSeq2SeqLM, pipelines

    registry = pipelines.PIPELINE_REGISTRY
    for task, (module, name) in _CLASSES.items():
        pipeline_class = getattr(import_module(f"{__name__}.{module}"), name)
        if registry.supported_tasks.get(task, {}).get("impl") is pipeline_class:
            continue
        model = AutoModelForQuestionAnswering if task == "question-answering" else AutoModelForSeq2SeqLM
        registry.register_pipeline(task, pipeline_class, pt_model=model, type="text")
        # With it save_pretrained would copy our code into the folder, which then opens only as remote code.
        del pipeline_class._registered_impl
        pipelines.REMOVED_TASKS.pop(task, None)
    if not hasattr(registry.check_task, "asks"):
        registry.check_task = _with_language_pairs(registry.check_task)  # type: ignore[method-assign]


def _with_language_pairs(asks: Any) -> Any:
    def check_task(task: str) -> tuple[str, dict[str, Any], Any]:
        words = task.split("_")
        if len(words) == 4 and words[0] == "translation" and words[2] == "to":
            name, found, _ = asks("translation")
            return name, found, (words[1], words[3])
        found_task: tuple[str, dict[str, Any], Any] = asks(task)
        return found_task

    check_task.asks = asks  # type: ignore[attr-defined]
    return check_task
