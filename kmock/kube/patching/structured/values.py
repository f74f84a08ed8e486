"""Walks over typed values that tell of their fields: all of one value, and what changed between two.

`fields_of` is for what is applied: it holds the leaves, the items of granular lists, and the keys of free maps, but
not the structs that lead there. `compare` is for what changed: when something appears, all of it is told.

A node of a set that is "nothing" is None here, as `{}` is a leaf.
Source: the Kubernetes documentation, "Server-Side Apply"; observed on a real v1.36 API server.
"""

import dataclasses
from typing import Any

from kmock.kube.patching.structured.fields import Fields
from kmock.kube.patching.structured.types import DEDUCED, ElementError, Type

__all__ = ['Changes', 'compare', 'fields_of', 'named_members', 'reconcile', 'same']


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal as JSON: unlike in Python, `true` is not 1."""
    if one is other:
        return True
    if isinstance(one, dict):
        if not isinstance(other, dict) or len(one) != len(other):
            return False
        return all(key in other and same(value, other[key]) for key, value in one.items())
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(same, one, other))
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


# --- the fields of one value


def fields_of(value: Any, kind: Type) -> Fields:
    """The set of the fields that a value has."""
    return _fields_of(value, kind) or {}


def _fields_of(value: Any, kind: Type) -> Fields | None:
    if kind.is_map and (isinstance(value, dict) or value is None):
        return {} if kind.atomic_map else _fields_of_map(value or {}, kind)
    if kind.is_list and (isinstance(value, list) or value is None):
        return _fields_of_list(value or [], kind) if kind.granular_list else {}
    return {}


def _fields_of_map(value: dict[str, Any], kind: Type) -> Fields | None:
    found: Fields = {}
    for key, below in value.items():
        field = kind.field(key)
        node = {} if field is None else _fields_of(below, field)
        if below is None or below == {}:
            found[f'f:{key}'] = {}
        elif key not in kind.declared:
            found[f'f:{key}'] = {'.': {}, **node} if node else {}
        elif node is not None:
            found[f'f:{key}'] = node
    return found or None


def _fields_of_list(value: list[Any], kind: Type) -> Fields | None:
    found: Fields = {}
    assert kind.item is not None
    for element, items in _grouped(value, kind).items():
        node = _fields_of(items[0], kind.item) if len(items) == 1 else None
        found[element] = {'.': {}, **node} if node else {}
    return found or None


def _grouped(value: Any, kind: Type) -> dict[str, list[Any]]:
    """The items of a granular list by their path elements. Those that have none are left out, duplicates are kept."""
    found: dict[str, list[Any]] = {}
    for item in value if isinstance(value, list) else ():
        try:
            found.setdefault(kind.path_element(item), []).append(item)
        except ElementError:
            continue
    return found


def named_members(fields: Fields, kind: Type | None) -> Fields:
    """The set with all declared fields that lead to its members: removing the last part of a struct removes it, too."""
    found: Fields = {}
    for element, node in fields.items():
        if element == '.' or not node:
            found[element] = node
            continue
        named = element.startswith('f:') and kind is not None and kind.is_map
        below = kind.field(element[2:]) if named and kind is not None else None
        if kind is not None and element[:2] in ('k:', 'v:', 'i:'):
            below = kind.item
        inner = named_members(node, below)
        declared = named and kind is not None and element[2:] in kind.declared
        found[element] = {'.': {}, **inner} if declared else inner
    return found


def reconcile(fields: Fields, kind: Type) -> Fields:
    """The set after the schema has changed: what has become atomic is owned as a whole by who owned a part of it.

    What has become granular stays as it was. Content without a schema is not concerned.
    """
    found = fields
    for element, node in fields.items():
        if not node or element == '.':
            continue
        below = kind.item if element[0] != 'f' else kind.field(element[2:])
        if below is None or below is DEDUCED:
            continue
        atomic = below.atomic_map if below.is_map else below.is_list and not below.granular_list
        settled: Fields = {} if atomic else reconcile(node, below)
        if settled is not node:
            found = {**found, element: settled}
    return found


# --- comparing two values


@dataclasses.dataclass(slots=True)
class Changes:
    """The sets of fields that were added, removed, or have another value."""

    added: Fields
    removed: Fields
    modified: Fields


_ABSENT: Any = object()


def compare(old: Any, new: Any, kind: Type) -> Changes:
    """Tell what changed from one value to another."""
    added, removed, modified = _compare(old, new, kind)
    return Changes(added or {}, removed or {}, modified or {})


_Nodes = tuple[Fields | None, Fields | None, Fields | None]
_NONE: _Nodes = (None, None, None)


def _compare(old: Any, new: Any, kind: Type) -> _Nodes:
    if old is new:
        return _NONE
    if old is _ABSENT:
        return _whole(new, kind), None, None
    if new is _ABSENT:
        return None, _whole(old, kind), None
    old_form, new_form = _form(old, kind), _form(new, kind)
    if (old or new) and (old_form == new_form or old is None or new is None):
        form = old_form or new_form
        if form == 'map':
            return _compare_maps(old or {}, new or {}, kind)
        if form == 'list':
            return _compare_lists(old or [], new or [], kind)
    if same(old, new):
        return _NONE
    added = _children(new, kind) if new_form else None
    removed = _children(old, kind) if old_form else None
    return added, removed, {}


def _form(value: Any, kind: Type) -> str:
    """How a value is walked: as a granular `map` or `list`; as a leaf if empty."""
    if isinstance(value, dict):
        return 'map' if kind.is_map and not kind.atomic_map else ''
    if isinstance(value, list):
        return 'list' if kind.is_list and kind.granular_list else ''
    return ''


def _children(value: Any, kind: Type) -> Fields | None:
    """What comes or goes below a value that turned from one form into another."""
    return {key: node for key, node in _whole(value, kind).items() if key != '.'} or None


def _whole(value: Any, kind: Type) -> Fields:
    """A value that came or went as a whole: its leaves, and all that leads there."""
    found: Fields = {}
    form = _form(value, kind)
    if form == 'map':
        for key, below in value.items():
            field = kind.field(key)
            found[f'f:{key}'] = {} if field is None else _whole(below, field)
    elif form == 'list':
        assert kind.item is not None
        for element, items in _grouped(value, kind).items():
            found[element] = _whole(items[0], kind.item) if len(items) == 1 else {}
    if found:
        found['.'] = {}
    return found


def _compare_maps(old: dict[str, Any], new: dict[str, Any], kind: Type) -> _Nodes:
    added: Fields = {}
    removed: Fields = {}
    modified: Fields = {}
    for key, before in old.items():
        after = new.get(key, _ABSENT)
        if before is after:
            continue
        if before.__class__ is str and after.__class__ is str:
            if before != after:
                modified[f'f:{key}'] = {}
            continue
        field = kind.field(key)
        if field is not None:
            _put(f'f:{key}', _compare(before, after, field), added, removed, modified)
    for key, after in new.items():
        if key not in old:
            field = kind.field(key)
            if field is not None:
                added[f'f:{key}'] = _whole(after, field)
    return added or None, removed or None, modified or None


def _compare_lists(old: list[Any], new: list[Any], kind: Type) -> _Nodes:
    added: Fields = {}
    removed: Fields = {}
    modified: Fields = {}
    assert kind.item is not None
    olds, news = _grouped(old, kind), _grouped(new, kind)
    for element in olds | news:
        before, after = olds.get(element, []), news.get(element, [])
        if len(before) > 1 or len(after) > 1:
            nodes = _compare_duplicates(before, after)
        else:
            nodes = _compare(before[0] if before else _ABSENT, after[0] if after else _ABSENT, kind.item)
        _put(element, nodes, added, removed, modified)
    return added or None, removed or None, modified or None


def _compare_duplicates(before: list[Any], after: list[Any]) -> _Nodes:
    """Items that can't be told from each other are only compared all at once."""
    if not before:
        return {}, None, None
    if not after:
        return None, {}, None
    return _NONE if same(before, after) else (None, None, {})


def _put(element: str, nodes: _Nodes, added: Fields, removed: Fields, modified: Fields) -> None:
    for found, node in zip((added, removed, modified), nodes, strict=True):
        if node is not None:
            found[element] = node
