"""What reading a file found out, as text keys with values, so that the page can say it in either language."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Note:
    """One sentence about how a file was read. Text `key` with values; level warning: something the person may want to
    mend."""

    key: str
    values: dict[str, Any] = field(default_factory=dict)
    level: Literal["info", "warning"] = "info"

    def to_json(self) -> dict[str, Any]:
        """What version.json keeps."""
        return {"key": self.key, "values": self.values, "level": self.level}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Note:
        """The inverse of to_json."""
        return cls(data["key"], data["values"], data["level"])
