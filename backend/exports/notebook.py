"""The code of an answer as a Jupyter notebook: what it does, what to install, and the code, in a cell each."""

from __future__ import annotations

import json
import re
from importlib.metadata import version
from typing import Any

from backend.texts import lookup

PACKAGES = ("transformers", "torch")
"""What every snippet of a task needs; the versions that answered are the ones to install."""
# What some import besides, by the names to install it by. The other imports come with the two.
_MORE = {"ctranslate2": "ctranslate2", "sklearn": "scikit-learn"}
_IMPORT = re.compile(r"^\s*(?:import|from)\s+(\w+)", re.M)


def notebook(title: str, words: str, source: str, code: str, locale: str) -> str:
    """A notebook (nbformat 4.5) as JSON. title, words: the task's. source: a Hub id or a folder.

    Its layout: https://nbformat.readthedocs.io/en/latest/format_description.html
    """
    # A path is a folder of one computer, and the notebook may be opened on another.
    where = "notebook.folder" if source.startswith(("/", "\\")) or source[1:2] == ":" else "notebook.hub"
    about = [f"# {title}", words, lookup(where, locale, model=source), lookup("notebook.made", locale)]
    wanted = " ".join(f'"{name}=={version(name).partition("+")[0]}"' for name in _packages(code))
    cells = [
        _cell("about", "markdown", "\n\n".join(about)),
        _cell("install", "code", f"# {lookup('notebook.install', locale)}\n%pip install --quiet {wanted}"),
        _cell("code", "code", code.rstrip("\n")),
    ]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    whole = {
        "cells": cells,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(whole, ensure_ascii=False, indent=1) + "\n"


def _packages(code: str) -> list[str]:
    """What the code needs, by the names to install it by."""
    imported = dict.fromkeys(_IMPORT.findall(code))
    return [*PACKAGES, *(_MORE[name] for name in imported if name in _MORE)]


def _cell(name: str, kind: str, text: str) -> dict[str, Any]:
    cell: dict[str, Any] = {"cell_type": kind, "id": name, "metadata": {}, "source": text.splitlines(keepends=True)}
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})
