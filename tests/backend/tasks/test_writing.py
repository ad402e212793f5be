"""Texts written for texts: as the pipelines write them, streamed, stopped, drawn, cut, in batches, and by the code."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from backend.errors import UserError
from backend.models import ModelShelf
from backend.settings import Settings
from backend.tasks import all_tasks
from backend.tasks.encoder_decoder import WritingParams
from backend.tasks.languages import code_among, codes_of, language_of
from backend.tasks.translation import TranslationParams
from backend.workspace import Workspace
from benchmarks._pipelines_models import build_seq2seq, fill
from benchmarks._pipelines_tokenizers import sentencepieces
from tests.backend.tasks.conftest import opened
from tests.plain_python import printed

SUMMARIZE, TRANSLATE, REWRITE = (all_tasks()[name] for name in ("summarization", "translation", "text2text-generation"))
TEXT = {"text": "the film was good and the book was not very bad"}
SHORT = {"max_new_tokens": 10}


def into(source: str = "en", target: str = "de", **more: Any) -> TranslationParams:
    """Settings of a short translation."""
    return TranslationParams(**{**SHORT, "source": source, "target": target, **more})


def test_a_summary_is_the_pipelines_with_the_models_prefix_and_settings(summarizer: Any) -> None:
    params = WritingParams(num_beams=3, **SHORT)
    answer = SUMMARIZE.run(summarizer, TEXT, params)
    assert [{"summary_text": answer.text}] == summarizer(TEXT["text"], num_beams=3, **SHORT)
    settled = SUMMARIZE.settled(summarizer, TEXT, params)
    assert settled["before"] == "story " and settled["arguments"]["early_stopping"] is True
    assert (answer.given, answer.given_read) == (14, 14) and 0 < answer.tokens <= 10


def test_with_one_beam_the_text_comes_token_by_token_and_stops_within_one(summarizer: Any) -> None:
    params = WritingParams(num_beams=1, max_new_tokens=40, min_length=40)
    parts = list(SUMMARIZE.stream(summarizer, TEXT, params, threading.Event()))
    assert parts[-1] == SUMMARIZE.run(summarizer, TEXT, params) and len(parts) == 41
    assert [part.tokens for part in parts[:-1]] == list(range(1, 41))
    stop = threading.Event()
    seen = []
    for part in SUMMARIZE.stream(summarizer, TEXT, params, stop):
        seen.append(part)
        stop.set()
    assert seen[-1].stopped_by == "person" and seen[-1].tokens < 5


def test_several_beams_stop_too(summarizer: Any) -> None:
    stop = threading.Event()
    stop.set()
    (answer,) = SUMMARIZE.stream(summarizer, TEXT, WritingParams(num_beams=3, max_new_tokens=60, min_length=60), stop)
    assert answer.stopped_by == "person" and answer.tokens < 5


def test_drawing_leaves_the_global_generator_alone_and_repeats_with_its_seed(summarizer: Any) -> None:
    import torch

    params = WritingParams(do_sample=True, num_return_sequences=3, seed=7, **SHORT)
    before = torch.get_rng_state()
    first = SUMMARIZE.run(summarizer, TEXT, params)
    assert torch.equal(before, torch.get_rng_state())
    assert SUMMARIZE.run(summarizer, TEXT, params) == first and len({first.text, *first.others}) == 3
    assert SUMMARIZE.run(summarizer, TEXT, WritingParams(do_sample=True, seed=8, **SHORT)).text != first.text


def test_a_long_text_is_cut_and_said_or_refused(summarizer: Any) -> None:
    values = {"text": "good film " * 50_000}
    answer = SUMMARIZE.run(summarizer, values, WritingParams(**SHORT))
    assert (answer.given, answer.given_read) == (100_003, 128)
    with pytest.raises(UserError) as caught:
        SUMMARIZE.run(summarizer, values, WritingParams(truncation=False, **SHORT))
    assert caught.value.key == "tasks.text_too_long"


@pytest.mark.parametrize("text", ["", "  \n ", None])
def test_no_text_is_told(summarizer: Any, text: Any) -> None:
    with pytest.raises(UserError) as caught:
        SUMMARIZE.run(summarizer, {"text": text}, WritingParams())
    assert caught.value.key == "tasks.empty_text"


def test_settings_that_do_not_go_together_are_told() -> None:
    with pytest.raises(UserError) as caught:
        WritingParams(num_return_sequences=5)
    assert caught.value.key == "tasks.more_than_beams"
    with pytest.raises(UserError) as caught:
        WritingParams(min_length=2.5)  # type: ignore[arg-type]
    assert caught.value.key == "tasks.not_whole" and caught.value.values == {"name": "min_length", "value": 2.5}
    with pytest.raises(UserError) as caught:
        WritingParams(min_length=50, max_new_tokens=20)
    assert caught.value.key == "tasks.too_large" and caught.value.values["name"] == "min_length"
    WritingParams(num_return_sequences=5, do_sample=True)


def test_a_text_longer_than_the_decoder_has_places_for_is_refused_before(translator: Any) -> None:
    with pytest.raises(UserError) as caught:
        TRANSLATE.run(translator, TEXT, into(max_new_tokens=64))
    assert caught.value.values == {"name": "max_new_tokens", "value": 64, "maximum": 63}
    with pytest.raises(UserError) as caught:
        list(TRANSLATE.batch(translator, ["the film", ""], into(max_new_tokens=64)))
    assert caught.value.values == {"name": "max_new_tokens", "value": 64, "maximum": 63}


def test_a_batch_writes_what_is_written_alone(summarizer: Any) -> None:
    texts = ["the film", "", "a very good book " * 60, TEXT["text"]]
    params = WritingParams(num_return_sequences=2, **SHORT)
    rows = dict(SUMMARIZE.batch(summarizer, texts, params))
    alone = SUMMARIZE.run(summarizer, TEXT, params)
    assert rows[3] == {"answer": alone.text, "answer_2": alone.others[0], "unread": 0}
    assert rows[1] == {"answer": "", "unread": 0} and rows[2]["unread"] == 115
    strict = dict(SUMMARIZE.batch(summarizer, texts, WritingParams(truncation=False, **SHORT)))
    assert strict[2] == {"answer": "", "unread": 115}
    drawn = WritingParams(do_sample=True, **SHORT)
    assert dict(SUMMARIZE.batch(summarizer, texts, drawn))[3]["answer"] == SUMMARIZE.run(summarizer, TEXT, drawn).text


@pytest.mark.parametrize("drawn", [False, True])
def test_a_batch_ends_within_a_token_and_leaves_out_what_it_was_at(summarizer: Any, drawn: bool) -> None:
    stop, passes = threading.Event(), list[int]()

    def stop_in_the_second_batch(*_: Any) -> None:
        passes.append(1)
        if len(passes) == (45 if drawn else 43):
            stop.set()

    watched = summarizer.model.get_decoder().register_forward_hook(stop_in_the_second_batch)
    texts = ["good", "", *["a longer text"] * 8, "bad"]
    params = WritingParams(num_beams=2, do_sample=drawn, max_new_tokens=40, min_length=40)
    try:
        rows = dict(SUMMARIZE.batch(summarizer, texts, params, stop=stop))
    finally:
        watched.remove()
    assert sorted(rows) == ([1, 10] if drawn else [0, 1, *range(2, 8), 10]) and len(passes) < 50


def test_languages_by_code_or_name_are_told_to_the_tokenizer(translator: Any) -> None:
    answer = TRANSLATE.run(translator, TEXT, into("English", "中文"))
    plain = translator(TEXT["text"], src_lang="en_XX", tgt_lang="zh_CN", num_beams=4, **SHORT)
    assert [{"translation_text": answer.text}] == plain
    settled = TRANSLATE.settled(translator, TEXT, into("en", "zh"))
    assert (settled["src_lang"], settled["forced_bos"]) == ("en_XX", "zh_CN")
    steps = {step.key: step for step in TRANSLATE.steps(translator, TEXT, into("en", "zh"))}
    assert steps["tokens"].lines[0].endswith("</s> en_XX") and steps["decoder_start"].lines[0].endswith("zh_CN")


@pytest.mark.parametrize(("source", "target"), [("xx_YY", "de"), ("en", "Klingon")])
def test_an_unknown_language_is_answered_with_some_known_ones(translator: Any, source: str, target: str) -> None:
    with pytest.raises(UserError) as caught:
        TRANSLATE.run(translator, TEXT, into(source, target))
    assert caught.value.key == "tasks.unknown_language"
    assert "en_XX" in caught.value.todo("en") and "zh_CN" in caught.value.todo("zh-CN")


def test_a_language_that_lacks_is_asked_for(translator: Any) -> None:
    with pytest.raises(UserError) as caught:
        TRANSLATE.run(translator, TEXT, into("en", ""))
    assert caught.value.key == "tasks.no_language" and caught.value.values["name"] == "target"


def test_t5_is_told_the_pair_in_words(settings: Settings, tiny_writer: Path) -> None:
    with opened(settings, "translation", f"folder:{tiny_writer}") as pipe:
        befores = [
            TRANSLATE.settled(pipe, TEXT, into(*pair))["before"] for pair in (("", ""), ("en", "de"), ("English", "zh"))
        ]
        assert befores == ["book ", "book ", "translate English to Chinese: "]
        with pytest.raises(UserError) as caught:
            TRANSLATE.run(pipe, TEXT, into("en", "elvish"))
        assert caught.value.key == "tasks.unknown_language"


@pytest.mark.filterwarnings("ignore:Recommended. pip install sacremoses")
def test_marian_has_its_pair_built_in(settings: Settings, tmp_path: Path) -> None:
    build_seq2seq("marian", tmp_path)
    with opened(settings, "translation", f"folder:{tmp_path}") as pipe:
        plain = pipe("the king", num_beams=4, **SHORT)
        for pair in (("", ""), ("en", "de"), ("英语", "German")):
            assert [{"translation_text": TRANSLATE.run(pipe, {"text": "the king"}, into(*pair)).text}] == plain
        with pytest.raises(UserError) as caught:
            TRANSLATE.run(pipe, TEXT, into("fr", "de"))
        assert caught.value.key == "tasks.other_pair" and caught.value.values["found"] == "en → de"
        # One that writes several languages is told by a token before the text.
        pipe.tokenizer.supported_language_codes = [">>fra<<", ">>deu<<"]
        assert TRANSLATE.settled(pipe, TEXT, into("en", "French"))["before"] == ">>fra<< "
        with pytest.raises(UserError) as caught:
            TRANSLATE.run(pipe, TEXT, into("en", "zh"))
        assert caught.value.key == "tasks.unknown_language" and "fra" in caught.value.values["known"]
        # Nothing said is what the model's name says, or the only language there is; else it must be told.
        for own, codes, before in (
            ("zho", [">>cmn<<", ">>cmn_Hans<<", ">>yue_Hans<<"], ">>cmn_Hans<< "),
            ("zht", [">>cmn_Hant<<", ">>cmn_Hans<<"], ">>cmn_Hans<< "),
            ("mul", [">>fra<<", ">>deu<<"], None),
        ):
            pipe.tokenizer.target_lang, pipe.tokenizer.supported_language_codes = own, codes
            if before:
                assert TRANSLATE.settled(pipe, TEXT, into("en", ""))["before"] == before
                continue
            with pytest.raises(UserError) as caught:
                TRANSLATE.run(pipe, TEXT, into("en", ""))
            assert caught.value.key == "tasks.no_language"


def test_m2m100_is_told_codes_and_writes_their_tokens_first(settings: Settings, tmp_path: Path) -> None:
    from transformers import M2M100Config, M2M100ForConditionalGeneration, M2M100Tokenizer

    spm = sentencepieces(tmp_path, name="source", pad_id=1, bos_id=0, eos_id=2, unk_id=3)
    pieces = ["<s>", "<pad>", "</s>", "<unk>", *(f"▁{word}" for word in ("the", "king", "film"))]
    vocabulary = tmp_path / "vocab.json"
    vocabulary.write_text(json.dumps({piece: index for index, piece in enumerate(pieces)}))
    tokenizer = M2M100Tokenizer(str(vocabulary), spm, model_max_length=64)
    tokenizer.save_pretrained(tmp_path / "model")
    sizes = {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32}
    heads = {"encoder_attention_heads": 2, "decoder_attention_heads": 2, "max_position_embeddings": 64}
    config = M2M100Config(vocab_size=128, **sizes, **heads)
    fill(M2M100ForConditionalGeneration(config)).save_pretrained(tmp_path / "model")
    with opened(settings, "translation", f"folder:{tmp_path / 'model'}") as pipe:
        steps = {step.key: step for step in TRANSLATE.steps(pipe, {"text": "the king"}, into("French", "中文"))}
        assert steps["tokens"].lines[0].startswith("__fr__ ") and steps["decoder_start"].lines[0].endswith("__zh__")
        settled = TRANSLATE.settled(pipe, TEXT, into("fr", "zh"))
        assert (settled["src_lang"], settled["forced_bos"]) == ("fr", "__zh__")


def test_languages_are_known_by_their_usual_names() -> None:
    names = ["en", "EN", "eng", "English", "en_XX", "eng_Latn", "英语", "zh-CN", "Deutsch"]
    assert [language_of(name) for name in names] == ["en"] * 7 + ["zh", None]
    assert code_among("zh", ["zho_Hant", "zho_Hans", "eng_Latn"]) == "zho_Hans"
    assert code_among("yue_Hant", ["yue_Hant"]) == "yue_Hant" and code_among("fr", ["de_DE"]) is None
    assert codes_of(object()) == ()


def test_the_steps_go_from_the_text_to_what_was_written(summarizer: Any) -> None:
    steps = {step.key: step for step in SUMMARIZE.steps(summarizer, TEXT, WritingParams(num_beams=3, **SHORT))}
    keys = ["normalized", "tokens", "tensors", "embeddings", "layers", "encoded", "decoder_start", "next_logits"]
    assert list(steps) == [*keys, "next_probabilities", "beams"]
    assert steps["tensors"].shape == "(1, 14)" and steps["encoded"].shape == "(1, 14, 16)"
    answer = SUMMARIZE.run(summarizer, TEXT, WritingParams(num_beams=3, **SHORT))
    assert steps["beams"].lines[0] == f"1 {answer.text}" and len(steps["beams"].lines) == 3
    greedy = {step.key for step in SUMMARIZE.steps(summarizer, TEXT, WritingParams(num_beams=1, **SHORT))}
    assert "written" in greedy and "beams" not in greedy


def test_the_snippets_print_the_answers(settings: Settings, tiny_writer: Path, tiny_translator: Path) -> None:
    drawn = {"do_sample": True, "temperature": 0.8, "top_k": 9, "top_p": 0.9, "num_return_sequences": 2, "seed": 5}
    asked: list[tuple[Any, Path, dict[str, str], Any]] = [
        (SUMMARIZE, tiny_writer, TEXT, WritingParams(**SHORT)),
        (SUMMARIZE, tiny_writer, {"text": 'a "film" ' * 300}, WritingParams(length_penalty=0.2, min_length=3, **SHORT)),
        (SUMMARIZE, tiny_writer, TEXT, WritingParams(**drawn, **SHORT)),
        (TRANSLATE, tiny_writer, TEXT, into("en", "de", num_beams=1, repetition_penalty=1.3)),
        (TRANSLATE, tiny_translator, TEXT, into("de", "zh", num_beams=3, num_return_sequences=2)),
        (REWRITE, tiny_writer, {"text": "这部电影\n很好看"}, WritingParams(num_beams=2, **SHORT)),
    ]
    codes, answers = [], []
    for task, folder, values, params in asked:
        with opened(settings, task.name, f"folder:{folder}") as pipe:
            answer = task.run(pipe, values, params)
            answers.append("".join(f"{text}\n" for text in (answer.text, *answer.others)))
            codes.append(task.snippet(str(folder), task.settled(pipe, values, params), params))
    assert all("backend" not in code for code in codes)
    assert [printed(code) for code in codes] == answers


def test_what_fits_which_task(
    settings: Settings, tiny_writer: Path, tiny_translator: Path, tiny_generator: Path
) -> None:
    shelf, workspace = ModelShelf(settings), Workspace.open(settings)
    fitting = {
        folder.name: [
            task.name
            for task in (SUMMARIZE, TRANSLATE, REWRITE)
            if task.fits(shelf.facts(workspace, f"folder:{folder}"))
        ]
        for folder in (tiny_writer, tiny_translator, tiny_generator)
    }
    everything = ["summarization", "translation", "text2text-generation"]
    assert fitting == {"tiny-writer": everything, "tiny-translator": everything, "tiny-generator": []}
    with pytest.raises(UserError) as caught:
        with shelf.lease(workspace, f"folder:{tiny_generator}", SUMMARIZE.auto_class):
            pass
    assert caught.value.key == "models.wrong_kind"
