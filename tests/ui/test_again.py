"""Run again with changes: the form stands for the run's spec again, says what is gone, and holds the rest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from backend.data.library import add_files, open_data
from backend.data.split import SplitPlan
from backend.recipes.base import TrainArguments
from backend.training.run_folder import RunFolder
from backend.training.spec import RunSpec
from tests.ui.run_folders import write_run
from ui.finetune import again, choosing, form
from ui.finetune.filled import Filled
from ui.visitor import Services

NOTHING: Any = None
ARGUMENTS = TrainArguments(learning_rate=3e-4, num_train_epochs=2.5, max_length=48, lora_rank=8, dropout=0.2, seed=9)


class Desk:
    """A form, its handlers, and what stands in it."""

    def __init__(self, services: Services) -> None:
        self.services = services
        with gr.Blocks():
            self.form = form.build()
            self.again = again.Again(self.form, services, gr.State())
            self.choosing = choosing.Choosing(self.form, services, gr.State(), gr.State(), gr.State())
        self.names = {widget: name for name, widget in self.form.inputs.items()}
        self.values = {name: getattr(widget, "value", None) for name, widget in self.form.inputs.items()}
        self.held: dict[str, Any] | None = None
        self.note = ""

    def take(self, updates: dict[Any, Any]) -> None:
        """As the page would."""
        self.held = updates.get(self.form.again.held, self.held)
        for widget, update in updates.items():
            if widget in self.names:
                _, has_value, value = choosing._joined(None, update)
                if has_value:
                    self.values[self.names[widget]] = value

    def fill(self, run_id: str) -> None:
        """Press the button."""
        updates = self.again.fill(run_id, NOTHING)
        self.note = updates[self.form.again.note].value
        self.take(updates)

    def follow(self, *steps: str) -> None:
        """What a choice sets off."""
        made = self.choosing.making(steps)
        self.take(made(None, "", "", self.held, NOTHING, **self.values))

    def draft(self) -> RunSpec:
        return Filled(self.services, self.services.workspace(NOTHING), self.values).draft()


@pytest.fixture
def desk(services: Services) -> Desk:
    return Desk(services)


def written(services: Services, run_id: str, **changed: Any) -> RunSpec:
    """The spec of a run that has ended, with some of it changed."""
    folder = write_run(services.workspace(NOTHING), run_id)
    spec = replace(folder.spec(), **changed)
    RunFolder(folder.path).write_spec(spec)
    return spec


def asked(spec: RunSpec) -> dict[str, Any]:
    """What a person decides of a spec."""
    kept = ("recipe", "model_ref", "data_ref", "columns", "split", "preset", "arguments", "launcher", "loop")
    return {name: getattr(spec, name) for name in (*kept, "processes", "new_model", "tokenizer_ref")}


def test_the_form_stands_for_the_run_again_with_a_number_behind_its_name(
    services: Services, desk: Desk, tiny_encoder: Path
) -> None:
    split = SplitPlan(validation_share=0.2, stratify=False, seed=5, train_rows="[:100]", leave_out=("duplicates",))
    spec = written(
        services, "mine", model_ref=f"folder:{tiny_encoder}", split=split, preset="quick", arguments=ARGUMENTS,
        loop="native", launcher="accelerate", processes=3,
    )  # fmt: skip
    desk.fill("mine")
    draft = desk.draft()
    assert asked(draft) == asked(spec) and draft.name == "mine-2"
    assert "mine" in desk.note and "finding" not in desk.note


def test_what_follows_from_the_choice_of_data_and_model_leaves_it_as_it_is(
    services: Services, desk: Desk, tiny_encoder: Path
) -> None:
    columns = {"text": "label", "label": "text"}
    spec = written(services, "mine", model_ref=f"folder:{tiny_encoder}", columns=columns, arguments=ARGUMENTS)
    desk.fill("mine")
    desk.follow("guess", "look")
    desk.follow("suggest", "know_model", "refill_preset", "retitle", "settle")
    assert asked(desk.draft()) == asked(spec)


def test_other_data_or_another_model_change_nothing_else(services: Services, desk: Desk, tiny_encoder: Path) -> None:
    spec = written(services, "mine", model_ref=f"folder:{tiny_encoder}", arguments=ARGUMENTS)
    desk.fill("mine")
    desk.values["data"] = "sample:news_en"
    desk.follow("guess", "look")
    desk.follow("suggest", "know_model", "refill_preset", "retitle", "settle")
    draft = desk.draft()
    assert asked(replace(draft, data_ref=spec.data_ref, columns=spec.columns)) == asked(spec)
    assert draft.columns == {"text": "headline", "label": "topic"}


def test_a_preset_chosen_by_hand_fills_the_settings_again(services: Services, desk: Desk, tiny_encoder: Path) -> None:
    written(services, "mine", model_ref=f"folder:{tiny_encoder}", arguments=ARGUMENTS)
    desk.fill("mine")
    desk.values["preset"] = "quick"
    desk.follow("take_over", "fill_preset", "retitle", "settle")
    assert desk.draft().arguments.seed == TrainArguments().seed
    assert desk.held and not desk.held["arguments"]


def test_data_and_model_that_are_gone_are_said_and_the_rest_is_filled_in(services: Services, desk: Desk) -> None:
    gone = {"model_ref": "run:lost", "model_title": "lost", "data_ref": "mine:gone", "data_title": "<gone>"}
    written(services, "mine", arguments=ARGUMENTS, **gone)
    desk.fill("mine")
    assert "&lt;gone&gt;, is gone" in desk.note and "Its model, lost" in desk.note
    assert (desk.values["data"], desk.values["model"]) == (None, None)
    assert desk.values["argument_learning_rate"] == 3e-4 and desk.values["column_text"] == "text"
    # Whoever chooses other data keeps the columns of these names.
    desk.values["data"] = "sample:reviews_en"
    desk.follow("guess", "look")
    assert desk.values["column_label"] == "label"


def test_a_newer_version_of_the_data_and_lost_columns_are_said(
    services: Services, desk: Desk, tiny_encoder: Path, tmp_path: Path
) -> None:
    (tmp_path / "own.csv").write_text("body,label\n" + "good film,1\nbad book,0\n" * 10, encoding="utf-8")
    version = add_files(services.workspace(NOTHING), services.settings, [tmp_path / "own.csv"])
    written(
        services, "mine", model_ref=f"folder:{tiny_encoder}", data_ref=version.ref, data_title="own", data_version=7,
    )  # fmt: skip
    desk.fill("mine")
    assert "no longer has: text" in desk.note and "version 7, the form takes version 1" in desk.note
    desk.follow("guess", "look")
    assert desk.draft().columns == {"text": "body", "label": "label"}
    assert open_data(services.workspace(NOTHING), version.ref).version == 1


def test_a_model_from_nothing_gets_its_shape_again(services: Services, desk: Desk, tiny_encoder: Path) -> None:
    new = {"num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 32, "intermediate_size": 64}
    written(services, "mine", model_ref=f"folder:{tiny_encoder}", new_model=new, arguments=TrainArguments())
    desk.fill("mine")
    desk.follow("suggest", "know_model", "refill_preset", "retitle", "settle")
    made = desk.draft().new_model
    assert {name: made[name] for name in new} == new
    # Its model being chosen anew is no reason to fill the old sizes in.
    from ui.finetune import anatomy

    looking = anatomy.Looking(desk.form.anatomy, services)
    begun = looking.begin(True, NOTHING, held=desk.held, **desk.values)
    assert not set(begun) & set(desk.form.anatomy.shape.values())


def test_a_first_answer_leaves_the_settings_to_the_preset(services: Services, desk: Desk, tiny_encoder: Path) -> None:
    written(services, "mine", model_ref=f"folder:{tiny_encoder}", loop="head", launcher="thread")
    desk.fill("mine")
    assert "first answer" in desk.note
    desk.follow("suggest", "know_model", "refill_preset", "retitle", "settle")
    assert (desk.draft().loop, desk.draft().launcher) == ("trainer", "auto")


@pytest.mark.parametrize(
    ("name", "taken", "wanted"),
    [
        ("mine", set(), "mine-2"),
        ("mine-2", {"mine-3"}, "mine-4"),
        ("第 1", {"第 2"}, "第 3"),
        ("a" * 80, set(), "a" * 74 + "-2"),
    ],
)  # fmt: skip
def test_the_next_name_is_one_that_no_run_has(name: str, taken: set[str], wanted: str) -> None:
    assert again.next_name(name, taken) == wanted
