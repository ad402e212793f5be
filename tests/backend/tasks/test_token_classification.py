"""Entities: the pipeline's own, at the right characters in every script; long texts; batches; the code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backend.errors import UserError
from backend.models import ModelShelf
from backend.settings import Settings
from backend.tasks import all_tasks
from backend.tasks.token_classification import STRATEGIES, TokenClassificationParams, _spans
from backend.workspace import Workspace
from tests import tiny
from tests.backend.tasks.conftest import opened
from tests.plain_python import printed

TASK = all_tasks()["token-classification"]
TEXT = "we love this movie, and they hate that food story"


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_spans_are_those_of_the_pipeline(tagger: Any, strategy: str) -> None:
    answer = TASK.run(tagger, {"text": TEXT}, TokenClassificationParams(aggregation_strategy=strategy))
    plain = tagger(TEXT, aggregation_strategy=strategy)
    assert plain and len(answer.spans) == len(plain)
    for span, row in zip(answer.spans, plain, strict=True):
        assert (span.start, span.end) == (row["start"], row["end"]) and span.word == TEXT[span.start : span.end]
        assert span.label == row.get("entity_group", row.get("entity"))
        assert span.score == pytest.approx(float(row["score"]), abs=1e-5)
    assert answer.grouped is (strategy != "none")


@pytest.mark.parametrize(
    "text",
    [
        "今天天气很好，我们喜欢电影",
        "👩‍🔬🙂 the film 🎬 is good",
        "مريم تحب the movie في البيت",
        "é e\u0301 ﬁ the\u3000a\u200bb",
    ],
)
def test_places_are_right_in_every_script(tagger: Any, text: str) -> None:
    answer = TASK.run(tagger, {"text": text}, TokenClassificationParams(aggregation_strategy="none"))
    pieces = tagger.tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
    assert answer.spans and {(one.start, one.end) for one in answer.spans} <= {tuple(piece) for piece in pieces}
    assert all(one.word == text[one.start : one.end] and one.word.strip() for one in answer.spans)


def test_spaces_at_the_edges_belong_to_no_span() -> None:
    (span,) = _spans("a  Paris b", [{"entity_group": "LOC", "score": 0.5, "word": "▁Paris", "start": 1, "end": 9}])
    assert (span.start, span.end, span.word) == (3, 8, "Paris")


def test_a_long_text_is_read_to_its_end_in_pieces_that_overlap(tagger: Any) -> None:
    text = TEXT + ", " + "the market price. " * 100 + TEXT
    grouped = TASK.run(tagger, {"text": text}, TokenClassificationParams(stride=16))
    assert grouped.tokens_read == grouped.tokens > 128 and grouped.spans[-1].end > len(text) - 400
    alone = TASK.run(tagger, {"text": text}, TokenClassificationParams(aggregation_strategy="none"))
    assert alone.tokens_read == 128 and alone.spans[-1].end < 1000


def test_a_stride_that_leaves_no_room_is_refused(tagger: Any) -> None:
    with pytest.raises(UserError) as caught:
        TASK.run(tagger, {"text": TEXT}, TokenClassificationParams(stride=126))
    assert caught.value.key == "tasks.too_large" and caught.value.values["maximum"] == 125
    TASK.run(tagger, {"text": TEXT * 20}, TokenClassificationParams(stride=100))


def test_no_text_is_told(tagger: Any) -> None:
    with pytest.raises(UserError):
        TASK.run(tagger, {"text": " "}, TokenClassificationParams())


def test_a_batch_gives_each_text_the_entities_it_gets_alone(tagger: Any) -> None:
    texts = [TEXT, "", "a bad film " * 60, "今天天气", *("they play " * n for n in range(1, 20))]
    rows = dict(TASK.batch(tagger, texts, TokenClassificationParams()))
    assert sorted(rows) == list(range(len(texts))) and rows[1] == {"count": 0, "entities": ""}
    for index in (0, 2, 3):
        spans = TASK.run(tagger, {"text": texts[index]}, TokenClassificationParams()).spans
        written = "; ".join(f"{one.word} ({one.label})" for one in spans)
        assert rows[index] == {"count": len(spans), "entities": written}


def test_the_steps_end_in_the_answer(tagger: Any) -> None:
    steps = {step.key: step for step in TASK.steps(tagger, {"text": TEXT}, TokenClassificationParams())}
    assert list(steps) == [
        "normalized", "tokens", "tensors", "embeddings", "layers", "token_logits", "token_labels", "entities",
    ]  # fmt: skip
    assert len(steps["entities"].lines) == len(TASK.run(tagger, {"text": TEXT}, TokenClassificationParams()).spans)


def test_the_snippet_prints_the_answer(settings: Settings, tiny_tagger: Path) -> None:
    asked = [(TEXT, TokenClassificationParams(aggregation_strategy=strategy)) for strategy in STRATEGIES]
    asked.append(('"今天" \\ 天气 🙂 ' + "the market. " * 99, TokenClassificationParams(stride=8)))
    codes = [TASK.snippet(str(tiny_tagger), {"text": text}, params) for text, params in asked]
    with opened(settings, "token-classification", f"folder:{tiny_tagger}") as pipe:
        for (text, params), output in zip(asked, map(printed, codes), strict=True):
            rows = [line.split(" ") for line in output.splitlines()]
            spans = TASK.run(pipe, {"text": text}, params).spans
            assert [row[:3] for row in rows] == [[one.label, str(one.start), str(one.end)] for one in spans]
            assert [float(row[3]) for row in rows] == pytest.approx([one.score for one in spans], abs=1e-5)


def test_the_code_cuts_where_only_the_positions_say_how_much_is_read(
    settings: Settings, tiny_tagger: Path, tmp_path: Path
) -> None:
    folder, values = tiny.without_limit(tiny_tagger, tmp_path / "unlimited"), {"text": "we love this film " * 100}
    for params in (TokenClassificationParams(), TokenClassificationParams(aggregation_strategy="none")):
        with opened(settings, TASK.name, f"folder:{folder}") as pipe:
            spans = TASK.run(pipe, values, params).spans
            code = TASK.snippet(str(folder), TASK.settled(pipe, values, params), params)
        rows = [line.split(" ")[:3] for line in printed(code).splitlines()]
        assert rows == [[one.label, str(one.start), str(one.end)] for one in spans]
    with opened(settings, TASK.name, f"folder:{tiny_tagger}") as pipe:
        assert "max_length" not in TASK.snippet("x", TASK.settled(pipe, values, params), params)


def save_without_padding(folder: Path, generator: Path) -> Path:
    """A GPT-2 that labels tokens and whose tokenizer has no padding token."""
    from transformers import AutoTokenizer, GPT2Config, GPT2ForTokenClassification

    tokenizer = AutoTokenizer.from_pretrained(generator)
    tokenizer.pad_token = None
    tokenizer.save_pretrained(folder)
    sizes = {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 64, "bos_token_id": 1, "eos_token_id": 2}
    with tiny.seeded(0):
        GPT2ForTokenClassification(GPT2Config(vocab_size=len(tokenizer), **sizes)).save_pretrained(folder)
    return folder


def save_of_characters(folder: Path) -> Path:
    """A CANINE, which reads characters: its tokenizer is a slow one, and says nothing of places."""
    from transformers import CanineConfig, CanineForTokenClassification, CanineTokenizer

    CanineTokenizer().save_pretrained(folder)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    own = {"num_hash_functions": 2, "num_hash_buckets": 256, "local_transformer_stride": 8}
    with tiny.seeded(0):
        CanineForTokenClassification(CanineConfig(max_position_embeddings=256, **sizes, **own)).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("kind", ["no padding token", "no places"])
def test_a_tokenizer_that_cannot_cut_into_pieces_reads_the_beginning(
    settings: Settings, tiny_generator: Path, tmp_path: Path, kind: str
) -> None:
    placed = kind == "no padding token"
    folder = save_without_padding(tmp_path / "m", tiny_generator) if placed else save_of_characters(tmp_path / "m")
    with opened(settings, TASK.name, f"folder:{folder}") as pipe:
        values, params = {"text": "good film"}, TokenClassificationParams()
        answer = TASK.run(pipe, values, params)
        assert answer.spans and answer.tokens_read == answer.tokens and (answer.spans[0].start >= 0) is placed
        lines = printed(TASK.snippet(str(folder), TASK.settled(pipe, values, params), params)).splitlines()
        assert [line.split(" ")[0] for line in lines] == [one.label for one in answer.spans]
        long = TASK.run(pipe, {"text": "good film " * 200}, params)
        assert long.tokens_read == (64 if placed else 256) < long.tokens
        rows = dict(TASK.batch(pipe, ["good film", "", "good film " * 200], params))
        # CANINE sees padding.
        assert rows[2]["count"] == len(long.spans) and (rows[0]["count"] == len(answer.spans) or not placed)


def test_joining_by_words_takes_a_tokenizer_that_knows_them(settings: Settings, tmp_path: Path) -> None:
    with opened(settings, TASK.name, f"folder:{save_of_characters(tmp_path / 'm')}") as pipe:
        with pytest.raises(UserError) as caught:
            TASK.run(pipe, {"text": "good"}, TokenClassificationParams(aggregation_strategy="first"))
    assert caught.value.key == "tasks.not_a_choice" and caught.value.values["choices"] == "simple, none"


def test_a_text_of_too_many_pieces_is_told_and_in_a_batch_has_empty_cells(tagger: Any) -> None:
    long = "good " * 20_000
    with pytest.raises(UserError) as caught:
        TASK.run(tagger, {"text": long}, TokenClassificationParams())
    assert caught.value.key == "tasks.too_many_pieces"
    assert caught.value.values == {"tokens": 20_002, "count": 213, "most": 200}
    rows = dict(TASK.batch(tagger, [long, TEXT], TokenClassificationParams()))
    assert rows[0] == {"count": None, "entities": ""} and rows[1]["count"] > 0
    TASK.run(tagger, {"text": long}, TokenClassificationParams(aggregation_strategy="none"))


def test_only_models_that_label_tokens_fit(settings: Settings, tiny_tagger: Path, tiny_classifier: Path) -> None:
    shelf, workspace = ModelShelf(settings), Workspace.open(settings)
    assert TASK.fits(shelf.facts(workspace, f"folder:{tiny_tagger}"))
    assert not TASK.fits(shelf.facts(workspace, f"folder:{tiny_classifier}"))
