"""What differs between what is there and what a test expects: a line a difference, for assertions that fail."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from kmock.kube.objects.comparing import agrees, covers, history_covers
from kmock.kube.objects.history import ObjectHistory
from kmock.kube.objects.object import Object
from kmock.kube.objects.version import ObjectVersion

__all__ = ['explain_comparison']

_SHOWN = 20
_WIDTH = 60
_SIGNS = ('>=', '<=', '==')


def explain_comparison(sign: str, left: object, right: object) -> list[str] | None:
    """The lines of the explanation of a comparison that does not hold; None if it is not of objects or histories."""
    if sign not in _SIGNS:
        return None
    ours, other = (left, right) if isinstance(left, _OURS) else (right, left)
    if not isinstance(ours, _OURS):
        return None
    seen, pattern = (right, left) if sign == '<=' else (left, right)
    if sign == '==':
        seen, pattern = ours, other
    found = list(_differences(ours, seen, pattern, exactly=sign == '=='))
    if not found:
        return None
    shown = found[:_SHOWN]
    if len(found) > _SHOWN:
        shown.append(f'… and {len(found) - _SHOWN} more')
    return [f'{_short(left)} {sign} {_short(right)}', *shown]


_OURS = (Object, ObjectVersion, ObjectHistory)


def _differences(ours: object, seen: Any, pattern: Any, *, exactly: bool) -> Iterator[str]:
    if isinstance(ours, ObjectHistory):
        if isinstance(pattern, Mapping | str | bytes) or not isinstance(pattern, Iterable):
            yield f'a history is compared with a list of versions, not with {_short(pattern)}'
        elif exactly:
            yield from _in_order(list(seen), list(pattern))
        else:
            yield from _in_any_order(list(seen), list(pattern))
    elif not isinstance(seen, Mapping) or not isinstance(pattern, Mapping):
        yield f'an object is compared with a mapping, not with {_short(pattern)}'
    elif isinstance(seen, Object) and seen.deleted:
        yield 'the object is deleted; the version before that is in its `.last`'
    else:
        yield from _in_values(seen, pattern, '', exactly)


# --- histories


def _in_order(versions: Sequence[Any], pattern: Sequence[Any]) -> Iterator[str]:
    if len(versions) != len(pattern):
        yield f'{_count(versions, "version")} instead of {len(pattern)}'
    for index, (version, wanted) in enumerate(zip(versions, pattern, strict=False)):
        yield from _in_values(version, wanted, f'[{index}]', exactly=True)


def _in_any_order(versions: Sequence[Any], pattern: Sequence[Any]) -> Iterator[str]:
    """Each item of the pattern wants a version of its own that has all that it has."""
    lacking = [index for index, item in enumerate(pattern) if not any(covers(each, item) for each in versions)]
    if len(versions) < len(pattern):
        yield f'{_count(versions, "version")} instead of {len(pattern)} or more'
    elif not lacking and not history_covers(versions, pattern):
        yield 'some items of the pattern have but the same versions to agree with; each needs one of its own'
    for item in lacking:
        near = [list(_in_values(version, pattern[item], f'[{at}]', False)) for at, version in enumerate(versions)]
        yield f'no version has all of item {item}, {_short(pattern[item])}' + (', the nearest one has' if near else '')
        yield from (f'  {line}' for line in min(near, key=len, default=()))


# --- values


def _in_values(seen: Any, pattern: Any, path: str, exactly: bool) -> Iterator[str]:
    if (agrees if exactly else covers)(seen, pattern):
        return
    if isinstance(seen, Mapping) and isinstance(pattern, Mapping):
        yield from _in_mappings(seen, pattern, path, exactly)
    elif isinstance(seen, list | tuple) and isinstance(pattern, list | tuple):
        if len(seen) != len(pattern):
            yield f'{path}: {_count(seen, "item")} instead of {len(pattern)}'
        for index, (one, other) in enumerate(zip(seen, pattern, strict=False)):
            yield from _in_values(one, other, f'{path}[{index}]', exactly)
    else:
        yield f'{path}: {_short(seen)} instead of {_short(pattern)}'


def _in_mappings(seen: Mapping[str, Any], pattern: Mapping[str, Any], path: str, exactly: bool) -> Iterator[str]:
    for key, wanted in pattern.items():
        if key in seen:
            yield from _in_values(seen[key], wanted, _inside(path, key), exactly)
        else:
            yield f'{_inside(path, key)}: absent'
    for key in itertools.filterfalse(pattern.__contains__, seen if exactly else ()):
        yield f'{_inside(path, key)}: {_short(seen[key])} instead of nothing'


def _inside(path: str, key: object) -> str:
    """The path of a key in a mapping: `spec.size`, `labels['app.example/name']`."""
    if not isinstance(key, str) or not key.isidentifier():
        return f'{path}[{key!r}]'
    return f'{path}.{key}' if path else key


def _short(value: object) -> str:
    text = '...' if value is ... else repr(value)
    return text if len(text) <= _WIDTH else f'{text[: _WIDTH * 2 // 3]}…{text[-_WIDTH // 3 :]}'


def _count(items: Sequence[Any], what: str) -> str:
    return f'{len(items)} {what}' if len(items) == 1 else f'{len(items)} {what}s'
