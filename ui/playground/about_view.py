"""What a model is made of and what its owner says of it, as HTML. A card is a stranger's text: none of it is run."""

from __future__ import annotations

import html
from functools import cache
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

from backend.models.profile import Profile
from ui import phrases, pickers
from ui.finetune import anatomy_view
from ui.playground import shelf_view
from ui.text import say

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_SIZES = ("layers", "width", "heads", "vocabulary", "longest")
_LABELS_SHOWN = 6
_HUB_PAGES = "https://huggingface.co/"


def about(found: Profile, locale: str) -> str:
    """The whole view: numbers, a line for each fact, blocks, configuration, card."""
    text = found.card.text
    card = markdown(text, locale) if text else f'<p class="muted">{html.escape(say("shelf.about.no_card", locale))}</p>'
    title = html.escape(say("shelf.about.card", locale))
    return (
        f"{_numbers(found, locale)}{_facts(found, locale)}{_parts(found, locale)}"
        f'<details><summary>{title}</summary><div class="card-text">{card}</div></details>'
    )


def markdown(text: str, locale: str) -> str:
    """Markdown as HTML that holds nothing but text, tables and links to pages: HTML in it becomes its words.

    Nothing is fetched: of a picture stands what it shows.
    """
    rendered: str = _renderer().render(text, {"locale": locale})
    return rendered


def _numbers(found: Profile, locale: str) -> str:
    count = found.anatomy.parameters if found.anatomy else found.facts.parameters
    pairs = [(f"{count:,}", say("shelf.about.parameters", locale))] if count else []
    if found.facts.bytes:
        pairs.append((pickers.size(found.facts.bytes), say("shelf.about.size", locale)))
    if found.anatomy:
        sizes = {key: value for key, _, value in found.anatomy.settings}
        pairs += [(f"{sizes[key]:,}", say(f"anatomy.{key}", locale)) for key in _SIZES if key in sizes]
    return phrases.facts(pairs)


def _facts(found: Profile, locale: str) -> str:
    facts, card = found.facts, found.card
    comma = say("pickers.join", locale)
    said = comma.join(_language(one, locale) for one in card.languages or facts.languages)
    unsaid = say("shelf.about.not_said", locale)
    lines = [
        ("architecture", f"{facts.architecture} ({facts.model_type})" if facts.architecture else facts.model_type),
        ("head", _head(found, locale)),
        ("tokenizer", _tokenizer(found, locale)),
        ("longest", say("shelf.about.tokens", locale, count=f"{facts.max_length:,}") if facts.max_length else ""),
        ("languages", said or unsaid),
        ("licence", card.licence or unsaid),
        ("task", shelf_view.task_name(card.task, locale) if card.task else ""),
        ("fits", comma.join(shelf_view.fits(facts, locale)) or say("shelf.about.fits_none", locale)),
        ("base", ", ".join(card.base_models)),
        ("data", ", ".join(card.datasets)),
    ]
    return (
        '<dl class="about-facts">'
        + "".join(
            f"<dt>{html.escape(say(f'shelf.about.{name}', locale))}</dt><dd>{html.escape(value)}</dd>"
            for name, value in lines
            if value
        )
        + "</dl>"
    )


def _head(found: Profile, locale: str) -> str:
    if not found.head:
        return say("shelf.heads.none", locale)
    if not found.facts.labels:
        return say(f"shelf.heads.{found.head}", locale)
    labels = found.facts.labels
    shown = ", ".join(labels[:_LABELS_SHOWN]) + (" …" if len(labels) > _LABELS_SHOWN else "")
    return say(f"shelf.heads.{found.head}.labels", locale, count=len(labels), labels=shown)


def _tokenizer(found: Profile, locale: str) -> str:
    if not found.facts.has_tokenizer:
        return say("shelf.about.no_tokenizer", locale)
    from backend.texts import catalogue

    key = f"shelf.words.{found.words.kind}"
    kind = say(key, locale) if found.words.kind and key in catalogue("en") else found.words.kind
    if not found.words.vocabulary:
        return kind or say("shelf.about.not_said", locale)
    return say("shelf.about.vocabulary", locale, kind=kind, count=f"{found.words.vocabulary:,}")


def _language(code: str, locale: str) -> str:
    from backend.texts import catalogue

    key = f"shelf.language.{code}"
    return say(key, locale) if key in catalogue("en") else code


def _parts(found: Profile, locale: str) -> str:
    if found.anatomy is None:
        what = found.problem.what(locale) if found.problem else ""
        return f'<p class="muted">{html.escape(say("shelf.about.no_sizes", locale, what=what))}</p>'
    title = html.escape(say("anatomy.table.setting", locale))
    blocks = anatomy_view.blocks_table(found.anatomy, locale, trained=False)
    return f"{blocks}<details><summary>{title}</summary>{anatomy_view.settings_table(found.anatomy, locale)}</details>"


@cache
def _renderer() -> MarkdownIt:
    from markdown_it import MarkdownIt

    made = MarkdownIt("commonmark", {"html": True, "linkify": False}).enable("table")
    # Only what is drawn here reaches the page: raw HTML by its words, a picture by its description.
    rules: dict[str, Any] = made.renderer.rules  # type: ignore[attr-defined]
    rules["html_block"] = lambda tokens, index, options, env: f"<p>{_words_of(tokens[index].content)}</p>"
    rules["html_inline"] = lambda tokens, index, options, env: _words_of(tokens[index].content)
    rules["image"] = _picture
    rules["link_open"] = _link
    return made


def _picture(tokens: Any, index: int, options: Any, env: Any) -> str:
    about = tokens[index].content.strip()
    if not about:
        return ""
    return f'<span class="muted">[{html.escape(say("shelf.about.picture", env["locale"], about=about))}]</span>'


def _link(tokens: Any, index: int, options: Any, env: Any) -> str:
    address = str(tokens[index].attrGet("href") or "")
    if not address.lower().startswith(("http://", "https://")):
        # A file beside the card, or a place in it: not here.
        return "<a>"
    return f'<a href="{html.escape(address, quote=True)}" target="_blank" rel="noopener noreferrer nofollow">'


class _Words(HTMLParser):
    """Collects what stands between tags, but not in scripts and styles."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self._silent += tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in ("script", "style") and self._silent > 0

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.found.append(data)


def _words_of(markup: str) -> str:
    parser = _Words()
    parser.feed(markup)
    return html.escape(" ".join("".join(parser.found).split()))
