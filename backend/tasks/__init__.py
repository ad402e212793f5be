"""The text tasks, by the Hub's pipeline tag."""

from __future__ import annotations

from functools import cache

from backend.tasks.base import Task


@cache
def all_tasks() -> dict[str, Task]:
    """Every task by name, in the order the page shows them."""
    from backend.tasks.text_classification import TextClassification
    from backend.tasks.text_generation import TextGeneration

    return {task.name: task for task in (TextClassification(), TextGeneration())}
