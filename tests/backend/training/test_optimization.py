"""What each training argument does to optimizer, learning rate and loss; the same in Trainer and in plain torch."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from backend.recipes.base import SCHEDULERS, TrainArguments
from backend.recipes.starting_model import sequence_model
from backend.training import optimization
from backend.training.spec import RunSpec
from backend.training.trainer_loop import training_arguments

LABELS = ("bad", "good")


def model_for(path: Path, **arguments: Any) -> Any:
    """The tiny model as these arguments start it."""
    return sequence_model(str(path), LABELS, "single_label_classification", TrainArguments(**arguments))


def spec_of(arguments: TrainArguments) -> RunSpec:
    """A run with these arguments."""
    return RunSpec(
        name="", recipe="single-label-classification", model_ref="", data_ref="", data_version=1, columns={},
        arguments=arguments,
    )  # fmt: skip


def rates(arguments: TrainArguments, steps: int) -> list[float]:
    """The learning rate of each step."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=arguments.learning_rate)
    schedule, found = optimization.schedule(optimizer, arguments, steps), []
    for _ in range(steps):
        found.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    return found


def trainer_for(model: Any, arguments: TrainArguments, folder: Path) -> Any:
    """A plain Trainer with what the loop gives it."""
    from transformers import Trainer

    return Trainer(model=model, args=training_arguments(spec_of(arguments), folder))


def test_weight_decay_spares_biases_and_normalization_layers(tiny_encoder: Path) -> None:
    model = model_for(tiny_encoder)
    decayed, spared = optimization.parameter_groups(model, TrainArguments(weight_decay=0.3))
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.3, 0.0)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    assert all(name.endswith("bias") or "LayerNorm" in name for name in map(names.get, map(id, spared["params"])))
    assert not any("bias" in names[id(p)] or "LayerNorm" in names[id(p)] for p in decayed["params"])
    assert len(decayed["params"]) + len(spared["params"]) == len(names)


def test_trainer_decays_and_moves_as_the_native_optimizer_does(tiny_encoder: Path, tmp_path: Path) -> None:
    arguments = TrainArguments(learning_rate=1e-3, weight_decay=0.3, adam_beta1=0.8, adam_beta2=0.95, adam_epsilon=1e-6)
    model = model_for(tiny_encoder)
    theirs = trainer_for(model, arguments, tmp_path).create_optimizer()
    ours = optimization.adamw(model, arguments)
    for one, other in zip(ours.param_groups, theirs.param_groups, strict=True):
        assert {id(p) for p in one["params"]} == {id(p) for p in other["params"]}
        for name in ("lr", "betas", "eps", "weight_decay", "fused"):
            assert one[name] == other[name], name
    assert ours.param_groups[0]["betas"] == (0.8, 0.95) and ours.param_groups[0]["eps"] == 1e-6


@pytest.mark.parametrize("kind", SCHEDULERS)
def test_trainer_schedules_as_the_native_loop_does(kind: str, tiny_encoder: Path, tmp_path: Path) -> None:
    arguments = TrainArguments(learning_rate=1e-3, warmup_ratio=0.25, lr_scheduler_type=kind)
    trainer = trainer_for(model_for(tiny_encoder), arguments, tmp_path)
    trainer.create_optimizer()
    schedule, found = trainer.create_scheduler(12), []
    for _ in range(12):
        found.append(schedule.get_last_lr()[0])
        trainer.optimizer.step()
        schedule.step()
    assert found == pytest.approx(rates(arguments, 12))


def test_each_schedule_has_its_curve() -> None:
    def curve(kind: str) -> list[float]:
        return rates(TrainArguments(learning_rate=1e-2, warmup_ratio=0.2, lr_scheduler_type=kind), 10)

    rise = [0.0, 0.005, 0.01]
    assert curve("linear")[:3] == curve("cosine")[:3] == curve("constant_with_warmup")[:3] == rise
    assert curve("constant") == [0.01] * 10
    assert curve("constant_with_warmup")[2:] == [0.01] * 8
    assert curve("linear")[6] == pytest.approx(0.01 * (1 - 4 / 8))
    assert curve("cosine")[8] == pytest.approx(0.01 * 0.5 * (1 + math.cos(math.pi * 6 / 8)))
    assert curve("polynomial")[8] == pytest.approx(0.01 * (1 - 6 / 8) ** 2)
    assert curve("cosine_with_restarts")[6] == pytest.approx(0.01)


