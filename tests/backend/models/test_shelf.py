"""Models are loaded once, leased, kept within the bound, never lost in use; bad files say what is wrong with them."""

from __future__ import annotations

import json
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.errors import UserError
from backend.models import ModelShelf
from backend.models.loading import load_tokenizer
from backend.settings import Settings
from backend.workspace import Workspace
from tests import tiny

CLASSIFIER = "AutoModelForSequenceClassification"
WRITER = "AutoModelForCausalLM"


@pytest.fixture
def shelf(settings: Settings) -> ModelShelf:
    return ModelShelf(settings)


@pytest.fixture
def folder(tiny_classifier: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return shutil.copytree(tiny_classifier, tmp_path / "model")


@pytest.fixture(scope="module")
def megabyte_models(scratch: Path) -> list[Path]:
    """Three models of about 1 MiB, for a bound in MiB."""
    from transformers import BertConfig, BertForSequenceClassification

    folders = [scratch / f"megabyte-{number}" for number in range(3)]
    for folder in folders:
        tiny.save_wordpiece_tokenizer(folder)
        BertForSequenceClassification(
            BertConfig(
                vocab_size=8000,
                hidden_size=32,
                num_hidden_layers=1,
                num_attention_heads=2,
                intermediate_size=32,
                max_position_embeddings=64,
            )
        ).save_pretrained(folder)
    return folders


def lease_error(shelf: ModelShelf, workspace: Workspace, folder: Path, auto_class: str = CLASSIFIER) -> UserError:
    with pytest.raises(UserError) as caught, shelf.lease(workspace, f"folder:{folder}", auto_class):
        pass
    caught.value.what("zh-CN"), caught.value.todo("zh-CN")
    return caught.value


def test_a_leased_model_computes_in_32_bits_and_evaluation_mode(
    shelf: ModelShelf, workspace: Workspace, folder: Path
) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification

    AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.bfloat16).save_pretrained(folder)
    with shelf.lease(workspace, f"folder:{folder}", CLASSIFIER) as loaded:
        assert {parameter.dtype for parameter in loaded.model.parameters()} == {torch.float32}
        assert not loaded.model.training
        assert loaded.bytes >= 4 * loaded.facts.parameters


def test_many_who_ask_at_once_get_one_model(shelf: ModelShelf, workspace: Workspace, tiny_classifier: Path) -> None:
    everyone = threading.Barrier(6)

    def ask(_: int) -> int:
        everyone.wait()
        with shelf.lease(workspace, f"folder:{tiny_classifier}", CLASSIFIER) as loaded:
            everyone.wait()
            return id(loaded.model)

    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(ask, range(6)))) == 1


def test_progress_counts_bytes_up_to_the_whole(shelf: ModelShelf, workspace: Workspace, tiny_classifier: Path) -> None:
    told: list[tuple[str, int, int]] = []
    with shelf.lease(workspace, f"folder:{tiny_classifier}", CLASSIFIER, lambda *one: told.append(one)) as loaded:
        total = 4 * loaded.facts.parameters
    assert told[0] == ("load", 0, total) and told[-1] == ("load", total, total)
    assert any(0 < done < total for _, done, _ in told)
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)


def test_a_model_in_memory_is_not_loaded_again(shelf: ModelShelf, workspace: Workspace, tiny_classifier: Path) -> None:
    told: list[Any] = []
    for _ in range(2):
        told.clear()
        with shelf.lease(workspace, f"folder:{tiny_classifier}", CLASSIFIER, lambda *one: told.append(one)):
            pass
    assert told == []


def test_what_was_not_used_for_longest_goes_when_the_bound_is_reached(
    settings: Settings, workspace: Workspace, megabyte_models: list[Path]
) -> None:
    shelf = ModelShelf(replace(settings, model_memory_mib=3))
    first, second, third = megabyte_models
    kept: dict[Path, int] = {}
    for folder in (first, second, first, third):
        with shelf.lease(workspace, f"folder:{folder}", CLASSIFIER) as loaded:
            kept.setdefault(folder, id(loaded))
    assert shelf.memory_bytes() <= 3 << 20
    with shelf.lease(workspace, f"folder:{first}", CLASSIFIER) as loaded:
        assert id(loaded) == kept[first]


