"""Labels without training, by entailment: does the text follow into "This example is LABEL."? It takes an NLI model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backend.errors import UserError
from backend.exports.snippet import literal
from backend.tasks.base import Bars, Example, Input, RunsOn, Step, Task, check_params, param
from backend.tasks.candidate_labels import candidate_steps, checked_template, labels_of, sentences_of
from backend.tasks.context import batches, context_length, limit_to_say, limited, text_of, tokenizer_of, unread
from backend.tasks.layers import cut_options, encoder_steps
from backend.tasks.whatif import SWITCHES

if TYPE_CHECKING:
    from transformers import Pipeline

    from backend.models import LoadedModel, ModelFacts

# The pipeline's own, where the box is left empty.
DEFAULT_TEMPLATE = "This example is {}."
_BATCH = 16
_SHOWN = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class ZeroShotParams(RunsOn):
    """The labels, and what the model is asked about each."""

    labels: str = param("")
    """Between commas, or one a line."""
    template: str = param("")
    """The sentence that a label is put into, {} in its place; empty: the pipeline's own, in English."""
    multi_label: bool = param(False)
    """Whether each label stands alone; else they compete."""

    def __post_init__(self) -> None:
        check_params(self, "tasks.zero-shot-classification")


_COURSE = {"text": "This is a course about the Transformers library", "labels": "education, politics, business"}


