"""Values as the Go code of an API server names and prints them in its messages. Nothing is decided here."""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from kmock.kube.statuses import bad_request

__all__ = ['copied', 'go_kind', 'go_print', 'go_type', 'refusing_depth']

_P = ParamSpec('_P')
_R = TypeVar('_R')


def refusing_depth(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Let a recursive function answer 400 to values nested too deeply, as Go's decoder does (at 10,000 levels)."""

    @functools.wraps(function)
    def refusing(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return function(*args, **kwargs)
        except RecursionError:
            raise bad_request('error decoding patch: exceeded max depth') from None

    return refusing


def copied(value: Any) -> Any:
    """A deep copy of parsed JSON, several times faster than `copy.deepcopy`."""
    if type(value) is dict:
        return {key: copied(each) if type(each) in (dict, list) else each for key, each in value.items()}
    if type(value) is list:
        return [copied(each) if type(each) in (dict, list) else each for each in value]
    return value


def go_kind(value: Any) -> str:
    """The kind of a JSON value in the errors of Go's decoder: `cannot unmarshal array into Go value of type …`."""
    match value:
        case None:
            return 'null'
        case bool():
            return 'bool'
        case int() | float():
            return 'number'
        case str():
            return 'string'
        case list():
            return 'array'
        case _:
            return 'object'


def go_type(value: Any) -> str:
    """The type of a value of an unstructured object in the format `%T`: `int64`, `[]interface {}`, `<nil>`."""
    match value:
        case None:
            return '<nil>'
        case bool():
            return 'bool'
        case int():
            return 'int64'
        case float():
            return 'float64'
        case str():
            return 'string'
        case list():
            return '[]interface {}'
        case _:
            return 'map[string]interface {}'


def go_print(value: Any) -> str:
    """A value in the format `%v`: `map[a:1 b:[x y]]`, keys sorted, strings bare, null as `<nil>`."""
    match value:
        case None:
            return '<nil>'
        case bool():
            return 'true' if value else 'false'
        case str():
            return value
        case float():
            return _go_float(value)
        case dict():
            return f'map[{" ".join(f"{key}:{go_print(value[key])}" for key in sorted(value))}]'
        case list():
            return f'[{" ".join(go_print(each) for each in value)}]'
        case _:
            return str(value)


def _go_float(value: float) -> str:
    """The shortest text that reads back; with an exponent only below 1e-4 and from 1e21 on (Go's `%v`)."""
    text = repr(value)
    if value == int(value) and abs(value) < 1e21:
        return str(int(value))
    return text
