"""The named endpoints: REST, gradio_client. A few typed functions over the calls that the page makes, too."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import gradio as gr

from backend import answering
from backend.answering import Reply
from backend.errors import UserError
from backend.models import ModelFacts
from backend.tasks import all_tasks
from backend.tasks.base import Bars, Text
from backend.tokenization import inspect
from ui.errors import shown
from ui.visitor import Services

WAITERS = 16


def publish(services: Services) -> None:
    """Publish the endpoints on the page being built. Errors come back as the sentences the page shows."""

    def classify(model: str, text: str, request: gr.Request) -> dict[str, float]:
        """Score of every label for one text.

        Args:
            model: A ref of list_models, a Hub id (owner/name) or a folder.
            text: The text to classify.
        """
        answer = _answer(services, request, "text-classification", model, {"text": text}, {})
        assert isinstance(answer, Bars)
        return dict(answer.scores)

    def generate(
        model: str, prompt: str, request: gr.Request, max_new_tokens: int = 200, temperature: float = 0.7, seed: int = 0
    ) -> dict[str, Any]:
        """What a model answers to a prompt, through its chat template where it has one.

        Args:
            model: A ref of list_models, a Hub id (owner/name) or a folder.
            prompt: What to answer or to go on with.
            max_new_tokens: Longest answer in tokens.
            temperature: How much the wording varies; 0 always takes the likeliest token.
            seed: The same seed, prompt and settings give the same answer.
        """
        settings: dict[str, Any] = {"max_new_tokens": max_new_tokens, "seed": seed, "do_sample": temperature > 0}
        if temperature > 0:
            settings["temperature"] = temperature
        answer = _answer(services, request, "text-generation", model, {"messages": prompt}, settings)
        assert isinstance(answer, Text)
        return {"text": answer.text, "tokens": answer.tokens, "stopped_by": answer.stopped_by}

    def tokenize(tokenizer: str, text: str, request: gr.Request, special_tokens: bool = True) -> dict[str, Any]:
        """Pieces, ids and character offsets of a text.

        Args:
            tokenizer: A ref of list_models, a Hub id (owner/name) or a folder.
            text: The text to cut into tokens.
            special_tokens: Whether the tokenizer adds its own, such as [CLS].
        """
        shelf = services.shelf
        found = inspect(
            shelf.tokenizer(services.workspace(request), shelf.parse(tokenizer)),
            text,
            special_tokens,
            len(text) * 8 + 16,
        )
        rows = [
            {"piece": row.piece, "id": row.id, "start": row.start, "end": row.end, "special": row.special}
            for row in found.tokens
        ]
        return {"tokens": rows, "unknown": found.unknown, "characters": found.characters}

    def list_models(request: gr.Request) -> list[dict[str, Any]]:
        """The models on this machine, with the tasks each can do."""
        return [_described(facts) for facts in services.shelf.listed(services.workspace(request))]

    def list_runs(request: gr.Request) -> list[dict[str, Any]]:
        """The training runs of this workspace, newest first."""
        return [
            {
                "run_id": run.run_id,
                "name": run.spec.name if run.spec else "",
                "state": run.status.state,
                "best": run.best,
                "model": f"run:{run.run_id}",
            }
            for run in services.queue.runs(services.workspace(request))
        ]

    endpoints: tuple[tuple[Callable[..., Any], str], ...] = (
        (classify, "api-short"),
        (generate, "api-generate"),
        (tokenize, "api-short"),
        (list_models, "api-lists"),
        (list_runs, "api-lists"),
    )
    for function, lane in endpoints:
        gr.api(  # type: ignore[attr-defined]
            shown(function), api_name=function.__name__, concurrency_id=lane, concurrency_limit=WAITERS
        )


def _answer(
    services: Services,
    request: gr.Request,
    task_name: str,
    model: str,
    values: dict[str, Any],
    settings: dict[str, Any],
) -> Any:
    """The finished answer of a task. Raises UserError."""
    task = all_tasks()[task_name]
    if not model.strip():
        raise UserError("playground.no_model")
    params = task.params(**settings)
    ref = services.shelf.parse(model)
    reply: Reply | None = None
    for news in answering.ask(
        services.shelf, services.workspace(request), task, ref, values, params, threading.Event()
    ):
        if isinstance(news, Reply):
            reply = news
    assert reply is not None
    return reply.answer


def _described(facts: ModelFacts) -> dict[str, Any]:
    return {
        "ref": facts.ref,
        "title": facts.title,
        "source": facts.source,
        "tasks": [name for name, task in all_tasks().items() if task.fits(facts)],
        "labels": list(facts.labels),
        "parameters": facts.parameters,
    }
