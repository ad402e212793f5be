"""How a model's vectors are made: pooling, prefix and length as its files and its name say."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.errors import UserError
from backend.models import ModelFacts
from backend.settings import Settings
from backend.tasks import all_tasks
from backend.tasks.embedding import EmbeddingParams, embed, embeds, manner_of, manner_of_pipe, pool
from tests import tiny
from tests.backend.tasks.conftest import opened
from tests.plain_python import printed

EXTRACT = all_tasks()["feature-extraction"]
TEXTS = {"texts": "good\nthis is a very long story and not a good one"}


@pytest.mark.parametrize(
    ("source", "prefix"),
    [
        ("intfloat/multilingual-e5-small", "query: "),
        ("/home/a/hub/models--intfloat--e5-base-v2/snapshots/abc", "query: "),
        ("/starter/multilingual-e5-small", "query: "),
        ("intfloat/multilingual-e5-large-instruct", ""),
        ("sentence-transformers/all-MiniLM-L6-v2", ""),
        ("/home/e5-fan/models/bert", ""),
    ],
)
def test_the_e5_family_gets_its_prefix_by_its_name(source: str, prefix: str) -> None:
    assert manner_of(source, EmbeddingParams()).prefix == prefix
    assert manner_of(source, EmbeddingParams(prefix="none")).prefix == ""


def test_the_files_of_sentence_transformers_are_obeyed(tmp_path: Path) -> None:
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
    (tmp_path / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 99}))
    prompts = {"prompts": {"search": "find: "}, "default_prompt_name": "search"}
    (tmp_path / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    manner = manner_of(str(tmp_path), EmbeddingParams())
    assert (manner.pooling, manner.limit, manner.prefix) == ("cls", 99, "find: ")
    assert manner_of(str(tmp_path), EmbeddingParams(pooling="max")).pooling == "max"


@pytest.mark.parametrize("pooling", ["mean", "cls", "max", "mean_sqrt_len", "lasttoken"])
def test_padding_changes_no_vector(encoder: Any, pooling: Any) -> None:
    manner = replace(manner_of_pipe(encoder, EmbeddingParams()), pooling=pooling)
    alone = embed(encoder, ["good"], manner)
    beside = embed(encoder, ["this is a very long story and not a good one", "good"], manner)
    assert (alone[0] - beside[1]).abs().max() < 1e-5


def test_the_mean_leaves_padding_out() -> None:
    import torch

    states = torch.tensor([[[1.0, 3.0], [3.0, 5.0], [900.0, 900.0]]])
    mask = torch.tensor([[1, 1, 0]])
    assert pool(states, mask, "mean").tolist() == [[2.0, 4.0]]
    assert pool(states, mask, "lasttoken").tolist() == [[3.0, 5.0]]
    assert pool(states, mask, "mean_sqrt_len").tolist() == [pytest.approx([4 / 2**0.5, 8 / 2**0.5])]
    # Padded on its left, as XLNet is.
    assert pool(states.flip(1), mask.flip(1), "lasttoken").tolist() == [[1.0, 3.0]]


@pytest.mark.parametrize(
    ("kind", "architecture", "fits"),
    [
        ("bert", "BertModel", True),
        ("xlm-roberta", "XLMRobertaModel", True),
        ("bert", "BertForMaskedLM", True),
        ("electra", "ElectraForPreTraining", True),
        ("xlm", "XLMWithLMHeadModel", True),
        ("bert", "BertForSequenceClassification", False),
        ("t5", "T5ForConditionalGeneration", False),
        ("gpt2", "GPT2LMHeadModel", False),
        ("t5", "T5Model", False),
        ("llama", "LlamaModel", False),
    ],
)
def test_encoders_are_offered_without_a_head_or_with_that_of_their_first_training(
    kind: str, architecture: str, fits: bool
) -> None:
    facts = ModelFacts(ref="x", title="x", source="folder", path=None, architecture=architecture, model_type=kind)
    assert embeds(facts) is fits


def with_modules(
    model: Path, folder: Path, *kinds: str, pooling: str = "mean_tokens", activation: str = "Tanh"
) -> Path:
    """A copy of a model with the files of Sentence Transformers; its dense layers make vectors of 6 numbers."""
    import torch
    from safetensors.torch import save_file

    shutil.copytree(model, folder)
    paths = ["" if kind == "Transformer" else f"{place}_{kind}" for place, kind in enumerate(kinds)]
    rows = [
        {"path": path, "type": f"sentence_transformers.models.{kind}"} for path, kind in zip(paths, kinds, strict=True)
    ]
    (folder / "modules.json").write_text(json.dumps(rows))
    size = 16
    for path, kind in zip(paths, kinds, strict=True):
        (folder / path).mkdir(exist_ok=True)
        said: dict[str, Any] = {f"pooling_mode_{pooling}": True, "pooling_mode_max_tokens": False}
        if kind == "Dense":
            said = {"bias": True, "activation_function": f"torch.nn.modules.activation.{activation}"}
            torch.manual_seed(0)
            weights = {"linear.weight": torch.randn(6, size), "linear.bias": torch.randn(6)}
            save_file(weights, folder / path / "model.safetensors")
            size = 6
        if path:
            (folder / path / "config.json").write_text(json.dumps(said))
    return folder


@pytest.mark.parametrize("pooling", ["lasttoken", "mean_sqrt_len_tokens"])
@pytest.mark.parametrize("layers", [("Dense",), ("Dropout", "Dense", "Dense", "Normalize"), ()])
def test_what_follows_the_pooling_is_done_and_is_in_the_steps_and_in_the_code(
    settings: Settings, tiny_encoder: Path, tmp_path: Path, pooling: str, layers: Sequence[str]
) -> None:
    import torch
    from safetensors.torch import load_file

    kinds = ("Transformer", "Pooling", *layers)
    folder = with_modules(tiny_encoder, tmp_path / "st", *kinds, pooling=pooling)
    params = EXTRACT.params(normalize=False)
    with opened(settings, EXTRACT.name, f"folder:{folder}") as pipe:
        answer = EXTRACT.run(pipe, TEXTS, params)
        steps = [step.key for step in EXTRACT.steps(pipe, TEXTS, params)]
        code = EXTRACT.snippet(str(folder), EXTRACT.settled(pipe, TEXTS, params), params)
        states = pipe.model(**pipe.tokenizer("good", return_tensors="pt")).last_hidden_state
    vector = states[0, -1] if pooling == "lasttoken" else states[0].sum(0) / 3**0.5
    for file in sorted(folder.glob("*_Dense/model.safetensors")):
        weights = load_file(file)
        vector = torch.tanh(weights["linear.weight"] @ vector + weights["linear.bias"])
    assert answer.values[0] == pytest.approx(vector.tolist(), abs=1e-5) and answer.states == (1, 3, 16)
    assert steps.count("dense") == layers.count("Dense") and f"pooling_{pooling.removesuffix('_tokens')}" in steps
    shape, first, _ = printed(code).splitlines()
    assert shape == str((2, len(vector)))
    assert [float(one) for one in first.split()] == pytest.approx(vector[:8].tolist(), abs=1e-5)


@pytest.mark.parametrize(
    ("kinds", "pooling", "activation", "said"),
    [
        (("Transformer", "Pooling"), "weightedmean_tokens", "Tanh", "weightedmean"),
        (("Transformer", "Pooling", "Dense"), "mean_tokens", "GELU", "GELU"),
        (("Transformer", "Pooling", "LSTM"), "mean_tokens", "Tanh", "LSTM"),
        (("Transformer", "Pooling", "Normalize", "Dense"), "mean_tokens", "Tanh", "Normalize → Dense"),
        (("MLMTransformer", "SpladePooling"), "mean_tokens", "Tanh", "SpladePooling"),
    ],
)
def test_a_model_that_makes_its_vectors_another_way_is_refused_and_told(
    settings: Settings,
    tiny_encoder: Path,
    tmp_path: Path,
    kinds: Sequence[str],
    pooling: str,
    activation: str,
    said: str,
) -> None:
    folder = with_modules(tiny_encoder, tmp_path / "st", *kinds, pooling=pooling, activation=activation)
    with opened(settings, EXTRACT.name, f"folder:{folder}") as pipe, pytest.raises(UserError) as caught:
        EXTRACT.run(pipe, TEXTS, EXTRACT.params())
    assert caught.value.key == "tasks.other_modules" and said in caught.value.what("zh-CN")


def test_two_poolings_and_a_dense_layer_without_its_file_are_refused(tiny_encoder: Path, tmp_path: Path) -> None:
    folder = with_modules(tiny_encoder, tmp_path / "st", "Transformer", "Pooling", "Dense")
    assert [layer.folder for layer in manner_of(str(folder), EmbeddingParams()).dense] == ["2_Dense"]
    (folder / "2_Dense" / "model.safetensors").unlink()
    with pytest.raises(UserError):
        manner_of(str(folder), EmbeddingParams())
    (folder / "modules.json").unlink()
    assert manner_of(str(folder), EmbeddingParams()).dense == ()
    both = {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(both))
    with pytest.raises(UserError) as caught:
        manner_of(str(folder), EmbeddingParams())
    assert caught.value.values == {"modules": "Pooling (cls, mean)"}
    # By hand a person chooses one of them.
    assert manner_of(str(folder), EmbeddingParams(pooling="cls")).pooling == "cls"


@pytest.mark.parametrize("mode", ["cls", ["cls"], "mean_sqrt_len_tokens"])
def test_the_newer_way_to_name_a_pooling_is_read(tmp_path: Path, mode: Any) -> None:
    (tmp_path / "1_Pooling").mkdir()
    (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode": mode}))
    assert manner_of(str(tmp_path), EmbeddingParams()).pooling == ("mean_sqrt_len" if "sqrt" in mode else "cls")


@pytest.mark.parametrize("task", ["feature-extraction", "sentence-similarity", "zero-shot-embedding"])
def test_what_is_no_encoder_is_refused_by_name(
    settings: Settings, tiny_writer: Path, tiny_translator: Path, tiny_generator: Path, task: str
) -> None:
    for folder in (tiny_writer, tiny_translator, tiny_generator):
        with pytest.raises(UserError) as caught, opened(settings, task, f"folder:{folder}"):
            pass
        assert caught.value.key == "models.wrong_kind"


def test_the_head_of_the_first_training_is_left_out(settings: Settings, tiny_masked: Path) -> None:
    from transformers import BertForMaskedLM

    with opened(settings, EXTRACT.name, f"folder:{tiny_masked}") as pipe:
        answer = EXTRACT.run(pipe, {"texts": "good"}, EXTRACT.params(normalize=False))
        inputs = pipe.tokenizer("good", return_tensors="pt")
    states = BertForMaskedLM.from_pretrained(tiny_masked).eval().bert(**inputs).last_hidden_state
    assert answer.values[0] == pytest.approx(states[0].mean(0).tolist(), abs=1e-5)


def test_the_code_cuts_where_only_the_positions_say_how_much_is_read(
    settings: Settings, tiny_encoder: Path, tmp_path: Path
) -> None:
    folder, values, params = (
        tiny.without_limit(tiny_encoder, tmp_path / "u"),
        {"texts": "good film " * 200},
        EXTRACT.params(),
    )
    with opened(settings, EXTRACT.name, f"folder:{folder}") as pipe:
        answer, code = (
            EXTRACT.run(pipe, values, params),
            EXTRACT.snippet(str(folder), EXTRACT.settled(pipe, values, params), params),
        )
    first = [float(one) for one in printed(code).splitlines()[1].split()]
    assert "max_length=128" in code and first == pytest.approx(answer.values[0][:8], abs=1e-5)
    with opened(settings, EXTRACT.name, f"folder:{tiny_encoder}") as pipe:
        assert "max_length" not in EXTRACT.snippet("x", EXTRACT.settled(pipe, values, params), params)


def test_half_an_emoji_is_read_as_a_question_mark(encoder: Any) -> None:
    cut, whole = (EXTRACT.run(encoder, {"texts": f"good {end}"}, EXTRACT.params()) for end in ("\ud83d", "?"))
    assert cut == whole
