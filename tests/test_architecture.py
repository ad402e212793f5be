"""The arrows between the folders hold, and the page starts without the heavy libraries."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("torch", "transformers", "datasets", "evaluate", "accelerate", "sklearn", "scipy", "duckdb", "trackio", "peft")


def test_imports_follow_the_arrows() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_page_is_built_without_a_heavy_library() -> None:
    code = "import json, sys, app; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert loaded & set(HEAVY) == set()


def test_no_module_is_a_drawer_for_everything() -> None:
    drawers = {"utils", "util", "common", "helpers", "helper", "manager", "engine", "core", "misc"}
    names = {path.stem for top in ("ui", "backend") for path in (ROOT / top).rglob("*.py")}
    assert names & drawers == set()


def test_whatever_swallows_every_exception_says_why() -> None:
    silent = []
    for path in [*(ROOT / "ui").rglob("*.py"), *(ROOT / "backend").rglob("*.py")]:
        lines = path.read_text(encoding="utf-8").splitlines()
        for node in ast.walk(ast.parse("\n".join(lines))):
            if isinstance(node, ast.ExceptHandler) and _catches_all(node):
                swallows = not any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
                says_why = "noqa: BLE001 - " in lines[node.lineno - 1] or lines[node.lineno].strip().startswith("# ")
                if node.type is None or swallows and not says_why:
                    silent.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert silent == []


def _catches_all(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or getattr(handler.type, "id", "") in ("Exception", "BaseException")
