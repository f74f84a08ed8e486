"""Structural schemas: the form that schemas of custom resources must have, so that pruning and defaults are defined.

In short: each field has its type where it is specified, outside of `allOf`, `anyOf`, `oneOf` and `not`; these only
restrict values of what is specified. Source: the Kubernetes documentation, "Specifying a structural schema".
"""

import enum
from collections.abc import Iterator
from typing import Any

from kmock.kube.crds.reading import Node, flag, listed, mapping, text
from kmock.kube.statuses import Cause, forbidden_field, invalid_value, required
from kmock.kube.values.patterns import PatternError, go_pattern

__all__ = ['structural_causes']

_INT_OR_STRING = [{'type': 'integer'}, {'type': 'string'}]


class _Level(enum.Enum):
    ROOT = 'at the root'
    ITEM = 'for specified array items'
    FIELD = 'for specified object fields'


def structural_causes(schema: Node, field: str) -> list[Cause]:
    """The causes for which a schema is not structural, in the server's order: by their texts."""
    causes = [*_invariants(schema, _Level.ROOT, field), *_completeness(schema, schema, field, field)]
    return sorted(causes, key=str)


def _invariants(node: Node, level: _Level, field: str) -> Iterator[Cause]:
    items, properties = node.get('items'), mapping(node.get('properties'))
    if node.get('type') == 'array' and items is None:
        yield required(f'{field}.items', 'must be specified')
    if isinstance(items, dict):
        yield from _invariants(items, _Level.ITEM, f'{field}.items')
    for key, each in properties.items():
        yield from _invariants(mapping(each), _Level.FIELD, f'{field}.properties[{key}]')
    additional = node.get('additionalProperties')
    if additional is not None and level is _Level.ROOT:
        yield forbidden_field(f'{field}.additionalProperties', 'must not be used at the root')
    if isinstance(additional, dict):
        yield from _invariants(additional, _Level.FIELD, f'{field}.additionalProperties')
    yield from _extensions(node, field)
    yield from _values(node, field)
    yield from _type(node, level, field)
    yield from _resource(node, level, field)


def _extensions(node: Node, field: str) -> Iterator[Cause]:
    if flag(node, 'x-kubernetes-int-or-string'):
        rule = 'must be false if x-kubernetes-int-or-string is true'
        for key in ('x-kubernetes-preserve-unknown-fields', 'x-kubernetes-embedded-resource'):
            if flag(node, key):
                yield invalid_value(f'{field}.{key}', True, rule)


def _type(node: Node, level: _Level, field: str) -> Iterator[Cause]:
    kind, embedded = text(node.get('type')), flag(node, 'x-kubernetes-embedded-resource')
    typeless = flag(node, 'x-kubernetes-int-or-string') or flag(node, 'x-kubernetes-preserve-unknown-fields')
    rule = 'must be object if x-kubernetes-embedded-resource is true'
    if embedded and not kind:
        yield required(f'{field}.type', rule)
    elif embedded and kind != 'object':
        yield invalid_value(f'{field}.type', kind, rule)
    elif not kind and not typeless:
        yield required(f'{field}.type', f'must not be empty {level.value}')
    if embedded and node.get('additionalProperties') is not None:
        where = f'{field}.additionalProperties'
        yield forbidden_field(where, 'must not be used if x-kubernetes-embedded-resource is set')
    if level is _Level.ROOT and kind and kind != 'object':
        yield invalid_value(f'{field}.type', kind, 'must be object at the root')


def _resource(node: Node, level: _Level, field: str) -> Iterator[Cause]:
    """What a whole resource, at the root or embedded, may say of its apiVersion, kind and metadata."""
    properties, embedded = mapping(node.get('properties')), flag(node, 'x-kubernetes-embedded-resource')
    whole = level is _Level.ROOT or embedded
    for key in ('kind', 'apiVersion'):
        kind = text(mapping(properties.get(key)).get('type'))
        if whole and key in properties and kind != 'string':
            yield invalid_value(f'{field}.properties[{key}].type', kind, 'must be string')
    if 'metadata' in properties:
        yield from _metadata(mapping(properties['metadata']), level, f'{field}.properties[metadata]', whole=whole)
    if embedded and not properties and not flag(node, 'x-kubernetes-preserve-unknown-fields'):
        rule = (
            'must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields'
        )
        yield required(f'{field}.properties', rule)


def _metadata(node: Node, level: _Level, field: str, *, whole: bool) -> Iterator[Cause]:
    kind = text(node.get('type'))
    if whole and kind != 'object':
        yield invalid_value(f'{field}.type', kind, 'must be object')
    if level is not _Level.ROOT:
        return
    named = set(mapping(node.get('properties'))) <= {'name', 'generateName'}
    rest = {key for key, value in node.items() if value not in (None, False, '', [], {})}
    if not named or rest - {'type', 'properties', 'default'}:
        rule = 'must not specify anything other than name and generateName, but metadata is implicitly specified'
        yield forbidden_field(field, rule)


