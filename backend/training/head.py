"""A first answer in seconds: a linear head on what the model makes of the texts, scored on rows it never saw.

What comes out is a model that from_pretrained loads and that answers exactly as it was scored.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

from backend.errors import UserError
from backend.training.averaging import average_tokens
from backend.training.checkpoint import keep_model
from backend.training.features import Features, Reader, cache_file, keep_features, kept_features
from backend.training.linear import STRENGTHS, Fitter, Linear, mean_loss
from backend.training.report import build_report
from backend.training.scoring import Scores
from backend.training.spec import MetricPoint, Phase, RunState
from backend.training.watch import Watch

FIT_SECONDS = 3.0


def answer(model: Any, watch: Watch, began: float) -> RunState:
    """Read features, fit the last layer to them, score, save and report. Stop ends the reading, not the answer.

    model: as the recipe loads it. began: when the run did, seconds since the epoch.
    """
    board = watch.board
    board.update(phase=Phase.TRAINING)
    averaged = not _has_head(model) and average_tokens(model)
    board.say("features: " + ("the average of a text's tokens" if averaged else "what the model gives its last layer"))
    model.to(watch.spec.device)
    name, layer = last_linear(model)
    found, cached, stopped = _features(model, name, watch, "average" if averaged else "own")
    for split, one in found.items():
        board.say(f"{split}: {len(one.values)} of {len(watch.prepared.splits[split])} rows")
    fitting = time.time()
    board.update(phase=Phase.EVALUATING, seconds_left=None)
    chosen, strength = _fitted(found, layer, watch)
    _put(layer, chosen)
    scored = {split: (one.split, scores_of(chosen, one)) for split, one in found.items()}
    facts = {
        "train_seconds": round(time.time() - fitting, 2),
        "steps": 1,
        "best_step": 1,
        "samples_per_second": board.status.samples_per_second,
        "stopped": stopped,
        "train_rows": len(found["train"].values),
        "train_rows_scored": len(found["train"].values),
        "train_rows_available": len(watch.prepared.splits["train"]),
        "features_cached": cached,
        "strength": f"{strength:g}",
    }
    _finish(model, watch, scored, facts, began)
    return RunState.STOPPED if stopped else RunState.DONE


def last_linear(model: Any) -> tuple[str, Any]:
    """(name, module) of the layer that gives the answers. Raises UserError where there is none."""
    from torch.nn import Linear as TorchLinear

    outputs = model.config.num_labels
    fitting = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, TorchLinear) and module.out_features == outputs
    ]
    if not fitting:
        raise UserError("first_answer.no_head", model=type(model).__name__)
    return fitting[-1]


def scores_of(layer: Linear, features: Features) -> Scores:
    """What the layer answers to the rows."""
    logits, targets = layer.logits(features.values), features.split.targets
    return Scores(logits, targets, mean_loss(logits, targets))


def _has_head(model: Any) -> bool:
    """Whether the model came with a head for whole texts: then what it gives that head has been trained."""
    return any(name.endswith("ForSequenceClassification") for name in model.config.architectures or ())


def _features(model: Any, name: str, watch: Watch, kind: str) -> tuple[dict[str, Features], bool, bool]:
    """(features of each split, whether they were kept from before, whether somebody asked to stop)."""
    import torch

    prepared, board, spec = watch.prepared, watch.board, watch.spec
    file = cache_file(board.folder.path.parent.parent / "cache", spec, prepared, kind)
    found = kept_features(file, prepared.splits)
    if found:
        return found, True, False
    began = time.perf_counter()

    def tell(rows: int, total: int) -> bool:
        rate = rows / max(time.perf_counter() - began, 1e-9)
        left = round((total - rows) / rate, 1)
        board.update(step=rows, total_steps=total, samples_per_second=round(rate, 1), seconds_left=left)
        return not board.folder.requested()

    place, _, last = name.rpartition(".")
    parent = model.get_submodule(place)
    layer = getattr(parent, last)
    was_training = model.training
    model.eval()
    # The model then answers with what its last layer would be given, from the place its own pooling chooses.
    setattr(parent, last, torch.nn.Identity())
    try:
        reader = Reader(model, watch.pad, spec.arguments.seed, tell)
        found = reader.read(prepared.splits)
    finally:
        setattr(parent, last, layer)
        model.train(was_training)
    if not reader.stopped:
        keep_features(file, found)
    return found, False, reader.stopped


def _fitted(found: Mapping[str, Features], layer: Any, watch: Watch) -> tuple[Linear, float]:
    """The layer, and its regularisation: what gives the validation rows the least loss of all that fits into the time.

    By the loss, since on a few hundred rows a score moves by chance more than by the strength.
    """
    train = found["train"]
    fitter = Fitter(train.values, train.split.targets, layer.out_features, centred=layer.bias is not None)
    if "validation" not in found:
        return fitter.fit(STRENGTHS[0]), STRENGTHS[0]
    best, least, chosen, began = None, math.inf, 0.0, 0.0
    for strength in STRENGTHS:
        linear = fitter.fit(strength)
        loss = scores_of(linear, found["validation"]).loss
        watch.board.say(f"strength {strength}: loss {loss:.4f}")
        if best is None or loss < least:
            best, least, chosen = linear, loss, strength
        # The first one's time goes to importing scikit-learn.
        began = began or time.perf_counter()
        if time.perf_counter() - began > FIT_SECONDS:
            break
    assert best is not None
    return best, chosen


def _put(layer: Any, fitted: Linear) -> None:
    import torch

    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(fitted.weight))
        if layer.bias is not None:
            layer.bias.copy_(torch.from_numpy(fitted.bias))


def _finish(model: Any, watch: Watch, scored: Mapping[str, Any], facts: dict[str, Any], began: float) -> None:
    """Record the one point there is, report, and save the model with what was settled in its config."""
    board, folder, tokenizer = watch.board, watch.board.folder, watch.prepared.tokenizer
    facts |= {
        "total_seconds": round(time.time() - began, 2),
        "peak_memory_mib": round(board.peak_memory_mib, 1),
    }
    report = build_report(watch.recipe, watch.prepared, watch.spec, scored, facts)
    watched = scored[watch.watched][1]
    # As the checks of a longer run are: what was settled is for the report.
    values = watch.recipe.metrics(watched.logits, watched.targets, watch.prepared.labels) | {"loss": watched.loss}
    point = {f"eval_{name}": value for name, value in values.items()}
    watch.recorder.add(MetricPoint(1, facts["total_seconds"], point))
    board.say(", ".join(f"{name} {value:.4f}" for name, value in point.items()))
    board.update(step=1, total_steps=1, best_step=1, best_value=values[watch.metric], phase=Phase.SAVING)
    keep_model(model, folder.model, tokenizer, report.settled)
    folder.write_report(report)
