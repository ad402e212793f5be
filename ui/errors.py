"""The one place that shows errors: a UserError in the person's language, anything else as ours, with a reference."""

from __future__ import annotations

import functools
import html
import inspect
import logging
import secrets
from collections.abc import Callable
from typing import Any, TypeVar

import gradio as gr

from backend.errors import UserError
from ui.text import say
from ui.visitor import locale_of

logger = logging.getLogger("workbench")
Handler = TypeVar("Handler", bound=Callable[..., Any])


def shown(handler: Handler) -> Handler:
    """Decorate every event handler: errors become a toast. What the person typed stays, since no output changes."""

    @functools.wraps(handler)
    def plain(*args: Any, **kwargs: Any) -> Any:
        try:
            return _changes(handler(*args, **kwargs))
        except gr.Error:
            raise
        except Exception as error:  # one of the two borders where everything is caught
            raise _toast(error, _locale(args, kwargs)) from error

    @functools.wraps(handler)
    def streaming(*args: Any, **kwargs: Any) -> Any:
        try:
            yield from map(_changes, handler(*args, **kwargs))
        except gr.Error:
            raise
        except Exception as error:  # as above
            raise _toast(error, _locale(args, kwargs)) from error

    return streaming if inspect.isgeneratorfunction(handler) else plain  # type: ignore[return-value]


def explain(error: Exception, locale: str) -> tuple[str, str]:
    """(what happened, what to do). An error that is not a UserError is a bug: logged with a reference number."""
    if isinstance(error, UserError):
        return error.what(locale), error.todo(locale)
    reference = secrets.token_hex(3).upper()
    logger.error("reference %s", reference, exc_info=error)
    return say("errors.ours", locale), say("errors.ours.todo", locale, reference=reference)


def error_card(error: Exception, locale: str) -> str:
    """HTML for an error that stands where the answer would stand."""
    what, todo = explain(error, locale)
    return (
        '<div class="error-card" role="alert"><p class="lead-text"><span class="cross">✕</span> '
        f"{html.escape(what)}</p><p>{html.escape(todo)}</p></div>"
    )


def _changes(updates: Any) -> Any:
    """No widget with a new value: Gradio takes an empty dict for one value, and misses the others."""
    return gr.skip() if isinstance(updates, dict) and not updates else updates


def _toast(error: Exception, locale: str) -> gr.Error:
    what, todo = explain(error, locale)
    return gr.Error(f"{html.escape(what)}<br>{html.escape(todo)}", duration=15, print_exception=False)


def _locale(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    return locale_of(next((value for value in (*args, *kwargs.values()) if isinstance(value, gr.Request)), None))
