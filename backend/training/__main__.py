"""`python -m backend.training RUN_DIR` trains one run; `--nursery` serves jobs, see backend/training/nursery.py."""

from __future__ import annotations

import argparse
import json
import os
import select
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

POLL_SECONDS = 0.25
WATCH_SECONDS = 1.0


def main() -> int:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m backend.training")
    parser.add_argument("words", nargs="*", metavar="[train|forecast|mirror] RUN_DIR")
    parser.add_argument("--nursery", action="store_true", help="serve jobs from stdin")
    parser.add_argument("--with-parent", action="store_true", help="end when the process that started this one is gone")
    chosen = parser.parse_args()
    if chosen.nursery:
        serve()
    *kind, folder = chosen.words or parser.error("RUN_DIR is missing")
    if chosen.with_parent:
        leave_with_parent(os.getppid(), Path(folder))
    return work(kind[0] if kind else "train", Path(folder))


def work(kind: str, folder: Path) -> int:
    """Do one job. 0: it ended as it should, however it went; its folder says how."""
    if kind == "forecast":
        from backend.training.measuring import measure

        measure(folder)
    elif kind == "mirror":
        from backend.metrics.mirror import mirror

        mirror(folder)
    else:
        from backend.training.run import train

        train(folder)
    return 0


def serve() -> NoReturn:
    """Import, then fork a child for each line of stdin, until stdin ends."""
    pipe = os.fdopen(os.dup(1), "w", encoding="utf-8")
    # What a library prints is no news.
    os.dup2(2, 1)
    preload()
    tell(pipe, news="ready")
    children: dict[int, str] = {}
    waiting = b""
    while True:
        if select.select([0], [], [], POLL_SECONDS)[0]:
            received = os.read(0, 65536)
            if not received:
                # Quickly, since the app is ending: nothing here is worth the seconds that torch takes to unload.
                os._exit(0)
            *lines, waiting = (waiting + received).split(b"\n")
            for line in lines:
                job = json.loads(line)
                pid = fork(job["job"], Path(job["folder"]))
                children[pid] = job["name"]
                tell(pipe, news="started", name=job["name"], pid=pid)
        while children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                break
            tell(pipe, news="ended", name=children.pop(pid), code=os.waitstatus_to_exitcode(status))


def tell(pipe: Any, /, **what: object) -> None:
    """One line of news."""
    pipe.write(json.dumps(what) + "\n")
    pipe.flush()


def preload() -> None:
    """Import what a job needs. Nothing is computed, so that no thread pool of torch exists when a child is forked."""
    import accelerate.accelerator  # noqa: F401
    import datasets  # noqa: F401
    import evaluate  # noqa: F401
    import safetensors.torch  # noqa: F401
    import sklearn.metrics  # noqa: F401
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer  # noqa: F401
    from transformers.models.bert import modeling_bert  # noqa: F401

    import backend.data.split
    import backend.training.measuring
    import backend.training.report
    import backend.training.run
    import backend.training.trainer_loop
    import backend.training.watch  # noqa: F401


def fork(kind: str, folder: Path) -> int:
    """A child at work on one job; its pid. The child never returns."""
    nursery = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        log = os.open(folder / "log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.dup2(log, 1)
        os.dup2(log, 2)
        leave_with_parent(nursery, folder)
        code = work(kind, folder)
    except BaseException:  # noqa: BLE001 - the border of a child
        # The traceback belongs into the run's log, not into the nursery.
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def leave_with_parent(parent: int, folder: Path) -> None:
    """Watch the parent; when it is gone, say in the status that the run was cut off, and end."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_SECONDS)
        from backend.errors import UserError
        from backend.training.run_folder import RunFolder
        from backend.training.spec import RunState

        run = RunFolder(folder)
        if run.status_file.exists() and run.status().state is RunState.RUNNING:
            cause = UserError("training.app_gone").to_json()
            run.write_status(replace(run.status(), state=RunState.INTERRUPTED, error=cause, ended=time.time()))
        os._exit(3)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
