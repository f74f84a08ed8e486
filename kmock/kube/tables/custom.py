"""Tables of custom resources: the name, and the printer columns of the definition, or the age where it has none."""

import datetime
import functools
import json
from collections.abc import Callable
from typing import Any

from kmock.kube.definitions import Column, Json
from kmock.kube.tables.jsonpath import JSONPathError, compile_path
from kmock.kube.tables.printing import AGE, NAME, Printer, column, part, since

__all__ = ['custom_printer']

_USUAL = (Column(name='Age', type='date', json_path='.metadata.creationTimestamp', description=AGE),)


@functools.lru_cache(maxsize=512)
def custom_printer(columns: tuple[Column, ...] | None) -> Printer:
    """The printer for the `additionalPrinterColumns` of a version."""
    chosen = columns or _USUAL
    finders = [_finder(each.json_path) for each in chosen]
    heads = [column('Name', format='name', description=NAME)]
    heads += [
        column(
            each.name,
            each.type,
            format=each.format,
            description=each.description or f'Custom resource definition column (in JSONPath format): {each.json_path}',
            priority=each.priority,
        )
        for each in chosen
    ]

    def cells(obj: Json, now: datetime.datetime) -> list[Any]:
        found = [_cell(each.type, find(obj), now) for each, find in zip(chosen, finders, strict=True)]
        return [part(obj, 'metadata', 'name') or '', *found]

    return Printer(columns=heads, cells=cells)


def _finder(path: str) -> Callable[[Any], list[Any]]:
    """What finds the values; nothing is found by a path that can't be read."""
    try:
        return compile_path(path)
    except JSONPathError:
        return lambda obj: []


def _cell(kind: str, found: list[Any], now: datetime.datetime) -> Any:
    """A cell of the column's type; None where the value is absent or of another type."""
    value = found[0] if found else None
    if value is None:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    match kind:
        case 'string':
            return _text(value)
        case 'integer':
            return int(value) if is_number else None
        case 'number':
            return value if is_number else None
        case 'boolean':
            return value if isinstance(value, bool) else None
        case 'date':
            return since(value, now) if isinstance(value, str) and value else None
    return None


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(',', ':'), ensure_ascii=False)
