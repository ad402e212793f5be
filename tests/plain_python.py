"""Runs a piece of Python in a process of its own, with nothing of ours imported, without the ten seconds of importing.

One process imports the libraries, once, and forks a child for each piece of code. Where there is no fork, each piece is
a fresh Python.
"""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

# Reads a line of JSON {"code", "folder", "output", "errors"} and answers it with the exit code of the child.
_SERVER = """
import json, os, sys
import torch, transformers
from transformers import AutoModel, AutoTokenizer, pipeline
for line in sys.stdin:
    asked = json.loads(line)
    child = os.fork()
    if child == 0:
        os.chdir(asked["folder"])
        for number, name in ((1, "output"), (2, "errors")):
            os.dup2(os.open(asked[name], os.O_WRONLY | os.O_CREAT), number)
        code = 0
        try:
            exec(compile(asked["code"], "<piece>", "exec"), {"__name__": "__main__"})
        except BaseException:
            import traceback
            traceback.print_exc()
            code = 1
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def printed(code: str, folder: Path | None = None) -> str:
    """What the code prints. folder: where it runs. Fails with what it says when it ends badly."""
    if not sys.platform.startswith("linux"):
        done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, encoding="utf-8")
        assert done.returncode == 0, done.stderr
        return done.stdout
    with tempfile.TemporaryDirectory() as scratch:
        output, errors = Path(scratch) / "output", Path(scratch) / "errors"
        server = _server()
        assert server.stdin and server.stdout
        asked = {"code": code, "folder": str(folder or scratch), "output": str(output), "errors": str(errors)}
        server.stdin.write(json.dumps(asked) + "\n")
        server.stdin.flush()
        ended = server.stdout.readline().strip()
        assert ended == "0", f"exit code {ended or 'none'}\n{errors.read_text(encoding='utf-8', errors='replace')}"
        return output.read_text(encoding="utf-8")


@cache
def _server() -> subprocess.Popen[str]:
    server = subprocess.Popen(
        # Not from this folder, where our own packages could be imported.
        [sys.executable, "-I", "-c", _SERVER], cwd="/", stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    )  # fmt: skip
    atexit.register(_end, server)
    return server


def _end(server: subprocess.Popen[str]) -> None:
    assert server.stdin and server.stdout
    server.stdin.close()
    server.wait(20)
    server.stdout.close()
