"""A trained model goes to the Hub, with its card, in one commit. The token is passed on and kept nowhere."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from backend.errors import UserError
from backend.exports.card import PLACEHOLDER

T = TypeVar("T")
# As the Hub has them: letters, digits, dot, dash and underscore, not two dots or dashes in a row.
_REPO = re.compile(r"(?!.*(--|\.\.))([A-Za-z0-9][\w.\-]*/)?[A-Za-z0-9][\w.\-]{0,95}", re.ASCII)


def push_model(model: Path, card: str, repo: str, token: str | bool | None, endpoint: str, private: bool) -> str:
    """Create the repository where there is none, and commit the model's files and the card to it. Returns its address.

    model: a folder for from_pretrained. repo: `owner/name`, or `name` for the token's own account. token: None takes
    the one that `hf auth login` stored. private: for a repository that is made now.
    Raises UserError after.bad_repo, no_token, bad_token, no_right, repo_taken, bad_card, hub_refused, no_answer, cut.
    """
    name = check_name(repo)
    check_token(token, endpoint)
    from huggingface_hub import CommitOperationAdd, HfApi

    api = HfApi(endpoint=endpoint, token=token)
    files = [path for path in sorted(model.iterdir()) if path.is_file() and path.name != "README.md"]

    def send() -> str:
        url = api.create_repo(name, private=private, exist_ok=True)
        operations = [CommitOperationAdd(path.name, str(path)) for path in files]
        # Only now is it known where the example of the card finds the model.
        operations.append(CommitOperationAdd("README.md", card.replace(PLACEHOLDER, url.repo_id).encode()))
        api.create_commit(url.repo_id, operations, commit_message="Model and card")
        return str(url)

    return _translated(send, name, endpoint, bool(token))


def check_name(repo: str) -> str:
    """The name as the Hub takes it, less spaces around it. Raises UserError after.bad_repo."""
    name = repo.strip().strip("/")
    if not _REPO.fullmatch(name) or name.endswith((".git", ".", "-")):
        raise UserError("after.bad_repo", repo=repo[:100])
    return name


def check_token(token: str | bool | None, endpoint: str) -> None:
    """Raises UserError after.bad_token for what cannot be one: it would stand in the words of another error."""
    if isinstance(token, str) and not (token.isascii() and token.isprintable()):
        raise UserError("after.bad_token", endpoint=endpoint)


def _translated(ask: Callable[[], T], repo: str, endpoint: str, has_token: bool) -> T:
    """What `ask` returns; the library's exceptions as UserErrors."""
    import httpx2
    from huggingface_hub import errors

    try:
        return ask()
    except errors.OfflineModeIsEnabled as error:
        raise UserError("after.offline") from error
    except errors.LocalTokenNotFoundError as error:
        raise UserError("after.no_token") from error
    except errors.HFValidationError as error:
        raise UserError("after.bad_repo", repo=repo) from error
    except Exception as error:
        if isinstance(error, ValueError) and "README.md" in str(error):
            raise UserError("after.bad_card", reason=str(error).partition("\n")[2] or str(error)) from error
        # What goes wrong in a thread of the upload comes wrapped.
        for cause in _causes(error):
            if isinstance(cause, errors.HfHubHTTPError):
                raise _refused(cause.response.status_code, repo, endpoint, has_token) from error
            if isinstance(cause, (httpx2.ConnectError, httpx2.ConnectTimeout)):
                raise UserError("after.no_answer", endpoint=endpoint) from error
            if isinstance(cause, httpx2.TransportError):
                raise UserError("after.cut", repo=repo) from error
        raise


def _refused(status: int, repo: str, endpoint: str, has_token: bool) -> UserError:
    """What the Hub's number means to the person who pushes."""
    if status == 401:
        return UserError("after.bad_token" if has_token else "after.no_token", endpoint=endpoint)
    if status in (403, 404):
        return UserError("after.no_right", repo=repo, endpoint=endpoint)
    return UserError("after.hub_refused", repo=repo, endpoint=endpoint, status=status)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
