"""What is decided before the Hub is asked. Its routes are tested in tests/hub."""

from __future__ import annotations

import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

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


def test_a_hub_that_has_come_into_reach_is_found_when_it_is_asked_again(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.server_close()
    hub = Hub(replace(settings, offline="auto", hub_endpoint=f"http://127.0.0.1:{server.server_port}"))
    assert not hub.online()
    server = HTTPServer(server.server_address, BaseHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    hub.recheck()
    assert not hub.online(), "not twice within a minute"
    monkeypatch.setattr("backend.models.hub._RECHECK_SECONDS", -1.0)
    hub.recheck()
    assert hub.online()
    server.shutdown()
    server.server_close()