def test_a_model_in_use_is_never_evicted(settings: Settings, workspace: Workspace, megabyte_models: list[Path]) -> None:
    shelf = ModelShelf(replace(settings, model_memory_mib=2))
    first, second, _ = megabyte_models
    with shelf.lease(workspace, f"folder:{first}", CLASSIFIER) as outer:
        with shelf.lease(workspace, f"folder:{second}", CLASSIFIER):
            pass
        with shelf.lease(workspace, f"folder:{first}", CLASSIFIER) as again:
            assert again is outer
    assert shelf.memory_bytes() <= 2 << 20


def test_a_model_over_the_bound_is_refused_before_it_is_read(
    settings: Settings, workspace: Workspace, tiny_classifier: Path
) -> None:
    shelf = ModelShelf(replace(settings, model_memory_mib=0))
    assert lease_error(shelf, workspace, tiny_classifier).key == "models.over_bound"


def test_a_model_larger_than_the_free_memory_is_refused(settings: Settings, workspace: Workspace, folder: Path) -> None:
    # A header that claims 1 TiB, and a file that is as long but holds nothing.
    size = 1 << 40
    header = json.dumps({"a": {"dtype": "F32", "shape": [size // 4], "data_offsets": [0, size]}}).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        try:
            file.truncate(8 + len(header) + size)
        except OSError:
            pytest.skip("the file system has no sparse files of this size")
    shelf = ModelShelf(replace(settings, model_memory_mib=1 << 30))
    assert lease_error(shelf, workspace, folder).key == "models.too_large"


def test_a_forgotten_model_is_loaded_anew_and_whoever_has_it_keeps_it(
    shelf: ModelShelf, workspace: Workspace, tiny_classifier: Path
) -> None:
    ref = f"folder:{tiny_classifier}"
    with shelf.lease(workspace, ref, CLASSIFIER) as old:
        shelf.forget(ref)
        assert shelf.memory_bytes() == 0
        assert old.model.num_parameters() > 0
        with shelf.lease(workspace, ref, CLASSIFIER) as new:
            assert new is not old


def test_a_model_whose_files_changed_is_loaded_anew(shelf: ModelShelf, workspace: Workspace, folder: Path) -> None:
    ref = f"folder:{folder}"
    with shelf.lease(workspace, ref, CLASSIFIER) as loaded:
        before = loaded.model.config.id2label
    tiny.save_classifier(folder, labels=("bad", "fair", "good"))
    with shelf.lease(workspace, ref, CLASSIFIER) as loaded:
        assert loaded.model.config.id2label != before


def test_a_model_without_the_head_is_of_the_wrong_kind(
    shelf: ModelShelf, workspace: Workspace, tiny_encoder: Path, tiny_generator: Path
) -> None:
    for folder in (tiny_encoder, tiny_generator):
        found = lease_error(shelf, workspace, folder)
        assert found.key == "models.wrong_kind"
    assert found.values["found"] == "LlamaForCausalLM"


def test_a_head_that_config_claims_and_the_weights_lack_is_noticed(
    shelf: ModelShelf, workspace: Workspace, folder: Path, tiny_encoder: Path
) -> None:
    shutil.copy(tiny_encoder / "model.safetensors", folder / "model.safetensors")
    assert lease_error(shelf, workspace, folder).key == "models.wrong_kind"


def test_the_headless_starter_classifies_nothing(shelf: ModelShelf, workspace: Workspace, starter_root: Path) -> None:
    with pytest.raises(UserError) as caught, shelf.lease(workspace, "starter:all-MiniLM-L6-v2", CLASSIFIER):
        pass
    assert caught.value.key == "models.wrong_kind"
    with shelf.lease(workspace, "starter:all-MiniLM-L6-v2", "AutoModel") as loaded:
        assert loaded.facts.architecture == "BertModel"


def test_weights_of_another_shape_are_told(shelf: ModelShelf, workspace: Workspace, folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"vocab_size": 7}))
    assert lease_error(shelf, workspace, folder).key == "models.wrong_shapes"


def test_a_pickle_with_code_in_it_is_not_opened(shelf: ModelShelf, workspace: Workspace, folder: Path) -> None:
    import pickle

    class Mischief:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (folder / "ran",)

    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Mischief(), protocol=2))
    assert lease_error(shelf, workspace, folder).key == "models.unsafe_weights"
    assert not (folder / "ran").exists()