# --- restrictions of values


def _values(node: Node, field: str, *, nested: bool = False) -> Iterator[Cause]:
    """The branches of a node, and its pattern. One pair of types is usual for int-or-string, and allowed there."""
    any_of, all_of = listed(node.get('anyOf')), listed(node.get('allOf'))
    excepted = any_of == _INT_OR_STRING and not nested
    if not excepted:
        for index, each in enumerate(any_of):
            yield from _nested(mapping(each), f'{field}.anyOf[{index}]')
    for index, each in enumerate(all_of):
        types = not nested and not index and mapping(each).get('anyOf') == _INT_OR_STRING
        yield from _nested(mapping(each), f'{field}.allOf[{index}]', any_of_types=types)
    for index, each in enumerate(listed(node.get('oneOf'))):
        yield from _nested(mapping(each), f'{field}.oneOf[{index}]')
    if isinstance(node.get('not'), dict):
        yield from _nested(node['not'], f'{field}.not')
    yield from _pattern(text(node.get('pattern')), f'{field}.pattern')


def _pattern(pattern: str, field: str) -> Iterator[Cause]:
    try:
        go_pattern(pattern)
    except PatternError as error:
        yield invalid_value(field, pattern, f"must be a valid regular expression, but isn't: {error}")


_MUST_BE_EMPTY = {
    'type': 'must be empty to be structural',
    'additionalProperties': 'must be undefined to be structural',
    'default': 'must be undefined to be structural',
    'title': 'must be empty to be structural',
    'description': 'must be empty to be structural',
    'nullable': 'must be false to be structural',
    'externalDocs': 'must be undefined to be structural',
    'x-kubernetes-preserve-unknown-fields': 'must be false to be structural',
    'x-kubernetes-embedded-resource': 'must be false to be structural',
    'x-kubernetes-int-or-string': 'must be false to be structural',
    'x-kubernetes-list-map-keys': 'must be empty to be structural',
    'x-kubernetes-list-type': 'must be undefined to be structural',
    'x-kubernetes-map-type': 'must be undefined to be structural',
    'x-kubernetes-validations': 'must be empty to be structural',
}


def _nested(node: Node, field: str, *, any_of_types: bool = False) -> Iterator[Cause]:
    """A node within a branch, which may only restrict values."""
    shown = {key: value for key, value in node.items() if not (any_of_types and key == 'anyOf')}
    yield from _values(shown, field, nested=True)
    if isinstance(node.get('items'), dict):
        yield from _nested(node['items'], f'{field}.items')
    for key, each in mapping(node.get('properties')).items():
        yield from _nested(mapping(each), f'{field}.properties[{key}]')
    for key, rule in _MUST_BE_EMPTY.items():
        if _is_set(key, node.get(key)):
            yield forbidden_field(f'{field}.{key}', rule)
    if 'metadata' in mapping(node.get('properties')):
        yield forbidden_field(f'{field}.properties[metadata]', 'must not be specified in a nested context')


def _is_set(key: str, value: Any) -> bool:
    if key in ('additionalProperties', 'default', 'externalDocs'):
        return value is not None
    return value not in (None, False, '', [])


# --- completeness


def _completeness(node: Node, specified: Node | None, field: str, where: str) -> Iterator[Cause]:
    """Each field and item that a branch restricts must be specified outside of the branches, too."""
    if specified is None:
        yield required(field, f'because it is defined in {where}')
        return
    for key in ('allOf', 'anyOf', 'oneOf'):
        for index, each in enumerate(listed(node.get(key))):
            yield from _nested_completeness(mapping(each), specified, field, f'{where}.{key}[{index}]')
    if isinstance(node.get('not'), dict):
        yield from _nested_completeness(node['not'], specified, field, f'{where}.not')


def _nested_completeness(node: Node, specified: Node | None, field: str, where: str) -> Iterator[Cause]:
    yield from _completeness(node, specified, field, where)
    if specified is None:
        return
    if isinstance(node.get('items'), dict):
        items = specified.get('items')
        found = items if isinstance(items, dict) else None
        yield from _nested_completeness(node['items'], found, f'{field}.items', f'{where}.items')
    properties = mapping(specified.get('properties'))
    for key, each in mapping(node.get('properties')).items():
        below: Node | None = mapping(properties[key]) if key in properties else None
        named = f'properties[{key}]'
        yield from _nested_completeness(mapping(each), below, f'{field}.{named}', f'{where}.{named}')
