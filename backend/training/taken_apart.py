"""The first batch and one step of a run, made as the run makes them and written down. Runs in a child."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from backend.errors import UserError
from backend.models.anatomy import Block, block_of, in_order, named_parameters
from backend.token_pieces import TokenRow, join_bytes, piece_bytes
from backend.token_steps import is_byte_level
from backend.training.inside import Batch, BatchRow, BlockStep, Example, Inside, Padding, Step
from backend.training.optimization import adamw, schedule, total_steps, training_loss
from backend.training.prepared import Prepared, Split, prepare
from backend.training.run import build_model
from backend.training.run_folder import RunFolder
from backend.training.sampler import LengthGroupedBatches
from backend.training.spec import RunSpec
from backend.workspace import write_json

ROWS_SHOWN = 16
TOKENS_SHOWN = 256
TEXT_SHOWN = 600


def take_apart(folder: Path) -> None:
    """Take apart the run whose spec.json lies in a folder; write inside.json or error.json (a UserError) there."""
    from backend.training.causes import explain

    try:
        # What is asked ahead of a run lies within the workspace's cache.
        found = inside(RunFolder(folder).spec(), folder.parent.parent)
    except Exception as error:  # noqa: BLE001 - the border of a child: the page says what went wrong
        import traceback

        traceback.print_exc()
        write_json(folder / "error.json", explain(error, folder).to_json())
        return
    write_json(folder / "inside.json", asdict(found))


def inside(spec: RunSpec, cache: Path) -> Inside:
    """The whole, in this process. Raises UserError where the data does not allow it."""
    from transformers import DataCollatorWithPadding

    prepared = prepare(spec, cache, lambda done, total: None)
    rows, chosen = prepared.splits["train"], spec.arguments
    batches = list(LengthGroupedBatches(rows.lengths.tolist(), chosen.per_device_train_batch_size, chosen.seed))
    features = [rows.features[place] for place in batches[0]]
    batch = DataCollatorWithPadding(prepared.tokenizer)(features)
    model = build_model(spec, prepared).to(spec.device)
    batch = {name: tensor.to(spec.device) for name, tensor in batch.items()}
    problem = model.config.problem_type
    # The shortest row of the batch is the one that a person reads most easily.
    place = int(np.argmin(rows.lengths[batches[0]]))
    logits = _answers(model, batch)
    steps = total_steps(len(batches), chosen)
    return Inside(
        batch=_batch(batch, prepared, problem),
        padding=padding(rows, batches, spec),
        example=_example(spec, prepared, features[place], int(rows.row_ids[batches[0][place]]), logits[place], problem),
        step=_step(model, batch, spec, rows, len(prepared.labels), steps),
        steps=steps,
        accumulated=chosen.gradient_accumulation_steps,
        plain_loss=chosen.class_weights == "none" and not chosen.label_smoothing_factor,
    )


def padding(rows: Split, batches: Sequence[Sequence[int]], spec: RunSpec) -> Padding:
    """Tokens of one epoch under each way to pad. batches: places of the rows, as the sampler groups them."""
    lengths, size = rows.lengths, spec.arguments.per_device_train_batch_size
    order = np.random.default_rng(spec.arguments.seed).permutation(len(lengths))
    shuffled = [order[start : start + size] for start in range(0, len(order), size)]
    return Padding(
        rows=len(lengths),
        tokens=int(lengths.sum()),
        grouped=sum(len(batch) * int(lengths[batch].max()) for batch in batches),
        shuffled=sum(len(batch) * int(lengths[batch].max()) for batch in shuffled),
        fixed=len(lengths) * spec.arguments.max_length,
        max_length=spec.arguments.max_length,
    )


def _batch(batch: dict[str, Any], prepared: Prepared, problem: str) -> Batch:
    rows = []
    for place in range(min(ROWS_SHOWN, len(batch["input_ids"]))):
        ids = batch["input_ids"][place][batch["attention_mask"][place].bool()].tolist()
        tokens, special = readable_tokens(prepared.tokenizer, ids[:TOKENS_SHOWN])
        answer = _answer(batch["labels"][place], prepared.labels, problem)
        rows.append(BatchRow(tokens=tokens, special=special, length=len(ids), answer=answer))
    count, width = batch["input_ids"].shape
    shapes = {name: list(tensor.shape) for name, tensor in batch.items()}
    told = int(batch["attention_mask"].sum())
    return Batch(rows=rows, row_count=count, width=width, tokens=told, tensors=shapes)


def readable_tokens(tokenizer: Any, ids: Sequence[int]) -> tuple[list[str], list[int]]:
    """The tokens as a person reads them, and the places of those that stand for no text."""
    byte_level = tokenizer.is_fast and is_byte_level(tokenizer.backend_tokenizer)
    specials = set(tokenizer.all_special_ids)
    pieces = tokenizer.convert_ids_to_tokens(list(ids))
    rows = [
        TokenRow(place, piece, piece, token, None, None, "word", token in specials, 0)
        for place, (piece, token) in enumerate(zip(pieces, ids, strict=True))
    ]
    joined = join_bytes(rows, [None if row.special else piece_bytes(row.piece, byte_level) for row in rows])
    unknown = tokenizer.unk_token_id
    return [row.shown for row in joined], [row.index for row in rows if row.special and row.id != unknown]


def _answer(target: Any, labels: Sequence[str], problem: str) -> str:
    if problem == "regression":
        return f"{float(target):g}"
    if problem == "multi_label_classification":
        return ", ".join(label for label, wanted in zip(labels, target.tolist(), strict=True) if wanted)
    return labels[int(target)]


def _answers(model: Any, batch: dict[str, Any]) -> Any:
    """The model's logits for a batch, float32 on the CPU, without dropout."""
    model.eval()
    with torch.inference_mode():
        return model(**batch).logits.float().cpu()


