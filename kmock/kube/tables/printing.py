"""What printers are made of: columns, ages, selectors and counts as texts.

Source: the forms that kubectl's users know, observed in the Tables of a real v1.36 API server.
"""

import dataclasses
import datetime
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from kmock.kube.definitions import Json
from kmock.kube.values.timestamps import TimeError, parse_time

__all__ = [
    'AGE',
    'NAME',
    'Printer',
    'age',
    'count',
    'join',
    'names',
    'number',
    'part',
    'printer',
    'selector',
    'since',
    'table_of',
]

NAME = (
    'Name must be unique within a namespace. Is required when creating resources, although some resources may allow a'
    ' client to request the generation of an appropriate name automatically. Name is primarily intended for creation'
    ' idempotence and configuration definition. Cannot be updated. More info:'
    ' https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names'
)
AGE = (
    'CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed'
    ' to be set in happens-before order across separate operations. Clients may not set this value. It is represented'
    ' in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info:'
    ' https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata'
)
_DESCRIPTIONS = {'Name': NAME, 'Age': AGE, 'Created At': AGE}

Cells = Callable[[Json, datetime.datetime], list[Any]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Printer:
    """The columns of a kind, as they stand in a Table, and what makes the cells of an object."""

    columns: Sequence[Json]
    cells: Cells
    conditions: Callable[[Json], list[Json]] | None = None


def column(name: str, type: str = 'string', *, format: str = '', description: str = '', priority: int = 0) -> Json:
    return {'name': name, 'type': type, 'format': format, 'description': description, 'priority': priority}


def table_of(columns: str, descriptions: Mapping[str, str] | None = None) -> list[Json]:
    """Columns from a text: `Name, Ready, Desired:integer, +IP`; a plus is for the wide output only."""
    found = []
    for text in columns.split(', '):
        name, _, kind = text.lstrip('+').partition(':')
        found.append(
            column(
                name,
                kind or 'string',
                format='name' if name == 'Name' else '',
                description=(descriptions or {}).get(name, _DESCRIPTIONS.get(name, '')),
                priority=int(text[0] == '+'),
            )
        )
    return found


def printer(
    columns: str,
    cells: Cells,
    descriptions: Mapping[str, str] | None = None,
    conditions: Callable[[Json], list[Json]] | None = None,
) -> Printer:
    return Printer(columns=table_of(columns, descriptions), cells=cells, conditions=conditions)


# --- what stands in cells


def part(obj: Any, *path: str) -> Any:
    """What is at the path; None where anything on the way is absent."""
    for key in path:
        if not isinstance(obj, dict):
            return None
        obj = obj.get(key)
    return obj


def number(obj: Json, *path: str) -> int:
    """A count, which is 0 where it is absent."""
    return int(part(obj, *path) or 0)


def count(obj: Json, *keys: str) -> int:
    """How many items the maps or lists have together."""
    return sum(len(obj.get(key) or ()) for key in keys)


def join(values: Iterable[Any], empty: str = '<none>') -> str:
    return ','.join(str(each) for each in values) or empty


def names(values: Iterable[Json] | None, key: str = 'name') -> list[str]:
    return [str(each.get(key, '')) for each in values or ()]


def selector(value: Json | None) -> str:
    """A LabelSelector, or a plain map of labels, as text."""
    value = value or {}
    plain = not ({'matchLabels', 'matchExpressions'} & value.keys())
    labels = value if plain else value.get('matchLabels') or {}
    terms = {key: f'{key}={labels[key]}' for key in labels}
    for each in () if plain else value.get('matchExpressions') or ():
        terms[each.get('key', '')] = _expression(each)
    return ','.join(terms[key] for key in sorted(terms)) or '<none>'


def _expression(term: Json) -> str:
    key, values = term.get('key', ''), ','.join(sorted(term.get('values') or ()))
    forms = {'In': f'{key} in ({values})', 'NotIn': f'{key} notin ({values})', 'Exists': key, 'DoesNotExist': f'!{key}'}
    return str(forms.get(term.get('operator', ''), key))


def age(obj: Json, now: datetime.datetime) -> str:
    return since(part(obj, 'metadata', 'creationTimestamp'), now)


def since(timestamp: str | None, now: datetime.datetime) -> str:
    """How long ago a moment was; `<unknown>` for none."""
    if not timestamp:
        return '<unknown>'
    try:
        return duration((now - parse_time(timestamp)).total_seconds())
    except TimeError:
        return '<invalid>'


def duration(seconds_exact: float) -> str:
    """A length of time in the two largest units that matter, as kubectl shows ages."""
    seconds = int(seconds_exact)
    if seconds < -1:
        return '<invalid>'
    if seconds < 120:
        return f'{max(seconds, 0)}s'
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes < 10:
        return _two(minutes, 'm', seconds % 60, 's')
    if minutes < 180:
        return f'{minutes}m'
    if hours < 8:
        return _two(hours, 'h', minutes % 60, 'm')
    if hours < 48:
        return f'{hours}h'
    if hours < 192:
        return _two(days, 'd', hours % 24, 'h')
    if days < 730:
        return f'{days}d'
    return _two(days // 365, 'y', days % 365 if days < 2920 else 0, 'd')


def _two(large: int, unit: str, small: int, below: str) -> str:
    return f'{large}{unit}{small}{below}' if small else f'{large}{unit}'
