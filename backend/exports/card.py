"""The model card of a run: README.md as the Hub reads it, written from spec and report in a person's language.

Texts `card.{name}`. No row of the data stands in it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from backend.exports.origin import hub_name
from backend.recipes import all_recipes
from backend.recipes.base import Report, TrainArguments
from backend.texts import catalogue, lookup
from backend.training.spec import RunSpec

LICENCES = (
    "apache-2.0", "mit", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0", "cc0-1.0", "bsd-3-clause",
    "gpl-3.0", "openrail", "other",
)  # fmt: skip
"""The Hub's words for the licences that models are usually given."""
PLACEHOLDER = "OWNER/NAME"
"""Stands for the model's place on the Hub until there is one."""
# The Hub lists these metrics; ours go by the same idea under the first word.
_HUB_METRICS = {
    "f1_macro": "f1", "f1_micro": "f1", "precision_macro": "precision", "recall_macro": "recall",
    "precision_micro": "precision", "recall_micro": "recall", "subset_accuracy": "accuracy", "pearson": "pearsonr",
    "spearman": "spearmanr",
}  # fmt: skip


def model_card(spec: RunSpec, report: Report, locale: str, licence: str = "", repo: str = "") -> str:
    """The whole card. licence: one of LICENCES, "" leaves the field out. repo: `owner/name`, for the example."""
    parts = [
        f"# {_line(spec.name)}",
        _summary(spec, report, locale),
        *_section("use", locale, _usage(spec, repo or PLACEHOLDER, locale)),
        *_section("scores", locale, _scores(report, locale), *_labels(report, locale)),
        *_section("data", locale, _data(spec, report, locale)),
        *_section("training", locale, _training(spec, report, locale)),
        *_section("limits", locale, _limits(spec, report, locale)),
        lookup("card.made", locale),
    ]
    return f"---\n{_front(spec, report, licence)}\n---\n\n" + "\n\n".join(parts) + "\n"


def with_licence(card: str, licence: str) -> str:
    """A card that a person may have changed, with another licence in its front matter; "" takes the line out."""
    front = re.match(r"---\n(.*?\n)---\n", card, re.DOTALL)
    line = f"license: {licence}\n" if licence else ""
    if front is None:
        return f"---\n{line}---\n\n{card}" if line else card
    found = re.sub(r"^license:.*\n", "", front[1], flags=re.MULTILINE)
    return f"---\n{found}{line}---\n{card[front.end() :]}"


def licence_of(card: str) -> str:
    """The licence in a card's front matter, "" for none."""
    front = re.match(r"---\n(.*?\n)---\n", card, re.DOTALL)
    found = re.search(r"^license: *(\S+) *$", front[1], re.MULTILINE) if front else None
    return found[1] if found else ""


def _front(spec: RunSpec, report: Report, licence: str) -> str:
    """The YAML that the Hub files a model by."""
    from huggingface_hub import EvalResult, ModelCardData

    recipe = all_recipes()[spec.recipe]
    split = report.headline_split
    results = [
        EvalResult(
            task_type=recipe.task,
            dataset_type=re.sub(r"[^A-Za-z0-9_.]+", "-", spec.data_ref.partition(":")[2]).strip("-.") or "own",
            dataset_name=spec.data_title or spec.data_ref,
            dataset_split=split,
            metric_type=_HUB_METRICS.get(name, name),
            metric_name=name,
            metric_value=round(value, 4),
        )
        for name, value in report.splits[split].items()
        if name in recipe.metric_names
    ]
    shown = [name for name in recipe.metric_names if name in report.splits[split]]
    data = ModelCardData(
        language=_language(spec),
        license=licence or None,
        library_name="transformers",
        base_model=hub_name(spec) or None,
        pipeline_tag=recipe.task,
        tags=[recipe.task, spec.recipe, *(["lora"] if spec.arguments.lora_rank else [])],
        metrics=sorted({_HUB_METRICS.get(name, name) for name in shown}),
        model_name=spec.name,
        eval_results=results,
    )
    return str(data.to_yaml()).strip()


