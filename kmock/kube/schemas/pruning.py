"""Pruning: dropping what the schema of a custom resource does not declare. Validation and defaults are elsewhere.

Source: the Kubernetes documentation of CustomResourceDefinitions, "Field pruning"; observed on a real API server.
"""

from collections.abc import Mapping
from typing import Any

from kmock.kube.schema import Schema

__all__ = ['prune', 'unknown_custom', 'whole_numbers']

_META = frozenset({'apiVersion', 'kind', 'metadata'})
_AS_THEY_ARE = frozenset({str, int, bool, type(None)})


def prune(schema: Schema | None, obj: dict[str, Any]) -> dict[str, Any]:
    """A custom resource without its undeclared fields: a new object, with integral floats as integers.

    `apiVersion`, `kind` and `metadata` stay as they are, at the root and in embedded resources.
    """
    if schema is None:
        return {key: whole_numbers(value) for key, value in obj.items()}
    node = schema.node
    embedded = {**node, 'x-kubernetes-embedded-resource': True}
    result: dict[str, Any] = _pruned(obj, embedded)
    return result


def whole_numbers(value: Any) -> Any:
    """A copy in which numbers are as the API server writes them: `2.0` is `2`."""
    if value.__class__ in _AS_THEY_ARE:
        return value
    if isinstance(value, dict):
        return {key: whole_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [whole_numbers(item) for item in value]
    return int(value) if type(value) is float and value.is_integer() and abs(value) < 1e21 else value


def _child(node: Mapping[str, Any], key: str) -> tuple[bool, Mapping[str, Any] | None]:
    """Whether a key is declared, and its schema; None where `additionalProperties` is merely true."""
    properties = node.get('properties')
    if properties and key in properties:
        return True, properties[key]
    additional = node.get('additionalProperties')
    if isinstance(additional, Mapping):
        return True, additional
    return bool(additional), None


def _pruned(value: Any, node: Mapping[str, Any] | None) -> Any:
    if isinstance(value, dict):
        if node is None:
            return {}
        preserves = node.get('x-kubernetes-preserve-unknown-fields')
        meta = _META if node.get('x-kubernetes-embedded-resource') else ()
        result = {}
        for key, item in value.items():
            if key in meta:
                result[key] = whole_numbers(item)
                continue
            declared, child = _child(node, key)
            if declared:
                result[key] = item if item.__class__ in _AS_THEY_ARE else _pruned(item, child)
            elif preserves:
                result[key] = whole_numbers(item)
        return result
    if isinstance(value, list):
        items = node.get('items') if node is not None else None
        if node is not None and items is None and node.get('x-kubernetes-preserve-unknown-fields'):
            return whole_numbers(value)
        if node is not None and node.get('x-kubernetes-preserve-unknown-fields') and isinstance(items, Mapping):
            # what preserves its own fields preserves those of its items, too
            items = {'x-kubernetes-preserve-unknown-fields': True, **items}
        return [_pruned(item, items) for item in value]
    return whole_numbers(value)


def unknown_custom(node: Mapping[str, Any], obj: dict[str, Any]) -> list[str]:
    """The paths of what `prune` drops, sorted, as the API server gives them."""
    found: list[str] = []
    _unknown({**node, 'x-kubernetes-embedded-resource': True}, obj, '', found)
    return sorted(found)


def _unknown(node: Mapping[str, Any] | None, value: Any, path: str, found: list[str]) -> None:
    preserves = node is not None and node.get('x-kubernetes-preserve-unknown-fields')
    if isinstance(value, dict):
        meta = _META if node is not None and node.get('x-kubernetes-embedded-resource') else ()
        for key, item in value.items():
            if key in meta:
                continue
            where = f'{path}.{key}' if path else key
            declared, child = _child(node, key) if node is not None else (False, None)
            if declared:
                if isinstance(item, dict | list):
                    _unknown(child, item, where, found)
            elif not preserves:
                found.append(where)
    elif isinstance(value, list):
        items = node.get('items') if node is not None else None
        if preserves:
            if items is None:
                return
            items = {'x-kubernetes-preserve-unknown-fields': True, **items}
        for index, item in enumerate(value):
            if isinstance(item, dict | list):
                _unknown(items, item, f'{path}[{index}]', found)
