"""ConfigMaps and Secrets: their keys, sizes, types, and immutability."""

import base64
import binascii
import json
from typing import Any

from kmock.kube.definitions import Json, Strategy
from kmock.kube.kinds.rules import as_map, immutable
from kmock.kube.statuses import Cause, forbidden_field, invalid_value, required, too_long
from kmock.kube.values import names

__all__ = ['STRATEGIES']

_MAX_SIZE = 1024 * 1024
_FROZEN = 'field is immutable when `immutable` is set'
_REQUIRED_KEYS = {
    'kubernetes.io/dockercfg': ('.dockercfg',),
    'kubernetes.io/dockerconfigjson': ('.dockerconfigjson',),
    'kubernetes.io/ssh-auth': ('ssh-privatekey',),
    'kubernetes.io/tls': ('tls.crt', 'tls.key'),
}
_SERVICE_ACCOUNT = 'kubernetes.io/service-account.name'


def _size(value: str) -> int:
    return len(value) if value.isascii() else len(value.encode('utf-8', 'surrogatepass'))


def _decoded(value: Any) -> bytes:
    """The bytes that a value in base64 stands for; those that are none were refused when the body was decoded."""
    try:
        return base64.b64decode(str(value or ''))
    except (binascii.Error, ValueError):
        return b''


def _frozen(obj: Json, old: Json, parts: tuple[str, ...]) -> list[Cause]:
    """What changed although the old object is immutable."""
    if not old.get('immutable'):
        return []
    found = [] if obj.get('immutable') else [forbidden_field('immutable', _FROZEN)]
    return found + [forbidden_field(part, _FROZEN) for part in parts if (obj.get(part) or {}) != (old.get(part) or {})]


# --- ConfigMaps


def _validate_map(obj: Json) -> list[Cause]:
    data, binary = as_map(obj.get('data')), as_map(obj.get('binaryData'))
    found: list[Cause] = []
    total = 0
    for key in sorted(data):
        found += [invalid_value(f'data[{key}]', key, why) for why in names.config_map_key(key)]
        if key in binary:
            found.append(invalid_value(f'data[{key}]', key, 'duplicate of key present in binaryData'))
        total += _size(str(data[key]))
    for key in sorted(binary):
        found += [invalid_value(f'binaryData[{key}]', key, why) for why in names.config_map_key(key)]
        total += len(_decoded(binary[key]))
    if total > _MAX_SIZE:
        found.append(too_long('[]', _MAX_SIZE))
    return found


def _validate_map_update(obj: Json, old: Json) -> list[Cause]:
    return _frozen(obj, old, ('data', 'binaryData')) + _validate_map(obj)


# --- Secrets


def _default_secret(obj: Json) -> None:
    """`stringData` is for writing only: it goes over into `data`."""
    if not obj.get('type'):
        obj['type'] = 'Opaque'
    texts = as_map(obj.pop('stringData', None))
    if texts:
        encoded = {key: base64.b64encode(str(text).encode('utf-8', 'replace')).decode() for key, text in texts.items()}
        obj['data'] = {**as_map(obj.get('data')), **encoded}


def _validate_secret(obj: Json) -> list[Cause]:
    data = as_map(obj.get('data'))
    found: list[Cause] = []
    for key in sorted(data):
        found += [invalid_value(f'data[{key}]', key, why) for why in names.config_map_key(key)]
    if sum(len(_decoded(value)) for value in data.values()) > _MAX_SIZE:
        found.append(too_long('data', _MAX_SIZE))
    return found + _type_causes(obj, data)


def _type_causes(obj: Json, data: Json) -> list[Cause]:
    kind = obj.get('type')
    if kind == 'kubernetes.io/service-account-token':
        annotations = as_map(as_map(obj.get('metadata')).get('annotations'))
        missing = not annotations.get(_SERVICE_ACCOUNT)
        return [required(f'metadata.annotations[{_SERVICE_ACCOUNT}]')] if missing else []
    if kind == 'kubernetes.io/basic-auth':
        if data.get('username') or data.get('password'):
            return []
        return [required('data[username]'), required('data[password]')]
    found: list[Cause] = []
    for key in _REQUIRED_KEYS.get(str(kind), ()):
        if key not in data or (key == 'ssh-privatekey' and not data[key]):
            found.append(required(f'data[{key}]'))
        elif 'docker' in key and not _is_json(_decoded(data[key])):
            found.append(invalid_value(f'data[{key}]', '<secret contents redacted>', _json_error(_decoded(data[key]))))
    return found


def _is_json(text: bytes) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _json_error(text: bytes) -> str:
    """The words of Go's decoder for the usual faults."""
    stripped = text.decode('utf-8', 'replace').lstrip()
    if not stripped:
        return 'unexpected end of JSON input'
    if stripped[0] in '[{"-0123456789tfn':
        return 'unexpected end of JSON input'
    return f"invalid character '{stripped[0]}' looking for beginning of value"


def _validate_secret_update(obj: Json, old: Json) -> list[Cause]:
    changed = immutable('type', obj.get('type'), old.get('type'))
    return changed + _frozen(obj, old, ('data',)) + _validate_secret(obj)


STRATEGIES = {
    'configmaps': Strategy(name=names.dns1123_subdomain, validate=_validate_map, validate_update=_validate_map_update),
    'secrets': Strategy(
        name=names.dns1123_subdomain,
        default=_default_secret,
        validate=_validate_secret,
        validate_update=_validate_secret_update,
    ),
}
