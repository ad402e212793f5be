"""Search the Hub, or a mirror of it, for models: by words, task, language and library."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from backend.errors import UserError
from backend.models.hub import Hub

Sort = Literal["downloads", "likes", "trending_score", "last_modified"]
SORTS: tuple[Sort, ...] = ("downloads", "trending_score", "likes", "last_modified")
TASKS = (
    "text-classification",
    "zero-shot-classification",
    "token-classification",
    "question-answering",
    "summarization",
    "translation",
    "text-generation",
    "fill-mask",
    "sentence-similarity",
    "feature-extraction",
)
"""The Hub's tags of what can be done here."""
LANGUAGES = ("en", "zh", "multilingual", "es", "fr", "de", "ja", "ko", "ru", "ar", "pt", "hi", "it", "vi", "id", "tr")
LIBRARIES = ("transformers", "sentence-transformers", "peft", "gguf")
MOST = 20
_FIELDS = ("downloads", "likes", "pipeline_tag", "library_name", "gated", "safetensors", "lastModified", "tags")


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What is looked for; "" stands for any."""

    words: str = ""
    task: str = ""
    language: str = ""
    library: str = ""
    sort: Sort = "downloads"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A model as the Hub lists it."""

    model_id: str
    task: str = ""
    library: str = ""
    downloads: int = 0
    """In the last thirty days."""
    likes: int = 0
    parameters: int = 0
    """0 when the Hub does not know."""
    updated: str = ""
    """ISO date."""
    gated: bool = False


def search(hub: Hub, query: Query) -> list[Found]:
    """At most MOST models, the first of the order asked for.

    Raises UserError shelf.search_offline, shelf.search_no_answer or shelf.search_refused.
    """
    if not hub.online():
        raise UserError("shelf.search_offline", endpoint=hub.endpoint)
    if not hub.answers():
        raise UserError("shelf.search_no_answer", endpoint=hub.endpoint)
    import httpx2
    from huggingface_hub import HfApi, errors

    api = HfApi(endpoint=hub.endpoint, token=hub.token)
    wanted: dict[str, Any] = {
        "search": query.words.strip()[:200] or None,
        "pipeline_tag": query.task or None,
        "filter": [tag for tag in (query.language, query.library) if tag] or None,
        "sort": query.sort,
        "limit": MOST,
        "expand": list(_FIELDS),
    }
    try:
        return [_found(one) for one in _first(api.list_models(**wanted))]
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        raise UserError("shelf.search_refused", endpoint=hub.endpoint, status=status) from error
    except (httpx2.TransportError, errors.OfflineModeIsEnabled) as error:
        raise UserError("shelf.search_no_answer", endpoint=hub.endpoint) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        # What answers there is no Hub: a page of its own, or of a network that asks for a login first.
        raise UserError("shelf.search_no_answer", endpoint=hub.endpoint) from error


def _first(listed: Iterable[Any]) -> list[Any]:
    return [one for one, _ in zip(listed, range(MOST), strict=False)]


def _found(one: Any) -> Found:
    weights = getattr(one, "safetensors", None)
    changed = getattr(one, "last_modified", None)
    return Found(
        model_id=str(one.id),
        task=one.pipeline_tag or "",
        library=one.library_name or "",
        downloads=one.downloads or 0,
        likes=one.likes or 0,
        parameters=int(getattr(weights, "total", 0) or 0),
        updated=changed.date().isoformat() if changed else "",
        gated=bool(one.gated),
    )
