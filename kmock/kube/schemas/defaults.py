"""Defaults of custom resources, as their schemas declare them. Those of built-in kinds are in `kinds`.

Source: the Kubernetes documentation of CustomResourceDefinitions, "Defaulting": null counts as absent where it is not
allowed, and goes where there is no default either.
"""

import copy
from collections.abc import Mapping
from typing import Any

from kmock.kube.schema import Schema

__all__ = ['default']

_NOTHING: Mapping[str, Any] = {}


def default(schema: Schema | None, obj: dict[str, Any]) -> None:
    """Fill in the defaults, and drop the nulls that are not allowed. Changes the object."""
    if schema is not None:
        _fill(obj, schema.node)


def _is_bad_null(value: Any, node: Mapping[str, Any]) -> bool:
    return value is None and not node.get('nullable')


def _fill(value: Any, node: Mapping[str, Any]) -> None:
    if isinstance(value, dict):
        _fill_object(value, node)
    elif isinstance(value, list):
        items = node.get('items')
        if isinstance(items, Mapping):
            for index, item in enumerate(value):
                if item is not None and item.__class__ is not dict and item.__class__ is not list:
                    continue
                if _is_bad_null(item, items) and items.get('default') is not None:
                    value[index] = item = copy.deepcopy(items['default'])
                _fill(item, items)


def _fill_object(value: dict[str, Any], node: Mapping[str, Any]) -> None:
    properties: Mapping[str, Any] = node.get('properties') or _NOTHING
    additional = node.get('additionalProperties')
    for key, child in properties.items():
        preset = child.get('default')
        if preset is not None and (key not in value or _is_bad_null(value[key], child)):
            value[key] = copy.deepcopy(preset)
    for key, item in list(value.items()):
        if item is not None and item.__class__ is not dict and item.__class__ is not list:
            continue  # nothing to fill in
        child = properties.get(key, additional)
        if not isinstance(child, Mapping):
            continue
        if _is_bad_null(value[key], child):
            if child.get('default') is None:
                del value[key]
                continue
            value[key] = copy.deepcopy(child['default'])
        _fill(value[key], child)