def _example(
    spec: RunSpec, prepared: Prepared, features: dict[str, Any], row_id: int, logits: Any, problem: Any
) -> Example:
    from backend.recipes import all_recipes

    row = prepared.version.load()[row_id]
    texts = [str(row[spec.columns[role]]) for role in all_recipes()[spec.recipe].text_roles]
    tokens, special = readable_tokens(prepared.tokenizer, features["input_ids"][:TOKENS_SHOWN])
    if problem == "regression":
        shares, targets = torch.empty(0), torch.tensor([float(features["labels"])])
        loss = (logits[0] - targets[0]) ** 2
    elif problem == "multi_label_classification":
        shares, targets = logits.sigmoid(), torch.tensor(features["labels"], dtype=torch.float32)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, targets)
    else:
        shares, targets = logits.softmax(-1), torch.nn.functional.one_hot(torch.tensor(features["labels"]), len(logits))
        loss = -logits.log_softmax(-1)[int(features["labels"])]
    return Example(
        problem=problem,
        texts=[text[:TEXT_SHOWN] + ("…" if len(text) > TEXT_SHOWN else "") for text in texts],
        tokens=tokens,
        special=special,
        labels=list(prepared.labels),
        logits=logits.tolist(),
        shares=shares.tolist(),
        targets=targets.tolist(),
        loss=float(loss),
    )


def _step(model: Any, batch: dict[str, Any], spec: RunSpec, rows: Split, labels: int, steps: int) -> Step:
    chosen = spec.arguments
    optimizer = adamw(model, chosen)
    first = schedule(optimizer, chosen, steps).get_last_lr()[0]
    for group in optimizer.param_groups:
        # The run warms up; a step at its very first rate would hardly move anything.
        group["lr"] = chosen.learning_rate
    minimized = training_loss(chosen, rows.targets, labels)
    before = _loss(model, batch)
    torch.manual_seed(chosen.seed)
    model.train()
    clock = _Clock(spec.device)
    with _precision(spec):
        loss = minimized(model(**batch), batch["labels"])
    forward = clock.lap()
    loss.backward()
    backward = clock.lap()
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    gradients = _gradients(model)
    norm = float(torch.nn.utils.clip_grad_norm_(learning, chosen.max_grad_norm or math.inf))
    if not math.isfinite(float(loss.detach())) or not math.isfinite(norm):
        raise UserError("training.diverged", step=1, learning_rate=chosen.learning_rate)
    kept = {name: parameter.detach().clone() for name, parameter in model.named_parameters() if parameter.requires_grad}
    clock.lap()
    optimizer.step()
    moving = clock.lap()
    return Step(
        loss=float(loss.detach()),
        before=before,
        after=_loss(model, batch),
        gradient=norm,
        clipped_to=chosen.max_grad_norm if 0 < chosen.max_grad_norm < norm else None,
        learning_rate=chosen.learning_rate,
        first_rate=float(first),
        forward_seconds=forward,
        backward_seconds=backward,
        optimizer_seconds=moving,
        blocks=_moved(model, kept, gradients),
    )


def _loss(model: Any, batch: dict[str, Any]) -> float:
    model.eval()
    with torch.inference_mode():
        return float(model(**batch).loss)


def _precision(spec: RunSpec) -> Any:
    kinds = {"bf16": torch.bfloat16, "fp16": torch.float16}
    if spec.arguments.precision not in kinds:
        return contextlib.nullcontext()
    return torch.autocast(spec.device, dtype=kinds[spec.arguments.precision])


def _whole(name: str, model: Any) -> Block:
    """The block of a parameter, the parts of a layer taken together."""
    return replace(block_of(name, model), part="")


def _gradients(model: Any) -> dict[Block, float]:
    """Sum of squares of the gradients of each block."""
    squares: dict[Block, float] = {}
    for name, parameter in named_parameters(model):
        if parameter.grad is not None:
            block = _whole(name, model)
            squares[block] = squares.get(block, 0.0) + float(parameter.grad.detach().double().pow(2).sum())
    return squares


def _moved(model: Any, kept: dict[str, Any], squares: dict[Block, float]) -> list[BlockStep]:
    """Every block in the model's order. kept: the weights that learn, as they were before the step."""
    counts: dict[Block, list[float]] = {}
    for name, parameter in named_parameters(model):
        sums = counts.setdefault(_whole(name, model), [0, 0, 0.0, 0.0])
        sums[0] += parameter.numel()
        if name in kept:
            sums[1] += parameter.numel()
            sums[2] += float(kept[name].double().abs().sum())
            sums[3] += float((parameter.detach() - kept[name]).double().abs().sum())
    return [
        BlockStep(
            block=replace(block, parameters=int(count), trained=int(learning)),
            gradient=math.sqrt(squares.get(block, 0.0)),
            weight=weight / max(learning, 1),
            moved=moved / max(learning, 1),
        )
        for block, (count, learning, weight, moved) in sorted(counts.items(), key=lambda one: in_order(one[0]))
    ]


class _Clock:
    def __init__(self, device: str) -> None:
        self.device, self.last = device, time.perf_counter()

    def lap(self) -> float:
        """Seconds since the last lap."""
        if self.device == "cuda":
            torch.cuda.synchronize()
        now = time.perf_counter()
        passed, self.last = now - self.last, now
        return passed
