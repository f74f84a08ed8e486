"""Rules that the kinds share: numbers, choices, names, label selectors, what may not change. No kind is known here.

Each gives the causes on one value. The texts are those of apimachinery's `validation` and `field` packages.
"""

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from kmock.kube.definitions import Json
from kmock.kube.statuses import Cause, forbidden_field, invalid_value, not_supported, required
from kmock.kube.values import names
from kmock.kube.values.quantities import parse_quantity

__all__ = [
    'IMMUTABLE',
    'amount',
    'as_map',
    'at_least',
    'choice',
    'immutable',
    'int_or_percent',
    'items_of',
    'labels',
    'matches',
    'named',
    'non_negative',
    'not_above_all',
    'parses',
    'port',
    'quoted_names',
    'selector',
    'untold_times',
    'within',
]

IMMUTABLE = 'field is immutable'

_MAX_INT32 = 2**31 - 1


def as_map(value: Any) -> Json:
    """The value if it is an object, else an empty one that belongs to nobody."""
    return value if isinstance(value, dict) else {}


def items_of(value: Any) -> list[Json]:
    """The objects of a list that may be absent."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def amount(value: Any) -> Fraction:
    """The number that a quantity stands for; 0 for what is none."""
    return _amount(str(value))


@functools.lru_cache(1024)
def _amount(text: str) -> Fraction:
    found = parse_quantity(text)
    return found.amount if found else Fraction(0)


def untold_times(obj: Json, *keys: str) -> None:
    """Write null for the times that conditions of the status do not tell: Go never leaves these out."""
    for condition in items_of(as_map(obj.get('status')).get('conditions')):
        for key in keys:
            condition.setdefault(key, None)


def named(field: str, value: Any, rule: Callable[[str], Sequence[str]]) -> list[Cause]:
    """One cause for each message of a rule of `names`."""
    return [invalid_value(field, value, message) for message in rule(str(value))]


def quoted_names(field: str, value: Any, rule: Callable[[str], Sequence[str]]) -> list[Cause]:
    """As `named`, but the absence of the value is a cause, too."""
    return named(field, value, rule) if value else [required(field)]


def non_negative(field: str, value: Any) -> list[Cause]:
    return at_least(field, value, 0)


def at_least(field: str, value: Any, limit: int) -> list[Cause]:
    if value is None or value >= limit:
        return []
    return [invalid_value(field, value, f'must be greater than or equal to {limit}')]


def within(field: str, value: Any, low: int, high: int = _MAX_INT32) -> list[Cause]:
    if value is None or low <= value <= high:
        return []
    return [invalid_value(field, value, f'must be between {low} and {high}, inclusive')]


def choice(field: str, value: Any, supported: Iterable[str]) -> list[Cause]:
    """A word that must be there and must be one of a few."""
    if not value:
        return [required(field)]
    supported = tuple(supported)
    return [] if value in supported else [not_supported(field, value, supported)]


def immutable(field: str, new: Any, old: Any) -> list[Cause]:
    return [] if new == old else [invalid_value(field, new, IMMUTABLE)]


def port(field: str, value: Any) -> list[Cause]:
    """A number or a name of a port (an int-or-string)."""
    if isinstance(value, str):
        return named(field, value, names.port_name)
    return [invalid_value(field, value, message) for message in names.port_number(value or 0)]


def int_or_percent(field: str, value: Any) -> list[Cause]:
    """A non-negative number, or a percentage such as `25%`."""
    if isinstance(value, str):
        if not value[:-1].isdecimal() or not value.isascii() or value[-1] != '%':
            message = (
                "a valid percent string must be a numeric string followed by an ending '%' "
                "(e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"
            )
            return [invalid_value(field, value, message)]
        return []
    return non_negative(field, value)


def not_above_all(field: str, value: Any) -> list[Cause]:
    """Of a percentage: at most all."""
    if isinstance(value, str) and value[:-1].isdecimal() and value.endswith('%') and int(value[:4].rstrip('%')) > 100:
        return [invalid_value(field, value, 'must not be greater than 100%')]
    return []


# --- labels and selectors


def labels(field: str, value: Any) -> list[Cause]:
    found: list[Cause] = []
    for key, text in as_map(value).items():
        found += [invalid_value(field, key, message) for message in names.qualified_name(key)]
        found += [invalid_value(field, text, message) for message in names.label_value(str(text))]
    return found


def selector(field: str, value: Any) -> list[Cause]:
    """A LabelSelector object; None is right."""
    value = as_map(value)
    found = labels(f'{field}.matchLabels', value.get('matchLabels'))
    for index, each in enumerate(items_of(value.get('matchExpressions'))):
        found += _requirement(f'{field}.matchExpressions[{index}]', each)
    return found


def _requirement(field: str, each: Json) -> list[Cause]:
    operator, values = each.get('operator') or '', each.get('values') or []
    found: list[Cause] = []
    if operator in ('In', 'NotIn'):
        if not values:
            found.append(required(f'{field}.values', "must be specified when `operator` is 'In' or 'NotIn'"))
    elif operator in ('Exists', 'DoesNotExist'):
        if values:
            why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            found.append(forbidden_field(f'{field}.values', why))
    else:
        found.append(invalid_value(f'{field}.operator', operator, 'not a valid selector operator'))
    key = each.get('key') or ''
    found += [invalid_value(f'{field}.key', key, message) for message in names.qualified_name(key)]
    for index, text in enumerate(values):
        found += named(f'{field}.values[{index}]', text, names.label_value)
    return found


def parses(value: Any) -> bool:
    """Whether a LabelSelector object can be read as a selector at all; None can."""
    value = as_map(value)
    if labels('', value.get('matchLabels')):
        return False
    return not any(_requirement('', each) for each in items_of(value.get('matchExpressions')))


def matches(value: Json | None, found: Mapping[str, str]) -> bool:
    """Whether a LabelSelector object selects such labels. None selects nothing, an empty one everything."""
    if value is None:
        return False
    if any(found.get(key) != text for key, text in as_map(value.get('matchLabels')).items()):
        return False
    return all(_meets(each, found) for each in items_of(value.get('matchExpressions')))


def _meets(each: Json, found: Mapping[str, str]) -> bool:
    key, values = each.get('key', ''), each.get('values') or []
    match each.get('operator'):
        case 'In':
            return found.get(key) in values if key in found else False
        case 'NotIn':
            return key not in found or found[key] not in values
        case 'Exists':
            return key in found
        case 'DoesNotExist':
            return key not in found
        case _:
            return False
