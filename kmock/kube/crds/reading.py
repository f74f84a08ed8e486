"""Reading parts of a CustomResourceDefinition whose shape nobody has checked yet: what has a wrong type is absent.

Decoding refuses wrong types before anything here sees them; objects that are loaded from elsewhere can have them still.
"""

from collections.abc import Mapping
from typing import Any

__all__ = ['Node', 'flag', 'listed', 'mapping', 'text', 'versions_of']

Node = Mapping[str, Any]
"""A JSON object."""


def mapping(value: Any) -> Node:
    return value if isinstance(value, dict) else {}


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def text(value: Any) -> str:
    return value if isinstance(value, str) else ''


def flag(node: Node, key: str) -> bool:
    return node.get(key) is True


def versions_of(spec: Node) -> list[Node]:
    return [mapping(each) for each in listed(spec.get('versions'))]
