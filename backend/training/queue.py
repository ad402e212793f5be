"""The queue of runs: one trains at a time, the others wait their turn."""

from backend.models import ModelShelf
from backend.settings import Settings
from backend.workspace import Workspace


class RunQueue:
    """One for the process."""

    def __init__(self, settings: Settings, shelf: ModelShelf) -> None:
        self.settings = settings

    def recover(self, workspace: Workspace) -> None: ...

    def fingerprint(self, workspace: Workspace) -> str:
        return ""

    def lives(self, workspace: Workspace) -> bool:
        return False
