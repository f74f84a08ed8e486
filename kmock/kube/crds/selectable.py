"""Selectable fields of a CustomResourceDefinition: the JSON paths that field selectors may name."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from kmock.kube.crds.reading import Node, mapping, text
from kmock.kube.statuses import Cause, duplicate, invalid_value, required, too_many

__all__ = ['path_fault', 'validate_selectable']

_LIMIT = 8
_TYPES = ('string', 'boolean', 'integer')
_TOKEN = re.compile(r"""'(?:[^'\\]|\\.)*'|[.\[\]]|[^.\[\]']+|'""")


def validate_selectable(fields: Sequence[Any], schema: Node, where: str) -> Iterator[Cause]:
    """The causes for which the paths can't be selected by: they must lead to different scalars, outside metadata."""
    seen: set[tuple[str, ...]] = set()
    for index, each in enumerate(fields):
        field, path = f'{where}[{index}].jsonPath', text(mapping(each).get('jsonPath'))
        if not path:
            yield required(field)
            continue
        steps, fault = _steps(path, schema, arrays=False)
        if fault:
            yield invalid_value(field, path, f'is an invalid path: {fault}')
            continue
        if steps[0] == 'metadata':
            yield invalid_value(field, path, 'must not point to fields in metadata')
        if _at(schema, steps).get('type') not in _TYPES:
            rule = (
                'must point to a field of type string, boolean or integer. '
                'Enum string fields and strings with formats are allowed.'
            )
            yield invalid_value(field, path, rule)
        if steps in seen:
            yield duplicate(field, path)
        seen.add(steps)
    if len(seen) > _LIMIT:
        yield too_many(where, len(seen), _LIMIT)


def path_fault(path: str, schema: Node) -> str | None:
    """What is wrong with the path of a field, as rules name it: `.spec.a`, `.labels['x.y/z']`; None for a good one."""
    return _steps(path, schema, arrays=True)[1]


def _steps(path: str, schema: Node, *, arrays: bool) -> tuple[tuple[str, ...], str | None]:
    """The fields of a path, and what is wrong with it, if anything; `arrays` tells whether `['name']` is known."""
    steps: list[str] = []
    tokens = _TOKEN.findall(path)
    while tokens:
        delimiter, *tokens = tokens
        if delimiter == '.' or (delimiter == '[' and arrays):
            if not tokens:
                return (), 'unexpected end of JSON path'
            name, *tokens = tokens
            if delimiter == '[':
                if not (len(name) > 1 and name[0] == name[-1] == "'"):
                    return (), f'expected single quoted string but got {name}'
                if not tokens or tokens.pop(0) != ']':
                    return (), 'expected ] but got unexpected end of JSON path'
                name = name[1:-1].replace("\\'", "'")
        elif delimiter == '[':
            return (), 'array notation is not allowed'
        else:
            return (), f'expected [ or . but got: {delimiter}'
        node = _at(schema, steps)
        properties = mapping(node.get('properties'))
        if name not in properties and (properties or not isinstance(node.get('additionalProperties'), dict)):
            return (), 'does not refer to a valid field'
        steps.append(name)
    return tuple(steps), None


def _at(schema: Node, steps: Sequence[str]) -> Node:
    for name in steps:
        schema = mapping(mapping(schema.get('properties')).get(name) or schema.get('additionalProperties'))
    return schema
