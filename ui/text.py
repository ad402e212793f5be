"""The texts of the page: `i18n` for what the browser translates, `say` for what the server writes."""

from __future__ import annotations

from functools import cache

import gradio as gr
from gradio.i18n import I18nData

from backend.texts import LOCALES, catalogue, lookup


@cache
def translations() -> gr.I18n:
    """All texts, as launch(i18n=...) takes them."""
    return gr.I18n(**{locale: catalogue(locale) for locale in LOCALES})


def i18n(key: str) -> I18nData:
    """A text that the browser fills in: labels, help, placeholders, buttons, tab names, choices, Markdown."""
    if key not in catalogue("en"):
        raise KeyError(key)
    return translations()(key)


def say(key: str, locale: str, **values: object) -> str:
    """A text in a visitor's language, {placeholders} filled: toasts, table headers, charts, HTML made by Python."""
    return lookup(key, locale, **values)
