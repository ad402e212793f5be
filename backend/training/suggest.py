"""Which model to start from: the one whose tokenizer knows the words of the data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backend.data.describe import UNKNOWN_LIMIT, unknown_share
from backend.data.version import DataVersion
from backend.errors import UserError
from backend.workspace import Workspace

if TYPE_CHECKING:
    from backend.models import ModelShelf

ENGLISH = "starter:all-MiniLM-L6-v2"
MULTILINGUAL = "starter:multilingual-e5-small"


def suggest_model(shelf: ModelShelf, workspace: Workspace, version: DataVersion, text_column: str) -> str:
    """The ref of a starter: the multilingual one when the English one does not know over 5% of the tokens.

    Should one of the two not be here, the other is suggested all the same: the page then says how to get it.
    """
    try:
        tokenizer = shelf.tokenizer(workspace, ENGLISH)
    except UserError:
        return MULTILINGUAL
    return MULTILINGUAL if unknown_share(version, text_column, tokenizer) > UNKNOWN_LIMIT else ENGLISH
