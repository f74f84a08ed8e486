"""Comparison of what is there with what a test expects: partially, exactly, and of histories. Plain values only.

Mappings and lists are compared deeply. `...` in place of a value, an item or a version means that it is there. Lists
agree if they are of the same length, and their items do, one by one.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

__all__ = [
    'UnorderedError',
    'agrees',
    'covers',
    'histories_agree',
    'history_covers',
    'plain',
    'refuse_operand',
    'refuse_order',
]


class UnorderedError(TypeError, NotImplementedError):
    """Objects are compared with `>=`, `<=`, `==`, `!=`; there is no strict order among them."""


def refuse_order(sign: str) -> NoReturn:
    """Raise the error of `<` and `>`, which would mean nothing here."""
    raise UnorderedError(
        f"Objects can't be compared with {sign!r}: it has no meaning for them. "
        'Write `data >= pattern` or `pattern <= data` for partial comparison, `==` for exact, `not` to negate these.'
    )


def refuse_operand(sign: str, other: object, *, history: bool = False) -> NoReturn:
    """Raise the error of `>=` and `<=` with what a test can't mean."""
    kind = type(other).__name__
    if history:
        mend = '`history >= [{...}]`, with a pattern for each version'
        raise TypeError(f'A history is compared by {sign!r} with a list of patterns, not with {kind}. Write {mend}.')
    mend = "`data >= {'spec': {...}}`"
    if isinstance(other, Iterable) and not isinstance(other, str | bytes):
        mend += ', or `data.history >= [...]` for the versions of an object'
    elif other is None:
        mend += ', or `data.deleted` for whether an object is gone'
    raise TypeError(f'Objects are compared by {sign!r} with mappings, not with {kind}. Write {mend}.')


def plain(value: Any) -> Any:
    """The value as plain dicts and lists, made anew; what is neither stays as it is."""
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value


def covers(data: Any, pattern: Any) -> bool:
    """Whether the data has all that the pattern has; keys that are only in the data don't matter."""
    if pattern is ...:
        return True
    if isinstance(pattern, Mapping):
        if not isinstance(data, Mapping):
            return False
        return all(key in data and covers(data[key], value) for key, value in pattern.items())
    return _same_items(data, pattern, covers)


def agrees(data: Any, pattern: Any) -> bool:
    """Whether both are the same, up to what is `...` in one of them."""
    if pattern is ... or data is ...:
        return True
    if isinstance(pattern, Mapping) and isinstance(data, Mapping):
        return data.keys() == pattern.keys() and all(agrees(data[key], value) for key, value in pattern.items())
    return _same_items(data, pattern, agrees)


def _same_items(data: Any, pattern: Any, same: Callable[[Any, Any], bool]) -> bool:
    if isinstance(pattern, list | tuple) and isinstance(data, list | tuple):
        return len(data) == len(pattern) and all(map(same, data, pattern))
    return bool(data == pattern)


def histories_agree(versions: Sequence[Any], pattern: Sequence[Any]) -> bool:
    """Whether both have the same versions in the same order."""
    return len(versions) == len(pattern) and all(map(agrees, versions, pattern))


def history_covers(versions: Sequence[Any], pattern: Iterable[Any]) -> bool:
    """Whether each item of the pattern has a version of its own that covers it, in whatever order.

    This is a matching in a bipartite graph, found by augmenting paths: an item may be content with several versions.
    """
    items = list(pattern)
    if len(items) > len(versions):
        return False
    suits = [[index for index, version in enumerate(versions) if covers(version, item)] for item in items]
    taken: dict[int, int] = {}

    def place(item: int, tried: set[int]) -> bool:
        for index in suits[item]:
            if index in tried:
                continue
            tried.add(index)
            if index not in taken or place(taken[index], tried):
                taken[index] = item
                return True
        return False

    return all(place(item, set()) for item in range(len(items)))
