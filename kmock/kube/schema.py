"""Schemas: one view on the OpenAPI schemas of built-in kinds and of custom resources.

A `Schema` is a node; the nodes below it are reached by keys and items. It tells what merging, applying, pruning,
defaulting and validating ask for. It knows nothing of objects' values.
Sources: the Kubernetes API reference, "CustomResourceDefinition", and the vendor extensions of its OpenAPI document.
"""

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ['Schema']

_NO_COMPONENTS: Mapping[str, Mapping[str, Any]] = {}


class Schema:
    """A node of a schema.

    Args:
        node: the OpenAPI object, as it stands in the document (v2, v3, or a CRD).
        components: the named schemas that `$ref` leads to, by the last part of the reference.
    """

    __slots__ = ('_components', '_fields', '_items', '_mentioned', 'node')

    def __init__(self, node: Mapping[str, Any], components: Mapping[str, Mapping[str, Any]] = _NO_COMPONENTS) -> None:
        self._components = components
        self.node = self._resolved(node)
        self._fields: dict[str, Schema | None] = {}
        self._items: Schema | None = None
        self._mentioned: dict[str, bool] = {}

    def _resolved(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        """The node with what it refers to; its own words (a default, a description) win over those there."""
        reference = node.get('$ref')
        branches = node.get('allOf', ())
        if reference is None and len(branches) == 1 and '$ref' in branches[0] and 'type' not in node:
            reference = branches[0]['$ref']
        if reference is None:
            return node
        target = self._components.get(reference.rpartition('/')[2], {})
        own = {key: value for key, value in node.items() if key not in ('$ref', 'allOf')}
        return {**self._resolved(target), **own}

    # --- what it is

    @property
    def type(self) -> str | None:
        """`object`, `array`, `string`, `integer`, `number`, `boolean`; None where anything goes."""
        found = self.node.get('type')
        return found if isinstance(found, str) else None

    @property
    def format(self) -> str | None:
        return self.node.get('format')

    @property
    def nullable(self) -> bool:
        return bool(self.node.get('nullable'))

    @property
    def int_or_string(self) -> bool:
        return bool(self.node.get('x-kubernetes-int-or-string')) or self.node.get('format') == 'int-or-string'

    @property
    def preserves_unknown(self) -> bool:
        return bool(self.node.get('x-kubernetes-preserve-unknown-fields'))

    @property
    def embedded_resource(self) -> bool:
        return bool(self.node.get('x-kubernetes-embedded-resource'))

    @property
    def required(self) -> Sequence[str]:
        found: Sequence[str] = self.node.get('required', ())
        return found

    @property
    def properties(self) -> Mapping[str, Mapping[str, Any]]:
        found: Mapping[str, Mapping[str, Any]] = self.node.get('properties') or {}
        return found

    def mentions(self, word: str) -> bool:
        """Whether a word stands anywhere in the node, as a key; what `$ref` leads to is not looked at."""
        found = self._mentioned.get(word)
        if found is None:
            found = self._mentioned[word] = _mentions(self.node, word)
        return found

    # --- where it leads

    def field(self, key: str) -> 'Schema | None':
        """The schema of one property, declared or additional; None if the key is not known here."""
        if key not in self._fields:
            node = self.properties.get(key)
            if node is None:
                additional = self.node.get('additionalProperties')
                node = additional if isinstance(additional, Mapping) else {} if additional is True else None
            self._fields[key] = None if node is None else Schema(node, self._components)
        return self._fields[key]

    @property
    def is_map(self) -> bool:
        """Whether the keys are free, and all values are alike (`additionalProperties`)."""
        return not self.properties and bool(self.node.get('additionalProperties'))

    @property
    def items(self) -> 'Schema | None':
        """The schema of the items of an array."""
        if self._items is None:
            node = self.node.get('items')
            self._items = Schema(node, self._components) if isinstance(node, Mapping) else None
        return self._items

    # --- how it is merged

    @property
    def list_type(self) -> str:
        """`atomic` (also where nothing is said), `set`, or `map`."""
        return str(self.node.get('x-kubernetes-list-type', 'atomic'))

    @property
    def list_keys(self) -> Sequence[str]:
        """The fields that identify an item of a list of the type `map`."""
        found: Sequence[str] = self.node.get('x-kubernetes-list-map-keys', ())
        return found

    @property
    def is_atomic_map(self) -> bool:
        return self.node.get('x-kubernetes-map-type') == 'atomic'

    @property
    def merge_strategies(self) -> Sequence[str]:
        """For strategic merge patches: some of `merge`, `replace`, `retainKeys`."""
        found = self.node.get('x-kubernetes-patch-strategy', '')
        return tuple(found.split(',')) if found else ()

    @property
    def merge_key(self) -> str | None:
        """For strategic merge patches: the field that identifies an item of a list."""
        return self.node.get('x-kubernetes-patch-merge-key')


def _mentions(node: Any, word: str) -> bool:
    if isinstance(node, Mapping):
        return word in node or any(_mentions(each, word) for each in node.values())
    return isinstance(node, list) and any(_mentions(each, word) for each in node)
