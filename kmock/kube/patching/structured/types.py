"""The types of values, compiled from schemas for merging: scalars, lists and maps, each granular or atomic.

A type may allow several forms at once; what is preserved without a schema is deduced from the value itself: maps are
granular then, and lists are atomic. Walking values by their types is in `values`, checking them in `checks`.
Source: the Kubernetes documentation, "Server-Side Apply", on merge strategies; the vendor extensions of OpenAPI.
"""

import functools
import weakref
from typing import Any

from kmock.kube.definitions import Definition, Json, Origin
from kmock.kube.patching.structured.fields import encode, key_element, value_element
from kmock.kube.schema import Schema

__all__ = ['DEDUCED', 'ElementError', 'Type', 'type_of', 'zero_of']

_SCALARS = {'string': 'string', 'integer': 'numeric', 'number': 'numeric', 'boolean': 'boolean'}


class ElementError(ValueError):
    """An item of a granular list can't be told from the others: its keys are missing, or it is of a wrong type."""


class Type:
    """A type of values. Its fields are compiled when they are first asked for.

    Attributes:
        scalar: `string`, `numeric`, `boolean`, `untyped` (any scalar); None if scalars are not allowed.
        is_list, granular_list, keys, item: lists; granular ones are sets, or maps if there are keys.
        is_map, atomic_map, element: maps; `element` is the type of the keys that are not declared, None if none may be.
    """

    __slots__ = (
        '_defaults',
        '_fields',
        '_schema',
        '_typed',
        'atomic_map',
        'declared',
        'element',
        'granular_list',
        'is_list',
        'is_map',
        'item',
        'keys',
        'scalar',
    )

    def __init__(self, *, scalar: str | None = None) -> None:
        self.scalar = scalar
        self.is_list = self.granular_list = self.is_map = self.atomic_map = False
        self.keys: tuple[str, ...] = ()
        self.item: Type | None = None
        self.element: Type | None = None
        self.declared: frozenset[str] = frozenset()
        self._schema: Schema | None = None
        self._typed = False
        self._fields: dict[str, Type] = {}
        self._defaults: dict[str, Any] = {}

    def field(self, key: str) -> 'Type | None':
        """The type under a key of a map; None if no such key is declared."""
        found = self._fields.get(key)
        if found is not None:
            return found
        if key not in self.declared or self._schema is None:
            return self.element
        schema = self._schema.field(key)
        found = self._fields[key] = DEDUCED if schema is None else _compile(schema, typed=self._typed)
        return found

    def path_element(self, item: Any) -> str:
        """The path element of an item of a granular list.

        Raises:
            ElementError: it has none; the text tells why.
        """
        if self.keys:
            return self._keyed(item)
        if isinstance(item, dict):
            raise ElementError("associative list without keys has an element that's a map type")
        if isinstance(item, list):
            raise ElementError('not supported: associative list with lists as elements')
        if item is None:
            raise ElementError("associative list without keys has an element that's an explicit null")
        return value_element(item)

    def _keyed(self, item: Any) -> str:
        if item is None:
            raise ElementError('associative list with keys may not have a null element')
        if not isinstance(item, dict):
            raise ElementError('associative list with keys may not have non-map elements')
        keys = {}
        for name in self.keys:
            value = item.get(name, self._defaults.get(name))
            if value is None and name not in item:
                raise ElementError(
                    f'associative list with keys has an element that omits key field {encode(name)} '
                    "(and doesn't have default value)"
                )
            keys[name] = value
        return key_element(keys)


def _compile(schema: Schema, *, typed: bool) -> Type:
    """A type from a schema; `typed` is for built-in kinds, where an object without properties may hold anything."""
    found = Type()
    found._schema, found._typed = schema, typed
    kind = schema.type
    if schema.int_or_string:
        found.scalar = 'untyped'
    elif kind == 'object' or (kind is None and schema.properties):
        _compile_map(found, schema, typed=typed)
    elif kind == 'array':
        _compile_list(found, schema, typed=typed)
    elif kind == 'string':
        found.scalar = 'string' if schema.format in (None, '', 'byte') else 'untyped'
    elif kind in _SCALARS:
        found.scalar = _SCALARS[kind]
    elif 'oneOf' in schema.node:
        found.scalar = 'untyped'
    else:
        return DEDUCED
    return found


