"""The documents say what the code does: settings, files, versions, commands. `make readme` writes parts of them."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from backend.settings import Settings, flag, variable  # noqa: E402

README = ROOT / "README.md"
# What has no docstring to read the clause from.
CLAUSES = {
    "assets/text": "every text a person reads, by language and area",
    "assets/samples": "data sets written for the product",
    "assets/export": "the script that a finished run becomes, before its values are filled in",
    "assets/starter": "adapters trained with the product",
    "benchmarks": "scripts that measure, and their results",
    "tests": "mirrors the tree; tests/browser drives the real page, tests/hub is a small Hub",
    "Makefile": "run, test, check, bench, starter",
    "requirements.txt": "what runs it, pinned",
    "requirements-dev.txt": "what tests it, pinned",
    "pyproject.toml": "settings of the checks; who may import whom",
}


def settings_table() -> str:
    """One row a setting: flag, environment variable, default, meaning."""
    rows = ["| flag | environment variable | default | meaning |", "|---|---|---|---|"]
    for field in fields(Settings):
        default = {True: "yes", False: "no"}.get(field.default, field.default) if field.default != "" else "(empty)"
        choices = f" One of: {', '.join(field.metadata['choices'])}." if field.metadata["choices"] else ""
        rows.append(f"| `{flag(field)}` | `{variable(field)}` | {default} | {field.metadata['meaning']}{choices} |")
    return "\n".join(rows)


def file_map() -> str:
    """One line a module with the first line of its docstring, as a tree."""
    lines = [("app.py", _first_line(ROOT / "app.py"))]
    for top in ("ui", "backend"):
        for path in sorted((ROOT / top).rglob("*.py")):
            is_package = path.name == "__init__.py"
            inside = (path.parent if is_package else path).relative_to(ROOT)
            name = "  " * (len(inside.parts) - 1) + inside.name + "/" * is_package
            lines.append((name, _first_line(path)))
    lines += [(path, clause) for path, clause in CLAUSES.items() if (ROOT / path).exists()]
    return "```\n" + "\n".join(f"{name:<36} {clause}" for name, clause in lines) + "\n```"


def _first_line(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    first = text.split("\n")[0].rstrip(".")
    return first if len(first) <= 100 else re.split(r"[:;(]", first)[0].strip()


def generated(readme: str) -> str:
    """The README with its generated parts as they should be now."""
    for name, text in (("settings", settings_table()), ("files", file_map())):
        readme = re.sub(
            rf"(<!-- {name}: [^>]*-->\n).*?(<!-- end -->)", lambda m, t=text: f"{m[1]}{t}\n{m[2]}", readme, flags=re.S
        )
    return readme


def pins() -> dict[str, str]:
    """Package to version, from requirements.txt."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if "==" in line)


def test_the_generated_parts_are_up_to_date() -> None:
    readme = README.read_text(encoding="utf-8")
    assert readme == generated(readme), "run `make readme`"


@pytest.mark.parametrize("field", fields(Settings), ids=lambda field: field.name)
def test_every_setting_is_documented(field) -> None:  # type: ignore[no-untyped-def]
    row = re.search(
        rf"\| `{flag(field)}` \| `{variable(field)}` \| (.*?) \| (.*?) \|", README.read_text(encoding="utf-8")
    )
    assert row is not None
    assert field.metadata["meaning"] in row[2]


def test_the_front_matter_is_that_of_a_gradio_space() -> None:
    import yaml

    front = yaml.safe_load(README.read_text(encoding="utf-8").split("---\n")[1])
    assert front["sdk"] == "gradio" and front["license"] == "apache-2.0"
    assert front["sdk_version"] == pins()["gradio"]
    assert (ROOT / front["app_file"]).is_file()
    assert front["python_version"] == "3.11"
    assert len(front["short_description"]) <= 60


def test_every_run_time_package_is_pinned_exactly() -> None:
    for name in ("requirements.txt", "requirements-dev.txt"):
        for line in (ROOT / name).read_text().splitlines():
            assert re.fullmatch(r"(#.*|-r requirements\.txt|[A-Za-z0-9_.-]+==[A-Za-z0-9.]+)?", line), line


def test_what_is_installed_is_what_is_pinned() -> None:
    from importlib.metadata import version

    assert {name: version(name).split("+")[0] for name in pins()} == pins()


def test_every_make_target_of_the_documents_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for document in ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"):
        if (ROOT / document).exists():
            for target in re.findall(r"make ([a-z][a-z-]*)\b", "\n".join(_code((ROOT / document).read_text()))):
                assert re.search(rf"^{target}\b.*:|^bench-%:", makefile, re.M), f"{document}: make {target}"


def test_every_file_named_in_the_documents_exists() -> None:
    for document in ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "NOTICE"):
        if (ROOT / document).exists():
            text = (ROOT / document).read_text(encoding="utf-8")
            for name in re.findall(
                r"\b((?:backend|ui|tests|assets|benchmarks)/[\w./-]*\w\.(?:py|json|md|css|csv))\b", text
            ):
                assert (ROOT / name).exists(), f"{document} names {name}"


def test_the_starter_command_works_as_documented() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "backend.starter", "no-such-model"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1 and "no-such-model" in done.stderr and "Traceback" not in done.stderr


def _code(text: str) -> list[str]:
    """What stands in backquotes, fenced or not."""
    return re.findall(r"```.*?```|`[^`\n]+`", text, re.S)


if __name__ == "__main__":
    README.write_text(generated(README.read_text(encoding="utf-8")), encoding="utf-8")
