"""Languages as people write them, found among the codes of every family of models."""

from __future__ import annotations

import pytest

from backend.tasks.languages import code_among, language_of

# Those of Helsinki-NLP/opus-mt-en-zh.
EN_ZH = "cjy_Hans cjy_Hant cmn cmn_Hans cmn_Hant gan lzh lzh_Hans nan wuu yue yue_Hans yue_Hant".split()


@pytest.mark.parametrize(
    "wanted", ["zh", "zho", "chi", "Chinese", "中文", "简体中文", "zh-CN", "Simplified Chinese", "汉语"]
)
def test_chinese_is_found_among_codes_of_marian_in_its_usual_script(wanted: str) -> None:
    assert code_among(wanted, EN_ZH) == "cmn_Hans"
    assert code_among(wanted, ["zho_Hant", "zho_Hans"]) == "zho_Hans"
    assert code_among(wanted, ["zh_TW", "zh_CN"]) == "zh_CN"


@pytest.mark.parametrize("wanted", ["zh-TW", "zh_Hant", "zh-Hant-HK", "繁体中文", "繁體中文", "Chinese (Traditional)"])
def test_traditional_chinese_is_given_where_there_is_any(wanted: str) -> None:
    assert code_among(wanted, EN_ZH) == "cmn_Hant"
    assert code_among(wanted, ["zh_CN", "zh_TW"]) == "zh_TW"
    assert code_among(wanted, ["cmn_Hans", "cmn"]) == "cmn"
    # Nothing else is there.
    assert code_among(wanted, ["en_XX", "zh_CN"]) == "zh_CN"


@pytest.mark.parametrize(
    ("wanted", "codes", "found"),
    [
        ("ar", ["ara_Latn", "ara"], "ara"),
        ("Arabic", ["arb_Arab"], "arb_Arab"),
        ("fa", ["pes", "fas"], "pes"),
        ("波斯语", ["fas"], "fas"),
        ("ms", ["zlm_Latn", "msa"], "zlm_Latn"),
        ("ms", ["msa", "zsm_Latn"], "zsm_Latn"),
        ("Swahili", ["swa"], "swa"),
        ("de", ["fre", "ger"], "ger"),
        ("英文", ["deu", "eng"], "eng"),
        ("Brazilian Portuguese", ["por"], "por"),
        ("pt-BR", ["pt_PT", "pt_BR"], "pt_BR"),
        ("yue_Hans", EN_ZH, "yue_Hans"),
        ("fr", ["de_DE"], None),
        ("Klingon", EN_ZH, None),
        ("", EN_ZH, None),
    ],
)
def test_codes_of_three_letters_and_of_countries_are_understood(wanted: str, codes: list[str], found: str) -> None:
    assert code_among(wanted, codes) == found


def test_cantonese_and_groups_of_languages_are_no_language_of_the_table() -> None:
    assert [language_of(name) for name in ("yue", "mul", "ROMANCE", "", "xx_YY")] == [None] * 5
