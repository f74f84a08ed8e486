"""The rules of schemas in CustomResourceDefinitions, node by node: allowed words, lists of types set and map, CEL.

The structure is judged first, in `structural`; the defaults then, in `default_values`; rules in CEL are compiled only
where all else is right. Source: the Kubernetes API reference, `JSONSchemaProps`, and the answers of the real server.
"""

import dataclasses
from collections.abc import Iterator

from kmock.kube.crds.default_values import default_causes
from kmock.kube.crds.reading import Node, flag, listed, mapping, text
from kmock.kube.crds.rules import rule_causes, uncompiled_causes
from kmock.kube.crds.structural import structural_causes
from kmock.kube.statuses import Cause, forbidden_field, invalid_value, not_supported, required

__all__ = ['validate_schema']

_TYPES = ('array', 'boolean', 'integer', 'number', 'object', 'string')
_META = ('metadata', 'kind', 'apiVersion')
_SHOWN_AT_ROOT = (
    '[Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum MaxLength MinLength Pattern '
    'MaxItems MinItems UniqueItems MultipleOf Required Items Properties ExternalDocs Example XPreserveUnknownFields '
    'XValidations]'
)
_ALLOWED_AT_ROOT = frozenset(
    {
        *('description', 'type', 'format', 'title', 'maximum', 'exclusiveMaximum', 'minimum', 'exclusiveMinimum'),
        *('maxLength', 'minLength', 'pattern', 'maxItems', 'minItems', 'uniqueItems', 'multipleOf', 'required'),
        *('items', 'properties', 'externalDocs', 'example'),
        *('x-kubernetes-preserve-unknown-fields', 'x-kubernetes-validations'),
    }
)
_UNSUPPORTED = ('id', 'additionalItems', 'patternProperties', 'definitions', 'dependencies', '$ref')


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where in the schema a node is.

    Attributes:
        no_defaults: why there may be no defaults here; None where they may be.
        in_meta: within the metadata of a resource.
        uncorrelated: the path of the first list or map above whose items can't be told apart, so that rules here
            can't speak of `oldSelf`.
        nested: within a branch, where rules are not compiled.
    """

    no_defaults: str | None = None
    in_meta: bool = False
    uncorrelated: str | None = None
    nested: bool = False

    def within(self, path: str) -> '_Place':
        return self if self.uncorrelated else dataclasses.replace(self, uncorrelated=path)


def validate_schema(schema: Node, field: str, *, status: bool) -> list[Cause]:
    """The causes for which a root schema is not accepted; `status` tells that the status is a subresource."""
    causes = list(_root(schema, field, status=status))
    structural = structural_causes(schema, field) or default_causes(schema, field)
    causes += structural
    found = list(_node(schema, field, _Place(), root=True))
    causes += found
    if not structural and not found:
        causes += _compiled(schema, schema, field, _Place())
    return causes


def _root(schema: Node, field: str, *, status: bool) -> Iterator[Cause]:
    if status:
        kind = text(schema.get('type'))
        if kind and kind != 'object':
            rule = 'only "object" is allowed as the type at the root of the schema if the status subresource is enabled'
            yield invalid_value(f'{field}.type', kind, rule)
        elif any(key not in _ALLOWED_AT_ROOT and schema[key] not in (None, False, '', []) for key in schema):
            rule = f'only {_SHOWN_AT_ROOT} fields are allowed at the root of the schema if the status subresource is'
            yield invalid_value(field, schema, f'{rule} enabled')
    if flag(schema, 'nullable'):
        yield forbidden_field(f'{field}.nullable', 'nullable cannot be true at the root')


def _node(node: Node, field: str, place: _Place, *, root: bool = False) -> Iterator[Cause]:
    yield from _words(node, field, place)
    if flag(node, 'uniqueItems'):
        rule = 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic'
        yield forbidden_field(f'{field}.uniqueItems', rule)
    yield from _below(node, field, place, root=root)
    if node.get('x-kubernetes-preserve-unknown-fields') is False:
        yield invalid_value(f'{field}.x-kubernetes-preserve-unknown-fields', False, 'must be true or undefined')
    yield from _map_type(node, field)
    yield from _list_type(node, field)
    yield from rule_causes(node, field)


def _words(node: Node, field: str, place: _Place) -> Iterator[Cause]:
    kind = text(node.get('type'))
    if kind and kind not in _TYPES:
        yield not_supported(f'{field}.type', kind, _TYPES)
    if node.get('default') is not None and place.no_defaults is not None:
        yield forbidden_field(f'{field}.default', f'must not be set {place.no_defaults}'.rstrip())
    for key in _UNSUPPORTED:
        if node.get(key) not in (None, '', {}):
            yield forbidden_field(f'{field}.{key}', f'{key} is not supported')
    if kind == 'null':
        yield forbidden_field(f'{field}.type', 'type cannot be set to null, use nullable as an alternative')
    if isinstance(node.get('items'), list) and node['items']:
        yield forbidden_field(f'{field}.items', 'items must be a schema object and not an array')
    if place.in_meta and flag(node, 'x-kubernetes-embedded-resource'):
        yield forbidden_field(f'{field}.x-kubernetes-embedded-resource', 'must not be used inside of resource meta')


def _below(node: Node, field: str, place: _Place, *, root: bool) -> Iterator[Cause]:
    properties, additional = mapping(node.get('properties')), node.get('additionalProperties')
    if properties and (additional is False or isinstance(additional, dict)):
        rule = 'additionalProperties and properties are mutual exclusive'
        yield forbidden_field(f'{field}.additionalProperties', rule)
    for step, child, below in _children(node, place, root=root):
        yield from _node(child, f'{field}.{step}', below)


def _children(node: Node, place: _Place, *, root: bool = False) -> Iterator[tuple[str, Node, _Place]]:
    """The nodes below, by the last part of their paths."""
    additional = node.get('additionalProperties')
    if isinstance(additional, dict):
        below = place
        if place.in_meta:
            below = dataclasses.replace(place, no_defaults='inside additionalProperties applying to object metadata')
        yield 'additionalProperties', additional, below
    whole = root or flag(node, 'x-kubernetes-embedded-resource')
    for key, each in mapping(node.get('properties')).items():
        below = place
        if whole and key in _META:
            reason = f'in top-level {key}' if root else place.no_defaults
            below = dataclasses.replace(place, in_meta=True, no_defaults=reason)
        yield f'properties[{key}]', mapping(each), below
    branch = dataclasses.replace(place, nested=True)
    if isinstance(node.get('not'), dict):
        yield 'not', node['not'], branch
    for key in ('allOf', 'oneOf', 'anyOf'):
        for index, each in enumerate(listed(node.get(key))):
            yield f'{key}[{index}]', mapping(each), branch
    if isinstance(node.get('items'), dict):
        yield 'items', node['items'], place


# --- lists and maps


def _map_type(node: Node, field: str) -> Iterator[Cause]:
    map_type, kind = node.get('x-kubernetes-map-type'), text(node.get('type'))
    if map_type is None:
        return
    if kind != 'object':
        rule = 'must be object if x-kubernetes-map-type is specified'
        yield invalid_value(f'{field}.type', kind, rule) if kind else required(f'{field}.type', rule)
    if map_type not in ('atomic', 'granular'):
        yield not_supported(f'{field}.x-kubernetes-map-type', map_type, ('atomic', 'granular'))


def _list_type(node: Node, field: str) -> Iterator[Cause]:
    list_type, kind, keys = node.get('x-kubernetes-list-type'), text(node.get('type')), _keys(node)
    where = f'{field}.x-kubernetes-list-type'
    if list_type is not None and kind != 'array':
        rule = 'must be array if x-kubernetes-list-type is specified'
        yield invalid_value(f'{field}.type', kind, rule) if kind else required(f'{field}.type', rule)
    elif list_type == 'set':
        yield from _set_items(mapping(node.get('items')), f'{field}.items')
    if list_type not in (None, 'atomic', 'set', 'map'):
        yield not_supported(where, list_type, ('atomic', 'set', 'map'))
    if keys and list_type != 'map':
        rule = 'must be map if x-kubernetes-list-map-keys is non-empty'
        yield required(where, rule) if list_type is None else invalid_value(where, list_type, rule)
    if list_type == 'map':
        yield from _map_list(node, keys, field)
    if list_type in ('map', 'set') and flag(mapping(node.get('items')), 'nullable'):
        yield forbidden_field(
            f'{field}.items.nullable', f'cannot be nullable when x-kubernetes-list-type is {list_type}'
        )
    if list_type == 'map':
        yield from _required_keys(mapping(node.get('items')), keys, f'{field}.items')


def _keys(node: Node) -> list[str]:
    return [text(each) for each in listed(node.get('x-kubernetes-list-map-keys'))]


def _set_items(items: Node, field: str) -> Iterator[Cause]:
    rule = 'must be atomic as item of a list with x-kubernetes-list-type=set'
    list_type = items.get('x-kubernetes-list-type')
    if items.get('type') == 'array' and list_type not in (None, 'atomic'):
        yield invalid_value(f'{field}.x-kubernetes-list-type', list_type, rule)
    if items.get('type') == 'object' and items.get('x-kubernetes-map-type') != 'atomic':
        yield invalid_value(f'{field}.x-kubernetes-map-type', list_type, rule)


def _map_list(node: Node, keys: list[str], field: str) -> Iterator[Cause]:
    where = f'{field}.x-kubernetes-list-map-keys'
    if not keys:
        yield required(where, 'must not be empty if x-kubernetes-list-type is map')
    if not isinstance(node.get('items'), dict):
        if node.get('items') is None:
            yield required(f'{field}.items', 'must have a schema if x-kubernetes-list-type is map')
        return
    kind = text(node['items'].get('type'))
    if kind != 'object':
        rule = "must be object if parent array's x-kubernetes-list-type is map"
        yield invalid_value(f'{field}.items.type', kind, rule)
        return
    properties = mapping(node['items'].get('properties'))
    for index, key in enumerate(keys):
        if key not in properties:
            yield invalid_value(where, keys, 'entries must all be names of item properties')
        elif mapping(properties[key]).get('type') in ('array', 'object'):
            rule = "must be a scalar type if parent array's x-kubernetes-list-type is map"
            yield invalid_value(f'{field}.items.properties[{key}].type', kind, rule)
        if key in keys[:index]:
            yield invalid_value(where, keys, 'must not contain duplicate entries')


def _required_keys(items: Node, keys: list[str], field: str) -> Iterator[Cause]:
    properties, needed = mapping(items.get('properties')), listed(items.get('required'))
    for key in keys:
        node, where = mapping(properties.get(key)), f'{field}.properties[{key}]'
        if key not in properties:
            continue
        if key not in needed and node.get('default') is None:
            rule = 'so it must have a default or be a required property'
            yield required(f'{where}.default', f'this property is in x-kubernetes-list-map-keys, {rule}')
        if flag(node, 'nullable'):
            rule = 'this property is in x-kubernetes-list-map-keys, so it cannot be nullable'
            yield forbidden_field(f'{where}.nullable', rule)


# --- rules


def _compiled(node: Node, root: Node, field: str, place: _Place) -> Iterator[Cause]:
    """The causes of rules that can't be compiled, or speak of an old value where there is none to be told."""
    if listed(node.get('x-kubernetes-validations')):
        whole = node is root or flag(node, 'x-kubernetes-embedded-resource')
        yield from uncompiled_causes(node, field, whole=whole, uncorrelated=place.uncorrelated)
    for step, child, below in _children(node, place, root=node is root):
        atomic_list = step == 'items' and node.get('x-kubernetes-list-type') != 'map'
        atomic_map = step.startswith('properties') and node.get('x-kubernetes-map-type') == 'atomic'
        deeper = below.within(field) if atomic_list or atomic_map else below
        if not below.nested:
            yield from _compiled(child, root, f'{field}.{step}', deeper)
