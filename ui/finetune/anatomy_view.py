"""A model taken apart, as HTML: how large it is, its configuration in plain words, its blocks with a bar each."""

from __future__ import annotations

import html
from collections.abc import Iterable
from itertools import groupby
from typing import Any

from backend.models.anatomy import Anatomy, Block
from ui import phrases, pickers
from ui.text import say


def anatomy(found: Anatomy, is_new: bool, locale: str) -> str:
    """The whole view."""
    key = "lead_new" if is_new else "lead_all" if found.trained == found.parameters else "lead"
    words = {"architecture": found.architecture, "parameters": f"{found.parameters:,}"}
    lead = say(f"anatomy.{key}", locale, **words | ({"trained": f"{found.trained:,}"} if key == "lead" else {}))
    facts = phrases.facts(
        [
            (pickers.size(found.bytes), say("anatomy.memory", locale)),
            (pickers.size(found.training_bytes), say("anatomy.training_memory", locale)),
        ]
    )
    # Of a new model the sizes stand in the boxes below.
    title = html.escape(say("anatomy.table.setting", locale))
    settings = (
        f"<details{'' if is_new else ' open'}><summary>{title}</summary>{settings_table(found, locale)}</details>"
    )
    return f'<p class="anatomy-lead">{html.escape(lead)}</p>{facts}{blocks_table(found, locale)}{settings}'


def block_name(block: Block, locale: str, layers: str = "", short: bool = False) -> str:
    """A block as a person reads it: "Layers 1–6, attention: which tokens look at which". layers: instead of its own."""
    kind = "short" if short else "block"
    if block.kind == "layer":
        many = "block.layer_many" if "–" in layers else "block.layer"
        name = say(f"anatomy.{many}", locale, layers=layers or block.layer)
        if block.part and not short:
            name = say("anatomy.block.part", locale, layer=name, part=say(f"anatomy.part.{block.part}", locale))
    else:
        name = say(f"anatomy.{kind}.{block.kind}", locale)
    if block.stack:
        name = say("anatomy.block.in_stack", locale, stack=say(f"anatomy.stack.{block.stack}", locale), block=name)
    return name


def settings_table(found: Anatomy, locale: str) -> str:
    """The configuration in plain words, and the rest of it behind a fold."""
    head = [say("anatomy.table.name", locale), say("anatomy.table.value", locale)]
    rows = []
    for key, own, value in found.settings:
        title, about = say(f"anatomy.{key}", locale), say(f"anatomy.{key}.help", locale)
        name = f"<b>{html.escape(title)}</b> <code>{html.escape(own)}</code>"
        rows.append([f'{name}<br><span class="muted">{html.escape(about)}</span>', html.escape(_value(value))])
    rest = [[f"<code>{html.escape(name)}</code>", html.escape(value)] for name, value in found.rest]
    more = phrases.table(head, rest)
    title = html.escape(say("anatomy.rest", locale, count=len(rest)))
    table = phrases.table(head, rows, numbers=(1,), kind="anatomy-settings")
    return f"{table}<details><summary>{title}</summary>{more}</details>"


def blocks_table(found: Anatomy, locale: str, trained: bool = True) -> str:
    """The blocks with their parameters and a bar each. trained: say which of them training changes."""
    columns = ("block", "parameters", "share", "trained")[: 4 if trained else 3]
    head = [say(f"anatomy.table.{name}", locale) for name in columns]
    rows = []
    for run in runs(found.blocks):
        first, total = run[0], sum(block.parameters for block in run)
        layers = f"{first.layer}–{run[-1].layer}" if len(run) > 1 else ""
        each = f"{total:,}"
        if len(run) > 1:
            each = say("anatomy.each", locale, count=len(run), parameters=f"{first.parameters:,}")
        share = total / max(found.parameters, 1)
        name = block_name(first, locale, layers)
        bar = f'<div class="share">{phrases.bar(share, name)}<span>{share:.1%}</span></div>'
        cells = [html.escape(name), html.escape(each), bar, html.escape(_trained(run, locale))]
        rows.append(cells[: len(columns)])
    return phrases.table(head, rows, numbers=(1,), kind="anatomy-blocks")


def runs(blocks: Iterable[Block]) -> list[list[Block]]:
    """Equal parts of layers that follow each other stand in one line, in the order of the first of each."""
    found: list[list[Block]] = []
    layers: dict[tuple[str, str], list[list[Block]]] = {}
    for kind, group in groupby(blocks, key=lambda block: block.kind):
        if kind != "layer":
            found += [[block] for block in group]
            continue
        for block in group:
            same = layers.setdefault((block.stack, block.part), [])
            before = same[-1][-1] if same else None
            if before and (before.parameters, before.trained) == (block.parameters, block.trained):
                same[-1].append(block)
            else:
                same.append([block])
                found.append(same[-1])
    return found


def _trained(run: list[Block], locale: str) -> str:
    total, trained = sum(block.parameters for block in run), sum(block.trained for block in run)
    if trained in (0, total):
        return say("anatomy.yes" if trained else "anatomy.no", locale)
    return phrases.percent(trained / total)


def _value(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else f"{value}"
