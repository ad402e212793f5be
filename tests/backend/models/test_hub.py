"""What is decided before the Hub is asked. Its routes are tested in tests/hub."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backend.errors import UserError
from backend.models.hub import Hub, Listing
from backend.settings import Settings


def test_offline_by_setting_asks_nobody(settings: Settings) -> None:
    assert not Hub(replace(settings, offline="yes", hub_endpoint="http://nowhere.invalid")).online()


def test_online_by_setting_asks_nobody(settings: Settings) -> None:
    assert Hub(replace(settings, offline="no", hub_endpoint="http://nowhere.invalid")).online()


def test_an_endpoint_that_is_no_address_means_offline(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    assert not Hub(replace(settings, offline="auto", hub_endpoint="not an address")).online()


def test_a_download_larger_than_the_disk_is_refused_before_it_begins(settings: Settings) -> None:
    hub = Hub(replace(settings, public=True))
    with pytest.raises(UserError) as caught:
        hub.fetch("acme/huge", ["model.safetensors"], {"model.safetensors": 1 << 60}, None)
    assert caught.value.key == "models.disk_full" and caught.value.values["need"] == 1 << 40


def test_a_public_page_reads_with_no_login_but_the_one_it_was_given(settings: Settings) -> None:
    assert Hub(replace(settings, public=True)).token is False
    assert Hub(replace(settings, public=True, hub_token="hf_given")).token == "hf_given"
    assert Hub(settings).token is None


@pytest.mark.parametrize(
    ("files", "taken"),
    [
        (["model.safetensors", "pytorch_model.bin", "tf_model.h5"], ["model.safetensors"]),
        (["pytorch_model.bin", "onnx.bin", "training_args.bin"], ["pytorch_model.bin"]),
        (
            ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"],
            ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"],
        ),
        (["model.safetensors", "model-00001-of-00001.safetensors"], ["model.safetensors"]),
        (["adapter_model.safetensors", "consolidated.safetensors", "optimizer.bin"], []),
    ],
)
def test_only_the_weights_that_are_read_are_fetched(files: list[str], taken: list[str]) -> None:
    assert Listing(dict.fromkeys(files, 1), ()).weights() == taken
