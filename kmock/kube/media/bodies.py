"""Bodies of requests: which format they are in, what they hold, and the errors when they can't be read.

Whether the fields and values suit the kind is judged elsewhere. Observed on a real v1.36 API server; the rules are
those of apimachinery's serializers: the Content-Type alone tells the format, and without one it is JSON.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

from kmock.kube.definitions import Definition, Origin
from kmock.kube.media import go_json, go_yaml
from kmock.kube.statuses import StatusError, bad_request, unsupported_media_type

__all__ = [
    'ACCEPTED',
    'LIMIT',
    'Decoded',
    'decode_body',
    'decode_patch',
    'patch_kind',
    'unrecognized',
]

JSON, YAML, PROTOBUF = 'application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'
ACCEPTED: tuple[str, ...] = (JSON, YAML, PROTOBUF)
"""The formats that a real server lists when it refuses another one."""
LIMIT = 3 * 1024 * 1024
"""The longest body that the server reads, in bytes."""

_TYPE_META = r'struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }'


@dataclasses.dataclass(frozen=True, slots=True)
class Decoded:
    """What a body holds.

    Attributes:
        value: parsed JSON; always a dict where `decode_body` was told a kind.
        duplicates: the paths of the keys that are repeated, for strict field validation.
        api_version, kind: what the document itself says it is; empty where it says nothing.
    """

    value: Any
    duplicates: list[str] = dataclasses.field(default_factory=list)
    api_version: str = ''
    kind: str = ''


def decode_body(
    body: bytes, content_type: str | None, *, accepted: Sequence[str] = ACCEPTED, kind: str = '', limit: int = LIMIT
) -> Decoded:
    """Read the body of a POST, PUT, or DELETE.

    Args:
        body: as it came; the empty one is an error, too.
        content_type: the header; None or empty means JSON.
        accepted: the media types to be listed (and accepted, of those which are known).
        kind: what the errors say that the object must be of.
        limit: the longest body in bytes.

    Raises:
        StatusError: 413 for what is too long, 415 for an unknown format, 400 for what can't be read.
    """
    if len(body) > limit:
        raise _too_large(limit)
    media = _media(content_type) or JSON
    if media not in accepted:
        raise unsupported_media_type(accepted)
    try:
        value, duplicates = _readers()[media](body)
        api_version, named = _type_meta(value)
    except (go_json.GoJSONError, go_yaml.GoYAMLError) as error:
        raise unrecognized(kind, _what(media, error), body) from None
    return Decoded({} if value is None else value, duplicates, api_version, named)


@functools.cache
def _readers() -> dict[str, Any]:
    from kmock.kube.media import protobuf

    return {
        JSON: go_json.loads_with_duplicates,
        YAML: go_yaml.loads_with_duplicates,
        PROTOBUF: lambda body: (protobuf.decode(body), []),
    }


def _what(media: str, error: Exception) -> str:
    return f"couldn't get version/kind; json parse error: {error}" if media == JSON else str(error)


def _media(content_type: str | None) -> str:
    return (content_type or '').partition(';')[0].strip()


def unrecognized(kind: str, what: str, body: bytes) -> StatusError:
    """400 for a document that doesn't tell what it is; `what` is the decoder's text."""
    return bad_request(f'the object provided is unrecognized (must be of type {kind}): {what} ({_summary(body)})')


def _summary(body: bytes) -> str:
    if not body:
        return '<empty>'
    shown = body[:30].decode(errors='replace') if body[:1] == b'{' else body[:30].hex()
    return f'{shown} ...' if len(body) > 30 else shown


def _too_large(limit: int) -> StatusError:
    return StatusError(413, 'RequestEntityTooLarge', f'Request entity too large: limit is {limit}', {})


_GO_KINDS = {str: 'string', bool: 'bool', int: 'number', float: 'number', list: 'array', dict: 'object'}


def _type_meta(value: Any) -> tuple[str, str]:
    """The apiVersion and the kind; Go's error where one is none, or where there can't be any."""
    if value is None:
        return '', ''
    if not isinstance(value, dict):
        raise go_json.GoJSONError(f'json: cannot unmarshal {_GO_KINDS[type(value)]} into Go value of type {_TYPE_META}')
    found = []
    for key in ('apiVersion', 'kind'):
        item = value.get(key)
        if item is not None and not isinstance(item, str):
            what = f'{_GO_KINDS[type(item)]} into Go struct field .{key} of type string'
            raise go_json.GoJSONError(f'json: cannot unmarshal {what}')
        found.append(item or '')
    return found[0], found[1]


# --- patches

_PATCHES = {
    'application/json-patch+json': 'json',
    'application/merge-patch+json': 'merge',
    'application/strategic-merge-patch+json': 'strategic',
    'application/apply-patch+yaml': 'apply',
}
_CUSTOM_PATCHES = ('application/json-patch+json', 'application/merge-patch+json', 'application/apply-patch+yaml')


def patch_kind(content_type: str | None, definition: Definition) -> str:
    """Tell `json`, `merge`, `strategic` or `apply`, by the Content-Type alone.

    Raises:
        StatusError: 415 for any other one, and for strategic merges of what is not built in.
    """
    media = _media(content_type)
    if definition.origin is not Origin.BUILT_IN:
        if media not in _CUSTOM_PATCHES:
            raise unsupported_media_type(_CUSTOM_PATCHES)
    elif media not in _PATCHES:
        # Built-in resources are served by a router that refuses before the resource's own code could list the types.
        raise StatusError(415, 'UnsupportedMediaType', '415: Unsupported Media Type', {})
    return _PATCHES[media]


def decode_patch(body: bytes, kind: str, *, limit: int = LIMIT) -> Decoded:
    """Read the body of a PATCH of the kind that `patch_kind` told.

    The value is a list of objects for `json`, else an object. What the operations mean is not judged here.

    Raises:
        StatusError: 413 for what is too long, 400 for what can't be read or is of the wrong type.
    """
    if len(body) > limit:
        raise _too_large(limit)
    if kind == 'apply':
        return _applied(body)
    try:
        value, duplicates = go_json.loads_with_duplicates(body)
    except go_json.GoJSONError as error:
        raise bad_request(f'error decoding patch: {error}') from None
    wanted = _PATCH_TYPES[kind]
    if kind == 'json' and value is None:
        value = []
    if value is None and kind != 'json':
        value = {}
    _expect(value, list if kind == 'json' else dict, wanted)
    if kind == 'json':
        for operation in value:
            _expect(operation, dict, 'handlers.jsonPatchOp')
    return Decoded(value, duplicates)


_PATCH_TYPES = {
    'json': '[]handlers.jsonPatchOp',
    'merge': 'map[string]interface {}',
    'strategic': 'map[string]interface {}',
}


def _expect(value: Any, wanted: type, named: str) -> None:
    if not isinstance(value, wanted):
        found = _GO_KINDS.get(type(value), 'null')
        raise bad_request(f'error decoding patch: json: cannot unmarshal {found} into Go value of type {named}')


def _applied(body: bytes) -> Decoded:
    try:
        value, duplicates = go_yaml.loads_with_duplicates(body)
    except go_yaml.GoYAMLError as error:
        raise bad_request(f'error decoding YAML: {error}') from None
    if value is None:
        value = {}
    if not isinstance(value, dict):
        found = _GO_KINDS[type(value)]
        text = f'error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {found} into Go value of type'
        raise bad_request(f'error decoding YAML: {text} map[string]interface {{}}')
    return Decoded(value, duplicates)
