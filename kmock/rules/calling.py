"""Callables that users write as criteria, payloads and sinks: whether they take the request, and what they return."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

__all__ = ['only_waits', 'result_of', 'takes_request', 'wants_await']

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_WAITS = (asyncio.Event.wait.__code__, asyncio.Condition.wait.__code__)


def takes_request(fn: Callable[..., Any]) -> bool:
    """Tell whether a callable is to be called with the request (one argument) or with nothing.

    Arguments with defaults are left alone, as in `lambda i=i: ...`; `*args` gets the request.

    Raises:
        ValueError: it demands more than one argument, or keywords.
    """
    try:
        parameters = inspect.signature(fn).parameters.values()
    except (TypeError, ValueError):  # some of those written in C tell nothing of themselves
        return False
    required = [each for each in parameters if each.default is inspect.Parameter.empty]
    positional = [each for each in required if each.kind in _POSITIONAL]
    keywords = [each for each in required if each.kind is inspect.Parameter.KEYWORD_ONLY]
    if len(positional) > 1 or keywords:
        raise ValueError(f'{fn!r} demands more than the request. Only callables with 0 or 1 argument are called here.')
    return bool(positional) or any(each.kind is inspect.Parameter.VAR_POSITIONAL for each in required)


def only_waits(awaitable: object) -> bool:
    """Tell whether a coroutine is that of an event's or a condition's `wait()`: its True is no data."""
    return getattr(awaitable, 'cr_code', None) in _WAITS


def wants_await(value: object) -> bool:
    """Tell whether a value is a coroutine or alike, to be awaited once. Futures are not: they can be asked again."""
    return inspect.isawaitable(value) and not isinstance(value, asyncio.Future)


async def result_of(awaitable: Awaitable[Any]) -> Any:
    """Await the value; the result of a mere wait is None."""
    if only_waits(awaitable):
        await awaitable
        return None
    return await awaitable
