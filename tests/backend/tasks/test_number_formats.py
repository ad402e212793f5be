"""A model may compute in 16 bits: every task answers then, too, as its code does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backend.answering import Reply, ask
from backend.errors import UserError
from backend.models import ModelShelf
from backend.settings import Settings
from backend.tasks import all_tasks
from backend.workspace import Workspace
from tests import tiny
from tests.plain_python import printed

MODELS: dict[str, Callable[[Path], Path]] = {
    "text-classification": tiny.save_classifier,
    "zero-shot-embedding": tiny.save_encoder,
    "zero-shot-classification": lambda path: tiny.save_classifier(path, labels=("no", "neutral", "entailment")),
    "token-classification": tiny.save_token_classifier,
    "question-answering": tiny.save_question_answerer,
    "sentence-similarity": tiny.save_encoder,
    "feature-extraction": tiny.save_encoder,
    "fill-mask": tiny.save_masked_model,
    "text-generation": tiny.save_generator,
    "summarization": tiny.save_writer,
    "translation": tiny.save_translator,
    "text2text-generation": tiny.save_writer,
}
WORDS: dict[str, dict[str, str]] = {"fill-mask": {"text": "the movie was [MASK]"}, "translation": {"text": "the movie"}}
OTHERS: dict[str, dict[str, Any]] = {"translation": {"source": "en", "target": "fr"}}


@pytest.mark.parametrize("name", list(all_tasks()))
def test_a_model_in_16_bits_answers_as_its_code_does(
    name: str, settings: Settings, workspace: Workspace, tmp_path: Path
) -> None:
    task, folder = all_tasks()[name], MODELS[name](tmp_path / "model")
    values = WORDS.get(name) or dict(next(one for one in task.examples if one.language == "en").values)
    own = {key: value for key, value in values.items() if key in task.params.__dataclass_fields__}
    if "max_new_tokens" in task.params.__dataclass_fields__:
        own["max_new_tokens"] = 6
    params = task.params(dtype="bfloat16", **own | OTHERS.get(name, {}))
    shelf = ModelShelf(settings)
    *_, reply = ask(shelf, workspace, task, f"folder:{folder}", values, params, threading.Event(), True)
    assert isinstance(reply, Reply) and reply.finished and reply.steps
    code = task.snippet(str(folder), reply.values, params)
    assert 'dtype="bfloat16"' in code
    lines = printed(code).splitlines()
    with shelf.lease(workspace, f"folder:{folder}", task.auto_class, dtype="bfloat16") as loaded:
        assert next(loaded.model.parameters()).dtype.itemsize == 2
        again = task.run(task.pipeline(loaded), values, params)
    assert again == reply.answer and lines


def test_a_device_that_the_machine_lacks_is_told(
    settings: Settings, workspace: Workspace, tiny_classifier: Path
) -> None:
    import torch

    lacking = next(name for name, there in (("cuda", torch.cuda.is_available()), ("mps", False)) if not there)
    task = all_tasks()["text-classification"]
    asked = ask(
        ModelShelf(settings), workspace, task, f"folder:{tiny_classifier}", {"text": "good"},
        task.params(device=lacking), threading.Event(),
    )  # fmt: skip
    with pytest.raises(UserError) as raised:
        list(asked)
    assert raised.value.key == "models.no_device"
    assert f'device="{lacking}"' in task.snippet("m", {"text": "good"}, task.params(device=lacking))