class ZeroShotClassification(Task):
    """One text and labels in, how surely the text entails each label out."""

    name = "zero-shot-classification"
    lane = "short"
    inputs = (Input("text"), Input("labels", kind="setting", lines=2), Input("template", kind="setting", lines=1))
    params = ZeroShotParams
    auto_class = "AutoModelForSequenceClassification"
    what_ifs = tuple(SWITCHES)
    examples = (
        Example("en", _COURSE | {"template": DEFAULT_TEMPLATE}, course="tasks"),
        Example(
            "en",
            {
                "text": "I have a problem with my phone that needs to be solved as soon as possible!",
                "labels": "urgent, not urgent, phone, tablet, computer",
                "template": DEFAULT_TEMPLATE,
            },
        ),
        Example(
            "zh-CN",
            {
                "text": "国家队昨晚在加时赛中逆转取胜，时隔八年再次闯进决赛。",
                "labels": "体育，财经，科技，娱乐",
                "template": "这段话讲的是{}。",
            },
        ),
        Example(
            "zh-CN",
            {
                "text": "同一笔订单扣了两次款，请尽快把钱退给我。",
                "labels": "投诉，表扬，咨询",
                "template": "这位顾客在{}。",
            },
        ),
    )

    def fits(self, facts: ModelFacts) -> bool:
        """A head that tells entailment from the rest."""
        compares = any(label.casefold().startswith("entail") for label in facts.labels)
        return compares and facts.architecture.endswith("ForSequenceClassification")

    def pipeline(self, loaded: LoadedModel) -> Pipeline:
        """transformers' own. Raises UserError tasks.no_entailment: it would take any label for entailment."""
        from transformers import pipeline

        if _entailment(loaded.model.config) is None:
            raise UserError("tasks.no_entailment", labels=", ".join((loaded.model.config.id2label or {}).values()))
        return pipeline(self.name, model=loaded.model, tokenizer=limited(loaded), device=loaded.model.device)  # type: ignore[call-overload,no-any-return]

    def run(self, pipe: Pipeline, values: Mapping[str, Any], params: ZeroShotParams) -> Bars:
        """Scores of all labels, best first.

        Raises UserError tasks.empty_text, tasks.no_labels, tasks.too_many_labels, tasks.bad_template,
        tasks.label_too_long.
        """
        text, arguments = text_of(values), _arguments(params)
        added, limit = _added(pipe, arguments), context_length(pipe)
        text, tokens = _beginning(pipe, text)
        tokens += added
        found: Any = pipe(text, **arguments)
        return Bars(
            tuple(zip(found["labels"], found["scores"], strict=True)),
            # Of a single label the pipeline asks whether it holds or not.
            exclusive=not params.multi_label and len(found["labels"]) > 1,
            tokens=tokens,
            tokens_read=min(tokens, limit) if limit else tokens,
        )

    def batch(
        self, pipe: Pipeline, texts: Sequence[str], params: ZeroShotParams, pairs: Sequence[str] = ()
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """Best label, its score and all labels' scores for each text; shortest first. Empty texts give empty cells."""
        arguments = _arguments(params)
        added, limit = _added(pipe, arguments), context_length(pipe)
        labels = arguments["candidate_labels"]
        lengths = {index: len(text) for index, text in enumerate(texts) if text.strip()}
        yield from ((index, {"label": "", "score": None}) for index, text in enumerate(texts) if not text.strip())
        most = (
            _BATCH if tokenizer_of(pipe).pad_token_id is not None and pipe.model.config.pad_token_id is not None else 1
        )
        for chunk in batches(lengths, most):
            begun = [_beginning(pipe, texts[index]) for index in chunk]
            answers: Any = pipe([text for text, _ in begun], batch_size=most, **arguments)
            for index, (_, tokens), found in zip(chunk, begun, answers, strict=True):
                scores = dict(zip(found["labels"], found["scores"], strict=True))
                each = {f"score_{label}": scores[label] for label in labels}
                row = {"label": found["labels"][0], "score": found["scores"][0], **each}
                yield index, row | unread(tokens + added, limit)

    def steps(self, pipe: Pipeline, values: Mapping[str, Any], params: ZeroShotParams) -> tuple[Step, ...]:
        """The pairs of text and sentence, the first one's way through the layers, all logits, scores, and the label."""
        import torch

        text, arguments = _beginning(pipe, text_of(values))[0], _arguments(params)
        labels = arguments["candidate_labels"]
        sentences = sentences_of(labels, arguments["hypothesis_template"])
        tokenizer, config = tokenizer_of(pipe), pipe.model.config
        pairs = [
            tokenizer(text, one, truncation="only_first", return_tensors="pt").to(pipe.model.device)
            for one in sentences
        ]
        cut = cut_options(pipe, context_length(pipe), '"only_first"')
        read = encoder_steps(pipe, pairs[0], {"text": text, "sentences[0]": sentences[0]}, cut)
        with torch.inference_mode():
            rest = [pipe.model(**inputs).logits[0] for inputs in pairs[1:]]
        logits = torch.stack([read.output.logits[0], *rest]).float().cpu()
        entails = _entailment(config) or 0
        alone = params.multi_label or len(labels) == 1
        if alone:
            against = -1 if entails == 0 else 0
            scores = logits[:, [against, entails]].softmax(-1)[:, 1]
            code = f"scores = logits[:, [{against}, {entails}]].softmax(-1)[:, 1]"
        else:
            scores = logits[:, entails].softmax(-1)
            code = f"scores = logits[:, {entails}].softmax(-1)"
        names = list((config.id2label or {}).values())
        return (
            Step(
                "hypotheses",
                tuple(sentences),
                f"{len(sentences)}",
                "sentences = [template.format(one) for one in labels]",
            ),
            *read.steps,
            Step(
                "entailment_logits",
                (
                    " ".join(names),
                    *(
                        f"{label}: " + " ".join(f"{value:.4f}" for value in row.tolist())
                        for label, row in zip(labels, logits, strict=True)
                    ),
                ),
                str(tuple(logits.shape)),
                _LOGITS.format(cut=cut),
            ),
            Step(
                "entailment_scores",
                tuple(f"{label}: {score:.4f}" for label, score in zip(labels, scores.tolist(), strict=True)),
                f"({len(labels)},)",
                code,
            ),
            *candidate_steps(labels, scores.tolist(), alone),
        )

    def read_text(self, pipe: Pipeline, values: Mapping[str, Any], params: ZeroShotParams) -> Mapping[str, Any]:
        """The text, and beside it the sentence of the first label."""
        arguments = _arguments(params)
        first = sentences_of(arguments["candidate_labels"][:1], arguments["hypothesis_template"])
        return {**values, "text_pair": first[0]}

    def settled(self, pipe: Pipeline, values: Mapping[str, Any], params: ZeroShotParams) -> Mapping[str, Any]:
        """The most tokens read, where the tokenizer does not say it."""
        return {**values, "limit": limit_to_say(pipe, context_length(pipe))}

    def snippet(self, source: str, values: Mapping[str, Any], params: ZeroShotParams) -> str:
        """Prints label and score of each bar."""
        arguments = _arguments(params)
        listed = ", ".join(literal(label) for label in arguments["candidate_labels"])
        limit = f"classifier.tokenizer.model_max_length = {values['limit']}\n" if values.get("limit") else ""
        return f"""from transformers import pipeline

classifier = pipeline("zero-shot-classification", model={literal(source)}, {params.loaded})
{limit}answer = classifier(
    {literal(text_of(values))},
    candidate_labels=[{listed}],
    hypothesis_template={literal(arguments["hypothesis_template"])},
    multi_label={params.multi_label},
)
for label, score in zip(answer["labels"], answer["scores"]):
    print(label, score)
"""


_LOGITS = 'logits = torch.cat([model(**tokenizer(text, one{cut}, return_tensors="pt")).logits for one in sentences])'


def _arguments(params: ZeroShotParams) -> dict[str, Any]:
    """What the pipeline is called with beside the text."""
    return {
        "candidate_labels": labels_of(params.labels),
        "hypothesis_template": checked_template(params.template.strip() or DEFAULT_TEMPLATE),
        "multi_label": params.multi_label,
    }


def _added(pipe: Pipeline, arguments: Mapping[str, Any]) -> int:
    """Tokens that stand beside a text's own: those of the longest sentence, and special ones.

    Raises UserError tasks.label_too_long where they leave no room for the text.
    """
    tokenizer, limit, labels = tokenizer_of(pipe), context_length(pipe), arguments["candidate_labels"]
    sentences = sentences_of(labels, arguments["hypothesis_template"])
    lengths = [len(ids) for ids in tokenizer(sentences, add_special_tokens=False, verbose=False)["input_ids"]]
    longest = max(range(len(labels)), key=lengths.__getitem__)
    added = lengths[longest] + tokenizer.num_special_tokens_to_add(pair=True)
    if limit and added >= limit:
        label = labels[longest]
        label = label if len(label) <= _SHOWN else label[:_SHOWN] + "…"
        raise UserError("tasks.label_too_long", label=label, tokens=lengths[longest], limit=limit)
    return added


def _beginning(pipe: Pipeline, text: str) -> tuple[str, int]:
    """(as much of the text as the model can read, tokens of all of it): the pipeline takes it apart for each label."""
    tokenizer, limit = tokenizer_of(pipe), context_length(pipe)
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=tokenizer.is_fast, verbose=False)
    ids: list[int] = encoded["input_ids"]
    if tokenizer.is_fast and limit and len(ids) > 2 * limit:
        cut = text[: encoded["offset_mapping"][2 * limit - 1][1]]
        # Where words have no ends, the last tokens may come out otherwise, but not those that are read.
        if tokenizer(cut, add_special_tokens=False, verbose=False)["input_ids"][:limit] == ids[:limit]:
            text = cut
    return text, len(ids)


def _entailment(config: Any) -> int | None:
    """The place of the entailment label among the logits, as the pipeline finds it."""
    found = (config.label2id or {}).items()
    return next((int(place) for label, place in found if str(label).lower().startswith("entail")), None)
