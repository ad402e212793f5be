"""What the charts promise: spikes stay, names do not collide, words follow the language."""

from __future__ import annotations

import math

from ui import charts


def test_thinning_keeps_a_single_spike_and_both_ends() -> None:
    steps = list(range(20_000))
    values = [1.0] * 20_000
    values[7_777] = 9.0
    values[-1] = 2.0
    thin_steps, thin_values = charts.thin(steps, values)
    assert len(thin_steps) <= charts.POINTS
    assert (7_777, 9.0) in zip(thin_steps, thin_values, strict=True)
    assert (thin_steps[0], thin_steps[-1], thin_values[-1]) == (0, 19_999, 2.0)


def test_a_short_curve_is_drawn_point_for_point() -> None:
    assert charts.thin([1, 2, 3], [0.3, 0.2, 0.1]) == ([1, 2, 3], [0.3, 0.2, 0.1])


def test_thinning_passes_over_values_that_are_no_numbers() -> None:
    values = [math.nan] * 5_000
    values[2_500] = 1.0
    assert 1.0 in charts.thin(list(range(5_000)), values)[1]


def test_smoothing_begins_at_the_first_value_and_follows_slowly() -> None:
    line = charts.smoothed([1.0, 1.0, 0.0])
    assert line[:2] == [1.0, 1.0]
    assert 0.0 < line[2] < 1.0


def test_names_of_lines_that_end_together_are_moved_apart() -> None:
    curves = [charts.Curve(name, [0, 1], [0.5, 0.8 + slot / 1000], slot) for slot, name in enumerate(("a", "b", "c"))]
    figure = charts.overlay(curves, "en", kind="share")
    low, high = figure.layout.yaxis.range
    scale = (charts.HEIGHT_OVERLAY - charts.MARGIN_TOP - charts.MARGIN_BOTTOM) / (high - low)
    places = sorted(note.y * scale + note.yshift for note in figure.layout.annotations)
    assert all(above - below >= 15 for below, above in zip(places, places[1:], strict=False))


def test_runs_differ_by_more_than_colour() -> None:
    curves = [charts.Curve(str(slot), [0, 1], [0.1, 0.2], slot, markers=True) for slot in range(3)]
    traces = charts.overlay(curves, "en").data
    assert len({trace.line.dash for trace in traces}) == len({trace.marker.symbol for trace in traces}) == 3


def test_the_baseline_is_named_in_the_language_of_the_page() -> None:
    scores = {"accuracy": ([1, 2], [0.6, 0.7])}
    english = charts.score_chart(scores, "en", baseline=0.62, baseline_label="positive")
    chinese = charts.score_chart(scores, "zh-CN", baseline=0.62, baseline_label="positive")
    assert any("always positive, 62%" in note.text for note in english.layout.annotations)
    assert any("基线" in note.text and "62%" in note.text for note in chinese.layout.annotations)
    assert chinese.layout.xaxis.title.text == "步数"


def test_a_score_chart_shows_its_baseline_even_when_the_scores_are_far_above() -> None:
    figure = charts.score_chart({"accuracy": ([1], [0.95])}, "en", baseline=0.31)
    assert figure.layout.yaxis.range[0] <= 0.31


def test_a_line_at_the_top_has_its_name_below_it() -> None:
    top = charts.score_chart({"accuracy": ([1, 2], [0.6, 1.0])}, "en", baseline=0.5, first=1.0).layout.annotations
    assert {note.y: note.yanchor for note in top if note.xref == "paper"} == {1.0: "top", 0.5: "bottom"}


def test_a_chart_of_nothing_yet_is_still_a_chart() -> None:
    assert charts.loss_chart(([], []), ([], []), "en", total_steps=100).layout.xaxis.range == (0, 100)


def test_markup_in_a_label_is_shown_and_not_obeyed() -> None:
    figure = charts.confusion_chart(["<b>a", "b"], [[1, 0], [0, 1]], "en")
    assert figure.layout.xaxis.ticktext[0] == "&lt;b>a"


def test_two_labels_that_shorten_alike_keep_their_own_cells() -> None:
    labels = ["a very long label that ends in one", "a very long label that ends in two"]
    figure = charts.confusion_chart(labels, [[3, 1], [0, 4]], "en")
    assert len(set(figure.data[0].x)) == 2
    assert figure.data[0].customdata[0][1][1] == labels[1]


def test_a_name_far_from_the_others_stays_at_the_end_of_its_line() -> None:
    steps = (1, 2, 200)
    figure = charts.overlay([charts.Curve(f"run {end}", [0, end], [0.7, 0.69], slot=end % 3) for end in steps], "en")
    shifts = {note.x: note.yshift for note in figure.layout.annotations}
    assert shifts[200] == 0
    assert sorted((shifts[1], shifts[2])) == [0, 16]


def test_correlations_may_lie_below_zero_and_are_no_percentages() -> None:
    figure = charts.score_chart({"pearson": ([0, 1], [-0.12, 0.85])}, "en", baseline=0.0, kind="correlation")
    assert figure.layout.yaxis.range[0] <= -0.12 and figure.layout.yaxis.range[1] <= 1
    assert "%" not in figure.layout.yaxis.tickformat
    assert any(note.text == "baseline: 0.00" for note in figure.layout.annotations)


def test_predicted_against_true_has_the_line_of_right_answers() -> None:
    figure = charts.scatter_chart([(0.0, 0.4), (5.0, 4.1)], "en")
    line = figure.layout.shapes[0]
    assert (line.x0, line.x1) == (line.y0, line.y1) and line.x0 < 0 and line.x1 > 5
    assert list(figure.data[0].x) == [0.0, 5.0] and list(figure.data[0].y) == [0.4, 4.1]


def test_a_confusion_of_a_hundred_labels_keeps_room_for_each() -> None:
    labels = [f"intent {number}" for number in range(100)]
    counts = [[int(row == column) for column in range(100)] for row in range(100)]
    figure = charts.confusion_chart(labels, counts, "en")
    assert figure.layout.width > 1500 and figure.layout.height > 1500
    assert figure.data[0].texttemplate == ""