def test_epochs_or_steps_say_how_long_a_run_is() -> None:
    arguments = TrainArguments(num_train_epochs=2.5, gradient_accumulation_steps=4)
    assert optimization.total_steps(10, arguments) == 8
    assert optimization.total_steps(10, replace(arguments, max_steps=3)) == 3


def test_checks_come_evenly_or_every_so_many_steps_and_always_at_the_end() -> None:
    assert sorted(optimization.marks(10, TrainArguments(evaluations=2))) == [5, 10]
    assert sorted(optimization.marks(10, TrainArguments(eval_steps=4))) == [4, 8, 10]


def test_balanced_class_weights_make_each_label_count_the_same() -> None:
    targets = np.array([0] * 9 + [1])
    weights = optimization.balanced_weights(targets, 3)
    assert weights == pytest.approx([10 / (3 * 9), 10 / 3, 0])
    logits, wanted = torch.tensor([[2.0, 0.0, 0.0], [2.0, 0.0, 0.0]]), torch.tensor([0, 1])
    error = optimization.training_loss(TrainArguments(class_weights="balanced"), targets, 3)
    losses = torch.nn.functional.cross_entropy(logits, wanted, reduction="none")
    expected = (losses[0] * weights[0] + losses[1] * weights[1]) / (weights[0] + weights[1])
    assert float(error(SimpleNamespace(logits=logits), wanted)) == pytest.approx(float(expected))


def test_label_smoothing_is_the_one_of_torch_and_of_trainer() -> None:
    from transformers.trainer_pt_utils import LabelSmoother

    logits, wanted = torch.randn(6, 3, generator=torch.manual_seed(0)), torch.tensor([0, 1, 2, 2, 1, 0])
    error = optimization.training_loss(TrainArguments(label_smoothing_factor=0.2), np.zeros(1, int), 3)
    found = float(error(SimpleNamespace(logits=logits), wanted))
    assert found == pytest.approx(float(torch.nn.CrossEntropyLoss(label_smoothing=0.2)(logits, wanted)))
    theirs = LabelSmoother(epsilon=0.2)({"logits": logits}, wanted)
    assert found == pytest.approx(float(theirs))


def test_the_loss_is_the_models_own_unless_something_else_is_asked_for() -> None:
    error = optimization.training_loss(TrainArguments(), np.zeros(1, int), 2)
    assert error(SimpleNamespace(loss="its own"), None) == "its own"


def test_a_number_format_is_what_torch_computes_in() -> None:
    for name, kind in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        with optimization.computing_in("cpu", TrainArguments(precision=name)):
            assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == kind


def test_checkpointing_gives_the_same_gradients(tiny_encoder: Path) -> None:
    found = []
    for wanted in (False, True):
        torch.manual_seed(0)
        model = model_for(tiny_encoder, dropout=0.0).train()
        optimization.checkpointing(model, TrainArguments(gradient_checkpointing=wanted))
        assert model.is_activation_checkpointing is wanted
        model(input_ids=torch.tensor([[2, 9, 3]]), labels=torch.tensor([1])).loss.backward()
        found.append(model.classifier.weight.grad)
    assert torch.allclose(*found)


def step(model: Any) -> set[str]:
    """One large step; the names of the parameters that moved."""
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimizer = optimization.adamw(model, TrainArguments(learning_rate=0.1))
    model.train()(input_ids=torch.tensor([[2, 9, 10, 3]]), labels=torch.tensor([1])).loss.backward()
    optimizer.step()
    return {name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])}


def test_with_a_frozen_base_only_the_head_moves(tiny_encoder: Path) -> None:
    moved = step(model_for(tiny_encoder, freeze_base=True))
    assert moved == {"classifier.weight", "classifier.bias", "bert.pooler.dense.weight", "bert.pooler.dense.bias"}


def test_with_frozen_embeddings_everything_else_moves(tiny_encoder: Path) -> None:
    moved = step(model_for(tiny_encoder, freeze_embeddings=True))
    assert "bert.encoder.layer.0.attention.self.query.weight" in moved
    assert not any("embeddings" in name for name in moved)
