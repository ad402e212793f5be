"""A text's way through a model: what is shown is the model's own, its Python does it, and what lacks is left out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from backend.settings import Settings
from backend.tasks import all_tasks
from backend.tasks.base import Step
from backend.tasks.layers import encoder_steps, normalized_steps, read_through
from backend.texts import catalogue
from tests.backend.tasks.conftest import opened
from tests.plain_python import printed

TEXT = "The Movie was great, we love it"
_PREAMBLE = """import json, re, torch, warnings
warnings.simplefilter("error")
from transformers import {auto_class}, AutoTokenizer, pipeline, set_seed
name = {folder!r}
tokenizer = AutoTokenizer.from_pretrained(name)
model = {auto_class}.from_pretrained(name, dtype="float32").eval()
torch.set_grad_enabled(False)
"""


def executed(steps: Sequence[Step], task: str, folder: Path, given: Mapping[str, Any], shown: str) -> Any:
    """What `shown`, Python, is after all lines of the steps, one after another; before them come the values given."""
    before = "".join(f"{name} = {value!r}\n" for name, value in given.items())
    begun = _PREAMBLE.format(auto_class=all_tasks()[task].auto_class, folder=str(folder))
    code = "\n".join(step.code for step in steps)
    return json.loads(printed(f"{begun}{before}{code}\nprint(json.dumps({shown}))").splitlines()[-1])


def by_key(steps: Sequence[Step]) -> dict[str, Step]:
    """The steps, none of which comes twice; each has its words and its Python."""
    found = {step.key: step for step in steps}
    assert len(found) == len(steps)
    assert all(f"tasks.step.{key}" in catalogue("en") and step.code for key, step in found.items())
    return found


def values(line: str) -> list[float]:
    """The numbers of a line, without what stands before its colon."""
    return [float(word) for word in line.rsplit(": ", 1)[-1].split() if word != "…"]


_TO_THE_LAYERS = ["normalized", "tokens", "tensors", "embeddings", "layers"]
_SHOWN = (
    '{"normalized": normalized, "pieces": pieces, "ids": inputs["input_ids"].tolist(), "first": embeddings[0, 1, :4]'
    '.tolist(), "shape": list(layers.shape), "last": layers[-1, 0, 2, :4].tolist(), "logits": logits.flatten().tolist()'
)


def check_layers(found: Mapping[str, Step], done: Mapping[str, Any]) -> None:
    """What is shown up to the last layer is what the Python gives."""
    whole = done["normalized"] if isinstance(done["normalized"], list) else [done["normalized"]]
    assert list(found["normalized"].lines) == whole
    assert found["tokens"].lines == (" ".join(done["pieces"]),)
    assert values(found["tensors"].lines[0]) == done["ids"][0]
    assert values(found["embeddings"].lines[1]) == pytest.approx(done["first"], abs=1e-4)
    assert found["layers"].shape == str(tuple(done["shape"]))
    assert values(found["layers"].lines[-1]) == pytest.approx(done["last"], abs=1e-4)


@pytest.mark.parametrize("pair", ["", "a bad film"])
def test_the_python_of_text_classification_gives_the_numbers_that_are_shown(
    classifier: Any, tiny_classifier: Path, pair: str
) -> None:
    task, asked = all_tasks()["text-classification"], {"text": TEXT} | ({"text_pair": pair} if pair else {})
    steps = task.steps(classifier, asked, task.params())
    found = by_key(steps)
    assert list(found) == [*_TO_THE_LAYERS, "logits", "softmax", "label"]
    shown = _SHOWN + ', "scores": scores.tolist(), "label": label}'
    done = executed(steps, "text-classification", tiny_classifier, asked, shown)
    check_layers(found, done)
    assert [values(line)[0] for line in found["logits"].lines] == pytest.approx(done["logits"], abs=1e-4)
    assert [values(line)[0] for line in found["softmax"].lines] == pytest.approx(done["scores"], abs=1e-4)
    best = max((0, 1), key=done["scores"].__getitem__)
    assert found["label"].lines == (f"{best} → {done['label']}",)
    assert task.run(classifier, asked, task.params()).scores[0][0] == done["label"]


def test_the_python_of_fill_mask_gives_the_numbers_that_are_shown(filler: Any, tiny_masked: Path) -> None:
    task, asked = all_tasks()["fill-mask"], {"text": "This is a ____ movie and ____"}
    steps = task.steps(filler, asked, task.params(top_k=2))
    found = by_key(steps)
    assert list(found) == ["masked", *_TO_THE_LAYERS, "mask_logits", "mask_shares"]
    shown = _SHOWN + ', "best": [one.topk(2).values.tolist() for one in (logits, shares)], "like": list(shares.shape)}'
    done = executed(steps, "fill-mask", tiny_masked, asked, shown)
    check_layers(found, done)
    assert found["normalized"].lines == ("this is a [MASK] movie and [MASK]",)
    for key, best in zip(("mask_logits", "mask_shares"), done["best"], strict=True):
        assert [values(line)[0] for line in found[key].lines] == pytest.approx([*best[0], *best[1]], abs=1e-4)
        assert found[key].shape == str(tuple(done["like"]))


def test_labels_that_stand_alone_are_given_by_their_thresholds(
    settings: Settings, tiny_classifier: Path, tmp_path: Path
) -> None:
    task, folder = all_tasks()["text-classification"], shutil.copytree(tiny_classifier, tmp_path / "sets")
    config = json.loads((folder / "config.json").read_text())
    several = {"problem_type": "multi_label_classification", "thresholds": {"negative": 0.01, "positive": 0.999}}
    for more, given in ((several, ["negative"]), (several | {"thresholds": {"negative": 1.0, "positive": 1.0}}, [])):
        (folder / "config.json").write_text(json.dumps(config | more))
        with opened(settings, "text-classification", f"folder:{folder}") as pipe:
            steps = task.steps(pipe, {"text": TEXT}, task.params())
        assert executed(steps, "text-classification", folder, {"text": TEXT}, "labels") == given
        assert steps[-1].lines == (tuple(f"0 → {name}" for name in given) or ("—",))


def test_a_model_of_one_score_has_no_label(settings: Settings, tmp_path: Path) -> None:
    from tests import tiny

    task, folder = all_tasks()["text-classification"], tiny.save_classifier(tmp_path / "one", labels=("score",))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"problem_type": "regression"}))
    with opened(settings, "text-classification", f"folder:{folder}") as pipe:
        assert task.steps(pipe, {"text": TEXT}, task.params())[-1].key == "none"


_EMBED = """def embed(texts):
    rows = [tokenizer(one, return_tensors="pt") for one in texts]
    return torch.nn.functional.normalize(torch.cat([model(**row).last_hidden_state.mean(1) for row in rows]), dim=-1)
