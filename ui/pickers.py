"""Choosing a model, a data set, a run: the choices of the tabs' dropdowns, and what is said about a model in a line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import gradio as gr

from backend.errors import UserError
from backend.models import ModelFacts
from backend.tasks import all_tasks
from backend.texts import LOCALES, catalogue
from backend.training.spec import RunSpec
from ui.text import say
from ui.visitor import Services, locale_of

Choices = list[tuple[str, str]]
"""(what the person reads, what the backend gets)."""


def fitting_models(services: Services, request: gr.Request | None, task: str | None = None) -> list[ModelFacts]:
    """The models here that this visitor may use, with the head the task needs. task: its name; None: all."""
    listed = services.shelf.listed(services.workspace(request))
    return listed if task is None else [facts for facts in listed if all_tasks()[task].fits(facts)]


def model_choices(services: Services, request: gr.Request | None, task: str | None = None) -> Choices:
    """Models by title, this visitor's runs first, then starters, then downloads."""
    return told_apart(fitting_models(services, request, task), locale_of(request))


def told_apart(listed: Iterable[ModelFacts], locale: str) -> Choices:
    """Models by title; those of one title by the name of their folder, or a person could not tell which is which."""
    listed = list(listed)
    times = Counter(model_title(facts, locale) for facts in listed)

    def title(facts: ModelFacts) -> str:
        shared = times[model_title(facts, locale)] > 1 and ":" in facts.ref
        return _titled(facts.source, facts.ref.partition(":")[2] if shared else facts.title, locale)

    return [(title(facts), facts.ref) for facts in listed]


def model_title(facts: ModelFacts, locale: str) -> str:
    """A model's name, with where it is from when that is not plain."""
    return _titled(facts.source, facts.title, locale)


def model_of_run(spec: RunSpec, locale: str) -> str:
    """The model that a run began with, as the page calls it."""
    title = _titled(spec.model_ref.partition(":")[0], spec.model_title or spec.model_ref, locale)
    return say("anatomy.new_title", locale, title=title) if spec.new_model else title


def data_of_run(spec: RunSpec, locale: str) -> str:
    """The data set of a run as the page calls it."""
    return data_title(spec.data_ref, spec.data_title, locale)


def data_title(ref: str, title: str, locale: str) -> str:
    """A data set's name, of one that is gone, too: samples have a name in each language."""
    kind, _, name = ref.partition(":")
    key = f"data.sample.{name}"
    return say(key, locale) if kind == "sample" and key in catalogue("en") else title or ref


def ref_of(services: Services, request: gr.Request | None, text: str) -> str:
    """The ref of the model whose title, in any language, is `text`; `text` itself where there is none: it was typed."""
    listed = fitting_models(services, request)
    return {title: ref for locale in LOCALES for title, ref in told_apart(listed, locale)}.get(text, text)


def unlisted(services: Services, ref: str) -> str:
    """A model that is not in the list, as its box shows it: by its name, where that alone leads back to the ref."""
    name = ref.partition(":")[2]
    try:
        return name if name and services.shelf.parse(name) == ref else ref
    except UserError:
        return ref


def tokenizer_choices(services: Services, request: gr.Request | None) -> Choices:
    """Models that bring a tokenizer; runs last, since a run has the tokenizer of the model it began with."""
    listed = [facts for facts in services.shelf.listed(services.workspace(request)) if facts.has_tokenizer]
    listed.sort(key=lambda facts: facts.source == "run")
    return told_apart(listed, locale_of(request))


def data_choices(services: Services, request: gr.Request | None) -> Choices:
    """Data sets by title and rows: the visitor's newest first, then the samples."""
    from backend.data.library import list_data, title_of

    locale = locale_of(request)
    return [
        (say("pickers.data", locale, title=title_of(version, locale), rows=f"{version.rows:,}"), version.ref)
        for version in list_data(services.workspace(request))
    ]


def _titled(source: str, title: str, locale: str) -> str:
    if source == "run":
        return say("pickers.run", locale, title=title)
    if source == "starter":
        # Its title says so in English: "multilingual-e5-small (starter, Q4_0)".
        name, _, weights = title.rstrip(")").partition(" (starter")
        return say("pickers.starter", locale, title=name, weights=weights.replace(", ", say("pickers.join", locale)))
    return title


def facts_line(facts: ModelFacts, locale: str) -> str:
    """What a model is, in a line: "22.7 M parameters, 91 MB, on this computer"."""
    parts = []
    if facts.parameters:
        # Chinese counts in ten thousands.
        wan, millions = f"{facts.parameters / 1e4:,.0f}", f"{facts.parameters / 1e6:,.1f}"
        few = facts.parameters < 100_000
        key = "pickers.parameters_few" if few else "pickers.parameters"
        words = {"count": f"{facts.parameters:,}"} if few else {"millions": millions, "wan": wan}
        parts.append(say(key, locale, **words))
    if facts.bytes:
        parts.append(size(facts.bytes))
    if facts.languages and (key := f"pickers.language.{facts.languages[0]}") in catalogue("en"):
        parts.append(say(key, locale))
    if facts.labels:
        one = len(facts.labels) == 1
        parts.append(say("pickers.score", locale) if one else say("pickers.labels", locale, count=len(facts.labels)))
    parts.append(say("pickers.here" if facts.path else "pickers.not_here", locale))
    return say("pickers.join", locale).join(parts)


def model_line(services: Services, request: gr.Request | None, chosen: str | None, task: str | None = None) -> str:
    """The line about what is chosen or typed; what is wrong with it, where that is known already; empty for nothing."""
    if not chosen or not chosen.strip():
        return ""
    locale = locale_of(request)
    try:
        facts = services.shelf.facts(services.workspace(request), services.shelf.parse(chosen))
    except UserError as error:
        # That it would have to be downloaded is no news here; Run says it in full.
        return say("pickers.not_here", locale) if error.key == "models.offline" else error.what(locale)
    line = facts_line(facts, locale)
    if task is not None and not all_tasks()[task].fits(facts):
        return say("pickers.wrong_kind", locale, facts=line)
    return line


def inputs_of(services: Services, request: gr.Request | None, chosen: str | None) -> int:
    """How many texts at a time the chosen model reads, as far as that is known: 2 for one trained on pairs."""
    if not chosen or not chosen.strip():
        return 1
    try:
        return services.shelf.facts(services.workspace(request), services.shelf.parse(chosen)).inputs
    except UserError:
        # Run says what is wrong with it.
        return 1


def size(count: int) -> str:
    """Bytes as MB or GB, as file managers count: 91 MB, 2.2 GB."""
    if count < 1e6:
        return "< 1 MB"
    return f"{count / 1e6:,.0f} MB" if count < 995e6 else f"{count / 1e9:,.1f} GB"


def suited(services: Services, request: gr.Request | None, refs: list[str]) -> str | None:
    """The one to begin with: for a Chinese page the first that reads many languages, else the first of all."""
    if not refs or locale_of(request) == "en":
        return refs[0] if refs else None
    listed = services.shelf.listed(services.workspace(request))
    many = [facts.ref for facts in listed if "multilingual" in facts.languages and facts.ref in refs]
    return many[0] if many else refs[0]
