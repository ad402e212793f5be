"""The text tasks, by the Hub's pipeline tag."""

from __future__ import annotations

from functools import cache

from backend.tasks.base import Task


@cache
def all_tasks() -> dict[str, Task]:
    """Every task by name, in the order the page shows them: giving labels, meaning, writing."""
    from backend.tasks.feature_extraction import FeatureExtraction
    from backend.tasks.fill_mask import FillMask
    from backend.tasks.question_answering import QuestionAnswering
    from backend.tasks.sentence_similarity import SentenceSimilarity
    from backend.tasks.summarization import Summarization
    from backend.tasks.text2text_generation import Text2TextGeneration
    from backend.tasks.text_classification import TextClassification
    from backend.tasks.text_generation import TextGeneration
    from backend.tasks.token_classification import TokenClassification
    from backend.tasks.translation import Translation
    from backend.tasks.zero_shot_classification import ZeroShotClassification
    from backend.tasks.zero_shot_embedding import ZeroShotEmbedding

    tasks = (
        TextClassification(),
        ZeroShotEmbedding(),
        ZeroShotClassification(),
        TokenClassification(),
        QuestionAnswering(),
        SentenceSimilarity(),
        FeatureExtraction(),
        FillMask(),
        TextGeneration(),
        Summarization(),
        Translation(),
        Text2TextGeneration(),
    )
    return {task.name: task for task in tasks}
