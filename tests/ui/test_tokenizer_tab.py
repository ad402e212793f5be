"""Tokens as HTML, and the examples of the tab."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backend.tokenization import inspect
from ui import token_view, tokenizer_tab
from ui.text import say


@pytest.fixture(scope="module")
def byte_level(tiny_generator: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_generator)


@pytest.mark.parametrize("locale", ["en", "zh-CN"])
def test_every_token_is_drawn_with_its_id_and_has_a_row(byte_level: Any, locale: str) -> None:
    found = inspect(byte_level, "the movie 这部")
    row, table = token_view.token_row(found, locale), token_view.table(found, locale)
    assert all(f'data-t="{token.index}"' in row and f'data-t="{token.index}"' in table for token in found.tokens)
    assert all(f"<small>{token.id}</small>" in row for token in found.tokens)


def test_the_tokens_of_one_emoji_stand_in_one_frame_with_it(byte_level: Any) -> None:
    page = token_view.token_row(inspect(byte_level, "a🤗🤗"), "en")
    assert page.count('class="token-shared"') == 2 and page.count("<i>🤗</i>") == 2


def test_a_text_that_looks_like_html_is_escaped(byte_level: Any) -> None:
    found = inspect(byte_level, "<img src=x onerror=alert(1)>")
    for page in (token_view.token_row(found, "en"), token_view.table(found, "en"), token_view.steps(found, "en")):
        assert "<img" not in page


def test_a_cut_view_says_how_many_tokens_there_are(byte_level: Any) -> None:
    page = token_view.token_row(inspect(byte_level, "movie " * 5000), "en")
    assert "first 2,000 of" in page


@pytest.mark.parametrize("locale", ["en", "zh-CN"])
def test_every_example_has_a_text_and_a_name(locale: str) -> None:
    for name in tokenizer_tab.EXAMPLES:
        assert say(f"tokenizer.example.{name}", locale) and say(f"tokenizer.example.{name}.name", locale)


@pytest.mark.parametrize("locale", ["en", "zh-CN"])
def test_the_steps_are_told_in_words(byte_level: Any, locale: str) -> None:
    page = token_view.steps(inspect(byte_level, "这部 movie"), locale)
    assert page.count("<li>") == 4 and "ByteLevel" not in page and "␣movie" in page
