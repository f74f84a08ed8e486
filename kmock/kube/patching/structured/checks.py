"""Checking values against their types, as is done with what is applied. The texts are those of the real server.

Only types, unknown fields and the identity of list items are told here; all else is up to validation.
"""

from typing import Any

from kmock.kube.patching.structured.fields import encode, show_element
from kmock.kube.patching.structured.types import ElementError, Type

__all__ = ['check', 'show_errors']

_EXPECTED = {'string': 'expected string', 'numeric': 'expected numeric (int or float)', 'boolean': 'expected boolean'}


def check(value: Any, kind: Type, path: str = '') -> list[str]:
    """What is wrong with a value, each with its path: `.spec.unknown: field not declared in schema`."""
    if value is None:
        return []
    if isinstance(value, dict) and kind.is_map:
        return _check_map(value, kind, path)
    if isinstance(value, list) and kind.is_list:
        return _check_list(value, kind, path)
    wrong = _wrong(value, kind)
    return [] if wrong is None else [f'{path}: {wrong}' if path else wrong]


def show_errors(errors: list[str]) -> str:
    """One error as it is, several in lines of their own."""
    return errors[0] if len(errors) == 1 else '\n'.join(['errors:', *(f'  {each}' for each in errors)])


def _check_map(value: dict[str, Any], kind: Type, path: str) -> list[str]:
    errors: list[str] = []
    for key, below in value.items():
        expected = kind.field(key)
        if expected is None:
            errors.append(f'{path}.{key}: field not declared in schema')
        else:
            errors += check(below, expected, f'{path}.{key}')
    return errors


def _check_list(value: list[Any], kind: Type, path: str) -> list[str]:
    errors: list[str] = []
    seen = set()
    assert kind.item is not None
    for index, item in enumerate(value):
        shown = f'[{index}]'
        if kind.granular_list:
            try:
                element = kind.path_element(item)
            except ElementError as error:
                errors.append(f'{path}: element {index}: {error}')
                continue
            shown = show_element(element)
            if element in seen:
                errors.append(f'{path}: duplicate entries for key {shown}')
            seen.add(element)
        errors += check(item, kind.item, path + shown)
    return errors


def _wrong(value: Any, kind: Type) -> str | None:
    """What is wrong with a value of a form that the type has not, or with a scalar."""
    if kind.is_map:
        if kind.scalar == 'untyped' and not isinstance(value, dict | list):
            return None
        return f'expected map, got &{{{_show(value)}}}'
    if kind.scalar is not None:
        if _fits(value, kind.scalar):
            return None
        expected = _EXPECTED.get(kind.scalar, 'expected scalar')
        return f'{expected}, got &value.valueUnstructured{{Value:{_show_typed(value)}}}'
    return f'expected list, got &{{{_show(value)}}}'


def _fits(value: Any, scalar: str) -> bool:
    match scalar:
        case 'string':
            return isinstance(value, str)
        case 'numeric':
            return isinstance(value, int | float) and not isinstance(value, bool)
        case 'boolean':
            return isinstance(value, bool)
        case _:
            return True


# --- values as Go prints them


def _show(value: Any) -> str:
    """A value by Go's `%v`: `map[a:1]`, `[a b]`, bare strings."""
    if isinstance(value, dict):
        return 'map[' + ' '.join(f'{key}:{_show(below)}' for key, below in sorted(value.items())) + ']'
    if isinstance(value, list):
        return '[' + ' '.join(map(_show, value)) + ']'
    if isinstance(value, str):
        return value
    return '<nil>' if value is None else encode(value)


def _show_typed(value: Any) -> str:
    """A value by Go's `%#v`: `map[string]interface {}{"a":1}`, `[]interface {}{"a"}`."""
    if isinstance(value, dict):
        shown = ', '.join(f'{encode(key)}:{_show_typed(below)}' for key, below in sorted(value.items()))
        return f'map[string]interface {{}}{{{shown}}}'
    if isinstance(value, list):
        return '[]interface {}{' + ', '.join(map(_show_typed, value)) + '}'
    return 'interface {}(nil)' if value is None else encode(value)