def _language(spec: RunSpec) -> str | None:
    """The language that the name of a sample says; of other data it is not known."""
    found = re.fullmatch(r"sample:.*_(en|zh)", spec.data_ref)
    return found[1] if found else None


def _summary(spec: RunSpec, report: Report, locale: str) -> str:
    split, metric = report.headline_split, report.headline_metric
    values = {
        "base": hub_name(spec) or spec.model_title or spec.model_ref,
        "data": _line(spec.data_title or spec.data_ref),
        "task": lookup(f"recipes.{spec.recipe}.help", locale),
        "rows": f"{int(report.splits[split].get('rows', 0)):,}",
        "metric": _metric(metric, locale),
        "score": _number(report.splits[split].get(metric)),
        "guess": _number(report.baseline.get(split, {}).get(metric)),
        "answer": _line(report.baseline_label),
    }
    key = "card.summary.new" if spec.new_model else "card.summary"
    return lookup(key, locale, **values) + "\n\n" + lookup("card.summary.score", locale, **values)


def _usage(spec: RunSpec, repo: str, locale: str) -> str:
    """Lines that run as they stand, once the model is at `repo`."""
    recipe = all_recipes()[spec.recipe]
    pair = len(recipe.text_roles) == 2
    text = lookup("card.example.text", locale)
    other = lookup("card.example.text_pair", locale)
    given = f'{{"text": "{text}", "text_pair": "{other}"}}' if pair else f'"{text}"'
    lines = ["from transformers import pipeline", "", f'model = pipeline("{recipe.task}", model="{repo}")']
    if spec.recipe == "multi-label-classification":
        lines += [
            f"answers = model([{given}], top_k=None)[0]",
            "thresholds = model.model.config.thresholds",
            'print([one["label"] for one in answers if one["score"] >= thresholds[one["label"]]])',
        ]
    else:
        lines.append(f"print(model({given}))")
    return "```python\n" + "\n".join(lines) + "\n```"


def _scores(report: Report, locale: str) -> str:
    """One row a metric: each split that was not trained on, and the simplest guess on the headline split."""
    splits = [name for name in ("validation", "test") if name in report.splits]
    names = [name for name in report.splits[report.headline_split] if name != "rows"]
    guess = report.baseline.get(report.headline_split, {})
    head = [lookup("card.metric", locale), *(lookup(f"phrases.split.{name}", locale) for name in splits)]
    rows = [
        [
            _metric(name, locale),
            *(_number(report.splits[split].get(name)) for split in splits),
            _number(guess.get(name)),
        ]
        for name in names
    ]
    rows.append([lookup("phrases.metric.rows", locale), *(str(int(report.splits[one]["rows"])) for one in splits), ""])
    return (
        _table([*head, lookup("card.guess", locale)], rows)
        + "\n\n"
        + lookup("card.guess.meaning", locale, answer=_line(report.baseline_label))
    )


def _labels(report: Report, locale: str) -> list[str]:
    """The table of labels, where there are any."""
    if not report.per_label:
        return []
    names = [name for name in ("precision", "recall", "f1", "threshold") if name in report.per_label[0]]
    head = [lookup("card.label", locale)]
    head += [lookup("card.threshold", locale) if name == "threshold" else _metric(name, locale) for name in names]
    rows = [
        [_line(str(row["label"])), *(_number(row[name]) for name in names), str(int(row["rows"]))]
        for row in report.per_label
    ]
    return [_table([*head, lookup("phrases.metric.rows", locale)], rows)]


