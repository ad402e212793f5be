"""`python -m backend.training RUN_DIR` trains one run; `--nursery` serves jobs, see backend/training/nursery.py.

Under `accelerate launch` each of its processes comes here with the same RUN_DIR, and they train the run together.
"""

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
    parser.add_argument("words", nargs="*", metavar="[train|forecast|inside|evaluate|mirror] RUN_DIR")
    parser.add_argument("--nursery", action="store_true", help="serve jobs from stdin")
    parser.add_argument("--with-parent", action="store_true", help="end when the process that started this one is gone")
    parser.add_argument("--with-app", type=int, default=0, metavar="PID", help="end when this process is gone, too")
    chosen = parser.parse_args()
    if chosen.nursery:
        serve()
    *kind, folder = chosen.words or parser.error("RUN_DIR is missing")
    if chosen.with_parent:
        leave_with_parent(os.getppid(), Path(folder), chosen.with_app)
    return work(kind[0] if kind else "train", Path(folder), by_app=chosen.with_parent)


def work(kind: str, folder: Path, by_app: bool = True) -> int:
    """Do one job. 0: it ended as it should, however it went; its folder says how. by_app: not by a person's command."""
    if kind == "forecast":
        from backend.training.measuring import measure

        measure(folder)
    elif kind == "inside":
        from backend.training.taken_apart import take_apart

        take_apart(folder)
    elif kind == "evaluate":
        from backend.training.elsewhere import evaluate

        evaluate(folder)
    elif kind == "mirror":
        from backend.metrics.mirror import mirror

        mirror(folder)
    else:
        return train_here(folder, by_app)
    return 0


def train_here(folder: Path, by_app: bool) -> int:
    """Train a run, alone or with the other processes of an `accelerate launch`, or go on with it.

    By a person's own command, a run that has come to its end is trained in a new folder.
    """
    from backend.training.again import unused
    from backend.training.group import join
    from backend.training.run import train
    from backend.training.run_folder import RunFolder
    from backend.training.spec import RunState

    spec = RunFolder(folder).spec()
    group = join(spec.device)
    if not by_app:
        folder = Path(group.tell_text(str(unused(folder)) if group.is_main else ""))
    if group.size == 1:
        train(folder, "accelerate" if spec.launcher == "accelerate" else "process")
        return 0
    if group.is_main:
        well = train(folder, "accelerate", group) is not RunState.FAILED
    else:
        from backend.training.together import assist

        well = assist(folder, group)
    sys.stdout.flush()
    sys.stderr.flush()
    # At once: a process that lingers in its farewell to one that is gone already keeps all of them.
    os._exit(0 if well else 1)


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
    import backend.training.elsewhere
    import backend.training.measuring
    import backend.training.native_loop
    import backend.training.report
    import backend.training.run
    import backend.training.taken_apart
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


def leave_with_parent(parent: int, folder: Path, app: int = 0) -> None:
    """Watch the parent, and the app where that is another; when one is gone, say so in the status, and end."""
    import psutil

    from backend.training.board import WRITING

    try:
        above = psutil.Process(app) if app else None
    except psutil.NoSuchProcess:
        above = None

    def watch() -> None:
        while os.getppid() == parent and (not app or (above and above.is_running())):
            time.sleep(WATCH_SECONDS)
        # Of several processes the main one says it, who else would write the status after it.
        if os.environ.get("RANK", "0") == "0":
            # Else the next beat would say that the run goes on.
            WRITING.acquire()
            say_why_cut_off(folder, bool(above and above.is_running()))
        os._exit(3)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def say_why_cut_off(folder: Path, app_lives: bool) -> None:
    """Put into the status of a run that is under way what ended it."""
    from backend.errors import UserError
    from backend.training.group import take_trouble
    from backend.training.recovery import ended_well
    from backend.training.run_folder import RunFolder
    from backend.training.spec import RunState

    run = RunFolder(folder)
    if not run.status_file.exists() or run.status().state is not RunState.RUNNING:
        return
    if run.report():
        ended_well(run)
        return
    # What stood between app and run is gone alone: somebody ended it, or the system for want of memory.
    cause = take_trouble(folder) or UserError("training.killed" if app_lives else "training.app_gone")
    state = RunState.INTERRUPTED if cause.key == "training.app_gone" else RunState.FAILED
    run.write_status(replace(run.status(), state=state, error=cause.to_json(), ended=time.time()))


if __name__ == "__main__":
    sys.exit(main())
