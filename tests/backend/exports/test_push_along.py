"""What is known before Start of a run that is to go to the Hub. tests/hub drives one there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backend.errors import UserError
from backend.exports.push_along import FILE, Access, Arrived, arrived, refuse_push
from backend.settings import Settings


@pytest.mark.parametrize(
    ("repo", "changes", "token", "key"),
    [
        ("me/al ong", {}, "hf_x", "after.bad_repo"),
        ("me/along", {"offline": "yes"}, "hf_x", "push.offline"),
        ("me/along", {"public": True}, "", "after.no_token"),
    ],
)
def test_what_could_not_go_is_refused(
    settings: Settings, repo: str, changes: dict[str, object], token: str, key: str
) -> None:
    settings = replace(settings, **{"offline": "auto"} | changes)  # type: ignore[arg-type]
    refuse_push("me/along", replace(settings, offline="auto"), Access("hf_x"))
    with pytest.raises(UserError) as raised:
        refuse_push(repo, settings, Access(token))
    assert raised.value.key == key


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"address": 1, "more": 2}'])
def test_what_cannot_be_read_is_nothing(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / FILE).write_text(text)
    assert arrived(tmp_path) == Arrived()
