"""All that a CustomResourceDefinition demands of its objects: the schema, unique items, embedded resources, CEL rules.

What holds for `metadata` of every object is in `metadata`; the checks of values are in `checking`, CEL in `cel`.
Source: the Kubernetes documentation of CustomResourceDefinitions; the words are those of a real v1.36 API server.
"""

import functools
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from kmock.kube.definitions import Definition, Json, ScalePaths
from kmock.kube.schema import Schema
from kmock.kube.schemas.checking import UNCORRELATED, Checker, same
from kmock.kube.statuses import Cause, duplicate, invalid_value, required
from kmock.kube.values.go_values import go_print, go_type

__all__ = ['reach', 'scale_causes', 'validate_custom']

_BLOCKING = frozenset({
    'FieldValueNotSupported', 'FieldValueRequired', 'FieldValueTooLong', 'FieldValueTooMany', 'FieldValueTypeInvalid',
})  # fmt: skip
_NOT_CHECKED = (
    'some validation rules were not checked because the object was invalid; '
    'correct the existing errors to complete validation'
)


class _Plan:
    """What there is to check, by one schema."""

    __slots__ = ('checker', 'embedded', 'listed', 'ruled', 'status')

    def __init__(self, node: Mapping[str, Any]) -> None:
        properties = {key: child for key, child in (node.get('properties') or {}).items() if key != 'metadata'}
        self.checker = Checker({**node, 'properties': properties, 'x-kubernetes-embedded-resource': False})
        self.status = Checker(properties.get('status', {}))
        self.embedded = _mentions(properties, 'x-kubernetes-embedded-resource')
        self.listed = _mentions(properties, 'x-kubernetes-list-type')
        self.ruled = _mentions(node, 'x-kubernetes-validations')


@functools.lru_cache(maxsize=512)
def _plan_of(schema: Schema) -> _Plan:
    return _Plan(schema.node)


def _mentions(node: Any, word: str) -> bool:
    if isinstance(node, Mapping):
        return word in node or any(_mentions(each, word) for each in node.values())
    return isinstance(node, list) and any(_mentions(each, word) for each in node)


def validate_custom(
    definition: Definition,
    obj: Json,
    old: Json | None,
    *,
    status: bool = False,
    fits: bool = False,
    metadata: Callable[[Any, str], Iterable[Cause]] = lambda value, path: (),
) -> list[Cause]:
    """What is wrong with a custom resource; with the old object, what did not change is let pass.

    Args:
        obj: the object, pruned and with its defaults.
        status: whether it is an update of the `status` subresource: then the schema is applied to the status alone.
        fits: whether it is known that no value is wrong by itself.
        metadata: tells what is wrong with the metadata of embedded resources, by their values and paths.
    """
    schema = definition.schema
    if schema is None:
        return []
    plan = _plan_of(schema)
    causes: list[Cause] = []
    before = UNCORRELATED if old is None else old
    if status:
        causes += _status(plan, obj, before)
    elif not fits:
        plan.checker.check(obj, '', before, causes)
    if definition.scale is not None:
        causes += scale_causes(definition.scale, obj, spec=not status)
    if plan.embedded:
        _embedded(schema.node, obj, '', causes, metadata)
    if plan.listed:
        duplicates: list[Cause] = []
        _unique(schema.node, obj, '', duplicates)
        if duplicates and old is not None:
            earlier: list[Cause] = []
            _unique(schema.node, old, '', earlier)
            duplicates = [] if earlier else duplicates
        causes += duplicates
    if plan.ruled:
        if any(each.reason in _BLOCKING for each in causes):
            causes.append(invalid_value('<nil>', None, _NOT_CHECKED))
        else:
            from kmock.kube.schemas.rules import check_rules  # not before a schema has rules

            causes += check_rules(schema, obj, old)
    return causes


def _status(plan: _Plan, obj: Json, old: Any) -> list[Cause]:
    """The server checks the status as if it were the root, and names the field in it."""
    if 'status' not in obj:
        return []
    causes: list[Cause] = []
    before = old.get('status', UNCORRELATED) if isinstance(old, dict) else UNCORRELATED
    plan.status.check(obj['status'], '', before, causes)
    return [Cause(reason=each.reason, message=each.message, field=_below_status(each.field)) for each in causes]


def _below_status(field: str | None) -> str:
    return f'status.{field}' if field and field != '<nil>' else 'status'


# --- numbers of the scale subresource


def scale_causes(paths: ScalePaths, obj: Json, *, spec: bool) -> list[Cause]:
    """What is wrong with the numbers, and with the selector, that the scale subresource of a custom resource shows.

    Args:
        spec: whether the wanted replicas are looked at, too.
    """
    causes: list[Cause] = []
    for path, wanted in ((paths.spec_replicas, spec), (paths.status_replicas, True)):
        if wanted:
            causes += _replicas(path, obj)
    if paths.label_selector:
        found, why = reach(obj, paths.label_selector, str)
        causes += [invalid_value(paths.label_selector, found or '', why)] if why else []
    return causes