"""
_LABELS = {"labels": "news, sport"}
_CHAT = [{"role": "user", "content": "the movie was"}]
_EVERY = [
    ("token-classification", "tiny_tagger", {"text": TEXT}, {}, {"text": TEXT}, "[one['word'] for one in entities]"),
    (
        "zero-shot-classification", "tiny_nli", {"text": TEXT}, _LABELS,
        {"text": TEXT, "labels": ["news", "sport"], "template": "This example is {}."}, "label",
    ),
    (
        "zero-shot-embedding", "tiny_encoder", {"text": TEXT}, _LABELS,
        {"text": TEXT, "labels": ["news", "sport"], "sentences": ["news", "sport"]}, "label",
    ),
    (
        "sentence-similarity", "tiny_encoder", {"texts": "a film\nthe food"}, {},
        {"text": "a film", "texts": ["a film", "the food"]}, "scores.tolist()",
    ),
    ("feature-extraction", "tiny_encoder", {"texts": TEXT}, {"prefix": "query"}, {"text": TEXT}, "vector[:6].tolist()"),
    (
        "question-answering", "tiny_answerer", {"question": "Was it?", "context": TEXT + " a" * 200}, {},
        {"question": "Was it?", "context": TEXT + " a" * 200}, "float(start.max())",
    ),
    ("text-generation", "tiny_generator", {"messages": _CHAT}, {}, {"messages": _CHAT}, "float(logits.max())"),
    (
        "text-generation", "tiny_generator", {"messages": "the movie was"}, {"mode": "complete"},
        {"prompt": "the movie was"}, "float(logits.max())",
    ),
    ("summarization", "tiny_writer", {"text": TEXT}, {"max_new_tokens": 8}, {"text": TEXT}, "written.tolist()"),
    (
        "summarization", "tiny_writer", {"text": TEXT}, {"max_new_tokens": 8, "do_sample": True, "seed": 3},
        {"text": TEXT}, "written.tolist()",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "model", "asked", "params", "given", "shown"), _EVERY)
def test_the_python_of_every_task_runs_and_ends_in_what_is_shown(
    settings: Settings, request: pytest.FixtureRequest, name: str, model: str, asked: Any, params: Any, given: Any,
    shown: str,
) -> None:  # fmt: skip
    task, folder = all_tasks()[name], request.getfixturevalue(model)
    with opened(settings, name, f"folder:{folder}") as pipe:
        steps = task.steps(pipe, asked, task.params(**params))
        tokenizer = pipe.tokenizer
    found = by_key(steps)
    assert {"tokens", "tensors", "embeddings", "layers"} <= set(found)
    # These take the function that the page's code defines.
    before = (Step("", (), code=_EMBED),) if {"all_vectors", "label_vectors"} & set(found) else ()
    done = executed((*before, *steps), name, folder, given, shown)
    last = steps[-1].lines
    if name == "summarization":
        said = [tokenizer.decode(row, skip_special_tokens=True) for row in done]
        first = [f"{number} {text}" for number, text in enumerate(said, 1)]
        pieces = (" ".join(tokenizer.convert_ids_to_tokens(done[0])),)
        assert last == (tuple(first) if steps[-1].key == "beams" else pieces)
    elif shown == "label":
        assert last[0].endswith(f"→ {done}")
    elif name == "token-classification":
        assert [line.split(":")[0].casefold() for line in last] == [word.casefold() for word in done]
    elif name == "sentence-similarity":
        assert values(last[0]) == pytest.approx(done[0], abs=1e-4)
    elif name == "question-answering":
        assert values(found["span_shares"].lines[0])[0] == pytest.approx(done, abs=1e-4)
    elif name == "text-generation":
        assert values(found["next_logits"].lines[0])[0] == pytest.approx(done, abs=6e-3)
    else:
        assert values(last[-1]) == pytest.approx(done, abs=1e-4)


def small(name: str, **sizes: Any) -> Any:
    """A model of some other family, of width 32, with random weights."""
    import transformers

    kind, head = name.split(":")
    config = getattr(transformers, f"{kind}Config")(vocab_size=100, pad_token_id=0, **sizes)
    return getattr(transformers, f"{kind}{head}")(config).eval()


_BERT = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 64}
_BART = {"d_model": 32, "encoder_attention_heads": 2, "decoder_attention_heads": 2, "max_position_embeddings": 64}
_FAMILIES = [
    ("Albert:ForSequenceClassification", _BERT | {"embedding_size": 16}, "(5, 1, 4, 32)", "output.hidden_states"),
    ("XLNet:ForSequenceClassification", {"d_model": 32, "n_layer": 2, "n_head": 2, "d_inner": 64}, "(3, 1, 4, 32)",
     "output.hidden_states"),
    ("GPT2:LMHeadModel", {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 64}, "(3, 1, 4, 32)",
     "output.hidden_states"),
    ("Funnel:ForSequenceClassification",
     {"block_sizes": [1, 1], "d_model": 32, "n_head": 2, "d_head": 16, "d_inner": 64},
     "2 × (1, 4, 32) + 1 × (1, 2, 32)", "output.hidden_states"),
    ("Canine:ForSequenceClassification", _BERT | {"num_hash_buckets": 64, "max_position_embeddings": 512},
     "2 × (1, 4, 32) + 5 × (1, 1, 32) + 2 × (1, 4, 32)", "output.hidden_states"),
    ("Bart:ForSequenceClassification", _BART | {"encoder_layers": 2, "decoder_layers": 1, "eos_token_id": 2},
     "(3, 1, 4, 32)", "output.encoder_hidden_states"),
    ("T5:EncoderModel", {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 2}, "(3, 1, 4, 32)",
     "output.hidden_states"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "sizes", "shape", "states"), _FAMILIES)
def test_models_of_other_families_show_their_layers_too(name: str, sizes: Any, shape: str, states: str) -> None:
    import torch

    model, pieces = small(name, **sizes), ["a", "b", "c", "d"]
    ids = torch.tensor([[5, 6, 7, 2]])
    read = read_through(SimpleNamespace(model=model), {"input_ids": ids}, pieces)  # type: ignore[arg-type]
    found = by_key(read.steps)
    assert list(found) == ["embeddings", "layers"] and read.code == "output"
    assert found["layers"].shape == shape and states in found["layers"].code
    assert [line.split(":")[0] for line in found["embeddings"].lines] == ["a", "b", "c"]
    with torch.inference_mode():
        output = model(input_ids=ids, output_hidden_states=True)
        lines = found["layers"].lines
        named = {"output": output, "torch": torch}
        exec("\n".join(step.code.split("\n")[-1] for step in read.steps), named)
        last: Any = named["layers"]
    count = len(output[states.removeprefix("output.")])
    assert {line.split()[0] for line in lines} == {"0", str((count - 1) // 2), str(count - 1)}
    assert values(lines[-1]) == pytest.approx(last[-1][0, min(3, last[-1].shape[1]) - 1, :4].tolist(), abs=1e-4)


def test_a_model_that_tells_no_hidden_states_shows_none() -> None:
    import torch

    class Silent(torch.nn.Module):
        def forward(self, input_ids: torch.Tensor) -> Any:
            return SimpleNamespace(logits=input_ids * 2.0)

    read = read_through(SimpleNamespace(model=Silent()), {"input_ids": torch.tensor([[1, 2]])}, ["a", "b"])  # type: ignore[arg-type]
    assert read.steps == () and read.code == "model(**inputs)" and read.output.logits.tolist() == [[2.0, 4.0]]


def test_states_in_places_of_their_own_are_no_embeddings_of_tokens() -> None:
    import torch
    from transformers.modeling_outputs import BaseModelOutput

    class Latent(torch.nn.Module):
        def forward(self, input_ids: torch.Tensor, output_hidden_states: bool = False) -> Any:
            return BaseModelOutput(hidden_states=(torch.zeros(1, 6, 8), torch.ones(1, 6, 8)))

    read = read_through(SimpleNamespace(model=Latent()), {"input_ids": torch.tensor([[1, 2]])}, ["a", "b"])  # type: ignore[arg-type]
    assert [step.key for step in read.steps] == ["layers"]
    assert read.steps[0].lines[0].startswith("0 0: 0.0000") and read.steps[0].code.startswith("output = model(")


def test_what_a_tokenizer_does_not_do_is_left_out(writer: Any, classifier: Any) -> None:
    assert normalized_steps(writer.tokenizer, {"prompt": "The Movie"}) == ()
    # A special token that was typed is no text: around one text is normalized, two or two kinds are not told apart.
    typed = normalized_steps(classifier.tokenizer, {"text": "The [MASK] FILM"})
    assert typed[0].lines == ("the [MASK] film",)
    assert normalized_steps(classifier.tokenizer, {"text": "The [MASK] [SEP]"}) == ()
    assert normalized_steps(classifier.tokenizer, {"text": "A [SEP]", "text_pair": "B"}) == ()


def test_a_slow_tokenizer_has_other_python() -> None:
    import torch
    from transformers import CanineTokenizer

    sizes = _BERT | {"num_hash_buckets": 64, "max_position_embeddings": 512}
    tokenizer = CanineTokenizer()
    pipe: Any = SimpleNamespace(model=small("Canine:ForSequenceClassification", **sizes), tokenizer=tokenizer)
    read = encoder_steps(pipe, tokenizer("Film", return_tensors="pt"), {"text": "Film"})
    found = by_key(read.steps)
    assert list(found) == ["tokens", "tensors", "embeddings", "layers"]
    named: dict[str, Any] = {"tokenizer": tokenizer, "text": "Film", "model": pipe.model, "torch": torch}
    exec("\n".join(step.code for step in read.steps), named)
    assert found["tokens"].lines == (" ".join(named["pieces"]),)


def test_of_a_very_long_text_little_is_shown(classifier: Any) -> None:
    task = all_tasks()["text-classification"]
    steps = task.steps(classifier, {"text": "good film " * 20_000}, task.params())
    assert all(len(step.lines) <= 9 and all(len(line) < 200 for line in step.lines) for step in steps)
    assert by_key(steps)["layers"].shape == "(2, 1, 128, 16)"
