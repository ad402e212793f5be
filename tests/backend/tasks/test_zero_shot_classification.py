"""Labels by entailment: the pipeline's own scores, alone, in a batch and by the code; only on models of inference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backend.errors import UserError
from backend.models import ModelShelf
from backend.settings import Settings
from backend.tasks import all_tasks
from backend.tasks.zero_shot_classification import ZeroShotParams
from backend.workspace import Workspace
from tests import tiny
from tests.backend.tasks.conftest import opened
from tests.plain_python import printed

TASK = all_tasks()["zero-shot-classification"]
TEXT = "the movie was great, we love it"
LABELS = ["film", "food", "sport market"]
PARAMS = ZeroShotParams(labels=", ".join(LABELS))


@pytest.mark.parametrize("multi", [False, True])
def test_the_scores_are_those_of_the_pipeline(judge: Any, multi: bool) -> None:
    params = ZeroShotParams(labels="\n".join(LABELS), template="it is {} news.", multi_label=multi)
    bars = TASK.run(judge, {"text": TEXT}, params)
    plain = judge(TEXT, LABELS, hypothesis_template="it is {} news.", multi_label=multi)
    assert bars.scores == tuple(zip(plain["labels"], plain["scores"], strict=True))
    assert bars.exclusive is not multi
    if not multi:
        assert sum(score for _, score in bars.scores) == pytest.approx(1)


def test_one_label_is_judged_on_its_own(judge: Any) -> None:
    assert not TASK.run(judge, {"text": TEXT}, ZeroShotParams(labels="film")).exclusive


def test_a_long_text_is_cut_and_that_is_said(judge: Any) -> None:
    bars = TASK.run(judge, {"text": "good " * 500}, PARAMS)
    assert bars.tokens > 500 and bars.tokens_read == 128


@pytest.mark.parametrize(
    ("text", "labels", "template", "key"),
    [
        (" ", "a", "", "tasks.empty_text"),
        (TEXT, " , ", "", "tasks.no_labels"),
        (TEXT, "a", "no place", "tasks.bad_template"),
        (TEXT, "a", "{} and {0}", "tasks.bad_template"),
    ],
)
def test_what_cannot_be_answered_is_said(judge: Any, text: str, labels: str, template: str, key: str) -> None:
    with pytest.raises(UserError) as caught:
        TASK.run(judge, {"text": text}, ZeroShotParams(labels=labels, template=template))
    assert caught.value.key == key


def test_a_label_that_leaves_no_room_for_the_text_is_told(judge: Any) -> None:
    params = ZeroShotParams(labels="\n".join(["film", "good film " * 61]))
    for ask in (lambda: TASK.run(judge, {"text": "good"}, params), lambda: list(TASK.batch(judge, ["good"], params))):
        with pytest.raises(UserError) as caught:
            ask()
        assert caught.value.key == "tasks.label_too_long"
        assert caught.value.values["label"] == "good film " * 4 + "…" and caught.value.values["limit"] == 128
    # One token less than too many.
    TASK.run(judge, {"text": "good " * 300}, ZeroShotParams(labels="good " * 124, template="{}"))


def test_a_long_text_is_taken_apart_once_and_not_for_each_label(judge: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    text, given = "a good film, " * 5000, []
    params = ZeroShotParams(labels="\n".join(f"film {number}" for number in range(20)))
    whole = judge(text, params.labels.splitlines())
    encode = judge.tokenizer._encode_plus

    def counting(*texts: Any, **options: Any) -> Any:
        given.append(len(str(texts or options["text"])))
        return encode(*texts, **options)

    monkeypatch.setattr(judge.tokenizer, "_encode_plus", counting)
    bars = TASK.run(judge, {"text": text}, params)
    assert bars.scores == tuple(zip(whole["labels"], whole["scores"], strict=True))
    assert len(given) > 20 and sum(length >= len(text) for length in given) == 1
    assert bars.tokens == len(judge.tokenizer(text, "This example is film 10.")["input_ids"])


def test_a_label_with_braces_is_a_label(judge: Any) -> None:
    assert len(TASK.run(judge, {"text": TEXT}, ZeroShotParams(labels="{x}, {}")).scores) == 2


def test_a_batch_gives_each_text_the_answer_it_gets_alone(judge: Any) -> None:
    texts = [TEXT, "", *("a bad film " * (1 + number % 13) for number in range(20)), "good " * 300]
    rows = dict(TASK.batch(judge, texts, PARAMS))
    assert sorted(rows) == list(range(len(texts))) and rows[1] == {"label": "", "score": None}
    for index in (0, 7, len(texts) - 1):
        alone = dict(TASK.run(judge, {"text": texts[index]}, PARAMS).scores)
        assert rows[index]["score"] == pytest.approx(max(alone.values()), abs=1e-5)
        assert rows[index]["score_food"] == pytest.approx(alone["food"], abs=1e-5)


@pytest.mark.parametrize("multi", [False, True])
def test_the_steps_end_in_the_answer(judge: Any, multi: bool) -> None:
    params = ZeroShotParams(labels=", ".join(LABELS), multi_label=multi)
    steps = {step.key: step for step in TASK.steps(judge, {"text": TEXT}, params)}
    assert list(steps) == [
        "hypotheses", "normalized", "tokens", "tensors", "embeddings", "layers", "entailment_logits",
        "entailment_scores", "candidates" if multi else "candidate",
    ]  # fmt: skip
    scores = TASK.run(judge, {"text": TEXT}, params).scores
    assert set(steps["entailment_scores"].lines) == {f"{label}: {score:.4f}" for label, score in scores}


def test_the_snippet_prints_the_answer(settings: Settings, tiny_nli: Path) -> None:
    asked = [
        ({"text": TEXT}, PARAMS),
        ({"text": '这部 "电影" \\'}, ZeroShotParams(labels='新闻，"市场"', template="这{}很好", multi_label=True)),
    ]
    codes = [TASK.snippet(str(tiny_nli), values, params) for values, params in asked]
    assert all("model_max_length" not in code for code in codes)
    with opened(settings, "zero-shot-classification", f"folder:{tiny_nli}") as pipe:
        for (values, params), output in zip(asked, map(printed, codes), strict=True):
            rows = [line.rsplit(" ", 1) for line in output.splitlines()]
            scores = TASK.run(pipe, values, params).scores
            assert [label for label, _ in rows] == [label for label, _ in scores]
            assert [float(score) for _, score in rows] == pytest.approx([score for _, score in scores], abs=1e-6)


def test_the_code_cuts_where_only_the_positions_say_how_much_is_read(
    settings: Settings, tiny_nli: Path, tmp_path: Path
) -> None:
    folder, values = tiny.without_limit(tiny_nli, tmp_path / "unlimited"), {"text": "good film " * 200}
    with opened(settings, TASK.name, f"folder:{folder}") as pipe:
        label, score = TASK.run(pipe, values, PARAMS).scores[0]
        code = TASK.snippet(str(folder), TASK.settled(pipe, values, PARAMS), PARAMS)
    first = printed(code).splitlines()[0].rsplit(" ", 1)
    assert first[0] == label and float(first[1]) == pytest.approx(score, abs=1e-6)


def test_only_models_of_inference_fit_and_another_is_refused(
    settings: Settings, tiny_nli: Path, tiny_classifier: Path
) -> None:
    shelf, workspace = ModelShelf(settings), Workspace.open(settings)
    assert TASK.fits(shelf.facts(workspace, f"folder:{tiny_nli}"))
    assert not TASK.fits(shelf.facts(workspace, f"folder:{tiny_classifier}"))
    with (
        pytest.raises(UserError) as caught,
        opened(settings, "zero-shot-classification", f"folder:{tiny_classifier}"),
    ):
        pass
    assert caught.value.key == "tasks.no_entailment"
