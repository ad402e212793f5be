"""Text classification answers as the pipeline does, says what it read, shows its steps, and its code answers alike."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from backend.errors import UserError
from backend.settings import Settings
from backend.tasks import all_tasks
from backend.tasks.text_classification import ClassificationParams
from tests import tiny
from tests.backend.tasks.conftest import opened
from tests.plain_python import printed

TASK = all_tasks()["text-classification"]
TEXT = "the movie was great, we love it"


def test_every_label_gets_a_bar_best_first(classifier: Any) -> None:
    bars = TASK.run(classifier, {"text": TEXT}, ClassificationParams())
    assert {label for label, _ in bars.scores} == {"negative", "positive"}
    assert bars.scores[0][1] >= bars.scores[1][1]
    assert bars.exclusive and sum(score for _, score in bars.scores) == pytest.approx(1)


def test_only_the_best_labels_are_given_where_asked(classifier: Any) -> None:
    assert len(TASK.run(classifier, {"text": TEXT}, ClassificationParams(top_k=1)).scores) == 1


def test_labels_stand_alone_under_sigmoid(classifier: Any) -> None:
    bars = TASK.run(classifier, {"text": TEXT}, ClassificationParams(function="sigmoid"))
    assert not bars.exclusive and sum(score for _, score in bars.scores) != pytest.approx(1)


def test_a_multi_label_model_is_scored_by_sigmoid_unasked(
    settings: Settings, tiny_classifier: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_classifier, tmp_path / "multi")
    config = (folder / "config.json").read_text().replace("{", '{"problem_type": "multi_label_classification",', 1)
    (folder / "config.json").write_text(config)
    with opened(settings, "text-classification", f"folder:{folder}") as pipe:
        chosen = TASK.run(pipe, {"text": TEXT}, ClassificationParams())
        assert not chosen.exclusive
        assert chosen == TASK.run(pipe, {"text": TEXT}, ClassificationParams(function="sigmoid"))


def test_a_text_of_100_000_characters_is_read_as_far_as_it_fits_and_that_is_said(classifier: Any) -> None:
    bars = TASK.run(classifier, {"text": "good " * 20_000}, ClassificationParams())
    assert (bars.tokens, bars.tokens_read) == (20_002, 128)
    assert bars.scores == TASK.run(classifier, {"text": "good " * 126}, ClassificationParams()).scores


def test_a_long_text_is_refused_where_it_may_not_be_cut(classifier: Any) -> None:
    with pytest.raises(UserError) as caught:
        TASK.run(classifier, {"text": "good " * 200}, ClassificationParams(truncation=False))
    assert caught.value.key == "tasks.text_too_long" and caught.value.values["tokens"] == 202


@pytest.mark.parametrize("text", ["", "  \n", None])
def test_no_text_is_told(classifier: Any, text: str | None) -> None:
    with pytest.raises(UserError) as caught:
        TASK.run(classifier, {"text": text}, ClassificationParams())
    assert caught.value.key == "tasks.empty_text"


def test_a_batch_gives_each_text_the_answer_it_gets_alone(classifier: Any) -> None:
    texts = ["a bad film " * (1 + 7 * number % 40) for number in range(70)]
    rows = dict(TASK.batch(classifier, texts, ClassificationParams()))
    assert sorted(rows) == list(range(70))
    for index in (0, 13, 69):
        alone = dict(TASK.run(classifier, {"text": texts[index]}, ClassificationParams()).scores)
        assert rows[index]["score"] == pytest.approx(max(alone.values()), abs=1e-5)
        assert rows[index]["score_negative"] == pytest.approx(alone["negative"], abs=1e-5)


def test_an_empty_text_in_a_batch_gets_an_empty_answer(classifier: Any) -> None:
    rows = dict(TASK.batch(classifier, ["good", "", " "], ClassificationParams()))
    assert rows[0]["label"] and rows[1] == rows[2] == {"label": "", "score": None}


def test_the_steps_end_in_the_answer(classifier: Any) -> None:
    steps = {step.key: step for step in TASK.steps(classifier, {"text": TEXT}, ClassificationParams())}
    assert list(steps) == ["normalized", "tokens", "tensors", "embeddings", "layers", "logits", "softmax", "label"]
    bars = TASK.run(classifier, {"text": TEXT}, ClassificationParams())
    assert set(steps["softmax"].lines) == {f"{label}: {score:.4f}" for label, score in bars.scores}
    assert steps["tokens"].lines[0].startswith("[CLS] the movie") and steps["tensors"].shape == "(1, 10)"


def test_the_snippet_prints_the_answer(settings: Settings, tmp_path: Path) -> None:
    folder = tiny.save_classifier(tmp_path / 'a "quoted" model', labels=("差评", "好评", "中评"))
    asked = [
        ({"text": TEXT}, ClassificationParams()),
        ({"text": '这部电影\n很好看 "quoted" \\ { \u2028'}, ClassificationParams(function="sigmoid", top_k=2)),
        ({"text": "bad " * 500}, ClassificationParams()),
        ({"text": TEXT, "text_pair": 'it was "great"'}, ClassificationParams()),
    ]
    codes = [TASK.snippet(str(folder), values, params) for values, params in asked]
    with opened(settings, "text-classification", f"folder:{folder}") as pipe:
        for (values, params), output in zip(asked, map(printed, codes), strict=True):
            rows = [line.rsplit(" ", 1) for line in output.splitlines()]
            scores = TASK.run(pipe, values, params).scores
            assert [label for label, _ in rows] == [label for label, _ in scores]
            assert [float(score) for _, score in rows] == pytest.approx([score for _, score in scores], abs=1e-6)


def test_only_models_with_such_a_head_fit(settings: Settings, tiny_classifier: Path, tiny_encoder: Path) -> None:
    from backend.models import ModelShelf
    from backend.workspace import Workspace

    shelf, workspace = ModelShelf(settings), Workspace.open(settings)
    assert TASK.fits(shelf.facts(workspace, f"folder:{tiny_classifier}"))
    assert not TASK.fits(shelf.facts(workspace, f"folder:{tiny_encoder}"))


def test_a_second_text_goes_in_with_the_first(classifier: Any) -> None:
    asked = {"text": TEXT, "text_pair": "this book is awful"}
    bars = TASK.run(classifier, asked, ClassificationParams())
    plain = classifier(asked, top_k=None, function_to_apply="softmax")
    assert dict(bars.scores) == pytest.approx({row["label"]: row["score"] for row in plain})
    assert bars.scores != TASK.run(classifier, {"text": TEXT}, ClassificationParams()).scores
    assert bars.tokens == 15


def test_pairs_in_a_batch_get_the_answers_they_get_alone(classifier: Any) -> None:
    texts, pairs = ["a good film", "a bad book", "no"], ["we love it", "", "this is the very bad food market"]
    rows = dict(TASK.batch(classifier, texts, ClassificationParams(), pairs))
    for index, (text, pair) in enumerate(zip(texts, pairs, strict=True)):
        alone = dict(TASK.run(classifier, {"text": text, "text_pair": pair}, ClassificationParams()).scores)
        assert rows[index]["score_negative"] == pytest.approx(alone["negative"], abs=1e-5)


def with_config(source: Path, folder: Path, **changes: Any) -> Path:
    """A copy of a model with another config."""
    shutil.copytree(source, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | changes))
    return folder


def test_a_label_is_given_from_the_threshold_that_its_training_settled(
    settings: Settings, tiny_classifier: Path, tmp_path: Path
) -> None:
    settled = {"negative": 0.05, "positive": 0.99}
    folder = with_config(
        tiny_classifier, tmp_path / "sets", problem_type="multi_label_classification", thresholds=settled
    )
    with opened(settings, "text-classification", f"folder:{folder}") as pipe:
        bars = TASK.run(pipe, {"text": TEXT}, ClassificationParams())
        assert dict(zip([name for name, _ in bars.scores], bars.thresholds, strict=True)) == settled
        assert dict(TASK.batch(pipe, [TEXT], ClassificationParams()))[0]["label"] == "negative"


def test_a_model_of_scores_answers_a_number_on_its_scale(settings: Settings, tmp_path: Path) -> None:
    folder = tiny.save_classifier(tmp_path / "one", labels=("score",))
    folder = with_config(folder, tmp_path / "scores", problem_type="regression", score_range=[0.0, 5.0])
    with opened(settings, "text-classification", f"folder:{folder}") as pipe:
        bars = TASK.run(pipe, {"text": TEXT, "text_pair": "we hate it"}, ClassificationParams())
        assert bars.raw and bars.range == (0.0, 5.0) and len(bars.scores) == 1
        row = dict(TASK.batch(pipe, [TEXT], ClassificationParams(), ["we hate it"]))[0]
        assert row == {"score": pytest.approx(bars.scores[0][1], abs=1e-5)}


def test_a_model_trained_on_pairs_says_so(settings: Settings, tiny_classifier: Path, tmp_path: Path) -> None:
    from backend.models import ModelShelf
    from backend.workspace import Workspace

    shelf, workspace = ModelShelf(settings), Workspace.open(settings)
    pairs = with_config(tiny_classifier, tmp_path / "pairs", workbench_inputs=2)
    compares = with_config(tiny_classifier, tmp_path / "nli", id2label={"0": "ENTAILMENT", "1": "CONTRADICTION"})
    assert [shelf.facts(workspace, f"folder:{one}").inputs for one in (tiny_classifier, pairs, compares)] == [1, 2, 2]


def test_in_a_batch_a_text_too_long_to_be_cut_gets_empty_cells_and_the_others_their_answers(classifier: Any) -> None:
    texts, uncut = ["good", "good " * 500, "bad", ""], ClassificationParams(truncation=False)
    rows = dict(TASK.batch(classifier, texts, uncut))
    assert rows[3] == {"label": "", "score": None} and rows[1] == {**rows[3], "unread": 502 - 128}
    for index in (0, 2):
        assert rows[index]["label"] == TASK.run(classifier, {"text": texts[index]}, uncut).scores[0][0]


def test_in_a_batch_of_pairs_a_text_whose_second_is_blank_is_read_alone(classifier: Any) -> None:
    just, seconds = "good " * 126, ["", " ", "bad"]
    rows = dict(TASK.batch(classifier, [just] * 3, ClassificationParams(truncation=False), seconds))
    alone = TASK.run(classifier, {"text": just}, ClassificationParams()).scores[0]
    assert (rows[0]["label"], rows[0]["score"]) == (alone[0], pytest.approx(alone[1], abs=1e-5))
    assert rows[1] == rows[0] and "unread" not in rows[0]
    assert rows[2] == {"label": "", "score": None, "unread": 2}


def test_the_code_cuts_where_only_the_positions_say_how_much_is_read(
    settings: Settings, tiny_classifier: Path, tmp_path: Path
) -> None:
    folder = tiny.without_limit(tiny_classifier, tmp_path / "unlimited")
    values, params = {"text": "good film " * 200}, ClassificationParams()
    with opened(settings, "text-classification", f"folder:{folder}") as pipe:
        bars, code = (
            TASK.run(pipe, values, params),
            TASK.snippet(str(folder), TASK.settled(pipe, values, params), params),
        )
    label, score = printed(code).splitlines()[0].rsplit(" ", 1)
    assert "max_length=128" in code and (label, float(score)) == (bars.scores[0][0], pytest.approx(bars.scores[0][1]))
    with opened(settings, "text-classification", f"folder:{tiny_classifier}") as pipe:
        assert "max_length" not in TASK.snippet("x", TASK.settled(pipe, values, params), params)


def test_half_an_emoji_is_read_as_a_question_mark(classifier: Any) -> None:
    cut, whole = ({"text": f"good {end}", "text_pair": f"bad {end}"} for end in ("\ud83d", "?"))
    assert TASK.run(classifier, cut, ClassificationParams()) == TASK.run(classifier, whole, ClassificationParams())


def test_half_a_label_is_no_count_of_labels() -> None:
    with pytest.raises(UserError) as caught:
        ClassificationParams(top_k=2.5)  # type: ignore[arg-type]
    assert caught.value.key == "tasks.not_whole" and caught.value.what() and caught.value.todo("zh-CN")
