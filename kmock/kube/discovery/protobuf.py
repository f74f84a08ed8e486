"""Discovery documents as protobuf, for clients that prefer it. Writing only; the documents are small and few.

Source: the field numbers of apimachinery's `meta/v1/generated.proto`, `runtime/generated.proto`, and of
`apidiscovery/v2/generated.proto`.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from kmock.kube.definitions import Json

__all__ = ['discovery_protobuf']

_MAGIC = b'k8s\x00'


@dataclasses.dataclass(frozen=True, slots=True)
class _Field:
    """A field of a message: its number; what it holds is `str`, `bool`, or a message."""

    number: int
    message: 'Mapping[str, _Field] | None' = None
    many: bool = False


_Message = Mapping[str, _Field]

_VERSION: _Message = {'groupVersion': _Field(1), 'version': _Field(2)}
_CIDR: _Message = {'clientCIDR': _Field(1), 'serverAddress': _Field(2)}
_GROUP: _Message = {
    'name': _Field(1),
    'versions': _Field(2, _VERSION, many=True),
    'preferredVersion': _Field(3, _VERSION),
    'serverAddressByClientCIDRs': _Field(4, _CIDR, many=True),
}
_RESOURCE: _Message = {
    'name': _Field(1),
    'namespaced': _Field(2),
    'kind': _Field(3),
    'verbs': _Field(4, {'items': _Field(1, many=True)}),
    'shortNames': _Field(5, many=True),
    'singularName': _Field(6),
    'categories': _Field(7, many=True),
    'group': _Field(8),
    'version': _Field(9),
    'storageVersionHash': _Field(10),
}
_KIND: _Message = {'group': _Field(1), 'version': _Field(2), 'kind': _Field(3)}
_SUBRESOURCE: _Message = {
    'subresource': _Field(1),
    'responseKind': _Field(2, _KIND),
    'verbs': _Field(4, many=True),
}
_AGGREGATED_RESOURCE: _Message = {
    'resource': _Field(1),
    'responseKind': _Field(2, _KIND),
    'scope': _Field(3),
    'singularResource': _Field(4),
    'verbs': _Field(5, many=True),
    'shortNames': _Field(6, many=True),
    'categories': _Field(7, many=True),
    'subresources': _Field(8, _SUBRESOURCE, many=True),
}
_AGGREGATED_VERSION: _Message = {
    'version': _Field(1),
    'resources': _Field(2, _AGGREGATED_RESOURCE, many=True),
    'freshness': _Field(3),
}
_AGGREGATED_GROUP: _Message = {
    'metadata': _Field(1, {'name': _Field(1)}),
    'versions': _Field(2, _AGGREGATED_VERSION, many=True),
}

_DOCUMENTS: Mapping[str, _Message] = {
    'APIVersions': {'versions': _Field(1, many=True), 'serverAddressByClientCIDRs': _Field(2, _CIDR, many=True)},
    'APIGroup': _GROUP,
    'APIGroupList': {'groups': _Field(1, _GROUP, many=True)},
    'APIResourceList': {'groupVersion': _Field(1), 'resources': _Field(2, _RESOURCE, many=True)},
    'APIGroupDiscoveryList': {'metadata': _Field(1, {}), 'items': _Field(2, _AGGREGATED_GROUP, many=True)},
}


def discovery_protobuf(document: Json) -> bytes:
    """A discovery document of any kind in the envelope of Kubernetes (`runtime.Unknown` behind its magic)."""
    api_version = document.get('apiVersion', 'v1')
    type_meta = _text(1, api_version) + _text(2, document['kind'])
    raw = _encoded(_DOCUMENTS[document['kind']], document)
    return _MAGIC + _block(1, type_meta) + _block(2, raw) + _text(3, '') + _text(4, '')


def _encoded(message: _Message, value: Any) -> bytes:
    if isinstance(value, list):  # verbs of legacy documents: a list in JSON, a message of its own here
        value = {'items': value}
    return b''.join(_field(field, value[key]) for key, field in message.items() if key in value)


def _field(field: _Field, value: Any) -> bytes:
    if field.many:
        return b''.join(_single(field, each) for each in value)
    return _single(field, value)


def _single(field: _Field, value: Any) -> bytes:
    if field.message is not None:
        return _block(field.number, _encoded(field.message, value))
    if isinstance(value, bool):
        return _varint(field.number << 3) + _varint(int(value))
    return _text(field.number, value)


def _text(number: int, value: str) -> bytes:
    return _block(number, value.encode())


def _block(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    parts = []
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*parts, value))
