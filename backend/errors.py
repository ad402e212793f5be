"""UserError: the only exception whose text a person ever sees."""

from __future__ import annotations

from typing import Any

from backend.texts import lookup


class UserError(Exception):
    """Something a person can understand and mend.

    key names two texts in assets/text/<locale>/*.json: `key` says what happened, `key.todo` says what to do.
    values fill the {placeholders} of both. A run keeps the pair in its status: the page says it in either language.
    """

    def __init__(self, key: str, /, **values: object) -> None:
        super().__init__(key, values)
        self.key = key
        self.values = values

    def what(self, locale: str = "en") -> str:
        """What happened, in the person's words."""
        return lookup(self.key, locale, **self.values)

    def todo(self, locale: str = "en") -> str:
        """What to do about it."""
        return lookup(f"{self.key}.todo", locale, **self.values)

    def to_json(self) -> dict[str, Any]:
        """The pair as JSON keeps it, in a run's status for one."""
        return {"key": self.key, "values": {name: str(value) for name, value in self.values.items()}}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> UserError:
        """The inverse of to_json."""
        return cls(data["key"], **data["values"])

    def __str__(self) -> str:
        return f"{self.what()} {self.todo()}"
