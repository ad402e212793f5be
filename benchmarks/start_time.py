"""Time from `python app.py` to HTTP 200, against a bare Gradio page with one textbox."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

from benchmarks._figures import ROOT, median, paired_ratio, write

BARE = """
import sys, gradio as gr
with gr.Blocks() as demo:
    gr.Textbox()
demo.launch(server_port=int(sys.argv[1]))
"""


def seconds_to_answer(command: list[str], port: int) -> float:
    """Start a server in a fresh process, wait for its first HTTP 200, end it."""
    environ = os.environ | {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1"}
    # pip compiled the libraries; the first start compiles our modules, unless this forbids keeping that.
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    start = time.perf_counter()
    server = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                    if answer.status == 200:
                        return time.perf_counter() - start
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                if server.poll() is not None:
                    raise RuntimeError(f"{command} ended with {server.returncode}") from None
                time.sleep(0.02)
    finally:
        server.kill()
        server.wait()


def _port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    """Five interleaved pairs, after one start of each that fills the disk cache and compiles what is not yet."""
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder) / "bare.py"
        bare.write_text(BARE)

        def ours() -> float:
            port = _port()
            return seconds_to_answer([sys.executable, "app.py", "--port", str(port), "--workspace", folder], port)

        def theirs() -> float:
            port = _port()
            return seconds_to_answer([sys.executable, str(bare), str(port)], port)

        ours(), theirs()
        ratio, a, b = paired_ratio(ours, theirs)
    write(
        "start_time",
        {
            "start to HTTP 200, ours / bare Gradio page": replace(ratio, goal="<= 1.25"),
            "start to HTTP 200, ours": median(a, "s"),
            "start to HTTP 200, bare Gradio page": median(b, "s"),
        },
    )


if __name__ == "__main__":
    main()
