"""What if: the numbers before and after are the model's own, and what cannot be asked is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backend.errors import UserError
from backend.settings import Settings
from backend.tasks import all_tasks
from backend.tasks.whatif import CHANGED, SWITCHES, what_if
from backend.texts import catalogue
from tests.backend.tasks.conftest import opened

TEXT = {"text": "the movie was great, we love it"}


def cells(found: Any, name: str) -> tuple[str, str]:
    """Before and after of a row."""
    return next((before, after) for row, before, after in found.rows if row == name)


def test_in_a_batch_a_text_is_padded_and_masked_and_its_logits_stay(classifier: Any) -> None:
    found = what_if(classifier, TEXT, "batch")
    before, after = (cell.split() for cell in cells(found, "=input_ids"))
    assert after[: len(before)] == before and set(after[len(before) :]) == {"0"} and len(after) > len(before)
    assert cells(found, "=attention_mask")[1].split() == ["1"] * len(before) + ["0"] * (len(after) - len(before))
    assert found.change is not None and found.change < CHANGED
    logits = classifier.model(**classifier.tokenizer(TEXT["text"], return_tensors="pt")).logits[0].tolist()
    assert [float(cells(found, label)[0]) for label in ("negative", "positive")] == pytest.approx(logits, abs=1e-4)


def test_without_the_mask_padding_is_read_and_the_logits_change(classifier: Any) -> None:
    found = what_if(classifier, TEXT, "mask")
    assert found.change is not None and found.change > CHANGED
    assert set(cells(found, "=attention_mask")[1].split()) == {"1"}
    assert cells(found, "negative")[0] == cells(what_if(classifier, TEXT, "batch"), "negative")[1]
    assert cells(found, "negative")[0] != cells(found, "negative")[1]


def test_without_special_tokens_the_model_reads_the_bare_text(classifier: Any) -> None:
    found = what_if(classifier, TEXT, "special_tokens")
    with_special, without = cells(found, "=pieces")
    assert with_special == f"[CLS] {without} [SEP]"
    bare = classifier.tokenizer(TEXT["text"], add_special_tokens=False, return_tensors="pt")
    logits = classifier.model(**bare).logits[0].tolist()
    assert [float(cells(found, label)[1]) for label in ("negative", "positive")] == pytest.approx(logits, abs=1e-4)


def test_without_its_head_the_model_gives_what_automodel_gives(classifier: Any, tiny_classifier: Path) -> None:
    from transformers import AutoModel

    found = what_if(classifier, TEXT, "head")
    inputs = classifier.tokenizer(TEXT["text"], return_tensors="pt")
    hidden = AutoModel.from_pretrained(tiny_classifier).eval()(**inputs).last_hidden_state
    assert cells(found, "=shape") == ("(1, 2)", str(tuple(hidden.shape)))
    shown = [float(number) for number in cells(found, "=numbers")[1].removesuffix(" …").split()]
    assert shown == pytest.approx(hidden.flatten()[: len(shown)].tolist(), abs=1e-4)


@pytest.mark.parametrize("key", ["batch", "mask", "special_tokens"])
def test_a_model_that_labels_tokens_is_asked_token_by_token(tagger: Any, key: str) -> None:
    found = what_if(tagger, {"text": "we love the movie"}, key)
    assert [name for name, *_ in found.rows if not name.startswith("=")] == ["we", "love", "the", "movie"]
    assert found.change is not None and (found.change < CHANGED) == (key == "batch")


def test_a_pair_is_asked_as_a_pair(classifier: Any) -> None:
    found = what_if(classifier, TEXT | {"text_pair": "a bad film"}, "special_tokens")
    assert cells(found, "=pieces")[0].count("[SEP]") == 2
    assert what_if(classifier, TEXT | {"text_pair": "a bad film"}, "batch").change < CHANGED  # type: ignore[operator]


def test_a_text_of_one_letter_is_padded_too(classifier: Any) -> None:
    found = what_if(classifier, {"text": "a"}, "batch")
    assert "0" in cells(found, "=attention_mask")[1]


def test_a_text_that_fills_the_model_cannot_stand_beside_a_longer_one(classifier: Any) -> None:
    with pytest.raises(UserError) as caught:
        what_if(classifier, {"text": "good " * 500}, "batch")
    assert caught.value.key == "whatif.full" and caught.value.values["limit"] == 128


@pytest.mark.parametrize("words", [125, 126, 127, 500])
def test_without_special_tokens_a_text_that_fills_the_model_has_the_same_tokens(
    classifier: Any, tagger: Any, words: int
) -> None:
    found = what_if(tagger, {"text": "good " * words}, "special_tokens")
    assert [name for name, *_ in found.rows if not name.startswith("=")] == ["good"] * 8
    assert "(+104)" in cells(what_if(classifier, {"text": "good " * 500}, "special_tokens"), "=pieces")[0]
    assert "(+102)" in cells(what_if(classifier, {"text": "good " * 500}, "special_tokens"), "=pieces")[1]


def test_a_model_without_padding_says_so(settings: Settings, tiny_generator: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer, LlamaConfig, LlamaForSequenceClassification

    tokenizer = AutoTokenizer.from_pretrained(tiny_generator)
    tokenizer.pad_token = None
    tokenizer.save_pretrained(tmp_path)
    small = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    LlamaForSequenceClassification(LlamaConfig(vocab_size=len(tokenizer), **small)).save_pretrained(tmp_path)
    with opened(settings, "text-classification", f"folder:{tmp_path}") as pipe:
        for key, error in (("batch", "whatif.no_padding"), ("special_tokens", "whatif.no_special")):
            with pytest.raises(UserError) as caught:
                what_if(pipe, TEXT, key)
            assert caught.value.key == error
        assert cells(what_if(pipe, TEXT, "head"), "=shape")[0] == "(1, 2)"


def test_every_switch_of_every_task_has_its_words() -> None:
    for task in all_tasks().values():
        assert set(task.what_ifs) <= set(SWITCHES)
    for key in SWITCHES:
        ends = ("words",) if key == "head" else ("same", "changed")
        assert all(f"whatif.{key}.{end}" in catalogue("en") for end in ends)


def asked_of(name: str, pipe: Any, values: dict[str, str], key: str, **params: str) -> Any:
    """One switch, asked as the page does."""
    task = all_tasks()[name]
    return what_if(pipe, task.read_text(pipe, values, task.params(**params)), key)


@pytest.mark.parametrize("key", ["batch", "mask", "special_tokens"])
def test_a_model_that_fills_blanks_is_asked_what_it_would_put_there(filler: Any, key: str) -> None:
    found = asked_of("fill-mask", filler, {"text": "the ____ was ____"}, key)
    assert found.change is not None and (found.change < CHANGED) == (key == "batch")
    options = [row for row in found.rows if not row[0].startswith("=")]
    assert len(options) == 10
    inputs = filler.tokenizer("the [MASK] was [MASK]", return_tensors="pt")
    best = filler.model(**inputs).logits[inputs["input_ids"] == filler.tokenizer.mask_token_id].topk(5)
    ids = best.indices.flatten().tolist()
    assert [name for name, *_ in options] == filler.tokenizer.convert_ids_to_tokens(ids)
    if key != "mask":
        shown = [float(before) for _, before, _ in options]
        assert shown == pytest.approx(best.values.flatten().tolist(), abs=1e-4)
    assert cells(asked_of("fill-mask", filler, {"text": "the ____"}, "head"), "=shape")[1] == "(1, 4, 16)"


def test_a_model_that_judges_labels_is_asked_about_the_first_one(judge: Any) -> None:
    values, params = {"text": "a good film"}, {"labels": "sport, news", "template": "about {}"}
    found = asked_of("zero-shot-classification", judge, values, "special_tokens", **params)
    sentence = "about sport"
    pieces = judge.tokenizer("a good film", sentence).tokens()
    assert cells(found, "=pieces")[0].split() == pieces
    logits = judge.model(**judge.tokenizer("a good film", sentence, return_tensors="pt")).logits[0].tolist()
    assert [float(cells(found, label)[0]) for label in judge.model.config.id2label.values()] == pytest.approx(
        logits, abs=1e-4
    )
