"""Answers as HTML: what a person reads in the answer card."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.answering import Counted, Loading, Reply
from backend.models import ModelFacts
from backend.tasks.base import Bars, Step, Table, Text
from ui import answers

FACTS = ModelFacts(ref="starter:x", title="X", source="starter", path=Path("/x"))


def test_the_best_label_is_the_verdict_and_every_label_has_a_bar() -> None:
    page = answers.render(Bars((("good", 0.96), ("bad", 0.04))), "en")
    assert page.index("verdict") < page.index("good") and page.count("label-bar") >= 2
    assert "96 of 100 points" in page and "4.0%" in page


def test_a_label_that_looks_like_html_is_shown_as_text() -> None:
    page = answers.render(Bars((("<script>alert(1)</script>", 0.9), ("b", 0.1))), "en")
    assert "<script" not in page and "&lt;script" in page


def test_a_nearly_certain_score_is_not_called_certain() -> None:
    assert ">99.9%" in answers.render(Bars((("a", 0.99997), ("b", 0.00003))), "en").replace("&gt;", ">")


def test_an_even_split_is_called_unsure() -> None:
    assert "not sure" in answers.render(Bars((("a", 0.52), ("b", 0.48))), "en")
    assert "not sure" not in answers.render(Bars((("a", 0.9), ("b", 0.1))), "en")


def test_scores_that_do_not_compete_are_said_to_stand_alone() -> None:
    page = answers.render(Bars((("a", 0.9), ("b", 0.8), ("c", 0.1)), exclusive=False), "en")
    assert "2 of 3" in page


def test_raw_numbers_are_not_shown_as_percent() -> None:
    page = answers.render(Bars((("score", 4.27),)), "en")
    assert "4.27" in page and "427" not in page


def test_a_text_that_was_cut_says_how_much_was_read() -> None:
    page = answers.render(Bars((("a", 0.9), ("b", 0.1)), tokens=900, tokens_read=512), "en")
    assert "512" in page and "900" in page


def test_more_labels_than_fit_are_folded_not_dropped() -> None:
    page = answers.render(Bars(tuple((f"label{i}", 1 / 77) for i in range(77))), "en")
    assert "<details>" in page and "label76" in page


def test_a_written_text_is_escaped_and_has_a_caret_while_it_grows() -> None:
    growing = answers.render(Text("a <b>", 2, finished=False), "en")
    assert "a &lt;b&gt;" in growing and "caret" in growing
    assert "caret" not in answers.render(Text("a", 1), "en")


def test_a_long_table_shows_its_first_rows_and_says_so() -> None:
    page = answers.render(Table(("text", "label"), tuple((str(i), "x") for i in range(500))), "en")
    assert page.count("<tr>") == answers.ROWS_SHOWN + 1 and "500" in page


def test_the_footing_of_a_text_has_speed_and_why_it_ended() -> None:
    reply = Reply(Text("hello", 20, stopped_by="length"), FACTS, "cpu", 2.0)
    page = answers.footing(reply, "en")
    assert "10.0 tokens a second" in page and "CPU" in page and "20 tokens" in page


@pytest.mark.parametrize("locale", ["en", "zh-CN"])
def test_waiting_says_the_model_and_its_real_progress(locale: str) -> None:
    page = answers.waiting(Loading("load", 120_000_000, 270_000_000), "SmolLM2", locale)
    assert "SmolLM2" in page and "120" in page and "270" in page and "width:44.4%" in page
    assert "30" in answers.waiting(Counted(30, 90, 5.0), "x", locale)


@pytest.mark.parametrize("locale", ["en", "zh-CN"])
def test_the_steps_inside_are_numbered_and_escaped(locale: str) -> None:
    page = answers.inside([Step("tokens", ("<s>",), "(1, 3)", "x = 1")], locale)
    assert "1 " in page and "&lt;s&gt;" in page and "(1, 3)" in page


def test_an_unknown_kind_of_answer_is_a_bug() -> None:
    with pytest.raises(TypeError):
        answers.render(object(), "en")  # type: ignore[arg-type]


def test_fewer_bars_than_labels_are_still_percentages_of_all_of_them() -> None:
    page = answers.render(Bars((("sport", 0.775),), labels=7), "en")
    assert "77.5%" in page and "these 7 labels" in page and "raw numbers" not in page


def test_raw_numbers_between_0_and_1_are_not_shown_as_percent_either() -> None:
    page = answers.render(Bars((("score", 0.42),), exclusive=False, raw=True), "en")
    assert "0.42" in page and "%" not in page.split("answer-sentence")[0].split("verdict-line")[1].split("</div>")[0]


def test_a_text_in_a_language_the_model_never_saw_makes_its_answer_doubtful() -> None:
    sure = (("positive", 0.71), ("negative", 0.29))
    assert "unknown" in answers.render(Bars(sure, tokens=14, tokens_read=14, unknown=9), "en")
    assert "unknown" not in answers.render(Bars(sure, tokens=200, tokens_read=200, unknown=1), "en")


def test_chinese_sentences_stand_without_spaces_between() -> None:
    page = answers.render(Bars((("正面", 0.9), ("负面", 0.1)), tokens=900, tokens_read=512), "zh-CN")
    assert "。 " not in page


def test_one_score_is_a_number_on_its_scale_and_no_share() -> None:
    page = answers.render(Bars((("score", 0.93),), raw=True, labels=1, range=(0.0, 5.0)), "en")
    assert "0.93" in page and "from 0 to 5" in page and "93" not in page.replace("0.93", "")


def test_labels_that_reach_their_thresholds_are_the_answer() -> None:
    bars = Bars((("joy", 0.6), ("love", 0.4), ("fear", 0.2)), exclusive=False, thresholds=(0.7, 0.35, 0.5))
    page = answers.render(bars, "en")
    verdict = page[: page.index("label-bars")]
    assert "love" in verdict and "joy" not in verdict
    assert "1 of 3" in page and "left:35.0%" in page and page.count("label-bar first") == 1


def test_a_text_without_any_label_is_told_so() -> None:
    bars = Bars((("joy", 0.2), ("fear", 0.1)), exclusive=False, thresholds=(0.5, 0.5))
    assert "No label fits" in answers.render(bars, "en")
