"""The pipelines give the answers that Transformers 4.57.6 gave, recorded by `python -m benchmarks.pipelines --record`.

recorded/FAMILY holds a model without its weights, which are filled in as the recording did, and the answers.
"""

from __future__ import annotations

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from benchmarks._pipelines_cases import RECORDED_FAMILIES, TASKS
from benchmarks._pipelines_models import fill
from benchmarks._pipelines_worker import answer
from benchmarks.pipelines import TOLERANCE, difference

RECORDED = Path(__file__).parent / "recorded"
GROUPS = {
    family: group
    for group, families in RECORDED_FAMILIES.items()
    for family in families
    if (RECORDED / family).exists()
}
ANSWERS = {family: json.loads((RECORDED / family / "answers.json").read_text(encoding="utf-8")) for family in GROUPS}


@cache
def _model(family: str) -> tuple[Any, Any]:
    import transformers

    from backend import pipelines

    pipelines.register()
    folder = RECORDED / family
    kind = transformers.AutoModelForQuestionAnswering
    if GROUPS[family] == "seq2seq":
        kind = transformers.AutoModelForSeq2SeqLM
    model = fill(kind.from_config(transformers.AutoConfig.from_pretrained(folder)))
    if GROUPS[family] == "seq2seq":
        model.generation_config = transformers.GenerationConfig.from_pretrained(folder)
    return model, transformers.AutoTokenizer.from_pretrained(folder)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("family", "task", "name"),
    [(family, task, name) for family in ANSWERS for task in ANSWERS[family] for name in ANSWERS[family][task]],
)
def test_the_answer_is_that_of_the_older_version(family: str, task: str, name: str) -> None:
    case = next(case for of, cases in TASKS[GROUPS[family]] if of == task for case in cases if case[0] == name)
    model, tokenizer = _model(family)
    ours, theirs = answer(copy.deepcopy(model), tokenizer, task, case), ANSWERS[family][task][name]
    ours.pop("message", None), theirs.pop("message", None)
    assert difference(theirs, ours) <= TOLERANCE, f"{theirs}\n{ours}"
