"""Answers as HTML: what a person reads in the answer card."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.answering import Loading, Reply
from backend.models import ModelFacts
from backend.tasks.base import Bars, Blanks, Matrix, Span, Spans, Step, Table, Text, Vector
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


def test_several_texts_for_one_stand_below_each_other_and_what_was_cut_is_said() -> None:
    page = answers.render(Text("one", 3, others=("<two>",), given=900, given_read=512), "en")
    assert page.index("one") < page.index("Answer 2") < page.index("&lt;two&gt;") and "512 of 900" in page
    assert "512" not in answers.render(Text("one", 3, given=512, given_read=512), "en")
    assert answers.column_title("answer_2", "zh-CN") == "回答 2"


def test_an_answer_is_marked_in_its_text_above_a_bar_for_each_other() -> None:
    text = "Ada built the <bridge> in Vienna."
    found = (Span(26, 32, "", 0.7, text[26:32]), Span(0, 3, "", 0.2, "Ada"))
    page = answers.render(Spans(text, found[:1], 12, 12, asked=(("Where?", found),), windows=3), "en")
    assert "<mark>Vienna</mark>" in page and "&lt;bridge&gt;" in page and page.count("label-bar first") == 1
    assert "70.0%" in page and "20.0%" in page and "3 overlapping pieces" in page and "Question 1" not in page


def test_no_answer_is_said_plainly_and_each_question_has_its_place() -> None:
    none, ada = Span(-1, -1, "", 0.9, ""), Span(0, 3, "", 0.6, "Ada")
    asked = (("Who was it, tell me?", (ada,)), ("And where did it happen?", (none, Span(4, 9, "", 0.1, "built"))))
    marked = (Span(0, 3, asked[0][0], 0.6, "Ada"),)
    page = answers.render(Spans("Ada built it.", marked, asked=asked), "en")
    assert "<mark>Ada<sup>1</sup></mark>" in page and "Question 2: And where" in page
    assert "The text does not say" in page and "no answer" in page and "in each other&#x27;s box" in page
    assert "没有答案" in answers.render(Spans("Ada built it.", marked, asked=asked), "zh-CN")


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


def test_similarities_of_labels_are_no_percentages_and_their_scale_is_said() -> None:
    scores = (("sport", 0.86), ("politics", 0.81))
    page = answers.render(Bars(scores, exclusive=False, raw=True, cosine_from=0.7), "en")
    assert "0.860" in page and "%" not in page.split("answer-sentence")[1]
    assert "0.050 ahead" in page and "about 0.7" in page and "width:53.3%" in page
    even = Bars((("sport", 0.86), ("politics", 0.859)), exclusive=False, raw=True, cosine_from=0.7)
    assert "do not rely" in answers.render(even, "en")
    one = answers.render(Bars((("sport", 0.86),), exclusive=False, raw=True, cosine_from=0.0), "zh-CN")
    assert "余弦相似度" in one and "label-bar" in one


def test_two_texts_get_one_number_and_several_a_heat_map_with_a_number_in_each_cell() -> None:
    pair = answers.render(Matrix(("a", "b"), ((1.0, 0.83), (0.83, 1.0))), "en")
    assert "0.830" in pair and "<table" not in pair and "cosine" in pair
    values = ((1.0, 0.9, 0.2), (0.9, 1.0, 0.1), (0.2, 0.1, 1.0))
    page = answers.render(Matrix(("<b>", "二", "c"), values, cut=1, limit=128), "en")
    assert page.count("<td class=") == 9 and "&lt;b&gt;" in page and "0.90" in page
    assert "Most alike are 1 and 2 (0.900), least alike 2 and 3 (0.100)" in page and "cut at 128" in page


def test_a_vector_shows_its_first_numbers_and_several_a_map_with_a_key() -> None:
    one = Vector(("a",), (tuple(0.01 * n for n in range(384)),), (5.25,), states=(1, 7, 384))
    page = answers.render(one, "en")
    assert "384" in page and "5.250" in page and "(1, 7, 384)" in page and "372 more" in page
    places = ((0.0, 0.0), (1.0, 0.5), (0.5, -1.0))
    many = Vector(("<i>", "b", "c"), ((1.0,), (2.0,), (3.0,)), (1.0, 1.0, 1.0), places, 0.4)
    page = answers.render(many, "zh-CN")
    assert page.count("<circle") == 3 and "&lt;i&gt;" in page and "40%" in page and "map-key" in page
    assert "<svg" not in answers.render(Vector(("a", "b"), ((1.0,), (1.0,)), (1.0, 1.0)), "en")


def test_a_blank_is_filled_in_its_text_and_every_option_has_a_bar() -> None:
    page = answers.render(Blanks(("a <b> ", "."), ((("##ing", 0.7), ("capital", 0.1)),), 6), "en")
    assert "a &lt;b&gt; <mark>ing</mark>." in page and page.count('class="label-bar') == 3
    assert "70.0%" in page and "80 of 100 points" in page and "<sup>" not in page


@pytest.mark.parametrize("locale", ["en", "zh-CN"])
def test_several_blanks_are_numbered(locale: str) -> None:
    page = answers.render(Blanks(("", " and ", ""), ((("x", 0.5),), (("y", 0.4),))), locale)
    assert "<mark>x<sup>1</sup></mark> and <mark>y<sup>2</sup></mark>" in page and page.count("blank-head") == 2


def test_entities_are_marked_where_they_stand_whatever_the_script() -> None:
    text = "👩‍🔬 מריה <גרה> 在北京"
    start = text.index("北京")
    spans = (Span(4, 8, "B-PER", 0.9, text[4:8]), Span(start, start + 2, "B-LOC", 0.99999, "北京"))
    page = answers.render(Spans(text, spans, 12, 12), "en")
    assert f"<bdi>{text[4:8]}</bdi><small>B-PER</small></mark> &lt;" in page and "<bdi>北京</bdi>" in page
    assert 'dir="auto"' in page and "legend" in page and "&gt;99.9%" in page and "4–8" in page
    assert "<bdi>PER</bdi> <b>1</b>" in page


def test_a_text_without_entities_or_with_overlapping_ones_stays_whole() -> None:
    none = answers.render(Spans("plain", (), 900, 512), "zh-CN")
    assert "plain" in none and "没有找到" in none and "512" in none and "<table" not in none
    over = (Span(0, 4, "A", 0.5, "abcd"), Span(2, 6, "B", 0.5, "cdef"), Span(-1, -1, "C", 0.5, "lost"))
    page = answers.render(Spans("abcdefg", over), "en")
    assert "<bdi>abcd</bdi>" in page and "<bdi>ef</bdi>" in page and "</mark>g<" in page and "lost" in page
