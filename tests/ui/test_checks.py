"""The list of checks before Start: what it says of real rows, what a press changes in the form, and taking it back."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from backend.data import library
from backend.recipes.checks import CHECKS, Check, Example, Fix
from ui.finetune import cards, checks, checks_view, choosing, form, report
from ui.finetune.checks_view import Line
from ui.finetune.filled import Filled
from ui.visitor import Services

NOTHING: Any = None
ROWS = (
    "id,text,label,score,split\n"
    + "".join(f"{row},This is the sentence {row},good,{row / 7:.2f},train\n" for row in range(30))
    + "".join(f"{row},That was the sentence {row},bad,{row / 9:.2f},train\n" for row in range(30, 36))
    + "36,this  is the SENTENCE 4,good,0.1,test\n37,new <b>words</b>,bad,0.2,validation\n"
)


@pytest.fixture
def values(services: Services, tiny_encoder: Path, tmp_path: Path) -> dict[str, Any]:
    """The form with data that leak and are uneven."""
    path = tmp_path / "rows.csv"
    path.write_text(ROWS, encoding="utf-8")
    data = library.add_files(services.workspace(NOTHING), services.settings, [path])
    with gr.Blocks():
        widgets = form.build().inputs
    found = {name: getattr(widget, "value", None) for name, widget in widgets.items()}
    chosen = {"data": data.ref, "model": f"folder:{tiny_encoder}", "column_text": "text", "column_label": "label"}
    return found | chosen


@pytest.fixture
def acts(services: Services) -> checks.Checking:
    with gr.Blocks():
        parts = form.build()
        acts = choosing.Choosing(parts, services, gr.State(), gr.State(), gr.State())
    follow = choosing.Follow(acts, *[{} for _ in fields(choosing.Follow)[1:]])
    return checks.Checking(parts, services, follow)


def looked(acts: checks.Checking, values: dict[str, Any], changed: list[dict[str, Any]] | None = None) -> str:
    return str([*acts.look(changed or [], "", NOTHING, **values)][-1][acts.form.checks.view])


def pressed(
    acts: checks.Checking, values: dict[str, Any], act: str, check: str, changed: list[dict[str, Any]] | None = None
) -> tuple[dict[Any, Any], dict[str, Any]]:
    """(the updates, the form's values after them)."""
    event: Any = SimpleNamespace(_data={"act": act, "check": check})
    updates = acts.press(changed or [], event, NOTHING, **values)
    now = {}
    for name, widget in acts.form.inputs.items():
        if widget in updates:
            update = updates[widget]
            now[name] = update.value if isinstance(update, gr.blocks.Block) else update
    return updates, values | now


def test_a_form_without_data_shows_no_checks(acts: checks.Checking, values: dict[str, Any]) -> None:
    assert looked(acts, values | {"data": None}) == ""


def test_checks_of_rows_come_before_those_that_need_a_tokenizer(acts: checks.Checking, values: dict[str, Any]) -> None:
    first, last = (step[acts.form.checks.view] for step in acts.look([], "", NOTHING, **values))
    assert "1 of the 2 rows to check and test on" in first and "data-ready" not in first
    assert "data-ready" in last


def test_a_leak_is_left_out_and_taken_back_by_the_same_button(
    services: Services, acts: checks.Checking, values: dict[str, Any]
) -> None:
    assert 'data-act="fix" data-check="leaks"' in looked(acts, values)
    updates, mended = pressed(acts, values, "fix", "leaks")
    assert mended["split_leave_out"] == ["leaks"]
    assert 'data-act="undo" data-check="leaks"' in updates[acts.form.checks.view]
    filled = Filled(services, services.workspace(NOTHING), mended)
    assert (filled.split_counts()["train"], filled.left_out()) == (35, 1)
    words = cards.split_line(filled.split_counts(), "en", filled.left_out())
    assert "35 rows to learn from" in words and "Left out of training: 1." in words
    _, again = pressed(acts, mended, "undo", "leaks", updates[acts.form.checks.changed])
    assert again["split_leave_out"] == []


def test_words_for_no_label_are_left_out_by_a_button(
    services: Services, acts: checks.Checking, values: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "words.csv"
    lines = "".join(f"a sentence of number {row},{('good', 'bad', 'NaN')[row % 3]}\n" for row in range(60))
    path.write_text("text,label\n" + lines, encoding="utf-8")
    data = library.add_files(services.workspace(NOTHING), services.settings, [path])
    values = values | {"data": data.ref}
    shown = looked(acts, values)
    assert "20 rows say “NaN”" in shown and 'data-act="fix" data-check="unlabelled"' in shown
    updates, mended = pressed(acts, values, "fix", "unlabelled")
    assert mended["split_leave_out"] == ["unlabelled"]
    assert "20 rows with “NaN” or the like in place of a label are left out" in updates[acts.form.checks.view]
    filled = Filled(services, services.workspace(NOTHING), mended)
    assert filled.split_counts() == {"train": 32, "validation": 4, "test": 4}


def test_a_run_says_among_its_settings_what_it_left_out(
    services: Services, acts: checks.Checking, values: dict[str, Any]
) -> None:
    spec = Filled(services, services.workspace(NOTHING), values | {"split_leave_out": ["leaks"]}).draft()
    assert "Texts that are also tested or checked on" in report.settings(spec, None, "en")


def test_what_an_earlier_run_left_out_can_be_taken_back_without_a_press_before(
    acts: checks.Checking, values: dict[str, Any]
) -> None:
    values = values | {"split_leave_out": ["blank", "leaks"], "argument_class_weights": "balanced"}
    assert pressed(acts, values, "undo", "leaks")[1]["split_leave_out"] == ["blank"]
    assert pressed(acts, values, "undo", "balance")[1]["argument_class_weights"] == "none"


def test_a_wrong_column_is_exchanged_and_taken_back(acts: checks.Checking, values: dict[str, Any]) -> None:
    wrong = values | {"column_label": "score"}
    assert "Start would refuse this" in looked(acts, wrong)
    updates, mended = pressed(acts, wrong, "fix", "columns")
    changed = updates[acts.form.checks.changed]
    assert mended["column_label"] == "label"
    assert "“label” is used now." in looked(acts, mended, changed)
    assert pressed(acts, mended, "undo", "columns", changed)[1]["column_label"] == "score"


def test_columns_of_other_data_are_named_with_a_button_for_those_there_are(
    acts: checks.Checking, values: dict[str, Any]
) -> None:
    page = looked(acts, values | {"column_text": "nowhere"})
    assert "“nowhere”" in page and "Use “text”" in page


def test_a_change_that_the_person_changed_again_is_not_called_fixed(
    acts: checks.Checking, values: dict[str, Any]
) -> None:
    updates, mended = pressed(acts, values | {"argument_max_length": 8}, "fix", "cut")
    changed = updates[acts.form.checks.changed]
    assert mended["argument_max_length"] > 8 and "tokens of each text are read now" in looked(acts, mended, changed)
    assert "tokens of each text are read now" not in looked(acts, mended | {"argument_max_length": 64}, changed)


def test_a_press_on_what_is_no_longer_there_changes_nothing(acts: checks.Checking, values: dict[str, Any]) -> None:
    assert pressed(acts, values, "fix", "conflicts")[1] == values


def test_another_recipe_comes_with_its_columns(acts: checks.Checking, values: dict[str, Any]) -> None:
    several = values | {"recipe": "multi-label-classification", "column_labels": "label"}
    _, mended = pressed(acts, several, "fix", "columns")
    assert (mended["recipe"], mended["column_label"], mended["column_text"]) == (
        "single-label-classification", "label", "text",
    )  # fmt: skip


@pytest.mark.parametrize("locale", ["en", "zh-CN"])
def test_every_sentence_is_filled_in_and_nothing_of_the_data_is_markup(locale: str) -> None:
    example = Example("<b>text</b>", ((4, "train", "<i>"), (9, "", "")))
    fix = Fix("leave_out", "leaks")
    check = Check(name="leaks", level="warning", key="checks.leaks", fix=fix, examples=(example,))
    page = checks_view.page([Line("leaks", check, "<u>", "fix", "<s>")], CHECKS[1:], locale)
    assert "&lt;b&gt;text" in page and "&lt;u&gt;" in page and "&lt;i&gt;" in page and "&lt;s&gt;" in page
    assert "{" not in page


def test_a_list_keeps_its_order_when_something_is_mended() -> None:
    checks_now = [Check(name=name, level=level, key="") for name, level in (("cut", "warning"), ("leaks", "fixed"))]
    page = checks_view.page([Line(one.name, one, one.name) for one in checks_now], (), "en")  # type: ignore[arg-type]
    assert page.index("<p>leaks") < page.index("<p>cut")
