"""The values of CEL that Python has no type of its own for, how values compare, and what their types are called.

Strings, bytes, booleans, lists and maps are Python's; an `int` is CEL's int, a `float` its double, None its null.
"""

import dataclasses
import datetime
from typing import Any

from kmock.kube.cel.errors import CelError

__all__ = ['Duration', 'Optional', 'Type', 'UInt', 'equal', 'less', 'type_name']


class UInt(int):
    """An unsigned integer."""

    __slots__ = ()


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Duration:
    nanos: int

    def __str__(self) -> str:
        seconds, rest = divmod(abs(self.nanos), 10**9)
        fraction = f'.{rest:09d}'.rstrip('0') if rest else ''
        return f'{"-" if self.nanos < 0 else ""}{seconds}{fraction}s'


@dataclasses.dataclass(frozen=True, slots=True)
class Type:
    name: str


class Optional:
    """A value that may be absent."""

    __slots__ = ('present', 'value')

    def __init__(self, value: Any = None, *, present: bool = True) -> None:
        self.value = value
        self.present = present


def type_name(value: Any) -> str:
    """What CEL calls the type of a value."""
    match value:
        case None:
            return 'null_type'
        case bool():
            return 'bool'
        case UInt():
            return 'uint'
        case int():
            return 'int'
        case float():
            return 'double'
        case str():
            return 'string'
        case bytes():
            return 'bytes'
        case list():
            return 'list'
        case dict():
            return 'map'
        case datetime.datetime():
            return 'google.protobuf.Timestamp'
        case Duration():
            return 'google.protobuf.Duration'
        case Optional():
            return 'optional_type'
        case Type():
            return 'type'
        case _:
            return str(getattr(value, 'cel_type', type(value).__name__))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def equal(one: Any, other: Any) -> bool:
    """Equality: numbers across their types, all else only within one."""
    if isinstance(one, str):
        return isinstance(other, str) and one == other
    if _is_number(one):
        return _is_number(other) and bool(one == other)
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, dict):
        if not isinstance(other, dict) or len(one) != len(other):
            return False
        return all(key in other and equal(value, other[key]) for key, value in one.items())
    if isinstance(one, Optional):
        if not isinstance(other, Optional) or one.present != other.present:
            return False
        return not one.present or equal(one.value, other.value)
    return type_name(one) == type_name(other) and bool(one == other)


def less(one: Any, other: Any, operator: str = '_<_') -> bool:
    """Order.

    Raises:
        CelError: the values have no order.
    """
    if _is_number(one) and _is_number(other):
        return bool(one < other)
    if type(one) is type(other) and isinstance(one, str | bytes | bool | Duration | datetime.datetime):
        return bool(one < other)
    raise CelError(f'no such overload: {operator}({type_name(one)}, {type_name(other)})')
