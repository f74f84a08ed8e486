"""JSON paths of printer columns, the part of the notation that CustomResourceDefinitions allow and operators use.

`.spec.a`, `['a.b']`, `.a\\.b`, `[0]`, `[-1]`, `[1:3]`, `[*]`, `..a`, and filters such as `[?(@.type=="Ready")]`.
Source: the Kubernetes documentation, "JSONPath Support".
"""

import functools
import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

__all__ = ['JSONPathError', 'compile_path']

_Step = Callable[[Any], Iterator[Any]]

_TOKEN = re.compile(
    r'(?P<deep>\.\.)(?P<deepname>(?:\\.|[^.\[\]\\])+)'
    r'|\.?\[\s*(?:'
    r"'(?P<single>(?:\\.|[^'\\])*)'|\"(?P<double>(?:\\.|[^\"\\])*)\""
    r'|(?P<star>\*)|(?P<slice>-?\d*:-?\d*(?::\d+)?)|(?P<index>-?\d+(?:\s*,\s*-?\d+)*)'
    r'|\?\(\s*(?P<filter>.*?)\s*\)'
    r')\s*\]'
    r'|\.(?P<name>(?:\\.|[^.\[\]\\])+)'
)
_FILTER = re.compile(r'@(?P<path>[^=!<>]*?)\s*(?:(?P<operator>==|!=|<=|>=|<|>)\s*(?P<value>.+))?')


class JSONPathError(ValueError):
    """The path can't be read."""


@functools.lru_cache(maxsize=1024)
def compile_path(text: str) -> Callable[[Any], list[Any]]:
    """Give what finds the values at a path, in their order; absent ones are not found.

    Raises:
        JSONPathError: the path can't be read.
    """
    steps = _steps(text.strip().removeprefix('{').removesuffix('}').removeprefix('$'))

    def find(value: Any) -> list[Any]:
        found: Iterable[Any] = [value]
        for step in steps:
            found = [result for each in found for result in step(each)]
        return list(found)

    return find


def _steps(text: str) -> list[_Step]:
    steps: list[_Step] = []
    at = 0
    if text and text[0] not in '.[':
        text = f'.{text}'
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            if text[at:] == '.':
                break
            raise JSONPathError(f'unrecognized character in action: {text[at:]!r}')
        steps.append(_step(found))
        at = found.end()
    return steps


def _step(found: re.Match[str]) -> _Step:
    parts = found.groupdict()
    if parts['star'] or parts['name'] == '*':
        return _all
    if parts['slice'] is not None:
        return _sliced(parts['slice'])
    if parts['index'] is not None:
        return _indexed([int(each) for each in parts['index'].split(',')])
    if parts['filter'] is not None:
        return _filtered(parts['filter'])
    if parts['deep']:
        return _deep(_unescaped(parts['deepname']))
    for quoted in ('single', 'double', 'name'):
        if parts[quoted] is not None:
            return _named(_unescaped(parts[quoted]))
    raise JSONPathError(f'empty step {found.group()!r}')


def _unescaped(text: str) -> str:
    return re.sub(r'\\(.)', r'\1', text)


def _named(name: str) -> _Step:
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, dict) and name in value:
            yield value[name]

    return step


def _all(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _indexed(indexes: list[int]) -> _Step:
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, list):
            yield from (value[each] for each in indexes if -len(value) <= each < len(value))

    return step


def _sliced(text: str) -> _Step:
    bounds = slice(*(int(each) if each else None for each in text.split(':')))
    if bounds.step == 0:
        raise JSONPathError('step must be > 0')

    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, list):
            yield from value[bounds]

    return step


def _deep(name: str) -> _Step:
    def step(value: Any) -> Iterator[Any]:
        waiting = [value]
        while waiting:
            each = waiting.pop()
            if isinstance(each, dict):
                if name in each:
                    yield each[name]
                waiting.extend(reversed(list(each.values())))
            elif isinstance(each, list):
                waiting.extend(reversed(each))

    return step


def _filtered(text: str) -> _Step:
    parsed = _FILTER.fullmatch(text)
    if parsed is None:
        raise JSONPathError(f'unrecognized filter {text!r}')
    left = compile_path(parsed['path'])
    operator, right = parsed['operator'], parsed['value']
    wanted = None if right is None else _operand(right.strip())

    def step(value: Any) -> Iterator[Any]:
        for each in value if isinstance(value, list) else ():
            found = left(each)
            if found and (operator is None or _holds(found[0], operator, wanted(each) if wanted else None)):
                yield each

    return step


def _operand(text: str) -> Callable[[Any], Any]:
    if text.startswith('@'):
        find = compile_path(text[1:])
        return lambda each: next(iter(find(each)), None)
    if len(text) > 1 and text[0] == text[-1] and text[0] in '\'"':
        constant: Any = _unescaped(text[1:-1])
    else:
        try:
            constant = json.loads(text)
        except ValueError:
            raise JSONPathError(f'unrecognized value {text!r} in a filter') from None
    return lambda each: constant


def _holds(left: Any, operator: str, right: Any) -> bool:
    if operator in ('==', '!='):
        return (left == right) is (operator == '==')
    numbers = isinstance(left, int | float) and isinstance(right, int | float)
    if not numbers and not (isinstance(left, str) and isinstance(right, str)):
        return False
    compared: dict[str, bool] = {'<': left < right, '>': left > right, '<=': left <= right, '>=': left >= right}
    return compared[operator]
