"""The notebook of an answer: a valid one, whose code cells give the page's answer."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from backend.exports.notebook import notebook
from backend.settings import Settings
from backend.tasks import all_tasks
from tests.backend.tasks.conftest import opened
from tests.plain_python import printed

TASK = all_tasks()["text-classification"]
VALUES = {"text": 'a "great" film\n房间很干净'}
# What a person runs in Jupyter, without Jupyter: the cells from the top, in one process. Lines of % are Jupyter's own.
RUN = """
import json
names = {{}}
for cell in json.load(open({file!r}, encoding="utf-8"))["cells"]:
    if cell["cell_type"] == "code":
        exec("".join(line for line in cell["source"] if not line.startswith("%")), names)
"""


def test_its_cells_print_what_the_page_answered(settings: Settings, tiny_classifier: Path, tmp_path: Path) -> None:
    ref, params = f"folder:{tiny_classifier}", TASK.params()
    with opened(settings, TASK.name, ref) as pipe:
        bars = TASK.run(pipe, VALUES, params)
    file = tmp_path / "answer.ipynb"
    code = TASK.snippet(str(tiny_classifier), VALUES, params)
    file.write_text(notebook("Classify", "What it does.", str(tiny_classifier), code, "en"), encoding="utf-8")
    lines = [line.rsplit(" ", 1) for line in printed(RUN.format(file=str(file))).splitlines()]
    assert [label for label, _ in lines] == [label for label, _ in bars.scores]
    assert [float(score) for _, score in lines] == pytest.approx([score for _, score in bars.scores], abs=1e-5)


@pytest.mark.parametrize("locale", ["en", "zh-CN"])
def test_it_is_a_notebook_of_format_4_with_words_an_installing_cell_and_the_code(locale: str) -> None:
    made = json.loads(notebook("Title", "Words.", "owner/name", "print('房')\n", locale))
    assert (made["nbformat"], made["nbformat_minor"]) == (4, 5)
    about, install, code = made["cells"]
    assert about["cell_type"] == "markdown" and about["source"][0] == "# Title\n"
    assert "https://huggingface.co/owner/name" in "".join(about["source"])
    assert install["source"][1].startswith("%pip install") and "transformers==" in install["source"][1]
    assert code["source"] == ["print('房')"] and code["outputs"] == [] and code["execution_count"] is None
    assert len({cell["id"] for cell in made["cells"]}) == 3


@pytest.mark.parametrize(
    ("task", "values", "params", "more"),
    [
        ("text-classification", VALUES, {}, []),
        ("text-generation", {"messages": "import os"}, {}, []),
        ("text-generation", {"messages": "hi"}, {"engine": "quick"}, ["ctranslate2"]),
        ("feature-extraction", {"texts": "good\nbad"}, {}, []),
        ("feature-extraction", {"texts": "good\nbad\nfine"}, {}, ["scikit-learn"]),
    ],
)
def test_what_the_code_imports_is_installed(task: str, values: dict[str, str], params: Any, more: list[str]) -> None:
    one = all_tasks()[task]
    code = one.snippet("owner/name", values, one.params(**params))
    _, install, _ = json.loads(notebook("T", "W", "owner/name", code, "en"))["cells"]
    assert re.findall(r'"([\w-]+)==', install["source"][1]) == ["transformers", "torch", *more]


def test_a_folder_is_said_to_be_one_of_this_computer() -> None:
    assert "`/models/x`" in notebook("T", "W", "/models/x", "", "en")
