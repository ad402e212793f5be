"""The product's question-answering, summarization, translation and text2text pipelines against those of 4.57.6.

    python -m benchmarks.pipelines [--old PYTHON] [--work FOLDER] [--record FOLDER]

Builds a tiny random model of each family, asks every case of `_pipelines_cases` in both versions and compares field by
field: texts, places, token ids, warnings and the class of an exception alike, scores within 1e-4. The environment of
4.57.6 is made in .venv-4.57.6 unless given; it shares torch and whatever else it can with this one.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks._figures import ROOT, Figure, write
from benchmarks._pipelines_cases import RECORDED_CASES, RECORDED_FAMILIES, TASKS

LONG = True
OLD = ("transformers==4.57.6", "tokenizers==0.22.2", "huggingface_hub==0.36.2", "sentencepiece", "protobuf", "tiktoken")
TOLERANCE = 1e-4


@dataclass(slots=True)
class Compared:
    """Cases of one task on one family."""

    cases: int = 0
    equal: int = 0
    errors: int = 0
    """Of the equal ones, those where both raise."""
    furthest: float = 0.0
    """Largest difference of a number that is no whole one."""


def old_python(folder: Path) -> Path:
    """The interpreter of an environment with 4.57.6, made if it lacks."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--ignore-installed"]
        subprocess.run([*pip, *OLD], check=True)
        packages = next((folder / "lib").glob("python*/site-packages"))
        # Read after the environment's own packages, so only what those lack comes from here.
        (packages / "zz_shared.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return python


def run(python: Path | str, module: str, *args: Path | str) -> None:
    """Run a module of this folder with that interpreter."""
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "PYTHONWARNINGS": "ignore"}
    command = [str(python), "-m", f"benchmarks.{module}", *map(str, args)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True)


def settle_tokenizers(models: Path) -> None:
    """Write each fast tokenizer as this version reads it.

    Version 5 builds the tokenizers of some families anew, as the Hub's own files have them and 4.57.6's conversion of a
    sentencepiece file does not. Read from one file they give both versions the same tokens, and only pipelines differ.
    """
    from transformers import AutoTokenizer

    for folder in models.glob("*/*"):
        tokenizer = AutoTokenizer.from_pretrained(folder)
        if tokenizer.is_fast:
            tokenizer.backend_tokenizer.save(str(folder / "tokenizer.json"))


def difference(old: Any, new: Any) -> float:
    """The largest difference of two numbers in the same place; infinite where anything else differs."""
    if isinstance(old, float) and isinstance(new, float):
        return abs(old - new)
    if type(old) is not type(new):
        return float("inf")
    if isinstance(old, dict):
        if old.keys() != new.keys():
            return float("inf")
        return max((difference(old[key], new[key]) for key in old), default=0.0)
    if isinstance(old, list):
        if len(old) != len(new):
            return float("inf")
        return max((difference(*pair) for pair in zip(old, new, strict=True)), default=0.0)
    return 0.0 if old == new else float("inf")


def compare(old: dict[str, Any], new: dict[str, Any]) -> Compared:
    """Compare two answers of every case; say which differ."""
    seen = Compared()
    for name, before in old.items():
        after = {key: value for key, value in new[name].items() if key != "message"}
        apart = difference({key: value for key, value in before.items() if key != "message"}, after)
        seen.cases += 1
        if apart <= TOLERANCE:
            seen.equal += 1
            seen.errors += "error" in before
            seen.furthest = max(seen.furthest, apart)
        else:
            print(f"  differs: {name}\n    4.57.6 {json.dumps(before)[:300]}\n    here   {json.dumps(new[name])[:300]}")
    return seen


def report(old: Path, new: Path) -> dict[str, Figure]:
    """Print the table of two folders of answers and give its figures."""
    rows: dict[tuple[str, str], Compared] = {}
    for file in sorted(old.iterdir()):
        group, family, _ = file.name.split(".")
        if not (new / file.name).exists():
            print(f"{family}: not asked here yet")
            continue
        before, after = (json.loads((folder / file.name).read_text()) for folder in (old, new))
        assert difference(before["tokens"], after["tokens"]) == 0.0, f"{family}: the versions tokenize differently"
        for task, _ in TASKS[group]:
            print(f"{family}, {task}")
            rows[task, family] = compare(before[task], after[task])
    print(f"\n{'pipeline':30}{'family':18}{'cases':>6}{'equal':>6}{'of those, raise':>17}{'furthest score':>16}")
    for (task, family), row in rows.items():
        print(f"{task:30}{family:18}{row.cases:6}{row.equal:6}{row.errors:17}{row.furthest:16.1e}")
    figures = {}
    together: dict[tuple[str, str], list[Compared]] = defaultdict(list)
    for (task, family), row in rows.items():
        together[task.split("_")[0], family].append(row)
    for (task, family), parts in together.items():
        cases = sum(row.cases for row in parts)
        share = sum(row.equal for row in parts) / cases
        figures[f"{task}, {family}: answered alike"] = Figure(share, f"of {cases}", ">= 1")
        if task == "question-answering":
            furthest = max(row.furthest for row in parts)
            figures[f"{task}, {family}: furthest score"] = Figure(furthest, "", f"<= {TOLERANCE}")
    return figures


def record(work: Path, folder: Path) -> None:
    """Write for the tests, which have no older version: a few models without their weights, and 4.57.6's answers."""
    for group, families in RECORDED_FAMILIES.items():
        for family in families:
            source, target = work / "models" / group / family, folder / family
            target.mkdir(parents=True, exist_ok=True)
            for name in ("config.json", "generation_config.json", "tokenizer_config.json", "special_tokens_map.json"):
                if (source / name).exists():
                    shutil.copy(source / name, target / name)
            tokenizer = json.loads((source / "tokenizer.json").read_text())
            tokenizer["normalizer"] = _without_table(tokenizer["normalizer"])
            (target / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False))
            answers = json.loads((work / "old" / f"{group}.{family}.json").read_text())
            kept = {task: {name: answers[task][name] for name in names if name in answers[task]}
                    for task, names in RECORDED_CASES.items() if task in answers}  # fmt: skip
            (target / "answers.json").write_text(json.dumps(kept, ensure_ascii=False))


def _without_table(normalizer: Any) -> Any:
    """Leave out sentencepiece's table of characters: 300 kB, and no effect on the recorded cases, which are ASCII."""
    if normalizer and normalizer["type"] == "Sequence":
        return normalizer | {"normalizers": [part for part in normalizer["normalizers"] if _without_table(part)]}
    return None if normalizer and normalizer["type"] == "Precompiled" else normalizer


def main() -> None:
    """Build, ask both, compare, write results/pipelines.json."""
    reader = argparse.ArgumentParser()
    reader.add_argument("--old", type=Path, help="an interpreter that has Transformers 4.57.6, sentencepiece, protobuf")
    reader.add_argument("--record", type=Path, help="write what the tests hold the pipelines against, here")
    reader.add_argument("--work", type=Path, help="keep models and answers here, and go on with what is there")
    given = reader.parse_args()
    old = given.old or old_python(ROOT / ".venv-4.57.6")
    work = given.work or Path(tempfile.mkdtemp())
    if not (work / "models").exists():
        run(old, "_pipelines_models", work / "models")
        settle_tokenizers(work / "models")
    for python, name in ((old, "old"), (sys.executable, "new")):
        run(python, "_pipelines_worker", work / "models", work / name)
    write("pipelines", report(work / "old", work / "new"))
    if given.record:
        record(work, given.record)
    if not given.work:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
