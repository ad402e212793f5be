"""The first batch and one step of a run, against the same computed by hand in plain torch."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.data.split import split_rows
from backend.errors import UserError
from backend.models.anatomy import block_of
from backend.recipes import all_recipes
from backend.recipes.base import TrainArguments
from backend.training.ahead import checked
from backend.training.inside import Inside, look_inside
from backend.training.spec import RunSpec
from tests.backend.training.conftest import Desk, make_desk

ARGUMENTS = TrainArguments(
    learning_rate=1e-3, num_train_epochs=2, per_device_train_batch_size=8, max_length=32, dropout=0.0, max_grad_norm=0.5
)


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory, tiny_encoder: Path) -> tuple[Desk, RunSpec, Inside]:
    """A desk, its draft, and what happens inside its first step."""
    desk = make_desk(tmp_path_factory.mktemp("inside"), tiny_encoder)
    draft = replace(desk.draft, arguments=ARGUMENTS)
    return desk, draft, look_inside(desk.settings, desk.queue.shelf, desk.workspace, draft)


def by_hand(desk: Desk, draft: RunSpec) -> tuple[Any, dict[str, Any], Any]:
    """The model, the first batch and the lengths of the training rows, made without the code that is tested."""
    import numpy as np
    from transformers import AutoTokenizer, set_seed

    spec, version = checked(desk.settings, desk.queue.shelf, desk.workspace, draft)
    recipe = all_recipes()[spec.recipe]
    usable = recipe.usable(version, spec.columns)
    train = split_rows(version, spec.split, recipe.stratified_by(spec.columns), usable)["train"]
    rows = version.load().select(train)
    tokenizer = AutoTokenizer.from_pretrained(spec.model_path)
    ids = tokenizer(list(rows["text"]), truncation=True, max_length=32)["input_ids"]
    lengths = np.asarray([len(one) for one in ids])
    # The sampler is tested by itself: here it only says which rows come first.
    from backend.training.sampler import length_grouped

    first = length_grouped(lengths.tolist(), 8, spec.arguments.seed, 0)[0]
    batch = tokenizer.pad({"input_ids": [ids[place] for place in first]}, return_tensors="pt")
    labels = recipe.labels(version, spec.columns)
    import torch

    wanted = torch.tensor([labels.index(rows[int(place)]["label"]) for place in first])
    set_seed(spec.arguments.seed)
    model = recipe.load_model(spec.model_path, labels, spec.arguments)
    return model, {**batch, "labels": wanted}, lengths


def test_the_batch_is_the_first_of_the_run_with_its_padding(looked: tuple[Desk, RunSpec, Inside]) -> None:
    desk, draft, found = looked
    _, batch, _ = by_hand(desk, draft)
    assert (found.batch.row_count, found.batch.width) == tuple(batch["input_ids"].shape)
    assert [row.length for row in found.batch.rows] == batch["attention_mask"].sum(1).tolist()
    first = found.batch.rows[0]
    assert first.tokens[0] == "[CLS]" and first.special == [0, first.length - 1]
    assert {row.answer for row in found.batch.rows} <= {"good", "bad"}


def test_padding_is_that_of_the_arithmetic(looked: tuple[Desk, RunSpec, Inside]) -> None:
    from backend.training.sampler import length_grouped

    desk, draft, found = looked
    _, _, lengths = by_hand(desk, draft)
    batches = length_grouped(lengths.tolist(), 8, ARGUMENTS.seed, 0)
    padding = found.padding
    assert (padding.rows, padding.tokens, padding.fixed) == (len(lengths), lengths.sum(), len(lengths) * 32)
    assert padding.grouped == sum(max(lengths[batch]) * len(batch) for batch in batches)
    assert padding.tokens <= padding.grouped <= padding.shuffled <= padding.fixed


def test_an_example_s_loss_is_the_cross_entropy_of_its_logits(looked: tuple[Desk, RunSpec, Inside]) -> None:
    import torch

    example = looked[2].example
    true = example.targets.index(1)
    wanted = torch.nn.functional.cross_entropy(torch.tensor([example.logits]), torch.tensor([true]))
    assert example.loss == pytest.approx(float(wanted), abs=1e-6)
    assert example.loss == pytest.approx(-math.log(example.shares[true]), abs=1e-5)
    assert sum(example.shares) == pytest.approx(1)


def test_the_step_is_the_one_that_plain_torch_makes(looked: tuple[Desk, RunSpec, Inside]) -> None:
    import torch

    desk, draft, found = looked
    model, batch, _ = by_hand(desk, draft)
    model.eval()
    loss = model(**batch).loss
    loss.backward()
    assert found.step.before == pytest.approx(float(loss.detach()), abs=1e-5)
    squares: dict[tuple[str, int], float] = {}
    for name, parameter in model.named_parameters():
        block = block_of(name, model)
        key = (block.kind, block.layer)
        squares[key] = squares.get(key, 0.0) + float(parameter.grad.pow(2).sum())
    gradients = {(one.block.kind, one.block.layer): one.gradient for one in found.step.blocks}
    assert gradients == pytest.approx({key: math.sqrt(value) for key, value in squares.items()}, rel=1e-3)
    assert found.step.gradient == pytest.approx(math.sqrt(sum(squares.values())), rel=1e-3)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
    torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01).step()
    with torch.no_grad():
        after = float(model(**batch).loss)
    moved = (model.classifier.weight - before["classifier.weight"]).abs().sum()
    moved += (model.classifier.bias - before["classifier.bias"]).abs().sum()
    head = found.step.blocks[-1]
    assert head.block.kind == "head"
    assert head.moved == pytest.approx(float(moved.detach()) / head.block.parameters, rel=2e-2)
    assert found.step.after == pytest.approx(after, abs=2e-3)


def test_it_says_that_a_long_gradient_was_shortened(looked: tuple[Desk, RunSpec, Inside]) -> None:
    step = looked[2].step
    assert step.clipped_to == (0.5 if step.gradient > 0.5 else None)
    # The warm-up begins at nothing; the step on show is one at full rate.
    assert (step.first_rate, step.learning_rate) == (0, 1e-3)


def test_what_is_frozen_has_no_gradient_and_does_not_move(looked: tuple[Desk, RunSpec, Inside]) -> None:
    desk, draft, _ = looked
    frozen = replace(draft, arguments=replace(ARGUMENTS, freeze_embeddings=True))
    found = look_inside(desk.settings, desk.queue.shelf, desk.workspace, frozen)
    embeddings = found.step.blocks[0]
    assert (embeddings.block.kind, embeddings.block.trained) == ("embeddings", 0)
    assert (embeddings.gradient, embeddings.moved) == (0, 0)
    assert all(one.moved > 0 for one in found.step.blocks[1:])


def test_the_page_s_own_random_numbers_stay_as_they_were(looked: tuple[Desk, RunSpec, Inside]) -> None:
    import torch

    desk, draft, found = looked
    before = torch.get_rng_state()
    again = look_inside(desk.settings, desk.queue.shelf, desk.workspace, draft)
    assert torch.equal(before, torch.get_rng_state())
    assert again.example.logits == pytest.approx(found.example.logits, abs=1e-6)


def test_it_refuses_what_start_would_refuse(looked: tuple[Desk, RunSpec, Inside]) -> None:
    desk, draft, _ = looked
    with pytest.raises(UserError, match="no column"):
        look_inside(
            desk.settings, desk.queue.shelf, desk.workspace, replace(draft, columns={"text": "text", "label": "no"})
        )


@pytest.mark.parametrize("problem", ["multi_label_classification", "regression"])
def test_losses_of_other_kinds_are_those_of_torch(problem: str, tmp_path: Path, tiny_encoder: Path) -> None:
    import torch

    from backend.data.library import add_files

    desk = make_desk(tmp_path, tiny_encoder)
    lines = ["text\ttext_pair\tscore\tlabels"]
    for number in range(20):
        lines.append(f'a good film {number}\ta great film\t{4 + number % 2}.5\t["film", "good"]')
        lines.append(f'a bad book {number}\tthey hate it\t{1 + number % 2}.5\t["book"]')
    file = tmp_path / "pairs.tsv"
    file.write_text("\n".join(lines).replace('["film", "good"]', "film|good").replace('["book"]', "book"), "utf-8")
    version = add_files(desk.workspace, desk.settings, [file])
    recipe = next(one for one in all_recipes().values() if getattr(one, "problem", "") == problem)
    columns = {role.name: role.name for role in recipe.roles}
    draft = replace(
        desk.draft, recipe=recipe.name, data_ref=version.ref, data_version=version.version, columns=columns,
        arguments=ARGUMENTS,
    )  # fmt: skip
    example = look_inside(desk.settings, desk.queue.shelf, desk.workspace, draft).example
    logits, targets = torch.tensor(example.logits), torch.tensor(example.targets).float()
    if problem == "regression":
        wanted = torch.nn.functional.mse_loss(logits, targets)
        assert len(example.texts) == 2
    else:
        wanted = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets)
    assert example.problem == problem and example.loss == pytest.approx(float(wanted), rel=1e-5)
