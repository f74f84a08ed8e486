"""The fields of an object against its schema when it is read: unknown ones, wrong types, malformed metadata.

What a custom resource's schema demands of the values is in `validation`; how objects of built-in kinds are decoded,
in `typed`. The messages are those of a real API server.
"""

import json
from typing import Any

from kmock.kube.definitions import Definition, Json
from kmock.kube.schema import Schema
from kmock.kube.schemas.object_meta import OBJECT_META
from kmock.kube.schemas.pruning import prune, unknown_custom
from kmock.kube.schemas.typed import MalformedError, Struct, decoder_of, unknown_typed
from kmock.kube.statuses import StatusError, bad_request, invalid, invalid_value
from kmock.kube.values.go_values import go_print

__all__ = ['decode_custom', 'decode_typed', 'undecodable', 'unknown_fields', 'unpatchable']

_OBJECT_META = Struct(OBJECT_META, 'ObjectMeta', 'v1.ObjectMeta')


def unknown_fields(schema: Schema | None, obj: Json, *, custom: bool | None = None) -> list[str]:
    """What the schema does not declare, as in `unknown field "spec.foo"`, in the order of the API server.

    Args:
        custom: whether the rules of custom resources hold; None to tell by the schema.
    """
    if schema is None:
        return []
    if custom is None:
        custom = _is_custom(schema)
    found: list[str] = []
    if not custom:
        unknown_typed(schema, obj, '', found)
        return [f'unknown field "{each}"' for each in found]
    unknown_typed(OBJECT_META, obj.get('metadata'), 'metadata', found)
    found += unknown_custom(schema.node, obj)
    for path, embedded in embedded_resources(schema, obj):
        unknown_typed(OBJECT_META, embedded.get('metadata'), f'{path}.metadata', found)
    return [f'unknown field "{each}"' for each in found]


def _is_custom(schema: Schema) -> bool:
    """Bundled schemas refer to named ones, those of custom resources stand for themselves."""
    if 'x-kubernetes-group-version-kind' in schema.node:
        return False
    return not any('$ref' in each or 'allOf' in each for each in schema.properties.values())


def embedded_resources(schema: Schema, obj: Json) -> list[tuple[str, dict[str, Any]]]:
    """The embedded resources of an object, with their paths; most schemas have none, which is looked up once."""
    return _embedded(schema.node, obj, '') if schema.mentions('x-kubernetes-embedded-resource') else []


def _embedded(node: Any, value: Any, path: str) -> list[tuple[str, dict[str, Any]]]:
    """The embedded resources below a value, with their paths."""
    found: list[tuple[str, dict[str, Any]]] = []
    if not isinstance(node, dict):
        return found
    if isinstance(value, dict):
        if path and node.get('x-kubernetes-embedded-resource'):
            found.append((path, value))
        properties = node.get('properties') or {}
        additional = node.get('additionalProperties')
        for key, item in value.items():
            if isinstance(item, dict | list):
                found += _embedded(properties.get(key, additional), item, f'{path}.{key}' if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, dict | list):
                found += _embedded(node.get('items'), item, f'{path}[{index}]')
    return found


def decode_typed(definition: Definition, obj: Json, verb: str, patch: Json | None = None) -> Json:
    """An object of a built-in kind as the API server reads it: a new object without what is unknown or left out.

    Args:
        verb: the verb of the request; for `patch`, an error is worded as one of the patched object.
        patch: the strategic patch that has led to the object; an error is worded as one of the patch then.

    Raises:
        StatusError: 400 with the text of Go's decoder where a value is of a wrong type (422 for a patch).
    """
    schema = definition.schema
    if schema is None:
        return obj
    try:
        result: Json = decoder_of(schema, definition.kind)(obj)
    except MalformedError as error:
        if patch is not None:
            raise unpatchable(patch, error.restored()) from error
        raise undecodable(definition, obj, verb, str(error)) from error
    return result


def decode_custom(definition: Definition, obj: Json, verb: str) -> Json:
    """A custom resource as the API server reads it: pruned, and its metadata decoded; a new object.

    Raises:
        StatusError: 400 where the metadata of it, or of a resource embedded in it, can't be decoded (422 for a patch).
    """
    result = prune(definition.schema, obj)
    try:
        _decode_metadata(result)
        if definition.schema is not None:
            for _, embedded in embedded_resources(definition.schema, result):
                _decode_metadata(embedded)
    except MalformedError as error:
        raise undecodable(definition, obj, verb, str(error)) from error
    return result


def _decode_metadata(obj: Json) -> None:
    """The metadata without what is unknown or empty, in place."""
    if 'metadata' in obj:
        metadata = obj['metadata']
        if metadata is None:
            del obj['metadata']
        else:
            obj['metadata'] = _OBJECT_META(metadata)


def unpatchable(patch: Json, text: str) -> StatusError:
    """The error of what a strategic patch leads to: it tells the patch, in Go's format, not the object."""
    return invalid('', '', '', [invalid_value('patch', go_print(patch), text)])


def undecodable(definition: Definition, obj: Json, verb: str, text: str) -> StatusError:
    """The error of an object that can't be decoded, or not strictly: `strict decoding error: …` is given as text."""
    if verb == 'patch':
        return invalid('', '', '', [invalid_value('patch', json.dumps(obj, separators=(',', ':')), text)])
    api_version, kind = obj.get('apiVersion'), obj.get('kind')
    version = api_version.rpartition('/')[2] if isinstance(api_version, str) else ''
    version = version or definition.resource.version
    kind = kind if isinstance(kind, str) and kind else definition.kind
    return bad_request(f'{kind} in version "{version}" cannot be handled as a {definition.kind}: {text}')