def _data(spec: RunSpec, report: Report, locale: str) -> str:
    recipe = all_recipes()[spec.recipe]
    trained = int(report.facts.get("train_rows", report.splits.get("train", {}).get("rows", 0)))
    counts = {name: f"{int(values['rows']):,}" for name, values in report.splits.items() if name != "train"}
    parts = {"train": f"{trained:,}"} | counts
    lines = [
        lookup("card.data.set", locale, data=_line(spec.data_title or spec.data_ref), version=spec.data_version),
        lookup(
            "card.data.columns", locale, columns=", ".join(f"`{_line(spec.columns[r.name])}`" for r in recipe.roles)
        ),
        *(f"{lookup(f'phrases.split.{name}', locale)}: {rows}" for name, rows in parts.items()),
    ]
    if report.labels:
        lines.append(lookup("card.data.labels", locale, labels=", ".join(map(_line, report.labels))))
    return "\n".join(f"- {line}" for line in lines)


def _training(spec: RunSpec, report: Report, locale: str) -> str:
    """Every argument that was set, and how far the run went."""
    facts = report.facts
    told = lookup(
        "card.training.steps",
        locale,
        steps=f"{int(facts.get('steps', 0)):,}",
        best=f"{int(facts.get('best_step', facts.get('steps', 0))):,}",
        seconds=f"{float(facts.get('train_seconds', 0)):,.0f}",
        device=spec.device,
    )
    if spec.loop == "head":
        return lookup("card.training.head", locale)
    if facts.get("stopped"):
        told += " " + lookup("card.training.stopped", locale)
    rows = [[_argument(name, locale), f"`{name}`", f"`{value}`"] for name, value in _arguments(spec.arguments)]
    return told + "\n\n" + _table([lookup(f"card.argument.{name}", locale) for name in ("what", "name", "value")], rows)


def _arguments(arguments: TrainArguments) -> list[tuple[str, Any]]:
    """What decides the result, (name, value): the values that are not the usual ones, and those everyone asks for."""
    from dataclasses import fields

    usual = TrainArguments()
    asked = {
        "learning_rate", "num_train_epochs", "per_device_train_batch_size", "weight_decay", "warmup_ratio",
        "lr_scheduler_type", "max_length", "precision", "seed",
    }  # fmt: skip
    names = [field.name for field in fields(arguments)]
    return [
        (name, getattr(arguments, name))
        for name in names
        if name in asked or getattr(arguments, name) != getattr(usual, name)
    ]


def _limits(spec: RunSpec, report: Report, locale: str) -> str:
    """What to know before the answers are relied on: plain sentences, the worst confusion among them."""
    rows = int(report.splits[report.headline_split].get("rows", 0))
    lines = [
        lookup("card.limits.alike", locale, data=_line(spec.data_title or spec.data_ref)),
        lookup("card.limits.length", locale, tokens=spec.arguments.max_length),
    ]
    if rows < 500:
        lines.append(lookup("card.limits.few", locale, rows=rows))
    worst = max(
        (
            (count, report.labels[true], report.labels[answer])
            for true, row in enumerate(report.confusion)
            for answer, count in enumerate(row)
            if true != answer
        ),
        default=(0, "", ""),
    )
    if worst[0]:
        lines.append(
            lookup("card.limits.confused", locale, count=worst[0], true=_line(worst[1]), answer=_line(worst[2]))
        )
    lines.append(lookup("card.limits.people", locale))
    return "\n".join(f"- {line}" for line in lines)


def _section(name: str, locale: str, *paragraphs: str) -> list[str]:
    return [f"## {lookup(f'card.{name}', locale)}", *paragraphs]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the numbers stand to the right."""
    lines = [head, [":--", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _metric(name: str, locale: str) -> str:
    key = f"phrases.metric.{name}"
    return lookup(key, locale) if key in catalogue("en") else name


def _argument(name: str, locale: str) -> str:
    return lookup(f"arguments.{name}", locale)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _line(text: str) -> str:
    """A person's words on one line, less what Markdown and HTML would take for their own."""
    return re.sub(r"[\s<>`]+", " ", text).strip()
