"""Fill in the blank: which words a model of masked text expects in each blank, and how surely."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from backend.errors import UserError
from backend.exports.snippet import literal
from backend.tasks.base import Blanks, Example, Input, RunsOn, Step, Task, check_params, param
from backend.tasks.context import context_length, encodable, token_batches, tokenizer_of
from backend.tasks.layers import beginning, encoder_steps
from backend.tasks.whatif import SWITCHES

if TYPE_CHECKING:
    from transformers import Pipeline

    from backend.models import ModelFacts

# A blank for any model; what the model itself calls it is put in its place.
BLANK = re.compile(r"[_＿]{3,}")
# What the mask is called by other models than the chosen one.
_MASKS = re.compile(r"\[mask\]|<mask>|<\|mask\|>|<special1>", re.I)
_BETWEEN = re.compile(r"[,;，；、\n]")
_BATCH = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class FillMaskParams(RunsOn):
    """What may be set beside the text."""

    top_k: int = param(5, minimum=1, maximum=50, step=1)
    """How many of the likeliest tokens are shown for each blank."""
    targets: str = param("")
    """Only these words, between commas or one a line; empty: any token."""

    def __post_init__(self) -> None:
        check_params(self, "tasks.fill-mask")


class FillMask(Task):
    """One text with blanks in, the likeliest tokens of each blank out."""

    name = "fill-mask"
    lane = "short"
    inputs = (Input("text"),)
    params = FillMaskParams
    auto_class = "AutoModelForMaskedLM"
    what_ifs = tuple(SWITCHES)
    examples = (
        Example("en", {"text": "This course will teach you all about ____ models."}, course="tasks"),
        Example("en", {"text": "Paris is the ____ of France, and Rome is the capital of ____."}),
        # Bias: the two belong together, as the text under the examples says.
        Example("en", {"text": "This man works as a ____."}, course="bias"),
        Example("en", {"text": "This woman works as a ____."}, course="bias"),
        # One character is one token for most Chinese models.
        Example("zh-CN", {"text": "北京是中国的首____。"}),
        Example("zh-CN", {"text": "今天天气很____，我们去公园散____吧。"}),
        Example("zh-CN", {"text": "医生在医院上班，____每天都很忙。"}),
        Example("zh-CN", {"text": "护士在医院上班，____每天都很忙。"}),
    )

    def fits(self, facts: ModelFacts) -> bool:
        """A head that says which token a mask stands for."""
        return facts.architecture.endswith("ForMaskedLM")

    def run(self, pipe: Pipeline, values: Mapping[str, Any], params: FillMaskParams) -> Blanks:
        """The likeliest tokens of each blank.

        Raises UserError tasks.empty_text, tasks.no_mask, tasks.other_mask, tasks.text_longer, tasks.target_pieces.
        """
        mask = _mask_of(pipe)
        text = _masked(str(values.get("text") or ""), mask)
        tokens = _checked_length(pipe, text)
        options = [_options(rows) for rows in _per_mask(pipe(text, **_arguments(pipe, params)))]
        return Blanks(tuple(text.split(mask)), tuple(options), tokens)

    def batch(
        self, pipe: Pipeline, texts: Sequence[str], params: FillMaskParams, pairs: Sequence[str] = ()
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """Each text filled in, and the best token of each blank with its score; shortest first.

        A text without a blank, or longer than the model reads, has empty cells.
        """
        mask, arguments = _mask_of(pipe), _arguments(pipe, params)
        given: dict[int, str] = {}
        for index, text in enumerate(texts):
            try:
                given[index] = _masked(text, mask)
                _checked_length(pipe, given[index])
            except UserError:
                given.pop(index, None)
                yield index, {"answer": "", "token_1": "", "score_1": None}
        most = _BATCH if tokenizer_of(pipe).pad_token_id is not None else 1
        for chunk in token_batches(pipe, given, given, most):
            # For a list of one the pipeline gives that one's answer, without a list around it.
            answers: Any = pipe([given[index] for index in chunk], batch_size=len(chunk), **arguments)
            for index, answer in zip(chunk, [answers] if len(chunk) == 1 else answers, strict=True):
                best = [_options(rows)[0] for rows in _per_mask(answer)]
                row: dict[str, Any] = {"answer": _filled(given[index].split(mask), [token for token, _ in best])}
                for number, (token, score) in enumerate(best, 1):
                    row |= {f"token_{number}": token, f"score_{number}": score}
                yield index, row

    def steps(self, pipe: Pipeline, values: Mapping[str, Any], params: FillMaskParams) -> tuple[Step, ...]:
        """Masks, tokens, tensors, all layers, and of each mask the largest logits and what they become."""
        import torch

        typed = str(values.get("text") or "")
        text = _masked(typed, _mask_of(pipe))
        _checked_length(pipe, text)
        tokenizer = tokenizer_of(pipe)
        inputs = tokenizer(text, return_tensors="pt").to(pipe.model.device)
        ids = inputs["input_ids"][0].tolist()
        read = encoder_steps(pipe, inputs, {"text": text})
        logits = read.output.logits[0].float().cpu()
        masks = [place for place, token in enumerate(ids) if token == tokenizer.mask_token_id]
        targets = _targets(pipe, params.targets)
        only = torch.tensor(tokenizer.convert_tokens_to_ids(targets) if targets else range(logits.shape[-1]))
        raw, shares = [], []
        for number, place in enumerate(masks, 1):
            best = logits[place][only].topk(min(params.top_k, len(only)))
            found = only[best.indices]
            of_all = logits[place].softmax(-1)[found].tolist()
            before = f"{number} " if len(masks) > 1 else ""
            names = [_shown(str(tokenizer.decode([token]))) for token in found.tolist()]
            raw += [f"{before}{name}: {value:.4f}" for name, value in zip(names, best.values.tolist(), strict=True)]
            shares += [f"{before}{name}: {value:.4f}" for name, value in zip(names, of_all, strict=True)]
        shape = str((len(masks), logits.shape[-1]))
        return (
            *((Step("masked", (beginning(text),), "", _MASKED),) if BLANK.search(typed) else ()),
            *read.steps,
            Step("mask_logits", tuple(raw), shape, _LOGITS.format(output=read.code)),
            Step("mask_shares", tuple(shares), shape, "shares = logits.softmax(-1)"),
        )

    def read_text(self, pipe: Pipeline, values: Mapping[str, Any], params: FillMaskParams) -> Mapping[str, Any]:
        """The text with the model's own masks."""
        return {**values, "text": _masked(str(values.get("text") or ""), _mask_of(pipe))}

    def settled(self, pipe: Pipeline, values: Mapping[str, Any], params: FillMaskParams) -> Mapping[str, Any]:
        """The words as tokens of this model."""
        return {**values, "targets": _targets(pipe, params.targets)}

    def snippet(self, source: str, values: Mapping[str, Any], params: FillMaskParams) -> str:
        """Prints token and probability of each option, blank by blank."""
        targets = values.get("targets") or words_of(params.targets)
        only = f", targets=[{', '.join(literal(word) for word in targets)}]" if targets else ""
        text = str(values.get("text") or "")
        blank = 'text = re.sub("[_＿]{3,}", filler.tokenizer.mask_token, text)\n' if BLANK.search(text) else ""
        return f"""{"import re" + chr(10) * 2 if blank else ""}from transformers import pipeline

filler = pipeline("fill-mask", model={literal(source)}, {params.loaded})
text = {literal(text)}
{blank}answer = filler(text, top_k={params.top_k}{only})
for mask in answer if isinstance(answer[0], list) else [answer]:
    for row in mask:
        print(row["token_str"], row["score"])
"""


