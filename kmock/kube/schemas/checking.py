"""Values against the schema of a custom resource: types, limits, formats, `anyOf` and its kin. Compiled once a schema.

The checks, their order and their words are those of the go-openapi validator that the API server has; errors that
belong to no field (`anyOf`, numbers out of range) have the field `<nil>`, as there. Where an old value is given, what
did not change is not complained about ("ratcheting"). CEL rules and the uniqueness of items are in `validation`.
"""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from kmock.kube.statuses import (
    Cause,
    go_quote,
    invalid_value,
    not_supported,
    required,
    too_long,
    too_many,
    type_invalid,
)
from kmock.kube.values.formats import FORMATS, NUMBER_FORMATS
from kmock.kube.values.patterns import PatternError, go_pattern

__all__ = ['UNCORRELATED', 'Checker', 'same']

UNCORRELATED: Any = object()
"""In place of an old value: there is none to compare with."""

_RANGES = {
    'int32': (-(2**31), 2**31 - 1),
    'uint32': (0, 2**32 - 1),
    'uint64': (0, 2**64 - 1),
}
_INT64 = (-(2**63), 2**63 - 1)
_INFERRED = {'integer': 'int64', 'number': 'double', 'boolean': '', 'object': '', 'array': '', 'string': ''}


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON; true is not 1."""
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and one.keys() == other.keys()
            and all(same(value, other[key]) for key, value in one.items())
        )
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _type_of(value: Any) -> str:
    if isinstance(value, str):
        return 'string'
    if isinstance(value, bool):
        return 'boolean'
    if isinstance(value, int):
        return 'integer' if _INT64[0] <= value <= _INT64[1] else 'number'
    if isinstance(value, float):
        return 'number'
    return 'array' if isinstance(value, list) else 'object' if isinstance(value, dict) else 'null'


_CLASSES = {'string': str, 'boolean': bool, 'integer': int, 'array': list, 'object': dict}


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e21 else repr(value)


class Checker:
    """The compiled checks of one node of a schema."""

    __slots__ = (
        '_additional',
        '_all',
        '_any',
        '_composed',
        '_enum',
        '_exact',
        '_format',
        '_items',
        '_keys',
        '_least',
        '_limits',
        '_most',
        '_node',
        '_not',
        '_nullable',
        '_one',
        '_plain',
        '_properties',
        '_quick',
        '_required',
        '_types',
        '_wanted',
    )

    def __init__(self, node: Mapping[str, Any]) -> None:
        self._node = node
        kind = node.get('type')
        union = node.get('x-kubernetes-int-or-string')
        self._types: tuple[str, ...] = ('integer', 'string') if union else (kind,) if kind else ()
        self._wanted = ','.join(self._types)
        self._nullable = bool(node.get('nullable'))
        form = node.get('format') or ''
        self._format = form if form in FORMATS or form in NUMBER_FORMATS else ''
        self._enum = node.get('enum')
        self._required: list[str] = list(node.get('required') or ())
        if node.get('x-kubernetes-embedded-resource'):
            self._required += [each for each in ('apiVersion', 'kind') if each not in self._required]
        self._properties = {key: Checker(child) for key, child in (node.get('properties') or {}).items()}
        self._additional = _child(node.get('additionalProperties'))
        self._items = _child(node.get('items'))
        self._keys = tuple(node.get('x-kubernetes-list-map-keys') or ())
        self._any, self._one, self._all = (
            tuple(Checker(each) for each in node.get(word) or ()) for word in ('anyOf', 'oneOf', 'allOf')
        )
        self._not = _child(node.get('not'))
        self._limits = any(
            key in node
            for key in ('minimum', 'maximum', 'multipleOf', 'minLength', 'maxLength', 'pattern', 'minItems', 'maxItems')
        )
        self._composed = bool(self._any or self._one or self._all or self._not)
        self._exact = _CLASSES.get(self._types[0]) if len(self._types) == 1 and not self._format else None
        self._plain = bool(self._types) and not (self._composed or self._format or self._enum or self._limits)

        self._quick, self._least, self._most = self._bounds()

    def _bounds(self) -> tuple[type[bool] | type[int] | type[str] | None, float, float]:
        """The class of scalars for which limits of their size are all there is to check, and these limits."""
        node, kind = self._node, self._types[0] if len(self._types) == 1 else ''
        other = any(node.get(each) for each in ('pattern', 'multipleOf', 'exclusiveMinimum', 'exclusiveMaximum'))
        if other or self._composed or self._enum or self._nullable:
            return None, 0, 0
        if kind == 'string' and not self._format:
            return str, node.get('minLength') or 0, _or(node.get('maxLength'), math.inf)
        if kind == 'integer' and self._format in ('', 'int32', 'int64'):
            low, high = _RANGES.get(self._format, _INT64)
            return int, max(low, _or(node.get('minimum'), low)), min(high, _or(node.get('maximum'), high))
        return (bool, 0, 0) if kind == 'boolean' and not self._format else (None, 0, 0)

    def check(self, value: Any, path: str, old: Any, found: list[Cause]) -> int:
        """Append what is wrong; gives the number of checks that were made, by which `anyOf` picks what to report."""
        if value.__class__ is self._quick:  # what most values are: scalars of the right type, with limits at most
            if value.__class__ is bool:
                return 3
            size = len(value) if isinstance(value, str) else value
            if self._least <= size <= self._most:
                return 3 if self._plain and value.__class__ is str else 4
        start = len(found)
        count = self._check(value, path, old, found)
        if len(found) > start and old is not UNCORRELATED and same(old, value):
            del found[start:]
        return count

    def _check(self, value: Any, path: str, old: Any, found: list[Cause]) -> int:
        if value is None:
            self._check_type(value, path, found)
            self._check_enum(value, path, found)
            return 1
        if value.__class__ is not self._exact or value.__class__ is int:
            self._check_type(value, path, found)
        count = 3
        if self._composed:
            count += self._check_composed(value, path, old, found)
        if value.__class__ is str:
            self._check_string(value, path, found)
            return count + 1
        if isinstance(value, int | float) and not isinstance(value, bool):
            self._check_number(value, path, found)
            count += 1
        elif isinstance(value, list):
            count += self._check_array(value, path, old, found)
        self._check_enum(value, path, found)
        if isinstance(value, dict):
            count += self._check_object(value, path, old, found)
        return count

    # --- by type

    def _check_type(self, value: Any, path: str, found: list[Cause]) -> None:
        types = self._types
        if value is None:
            if types and not self._nullable:
                found.append(_wrong_type(path, self._wanted, 'null'))
            return
        kind = _type_of(value)
        integral = kind == 'number' and 'integer' in types and float(value).is_integer() and abs(value) <= 2**53
        fits = kind in types or integral or (kind == 'integer' and 'number' in types)
        if self._format:
            textual = kind in ('string', 'array')
            if not textual and not fits:
                found.append(_wrong_type(path, self._format, _INFERRED[kind]))
                return
            if textual and 'number' not in types and 'integer' not in types:
                return
        if types and not fits:
            found.append(_wrong_type(path, self._wanted, kind))

    def _check_string(self, value: str, path: str, found: list[Cause]) -> None:
        if self._limits:
            problem = self._string_problem(value, path)
            if problem is not None:
                found.append(problem)
        form = FORMATS.get(self._format)
        if form is not None and not form(value):
            found.append(_wrong_type(path, self._format, value))
        self._check_enum(value, path, found)

    def _string_problem(self, value: str, path: str) -> Cause | None:
        node = self._node
        longest, shortest, pattern = node.get('maxLength'), node.get('minLength'), node.get('pattern')
        if longest is not None and len(value) > longest:
            return too_long(_field(path), int(longest))
        if shortest is not None and len(value) < shortest:
            return invalid_value(_field(path), value, f'{path} in body should be at least {shortest} chars long')
        if pattern:
            try:
                matched = go_pattern(pattern).search(value) is not None
            except PatternError as error:
                text = f"{path} in body should match '{pattern}', but pattern is invalid: {error}"
                return invalid_value(_field(path), '', text)
            if not matched:
                return invalid_value(_field(path), value, f"{path} in body should match '{pattern}'")
        return None

    def _check_number(self, value: float, path: str, found: list[Cause]) -> None:
        kind = self._types[0] if len(self._types) == 1 else ''
        if kind == 'integer':
            low, high = _RANGES.get(self._format, _INT64)
            if not float(value).is_integer() or not low <= value <= high:
                form = f'with format {self._format}' if self._format else '(default format)'
                found.append(invalid_value('<nil>', '', f'Checked value must be of type integer {form} in {path}'))
        elif self._format == 'float' and abs(value) > 3.4028235677973366e38:
            text = f'Checked value must be of type number with format float in {path}'
            found.append(invalid_value('<nil>', '', text))
        if self._limits:
            self._check_limits(value, path, found)

    def _check_limits(self, value: float, path: str, found: list[Cause]) -> None:
        node = self._node
        factor, highest, lowest = node.get('multipleOf'), node.get('maximum'), node.get('minimum')

        def wrong(what: str) -> None:
            found.append(invalid_value(_field(path), value, f'{path} in body should be {what}'))

        if factor and not _divides(value, factor):
            wrong(f'a multiple of {_number(factor)}')
        if highest is not None:
            if node.get('exclusiveMaximum') and value >= highest:
                wrong(f'less than {_number(highest)}')
            elif value > highest:
                wrong(f'less than or equal to {_number(highest)}')
        if lowest is not None:
            if node.get('exclusiveMinimum') and value <= lowest:
                wrong(f'greater than {_number(lowest)}')
            elif value < lowest:
                wrong(f'greater than or equal to {_number(lowest)}')

    def _check_array(self, value: list[Any], path: str, old: Any, found: list[Cause]) -> int:
        count = 1
        if self._items is not None:
            before = self.correlated(old)
            for index, item in enumerate(value):
                count += self._items.check(item, f'{path}[{index}]', before(item), found)
        least, most = self._node.get('minItems'), self._node.get('maxItems')
        if least is not None and len(value) < least:
            text = f'{path} in body should have at least {least} items'
            found.append(invalid_value(_field(path), len(value), text))
        if most is not None and len(value) > most:
            found.append(too_many(_field(path), len(value), int(most)))
        return count

    def correlated(self, old: Any) -> Callable[[Any], Any]:
        """Finds the old item of an item: only lists of the type `map` tell which is which."""
        if not isinstance(old, list) or self._node.get('x-kubernetes-list-type') != 'map':
            return lambda item: UNCORRELATED
        known = {self._key(each): each for each in reversed(old)}
        return lambda item: known.get(self._key(item), UNCORRELATED)

    def _key(self, item: Any) -> str:
        if not isinstance(item, dict):
            return ''
        return json.dumps([item.get(each) for each in self._keys], sort_keys=True)

    def _check_object(self, value: dict[str, Any], path: str, old: Any, found: list[Cause]) -> int:
        least, most = self._node.get('minProperties'), self._node.get('maxProperties')
        if least is not None and len(value) < least:
            text = f'{path} in body should have at least {least} properties'
            found.append(invalid_value(_field(path), len(value), text))
            return 1
        if most is not None and len(value) > most:
            found.append(too_many(_field(path), len(value), int(most)))
            return 1
        count = 1
        before = old if isinstance(old, dict) else {}
        properties, additional = self._properties, self._additional
        for key, item in value.items():
            checker = properties.get(key, additional)
            if checker is not None:
                child = f'{path}.{key}' if path else key
                count += checker.check(item, child, before.get(key, UNCORRELATED), found)
        for key in self._required:
            if key not in value:
                found.append(required(f'{path}.{key}' if path else key))
        return count

    def _check_enum(self, value: Any, path: str, found: list[Cause]) -> None:
        if self._enum and not any(same(value, each) for each in self._enum):
            listed = [each if isinstance(each, str) else go_quote(each) for each in self._enum]
            found.append(not_supported(_field(path), value, listed))

    # --- composed

    def _check_composed(self, value: Any, path: str, old: Any, found: list[Cause]) -> int:
        count = 0
        if self._any:
            count += self._check_any(value, path, old, found)
        if self._one:
            count += self._check_one(value, path, old, found)
        valid = 0
        for each in self._all:
            start = len(found)
            count += each.check(value, path, old, found)
            valid += len(found) == start
        if valid != len(self._all):
            none = '' if valid else '. None validated'
            found.append(_composed(path, f'must validate all the schemas (allOf){none}'))
        if self._not is not None:
            wrong: list[Cause] = []
            self._not.check(value, path, old, wrong)
            if not wrong:
                found.append(_composed(path, 'must not validate the schema (not)'))
        return count

    def _check_any(self, value: Any, path: str, old: Any, found: list[Cause]) -> int:
        best: tuple[int, list[Cause]] | None = None
        for each in self._any:
            wrong: list[Cause] = []
            count = each.check(value, path, old, wrong)
            if not wrong:
                return count
            if best is None or count > best[0]:
                best = count, wrong
        assert best is not None
        found.append(_composed(path, 'must validate at least one schema (anyOf)'))
        found.extend(best[1])
        return best[0]

    def _check_one(self, value: Any, path: str, old: Any, found: list[Cause]) -> int:
        best: tuple[int, list[Cause]] | None = None
        valid = total = 0
        for each in self._one:
            wrong: list[Cause] = []
            count = each.check(value, path, old, wrong)
            if not wrong:
                valid, total = valid + 1, max(total, count)
            elif best is None or count > best[0]:
                best = count, wrong
        if valid == 1:
            return total
        how = f'Found {valid} valid alternatives' if valid else 'Found none valid'
        found.append(_composed(path, f'must validate one and only one schema (oneOf). {how}'))
        if not valid and best is not None:
            found.extend(best[1])
            return best[0]
        return total


def _child(node: Any) -> Checker | None:
    return Checker(node) if isinstance(node, Mapping) else None


def _or(value: Any, absent: float) -> float:
    found: float = absent if value is None else value
    return found


def _field(path: str) -> str:
    return path.removeprefix('.')


def _wrong_type(path: str, wanted: str, found: str) -> Cause:
    return type_invalid(_field(path), found, f'{path} in body must be of type {wanted}: {go_quote(found)}')


def _composed(path: str, text: str) -> Cause:
    return invalid_value('<nil>', '', f'{go_quote(path)} {text}')


def _divides(value: float, factor: float) -> bool:
    if isinstance(value, int) and float(factor).is_integer():
        return value % int(factor) == 0
    return float(value / factor).is_integer()