def _replicas(path: str, obj: Json) -> list[Cause]:
    found, why = reach(obj, path, int)
    value = found or 0
    if why:
        return [invalid_value(path, 0, why)]
    if value < 0:
        return [invalid_value(path, value, 'should be a non-negative integer')]
    if value > 2**31 - 1:
        return [invalid_value(path, value, f'should be less than or equal to {2**31 - 1}')]
    return []


_Value = TypeVar('_Value', int, str)
_GO_TYPES = {int: 'int64', str: 'string'}


def reach(obj: Json, path: str, kind: type[_Value]) -> tuple[_Value | None, str]:
    """What is at a path such as `.spec.replicas`, None if there is nothing; and why it can't be told, in Go's words."""
    keys = path.removeprefix('.').split('.')
    value: Any = obj
    for index, key in enumerate(keys):
        if value is None:
            return None, ''
        if not isinstance(value, dict):
            return None, _inaccessible(keys[: index + 1], value, 'map[string]interface {}')
        if key not in value:
            return None, ''
        value = value[key]
    if not isinstance(value, kind) or isinstance(value, bool):
        return None, _inaccessible(keys, value, _GO_TYPES[kind])
    return value, ''


def _inaccessible(keys: list[str], value: Any, wanted: str) -> str:
    return f'.{".".join(keys)} accessor error: {go_print(value)} is of the type {go_type(value)}, expected {wanted}'


# --- embedded resources


_Metadata = Callable[[Any, str], Iterable[Cause]]


def _embedded(node: Any, value: Any, path: str, found: list[Cause], metadata: _Metadata) -> None:
    if not isinstance(node, Mapping):
        return
    if isinstance(value, dict):
        if path and node.get('x-kubernetes-embedded-resource'):
            _embedded_resource(value, path, found)
            if isinstance(value.get('metadata'), dict):
                found.extend(metadata(value['metadata'], f'{path}.metadata'))
        properties = node.get('properties') or {}
        for key, item in value.items():
            if isinstance(item, dict | list):
                child = properties.get(key, node.get('additionalProperties'))
                _embedded(child, item, f'{path}.{key}' if path else key, found, metadata)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _embedded(node.get('items'), item, f'{path}[{index}]', found, metadata)


def _embedded_resource(value: dict[str, Any], path: str, found: list[Cause]) -> None:
    from kmock.kube.values.names import dns1035_label  # the few schemas with embedded resources

    for key in ('apiVersion', 'kind'):
        text, field = value.get(key), f'{path}.{key}'
        known = {each.field for each in found}
        if key not in value:
            found.extend(() if field in known else [required(field)])
        elif not isinstance(text, str):
            found.append(invalid_value(field, text, 'must be a string'))
        elif not text:
            found.append(invalid_value(field, text, 'must not be empty'))
        elif key == 'apiVersion' and text.count('/') > 1:
            found.append(invalid_value(field, text, f'unexpected GroupVersion string: {text}'))
        elif key == 'kind' and (wrong := dns1035_label(text.lower())):
            detail = f'may have mixed case, but should otherwise match: {",".join(wrong)}'
            found.append(invalid_value(field, text, detail))


# --- lists of the types set and map


def _unique(node: Any, value: Any, path: str, found: list[Cause]) -> None:
    if not isinstance(node, Mapping):
        return
    if isinstance(value, dict):
        properties = node.get('properties') or {}
        for key, item in value.items():
            if isinstance(item, dict | list):
                child = properties.get(key, node.get('additionalProperties'))
                _unique(child, item, f'{path}.{key}' if path else key, found)
    elif isinstance(value, list):
        kind = node.get('x-kubernetes-list-type')
        if kind == 'set':
            _distinct(value, path, found)
        elif kind == 'map':
            _distinct_keys(value, list(node.get('x-kubernetes-list-map-keys') or ()), path, found)
        for index, item in enumerate(value):
            if isinstance(item, dict | list):
                _unique(node.get('items'), item, f'{path}[{index}]', found)


def _distinct(items: list[Any], path: str, found: list[Cause]) -> None:
    seen: set[str] = set()
    for index, item in enumerate(items):
        text = json.dumps(item, sort_keys=True)
        if text in seen:
            found.append(duplicate(f'{path}[{index}]', item))
        seen.add(text)


def _distinct_keys(items: list[Any], keys: list[str], path: str, found: list[Cause]) -> None:
    seen: list[dict[str, Any]] = []
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            found.append(invalid_value(f'{path}[{index}]', item, 'must be an object for an array of list-type map'))
            continue
        key = {each: item[each] for each in sorted(keys) if each in item}
        if any(same(key, each) for each in seen):
            found.append(duplicate(f'{path}[{index}]', key))
        seen.append(key)