_MASKED = 'text = re.sub("[_＿]{3,}", tokenizer.mask_token, text)'
_LOGITS = 'logits = {output}.logits[inputs["input_ids"] == tokenizer.mask_token_id]'


def words_of(targets: str) -> list[str]:
    """The words between commas or line ends, each once."""
    return list(dict.fromkeys(word.strip() for word in _BETWEEN.split(encodable(targets)) if word.strip()))


def _arguments(pipe: Pipeline, params: FillMaskParams) -> dict[str, Any]:
    """What the pipeline is called with beside the text."""
    targets = _targets(pipe, params.targets)
    return {"top_k": params.top_k} | ({"targets": targets} if targets else {})


def _targets(pipe: Pipeline, typed: str) -> list[str]:
    """The words as tokens, which for some models begin with a space. The pipeline would take the first piece of a word.

    Raises UserError tasks.target_pieces for a word that is no single token.
    """
    tokenizer = tokenizer_of(pipe)
    tokens = []
    for word in words_of(typed):
        # Within a sentence first: a word stands behind a space.
        ways = [tokenizer.tokenize(text) for text in (f" {word}", word)]
        one = next((pieces[0] for pieces in ways if len(pieces) == 1), None)
        if one is None or one == tokenizer.unk_token:
            raise UserError("tasks.target_pieces", word=word, pieces=" ".join(ways[0]))
        tokens.append(one)
    return list(dict.fromkeys(tokens))


def _mask_of(pipe: Pipeline) -> str:
    """What the model's tokenizer calls a mask. Raises UserError tasks.no_mask_token."""
    mask = tokenizer_of(pipe).mask_token
    if not mask:
        raise UserError("tasks.no_mask_token")
    return str(mask)


def _masked(text: str, mask: str) -> str:
    """The text with the model's own mask in each blank. Raises UserError for a text with none, or with another's."""
    if not text.strip():
        raise UserError("tasks.empty_text")
    text = BLANK.sub(lambda _: mask, encodable(text))
    other = next((found[0] for found in _MASKS.finditer(text) if found[0] != mask), None)
    if other:
        raise UserError("tasks.other_mask", found=other, mask=mask)
    if mask not in text:
        raise UserError("tasks.no_mask", mask=mask)
    return text


def _checked_length(pipe: Pipeline, text: str) -> int:
    """Tokens of the text. Cut, it might lose a blank: raises UserError tasks.text_longer."""
    tokens, limit = len(tokenizer_of(pipe)(text, verbose=False)["input_ids"]), context_length(pipe)
    if limit and tokens > limit:
        raise UserError("tasks.text_longer", tokens=tokens, limit=limit)
    return tokens


def _per_mask(answer: Any) -> list[list[dict[str, Any]]]:
    """The pipeline leaves out one list where there is one mask."""
    return answer if isinstance(answer[0], list) else [answer]


def _options(rows: Sequence[Mapping[str, Any]]) -> tuple[tuple[str, float], ...]:
    return tuple((_shown(row["token_str"]), float(row["score"])) for row in rows)


def _shown(token: str) -> str:
    """A token without the space that some tokenizers begin a word with; one of spaces alone stays visible."""
    return token.strip() or repr(token)


def _filled(pieces: Sequence[str], tokens: Sequence[str]) -> str:
    """The text with a token in each blank; a piece of a word ("##ing") stands without its mark."""
    words = [token.removeprefix("##") for token in tokens]
    return "".join(piece + word for piece, word in zip(pieces, [*words, ""], strict=True))