def test_a_harmless_pickle_is_loaded(shelf: ModelShelf, workspace: Workspace, folder: Path) -> None:
    import torch
    from safetensors.torch import load_file

    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with shelf.lease(workspace, f"folder:{folder}", CLASSIFIER) as loaded:
        assert loaded.model.num_parameters() > 0


def test_weights_that_are_not_numbers_are_told(shelf: ModelShelf, workspace: Workspace, folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    weights["classifier.weight"][0, 0] = float("nan")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    error = lease_error(shelf, workspace, folder)
    assert error.key == "models.nan_weights" and error.values["weight"] == "classifier.weight"


def test_a_pickle_that_was_cut_off_is_told(shelf: ModelShelf, workspace: Workspace, folder: Path) -> None:
    import torch
    from safetensors.torch import load_file

    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    weights = folder / "pytorch_model.bin"
    weights.write_bytes(weights.read_bytes()[:2000])
    assert lease_error(shelf, workspace, folder).key == "models.broken_weights"


def test_code_that_comes_with_a_model_is_refused(shelf: ModelShelf, workspace: Workspace, folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "strange", "auto_map": {"AutoConfig": "configuration_strange.StrangeConfig"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "configuration_strange.py").write_text("raise SystemExit('ran')")
    assert lease_error(shelf, workspace, folder).key == "models.remote_code"


def test_a_kind_that_transformers_does_not_know_is_told(shelf: ModelShelf, workspace: Workspace, folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "strange"}))
    assert lease_error(shelf, workspace, folder).key == "models.cannot_load"


def test_a_model_without_tokenizer_is_told(shelf: ModelShelf, workspace: Workspace, folder: Path) -> None:
    for file in folder.glob("*token*"):
        file.unlink()
    (folder / "vocab.txt").unlink(missing_ok=True)
    assert lease_error(shelf, workspace, folder).key == "models.no_tokenizer"


@pytest.mark.parametrize("text", ["{", '{"model": {"type": "Nonsense"}}'])
def test_a_tokenizer_that_is_none_is_told(shelf: ModelShelf, workspace: Workspace, folder: Path, text: str) -> None:
    (folder / "tokenizer.json").write_text(text)
    assert lease_error(shelf, workspace, folder).key == "models.bad_tokenizer"


def test_one_tokenizer_serves_threads_that_pad_and_cut_differently(tiny_classifier: Path) -> None:
    tokenizer = load_tokenizer(tiny_classifier, "tiny")
    texts = ["a good film " * 30] * 16

    def lengths(limit: int) -> set[int]:
        found = set()
        for _ in range(40):
            found |= {len(ids) for ids in tokenizer(texts, truncation=True, max_length=limit)["input_ids"]}
        return found

    with ThreadPoolExecutor(4) as pool:
        limits = [8, 16, 32, 64]
        assert list(pool.map(lengths, limits)) == [{limit} for limit in limits]


def test_loading_leaves_the_process_wide_generator_alone(
    shelf: ModelShelf, workspace: Workspace, tiny_classifier: Path
) -> None:
    import torch

    before = torch.random.get_rng_state()
    with shelf.lease(workspace, f"folder:{tiny_classifier}", CLASSIFIER):
        assert torch.equal(before, torch.random.get_rng_state())
