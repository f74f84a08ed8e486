"""Sets of fields, in the very form of `fieldsV1`, so that they need no encoding. Types and values are not known here.

A set is a tree of path elements: `f:NAME` is a key of a map, `k:{"name":"a"}` an item of a list by its keys, `v:"a"`
an item of a set, `i:0` an item by its index. A node is in the set if it has no children, or has the child `.`;
otherwise it only leads to others. The root is never a member: `{}` is the empty set.

Nothing here changes its arguments, but results may share parts with them.
Source: the Kubernetes API reference, `FieldsV1`.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

__all__ = [
    'Fields',
    'difference',
    'encode',
    'in_order',
    'intersection',
    'key_element',
    'parse_fields',
    'paths',
    'show_path',
    'union',
    'value_element',
    'without',
]

Fields: TypeAlias = dict[str, Any]

_ESCAPED = {'<': '\\u003c', '>': '\\u003e', '&': '\\u0026', '\u2028': '\\u2028', '\u2029': '\\u2029'}
_encode = json.JSONEncoder(ensure_ascii=False, separators=(',', ':')).encode


# --- algebra


def union(one: Fields, other: Fields) -> Fields:
    """The members of either."""
    if not one:
        return other
    if not other:
        return one
    found = dict(one)
    for key, node in other.items():
        mine = found.get(key)
        found[key] = node if mine is None else _either(mine, node)
    return found


def difference(one: Fields, other: Fields) -> Fields:
    """The members of the first that are not in the second; what is below these stays."""
    found = {}
    for key, node in one.items():
        theirs = other.get(key)
        left = node if theirs is None else _less(node, theirs)
        if left is not None:
            found[key] = left
    return found


def intersection(one: Fields, other: Fields) -> Fields:
    """The members of both."""
    found = {}
    for key, node in one.items():
        theirs = other.get(key)
        shared = None if theirs is None else _shared(node, theirs)
        if shared is not None:
            found[key] = shared
    return found


def without(one: Fields, other: Fields) -> Fields:
    """The members of the first that are neither in the second nor below its members."""
    found = {}
    for key, node in one.items():
        theirs = other.get(key)
        if theirs is None:
            found[key] = node
        elif theirs and '.' not in theirs:
            left = _normal(without(node, theirs)) if node else node
            if left is not None:
                found[key] = left
    return found


def _either(node: Fields, other: Fields) -> Fields:
    if not node:
        return other if not other or '.' in other else {'.': {}, **other}
    if not other:
        return node if '.' in node else {'.': {}, **node}
    return union(node, other)


def _less(node: Fields, other: Fields) -> Fields | None:
    if not node:
        return None if not other or '.' in other else node
    if not other:
        return {key: child for key, child in node.items() if key != '.'} or None
    return _normal(difference(node, other))


def _shared(node: Fields, other: Fields) -> Fields | None:
    if not node:
        return {} if not other or '.' in other else None
    if not other:
        return {} if '.' in node else None
    return _normal(intersection(node, other))


def _normal(node: Fields) -> Fields | None:
    """A node after some children left it: None if it is neither a member nor leads to one."""
    if not node:
        return None
    return {} if len(node) == 1 and '.' in node else node


# --- path elements


def encode(value: Any) -> str:
    """A value as JSON in a path element, as Go writes it: compact, and with the characters of HTML escaped."""
    text = _encode(value)
    if '<' in text or '>' in text or '&' in text or '\u2028' in text or '\u2029' in text:
        text = ''.join(_ESCAPED.get(each, each) for each in text)
    return text


def key_element(keys: Mapping[str, Any]) -> str:
    """An item of a list by its keys, e.g. `k:{"containerPort":80,"protocol":"TCP"}`."""
    return 'k:' + encode({key: _plain(keys[key]) for key in sorted(keys)})


def value_element(value: Any) -> str:
    """An item of a set, e.g. `v:"a"`."""
    return 'v:' + encode(_plain(value))


def _plain(value: Any) -> Any:
    """A number as Go writes it: without a fraction if it has none."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def paths(fields: Fields, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """All members as sequences of path elements: at each level first the members, then what is below them."""
    keys = sorted((key for key in fields if key != '.'), key=_order)
    for key in keys:
        if not fields[key] or '.' in fields[key]:
            yield (*before, key)
    for key in keys:
        if fields[key]:
            yield from paths(fields[key], (*before, key))


def in_order(fields: Fields) -> Fields:
    """The set as Go writes it: `.` first, and the path elements by their kind and text."""
    if not fields:
        return fields
    return {key: in_order(fields[key]) for key in sorted(fields, key=_order)}


def _order(element: str) -> tuple[int, str]:
    return 'fkvi'.find(element[0]), element


def show_path(path: tuple[str, ...]) -> str:
    """A path for people, as in the causes of conflicts: `.spec.conds[type="A"].val`, `.spec.set[="a"]`."""
    return ''.join(map(show_element, path))


def show_element(element: str) -> str:
    """One path element for people: `.name`, `[key="value"]`, `[="value"]`, `[0]`."""
    sign, rest = element[:2], element[2:]
    if sign == 'f:':
        return f'.{rest}'
    if sign == 'k:':
        keys = json.loads(rest)
        return '[' + ','.join(f'{key}={_encode(value)}' for key, value in keys.items()) + ']'
    return f'[={_encode(json.loads(rest))}]' if sign == 'v:' else f'[{rest}]'


# --- reading


def parse_fields(raw: Any) -> Fields:
    """Read the `fieldsV1` of a client. Path elements of unknown kinds are skipped, as newer servers may write them.

    Raises:
        ValueError: it is no tree of path elements.
    """
    if not isinstance(raw, dict):
        raise ValueError('fieldsV1 must be an object')
    found: Fields = {}
    for key, below in raw.items():
        element = '.' if key == '.' else _parse_element(key)
        if element is None:
            continue
        node = {} if element == '.' else parse_fields(below)
        found[element] = {} if len(node) == 1 and '.' in node else node
    return found


def _parse_element(text: str) -> str | None:
    sign, rest = text[:2], text[2:]
    if sign == 'f:':
        return text
    if sign == 'v:':
        return value_element(json.loads(rest))
    if sign == 'k:':
        keys = json.loads(rest)
        if not isinstance(keys, dict):
            raise ValueError(f'the keys of a list item must be an object: {text}')
        return key_element(keys)
    if sign == 'i:':
        return f'i:{int(rest)}'
    if len(text) < 2 or text[1] != ':':
        raise ValueError(f'not a path element: {text}')
    return None
