"""Lists inside of objects, and what is in them: they tell when they are changed, so that the change can be written."""

from collections.abc import Callable
from typing import Any

__all__ = ['tracked']


class TrackedList(list[Any]):
    """A list that tells when it is changed."""

    _tell: Callable[[], None]


class TrackedDict(dict[str, Any]):
    """A dict in a list that tells when it is changed."""

    _tell: Callable[[], None]


def _telling(base: type, name: str) -> Callable[..., Any]:
    original = getattr(base, name)

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = original(self, *args, **kwargs)
        self._tell()
        return self if result is not None and name in ('__iadd__', '__imul__', '__ior__') else result

    method.__name__ = name
    return method


_LIST = ('append', 'extend', 'insert', 'remove', 'pop', 'clear', 'sort', 'reverse')
_DICT = ('clear', 'pop', 'popitem', 'setdefault', 'update', '__ior__')
_BOTH = ('__setitem__', '__delitem__')
for _name in (*_LIST, *_BOTH, '__iadd__', '__imul__'):
    setattr(TrackedList, _name, _telling(list, _name))
for _name in (*_DICT, *_BOTH):
    setattr(TrackedDict, _name, _telling(dict, _name))


def tracked(values: list[Any], tell: Callable[[], None]) -> list[Any]:
    """A list with the same items that calls `tell` after each change in it, at any depth."""
    followed = TrackedList(_tracked(each, tell) for each in values)
    followed._tell = tell
    return followed


def _tracked(value: Any, tell: Callable[[], None]) -> Any:
    if isinstance(value, list):
        return tracked(value, tell)
    if isinstance(value, dict):
        followed = TrackedDict((key, _tracked(each, tell)) for key, each in value.items())
        followed._tell = tell
        return followed
    return value