def _compile_map(found: Type, schema: Schema, *, typed: bool) -> None:
    found.is_map = True
    found.atomic_map = schema.is_atomic_map
    found.declared = frozenset(schema.properties)
    additional = schema.node.get('additionalProperties')
    if schema.preserves_unknown or additional is True or (typed and not found.declared and not additional):
        found.element = DEDUCED
    elif isinstance(additional, dict):
        # No key is more than 253 characters; this one can't be declared, so it gives the type of the others.
        below = schema.field('\0')
        found.element = DEDUCED if below is None else _compile(below, typed=typed)
    if schema.embedded_resource:
        _embed(found)


def _compile_list(found: Type, schema: Schema, *, typed: bool) -> None:
    found.is_list = True
    found.granular_list = schema.list_type in ('set', 'map')
    found.keys = tuple(schema.list_keys) if schema.list_type == 'map' else ()
    items = schema.items
    found.item = DEDUCED if items is None else _compile(items, typed=typed)
    for name in found.keys:
        below = items.field(name) if items is not None else None
        if below is not None and 'default' in below.node:
            found._defaults[name] = below.node['default']


def _embed(found: Type) -> None:
    """What every object has, whatever the schema says of it."""
    found.declared |= {'apiVersion', 'kind', 'metadata'}
    found._fields['apiVersion'] = found._fields['kind'] = Type(scalar='string')
    found._fields['metadata'] = _metadata()


def _deduced() -> Type:
    found = Type(scalar='untyped')
    found.is_list = found.is_map = True
    found.item = found.element = found
    return found


DEDUCED = _deduced()
"""The type of what has no schema: granular maps, atomic lists."""


@functools.cache
def _metadata() -> Type:
    text, number, flag = {'type': 'string'}, {'type': 'integer'}, {'type': 'boolean'}
    texts = {'type': 'object', 'additionalProperties': text}
    time = {'type': 'string', 'format': 'date-time'}
    owner = {
        'type': 'object',
        'x-kubernetes-map-type': 'atomic',
        'properties': {
            **dict.fromkeys(('apiVersion', 'kind', 'name', 'uid'), text),
            **dict.fromkeys(('blockOwnerDeletion', 'controller'), flag),
        },
    }
    owners = {'type': 'array', 'items': owner, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['uid']}
    properties = {
        **dict.fromkeys(('generateName', 'name', 'namespace', 'resourceVersion', 'selfLink', 'uid'), text),
        **dict.fromkeys(('creationTimestamp', 'deletionTimestamp'), time),
        **dict.fromkeys(('deletionGracePeriodSeconds', 'generation'), number),
        **dict.fromkeys(('annotations', 'labels'), texts),
        'finalizers': {'type': 'array', 'items': text, 'x-kubernetes-list-type': 'set'},
        'ownerReferences': owners,
        'managedFields': {'type': 'array', 'items': {'type': 'object'}},
    }
    return _compile(Schema({'type': 'object', 'properties': properties}), typed=True)


# --- of definitions

_TYPES: 'weakref.WeakKeyDictionary[Definition, Type]' = weakref.WeakKeyDictionary()
_ZEROS: 'weakref.WeakKeyDictionary[Definition, Json]' = weakref.WeakKeyDictionary()


def type_of(definition: Definition) -> Type:
    """The type of the objects of a resource."""
    found = _TYPES.get(definition)
    if found is None:
        found = _TYPES[definition] = _object_type(definition)
    return found


def _object_type(definition: Definition) -> Type:
    schema = definition.schema
    if definition.origin is Origin.BUILT_IN and schema is not None:
        return _compile(schema, typed=True)
    if definition.origin is Origin.LOOSE or schema is None:
        schema = Schema({'type': 'object', 'x-kubernetes-preserve-unknown-fields': True})
    found = Type()
    found._schema = schema
    _compile_map(found, schema, typed=False)
    _embed(found)
    return found


def zero_of(definition: Definition) -> Json:
    """What an object of a resource is before anything is set, with the parts that Go always writes.

    Changes are told against it when an object is created: what is here already is not owned, only what is below it.
    Custom resources have no such parts.
    """
    found = _ZEROS.get(definition)
    if found is None:
        schema = definition.schema
        typed = definition.origin is Origin.BUILT_IN and schema is not None
        found = _ZEROS[definition] = _zero(schema) if typed and schema is not None else {}
    return found


def _zero(schema: Schema) -> Json:
    """Structs and strings that are always written have a default in the schema, lists and maps are required."""
    found: Json = {}
    for key, node in schema.properties.items():
        if 'default' in node:
            below = schema.field(key)
            found[key] = _zero(below) if node['default'] == {} and below is not None else node['default']
        elif key in schema.required:
            found[key] = None
    return found
