"""What one written value accepts: in headers, cookies, parameters (text), in names (globs), and inside JSON."""

import dataclasses
import fnmatch
import functools
import re
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

__all__ = ['Both', 'glob_regexp', 'is_glob', 'json_test', 'name_test', 'texts_test']

_TRUE = frozenset({'true', 'yes', 'on', 'y', 't', '1'})
_FALSE = frozenset({'false', 'no', 'off', 'n', 'f', '0'})


def texts_test(written: Any) -> Callable[[Sequence[str]], bool]:
    """Compile a value of a header, a cookie, a parameter: a predicate on all the values that came under its name.

    Raises:
        ValueError: such a value can't be compared with text.
    """
    if written is None:
        return lambda values: not any(values)
    if written is ...:
        return bool
    if isinstance(written, AbstractSet):
        tests = [texts_test(each) for each in written]
        return lambda values: any(test(values) for test in tests)
    accepts = _text_test(written)
    return lambda values: any(accepts(value) for value in values)


def _text_test(written: Any) -> Callable[[str], bool]:
    match written:
        case str():
            return written.__eq__
        case re.Pattern() if isinstance(written.pattern, str):
            return lambda value: written.fullmatch(value) is not None
        case bool():
            words = _TRUE if written else _FALSE
            return lambda value: value.strip().lower() in words
        case int() | float():
            return lambda value: _number(value) == written
        case range():
            return lambda value: (number := _number(value)) is not None and number in written
        case _:
            raise ValueError(
                f'{written!r} can not be compared with text. '
                'Use a string, a regexp, a number, a bool, a range, a set of those, None (no value) or ... (any).'
            )


def _number(value: str) -> int | float | None:
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return None


def is_glob(written: str) -> bool:
    """Tell whether a string has wildcards. A question mark is none: it begins a query."""
    return '*' in written or '[' in written


@functools.lru_cache(maxsize=1024)
def glob_regexp(written: str) -> re.Pattern[str]:
    """The regexp of a glob; `*` spans slashes, too."""
    return re.compile(fnmatch.translate(written))


def name_test(written: Any, *, glob: bool = True) -> Callable[[str | None], bool]:
    """Compile a value for a name that is there or not: a string (glob), a regexp, a set, None for absent, `...`.

    Raises:
        ValueError: such a value can't be compared with a name.
    """
    if written is None:
        return lambda value: value is None
    if written is ...:
        return lambda value: True
    if isinstance(written, AbstractSet):
        tests = [name_test(each, glob=glob) for each in written]
        return lambda value: any(test(value) for test in tests)
    if isinstance(written, re.Pattern) and isinstance(written.pattern, str):
        return lambda value: value is not None and written.fullmatch(value) is not None
    if not isinstance(written, str):
        raise ValueError(f'{written!r} can not be a name. Use a string, a regexp, a set of those, None or ... (any).')
    if glob and (is_glob(written) or '?' in written):
        regexp = glob_regexp(written)
        return lambda value: value is not None and regexp.match(value) is not None
    return lambda value: value == written


_ABSENT = object()


@dataclasses.dataclass(frozen=True, slots=True)
class Both:
    """Two patterns of JSON, both demanded of the same value."""

    one: Any
    other: Any


def json_test(written: Any) -> Callable[[Any], bool]:
    """Compile a pattern of JSON: mappings partially, lists item by item, None as null or absent, `...` as anything.

    Raises:
        ValueError: something in it has no counterpart in JSON.
    """
    match written:
        case None:
            return lambda value: value is None or value is _ABSENT
        case re.Pattern() | range() | bool() | int() | float() | str():
            return _scalar_test(written)
        case Both(one, other):
            pair = json_test(one), json_test(other)
            return lambda value: all(test(value) for test in pair)
        case AbstractSet():
            tests = [json_test(each) for each in written]
            return lambda value: any(test(value) for test in tests)
        case Mapping():
            return _mapping_test(written)
        case list() | tuple():
            return _list_test(written)
    if written is ...:
        return lambda value: value is not None and value is not _ABSENT
    raise ValueError(
        f'{written!r} can not be compared with JSON. '
        'Use what JSON holds, or regexps, ranges, sets of alternatives, None (no value) or ... (any).'
    )


def _scalar_test(written: Any) -> Callable[[Any], bool]:
    """A value is compared as it is, or as text, so that the same criterion fits a parameter and JSON."""
    accepts = _text_test(written)

    def test(value: Any) -> bool:
        match value:
            case bool():
                return isinstance(written, bool | int | float) and value == written
            case str():
                return accepts(value)
            case int() | float():
                return accepts(str(value))
        return False

    return test


def _mapping_test(written: Mapping[Any, Any]) -> Callable[[Any], bool]:
    tests = [(key, json_test(each)) for key, each in written.items()]

    def accepts(value: Any) -> bool:
        return isinstance(value, Mapping) and all(test(value.get(key, _ABSENT)) for key, test in tests)

    return accepts


def _list_test(written: Sequence[Any]) -> Callable[[Any], bool]:
    tests = [json_test(each) for each in written]

    def accepts(value: Any) -> bool:
        if not isinstance(value, list) or len(value) != len(tests):
            return False
        return all(test(each) for test, each in zip(tests, value, strict=True))

    return accepts
