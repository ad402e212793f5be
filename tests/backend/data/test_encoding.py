"""Tests of encoding detection and of mending text that was encoded twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.data.encoding import detect, mend, shown, twice_encoded
from backend.errors import UserError

CHINESE = "text,label\n酒店的位置很好，服务也周到,好评\n房间太小，隔音很差,差评\n"
FRENCH = "texte,avis\nLe café était très bon,positif\nUne soirée gâchée par le bruit,négatif\n"


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("text", "codec", "found"),
    [
        (CHINESE, "utf-8", "UTF-8"),
        (CHINESE, "utf-8-sig", "UTF-8 (BOM)"),
        (CHINESE, "utf-16", "UTF-16"),
        (CHINESE, "utf-16-le", "UTF-16 LE"),
        (CHINESE, "utf-16-be", "UTF-16 BE"),
        (CHINESE, "gb18030", "GB18030"),
        ("text,label\n中文,好\n", "gb18030", "GB18030"),
        ("text,label\n飯店的位置很好,好評\n房間太小,壞評\n", "big5", "Big5"),
        ("text,label\nとても良い商品でした,良い\n", "shift_jis", "Shift-JIS"),
        ("text,label\n아주 좋은 호텔이었습니다,긍정\n", "euc_kr", "EUC-KR"),
        (FRENCH, "cp1252", "Windows-1252"),
        ("text,label\nОчень хороший отель,плюс\n", "cp1251", "Windows-1251"),
        ("text,label\nplain words,good\n", "ascii", "UTF-8"),
    ],
)
def test_the_encoding_a_text_was_saved_in_is_found(text: str, codec: str, found: str, tmp_path: Path) -> None:
    name, clean = detect(written(tmp_path / "a.csv", text.encode(codec)))
    assert shown(name) == found
    assert clean
    assert (tmp_path / "a.csv").read_text(encoding=name).replace("\ufeff", "") == text


def test_utf8_with_one_broken_byte_is_still_utf8(tmp_path: Path) -> None:
    data = (CHINESE * 20).encode() + "完".encode()[:2] + b"\n"
    assert detect(written(tmp_path / "a.csv", data)) == ("utf-8", False)


def test_random_bytes_are_no_text(tmp_path: Path) -> None:
    import random

    data = random.Random(1).randbytes(20_000)
    with pytest.raises(UserError) as error:
        detect(written(tmp_path / "a.csv", data))
    assert error.value.key == "data.not_text"


def test_utf8_once_read_as_windows_1252_is_noticed_and_mended() -> None:
    wrong = [line.encode().decode("cp1252") for line in ("très bon café", "naïve", "déjà vu")]
    assert wrong[0].startswith("trÃ¨s")
    assert twice_encoded([*wrong, "plain"]) == "cp1252"
    assert [mend(text, "cp1252") for text in wrong] == ["très bon café", "naïve", "déjà vu"]


def test_chinese_once_read_as_windows_1252_is_mended_though_some_bytes_have_no_letter() -> None:
    # 中文 becomes ä¸­æ–‡, and the byte 0x8d of 不 has no letter in that encoding.
    wrong = "中文不是英文".encode().decode("latin-1")
    assert twice_encoded([wrong]) == "cp1252"
    assert mend(wrong, "cp1252") == "中文不是英文"
    assert mend("ä¸\xadæ–‡", "cp1252") == "中文"


def test_chinese_once_read_as_gb18030_is_mended() -> None:
    wrong = "中文好用".encode().decode("gb18030")
    assert twice_encoded([wrong]) == "gb18030"
    assert mend(wrong, "gb18030") == "中文好用"


@pytest.mark.parametrize("text", ["très bon café", "中文评论写得很好", "naïve Ätzung © 2024", "联通", "Ã la carte"])
def test_sound_text_is_left_alone(text: str) -> None:
    assert twice_encoded([text]) == ""
    assert mend(text, "cp1252") == text
