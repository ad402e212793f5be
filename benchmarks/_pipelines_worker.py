"""Ask every case of one version of Transformers and write what came.

    python -m benchmarks._pipelines_worker MODELS OUT

Runs as it is in the environment of 4.57.6 and in that of the product, where it registers the product's pipelines.
"""

from __future__ import annotations

import copy
import json
import logging
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks._pipelines_cases import GENERATOR, LONG, ODD, QUESTIONS, SHORT, TASKS, Case


class _Heard(logging.Handler):
    """What the pipelines' own modules warn of; the wording after the first sentence is each version's own."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.rpartition(".")[2] in ("text2text_generation", "summarization", "translation"):
            self.lines.append(record.getMessage().split(". ")[0].split(";")[0].rstrip("."))


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):
        return {"tensor": value.tolist()}
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return value if isinstance(value, (str, int, float, bool, type(None))) else [_plain(inner) for inner in value]


def _ask(pipe: Any, case: Case) -> Any:
    import transformers

    _, _, args, kwargs = case
    kwargs = dict(kwargs)
    transformers.set_seed(kwargs.pop("seed", 0))
    if isinstance(kwargs.get("generation_config"), dict):
        kwargs["generation_config"] = transformers.GenerationConfig(**kwargs["generation_config"])
    if args and args[0] == GENERATOR:
        return _plain(list(pipe(iter_of(args[1]), **kwargs)))
    # A copy: one version writes into the list it is given.
    return _plain(pipe(*json.loads(json.dumps(args)), **kwargs))


def iter_of(items: list[Any]) -> Iterator[Any]:
    """A generator proper, which pipelines tell from other iterables."""
    yield from items


def answer(model: Any, tokenizer: Any, task: str, case: Case) -> dict[str, Any]:
    """{"answer", "warned"} or {"error"}: the class of the exception; PanicException of tokenizers is no Exception."""
    from transformers import pipeline

    heard = _Heard()
    loggers = [logging.getLogger(name) for name in ("transformers", "backend.pipelines")]
    for logger in loggers:
        logger.addHandler(heard)
    try:
        pipe = pipeline(task, model=model, tokenizer=tokenizer, device="cpu", **case[1])
        return {"answer": _ask(pipe, case), "warned": heard.lines}
    except BaseException as error:
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise
        return {"error": type(error).__name__, "message": str(error)[:200]}
    finally:
        for logger in loggers:
            logger.removeHandler(heard)


def _tokens(tokenizer: Any) -> Any:
    texts = [SHORT, LONG, ODD, *QUESTIONS, "   ", "[CLS] who </s>?"]
    if not tokenizer.is_fast:
        return [tokenizer(text)["input_ids"] for text in texts]
    options = {"return_offsets_mapping": True, "return_token_type_ids": True}
    return [_plain(dict(tokenizer(text, SHORT, **options))) for text in texts]


def main(models: Path, out: Path, *only: str) -> None:
    """Write OUT/GROUP.FAMILY.json, {"tokens": ..., "TASK": {case: answer}}; one that is there is left as it is.

    only: these families.
    """
    import transformers

    warnings.simplefilter("ignore")
    transformers.utils.logging.set_verbosity_warning()
    if not transformers.__version__.startswith("4."):
        from backend import pipelines

        pipelines.register()
    out.mkdir(parents=True, exist_ok=True)
    for group, tasks in TASKS.items():
        kind = transformers.AutoModelForQuestionAnswering
        if group == "seq2seq":
            kind = transformers.AutoModelForSeq2SeqLM
        for folder in sorted((models / group).iterdir()):
            file = out / f"{group}.{folder.name}.json"
            if file.exists() or only and folder.name not in only:
                continue
            print(transformers.__version__, group, folder.name, flush=True)
            tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
            model = kind.from_pretrained(folder).eval()
            found: dict[str, Any] = {"tokens": _tokens(tokenizer)}
            for task, cases in tasks:
                # Copies, since 4.57.6 takes the prefix out of the configuration that it has used.
                found[task] = {case[0]: answer(copy.deepcopy(model), tokenizer, task, case) for case in cases}
            file.write_text(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
