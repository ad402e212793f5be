"""Several processes that train one run together: who is who, and how the main one's word reaches the others.

`accelerate launch` starts them, each with its number in the environment. The main one alone writes into the run's
folder; the others train their part of every batch and heed what it says.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from backend.errors import UserError
from backend.training.causes import explain
from backend.workspace import write_json

# While the main process scores, the others wait; how long is not theirs to judge. A lost process shows at once.
PATIENCE = timedelta(days=2)
TROUBLE = "trouble.json"


@dataclass(frozen=True, slots=True)
class Group:
    """One process's place among those that train a run: index 0 is the main one."""

    index: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes."""
        return self.index == 0

    def tell(self, value: int) -> int:
        """In every process, what the main one says. All of them must ask at the same place."""
        if self.size == 1:
            return value
        import torch
        from accelerate import PartialState
        from accelerate.utils import broadcast

        said = broadcast(torch.tensor(int(value), device=PartialState().device))
        return int(said.item())

    def gather(self, own: Any) -> list[Any]:
        """What each process has, in their order."""
        if self.size == 1:
            return [own]
        from accelerate.utils import gather_object

        return list(gather_object([own]))

    def tell_text(self, value: str) -> str:
        """The same for words."""
        if self.size == 1:
            return value
        from accelerate.utils import broadcast_object_list

        return str(broadcast_object_list([value])[0])

    def wait(self) -> None:
        """Go on when every process has come here."""
        if self.size > 1:
            from accelerate import PartialState

            PartialState().wait_for_everyone()


def processes_around() -> int:
    """How many processes were started together with this one, itself included."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def join(device: str) -> Group:
    """Find the others, if there are any. device: "cpu" talks by gloo, "cuda" by NCCL. Waits until all are there."""
    if processes_around() == 1:
        return Group()
    from accelerate import PartialState

    if device == "cpu" and os.environ.get("LOCAL_WORLD_SIZE") == os.environ.get("WORLD_SIZE"):
        # All on this machine: nothing needs to resolve its name or to pass a firewall.
        import psutil

        loop_back = {"lo", "lo0"} & set(psutil.net_if_addrs())
        os.environ.setdefault("GLOO_SOCKET_IFNAME", next(iter(loop_back), "lo"))
    state = PartialState(cpu=device == "cpu", timeout=PATIENCE)
    return Group(state.process_index, state.num_processes)


def is_loss_of_another(error: BaseException) -> bool:
    """Whether an exception only says that another process of the group is gone."""
    import torch.distributed

    words = str(error).casefold()
    return isinstance(error, torch.distributed.DistError) or any(
        sign in words for sign in ("gloo", "nccl", "connection closed by peer", "connection reset by peer")
    )


def leave_trouble(run_dir: Path, cause: UserError) -> None:
    """Keep why a process other than the main one failed; the first word counts."""
    if not (run_dir / TROUBLE).exists():
        write_json(run_dir / TROUBLE, cause.to_json())


def take_trouble(run_dir: Path) -> UserError | None:
    """Why a process other than the main one failed, if one did; the note is removed."""
    path = run_dir / TROUBLE
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        path.unlink(missing_ok=True)
        return UserError.from_json(found)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def explain_together(error: BaseException, run_dir: Path) -> UserError:
    """What an exception in the main process means: where another process is gone, that one's cause."""
    if is_loss_of_another(error):
        return take_trouble(run_dir) or UserError("launch.process_lost", processes=processes_around())
    return explain(error, run_dir)
