"""Defaults in schemas: each must be what its schema accepts, and have nothing that its schema does not know."""

from collections.abc import Iterator
from typing import Any

from kmock.kube.crds.reading import Node, mapping
from kmock.kube.definitions import Definition, Json, Origin
from kmock.kube.schema import Schema
from kmock.kube.schemas.pruning import prune
from kmock.kube.schemas.validation import validate_custom
from kmock.kube.statuses import Cause, invalid_value
from kmock.naming import Resource

__all__ = ['default_causes']

_NAME = '\x01'
"""What a default is called while it is judged as the only field of an object; the server has no name for it."""


def default_causes(schema: Node, field: str) -> list[Cause]:
    """The causes for which the defaults of a structural schema are refused, outside of the metadata at the root."""
    return list(_defaults(schema, field, root=True))


def _defaults(node: Node, field: str, *, root: bool = False) -> Iterator[Cause]:
    if node.get('default') is not None:
        yield from _judged(node, node['default'], f'{field}.default')
    if isinstance(node.get('items'), dict):
        yield from _defaults(node['items'], f'{field}.items')
    for key, each in mapping(node.get('properties')).items():
        if not (root and key == 'metadata'):
            yield from _defaults(mapping(each), f'{field}.properties[{key}]')


def _judged(node: Node, value: Any, field: str) -> Iterator[Cause]:
    alone = {key: each for key, each in node.items() if key != 'default'}
    schema = Schema({'type': 'object', 'properties': {_NAME: alone}})
    obj: Json = {_NAME: value}
    if prune(schema, obj) != obj:
        yield invalid_value(field, value, 'must not have unknown fields')
    for each in validate_custom(_definition(schema), obj, None):
        path = (each.field or _NAME).removeprefix(_NAME)
        if path.startswith('[') and each.reason != 'FieldValueDuplicate':  # of what schemas say, names are keys
            path = f'.{path}'
        message = each.message.replace(f'{_NAME}.', '').replace(_NAME, '')
        yield Cause(reason=each.reason, message=message, field=f'{field}{path}')


def _definition(schema: Schema) -> Definition:
    return Definition(
        resource=Resource('', '', ''),
        kind='',
        list_kind='',
        singular='',
        namespaced=False,
        verbs=(),
        origin=Origin.CUSTOM,
        load_schema=lambda: schema,
    )
