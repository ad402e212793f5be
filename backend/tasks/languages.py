"""Languages by code and name, as people write them, and the codes by which models know them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

_NAMES = """
en English 英语 eng_Latn|zh Chinese 中文 zho_Hans|fr French 法语 fra_Latn|de German 德语 deu_Latn
es Spanish 西班牙语 spa_Latn|ja Japanese 日语 jpn_Jpan|ko Korean 韩语 kor_Hang|ru Russian 俄语 rus_Cyrl
pt Portuguese 葡萄牙语 por_Latn|it Italian 意大利语 ita_Latn|ar Arabic 阿拉伯语 arb_Arab|hi Hindi 印地语 hin_Deva
ro Romanian 罗马尼亚语 ron_Latn|nl Dutch 荷兰语 nld_Latn|pl Polish 波兰语 pol_Latn|tr Turkish 土耳其语 tur_Latn
vi Vietnamese 越南语 vie_Latn|th Thai 泰语 tha_Thai|id Indonesian 印尼语 ind_Latn|uk Ukrainian 乌克兰语 ukr_Cyrl
cs Czech 捷克语 ces_Latn|sv Swedish 瑞典语 swe_Latn|da Danish 丹麦语 dan_Latn|fi Finnish 芬兰语 fin_Latn
el Greek 希腊语 ell_Grek|hu Hungarian 匈牙利语 hun_Latn|he Hebrew 希伯来语 heb_Hebr|fa Persian 波斯语 pes_Arab
bn Bengali 孟加拉语 ben_Beng|ta Tamil 泰米尔语 tam_Taml|ur Urdu 乌尔都语 urd_Arab|sw Swahili 斯瓦希里语 swh_Latn
bg Bulgarian 保加利亚语 bul_Cyrl|hr Croatian 克罗地亚语 hrv_Latn|sk Slovak 斯洛伐克语 slk_Latn|ms Malay 马来语 zsm_Latn
"""
LANGUAGES = {row.split()[0]: tuple(row.split()[1:]) for row in _NAMES.replace("\n", "|").split("|") if row}
"""ISO 639-1 code to (English name, Chinese name, code of NLLB)."""
# What else they are called: by Marian's models (ISO 639-3), by libraries (639-2), by people.
_ALSO = {
    "zh": "cmn chi mandarin 汉语 漢語 普通话 普通話",
    "ar": "ara",
    "fa": "fas per",
    "ms": "msa zlm may",
    "sw": "swa",
    "fr": "fre",
    "de": "ger",
    "ro": "rum",
    "nl": "dut",
    "cs": "cze",
    "el": "gre",
    "sk": "slo",
    "he": "iw",
}
# Chinese by country, where a code or a person says no script.
_SCRIPTS = {"cn": "hans", "sg": "hans", "tw": "hant", "hk": "hant", "mo": "hant"}
_IN_WORDS = {"hans": ("simplified", "简体", "簡體"), "hant": ("traditional", "繁体", "繁體")}
# As mBART, NLLB and PLBart have them.
_CODE = re.compile(r"[a-z]{2,3}_[A-Z]{2}|[a-z]{3}_[A-Z][a-z]{3}|__\w+__")
_SHOWN = 12


def language_of(wanted: str) -> str | None:
    """The ISO 639-1 code of what a person wrote: "en", "eng", "en_XX", "eng_Latn", "English", "英语". None: unknown."""
    word = wanted.strip().casefold()
    words = re.findall(r"[^\W_]+", word) or [""]
    for code, (english, chinese, nllb) in LANGUAGES.items():
        also = _ALSO.get(code, "").split()
        if words[0] in (code, nllb[:3], *also) or english.casefold() in words:
            return code
        if any(name in word or name in word.replace("文", "语") for name in (chinese, *also) if not name.isascii()):
            return code
    return None


def code_among(wanted: str, codes: Sequence[str]) -> str | None:
    """What a person wrote, as one of a model's own codes; None where it is none of them.

    Of several codes of the language the one in the script that was asked for, or in its usual one; another script only
    where there is nothing else.
    """
    exact = next((code for code in codes if _plain(code) == _plain(wanted)), None)
    if exact is not None:
        return exact
    language = language_of(wanted)
    if language is None:
        return None
    nllb = LANGUAGES[language][2]
    script = _script(wanted) or nllb[4:].casefold()

    def distance(code: str) -> tuple[bool, bool, bool]:
        own = _script(code)
        return own not in (script, ""), own != script, code != nllb

    return min((code for code in codes if language_of(code) == language), key=distance, default=None)


def _plain(code: str) -> str:
    return code.strip().casefold().replace("-", "_")


def _script(code: str) -> str:
    """The script that a code or a person names, in lower case: "hans" of "cmn_Hans", "zh-CN" and "简体中文". Or ""."""
    word = _plain(code)
    for script, names in _IN_WORDS.items():
        if any(name in word for name in names):
            return script
    parts = word.split("_")[1:]
    if language_of(code) == "zh":
        parts = [_SCRIPTS.get(part, part) for part in parts]
    return next((part for part in parts if len(part) == 4), "")


def codes_of(tokenizer: Any) -> tuple[str, ...]:
    """The codes by which a tokenizer is told languages (mBART, M2M100, NLLB); empty where it is told none."""
    if not hasattr(tokenizer, "_build_translation_inputs"):
        return ()
    if own := getattr(tokenizer, "lang_code_to_token", None):
        return tuple(own)
    return tuple(token for token in tokenizer.get_added_vocab() if _CODE.fullmatch(token))


def some(codes: Sequence[str]) -> str:
    """A few codes for an error, those of the languages above first."""
    order = list(LANGUAGES)
    known = sorted(codes, key=lambda code: order.index(found) if (found := language_of(code)) else len(order))
    return ", ".join(known[:_SHOWN])
