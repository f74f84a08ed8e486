"""Kubernetes' protobuf: documents of the kinds in `protobuf_fields.py`, to JSON and back.

Go clients may send it (kubectl for ConfigMaps, access reviews, tokens) and ask for it (informers of metadata).
What a kind's fields are numbered is in `protobuf_fields.py`; kinds that are not there are for JSON only.
Sources: the protobuf encoding; the Kubernetes API reference, "Kubernetes Protobuf encoding".
"""

import base64
import binascii
import dataclasses
import datetime
import functools
import json
from typing import Any

from kmock.kube.definitions import Json
from kmock.kube.media.go_json import GoJSONError
from kmock.kube.media.protobuf_fields import KINDS, MESSAGES, PARTIAL, REQUESTS_ONLY
from kmock.kube.statuses import unsupported_media_type

__all__ = ['decode', 'encode', 'encode_event', 'is_writable']

_MAGIC = b'k8s\0'
_MAX_DEPTH = 100
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5


class _Malformed(GoJSONError):
    """The bytes are no message of the kind."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Field:
    name: str
    number: int
    type: str
    repeated: bool
    mapped: bool
    optional: bool


@functools.cache
def _fields(message: str) -> tuple[dict[str, _Field], dict[int, _Field]]:
    """The fields of a message, by names and by numbers."""
    found = []
    for part in MESSAGES[message].split():
        name, _, rest = part.partition('=')
        number, _, kind = rest.partition(':')
        bare = kind.strip('*<?')
        found.append(_Field(name, int(number), bare, kind[0] == '*', kind[0] == '<', kind[-1] == '?'))
    return {each.name: each for each in found}, {each.number: each for each in found}


def is_writable(api_version: str, kind: str) -> bool:
    """Tell whether objects of the kind can be answered in protobuf."""
    message = KINDS.get((api_version, kind))
    return message is not None and message not in REQUESTS_ONLY


# --- reading


def decode(body: bytes) -> Json:
    """Read a document with its envelope.

    Raises:
        GoJSONError: for what can't be read, with a text for the client.
        StatusError: 415 for kinds, and for fields of some kinds, that are not known; JSON is accepted for these.
    """
    if not body:
        raise _Malformed('empty data')
    if not body.startswith(_MAGIC):
        raise _Malformed('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]')
    envelope = _read(body[4:], 'Unknown', 0)
    meta = envelope.get('typeMeta', {})
    api_version, kind = meta.get('apiVersion', ''), meta.get('kind', '')
    message = KINDS.get((api_version, kind))
    if message is None:
        raise unsupported_media_type(('application/json', 'application/yaml'))
    raw = base64.b64decode(envelope.get('raw', ''))
    return {'kind': kind, 'apiVersion': api_version, **_read(raw, message, 0)}


def _read(data: bytes, message: str, depth: int) -> Json:
    if depth > _MAX_DEPTH:
        raise _Malformed('proto: too deeply nested')
    _, known = _fields(message)
    found: Json = {}
    at = 0
    while at < len(data):
        tag, at = _read_varint(data, at)
        number, wire = tag >> 3, tag & 7
        value, at = _read_value(data, at, wire)
        field = known.get(number)
        if field is None:
            # Go writes empty values, too; only what says something is missed.
            if value and message in PARTIAL:
                raise unsupported_media_type(('application/json', 'application/yaml'))
            continue  # as Go skips what it doesn't know
        _keep(found, field, value, wire, depth)
    return found


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data):
            raise _Malformed('unexpected EOF')
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & (2**64 - 1), at
        shift += 7
        if shift >= 70:
            raise _Malformed('proto: integer overflow')


def _read_value(data: bytes, at: int, wire: int) -> tuple[int | bytes, int]:
    if wire == _VARINT:
        return _read_varint(data, at)
    if wire == _LENGTH:
        length, at = _read_varint(data, at)
    elif wire in (_FIXED64, _FIXED32):
        length = 8 if wire == _FIXED64 else 4
    else:
        raise _Malformed(f'proto: illegal wireType {wire}')
    if at + length > len(data):
        raise _Malformed('unexpected EOF')
    return data[at : at + length], at + length


def _keep(found: Json, field: _Field, value: int | bytes, wire: int, depth: int) -> None:
    if wire != (_VARINT if field.type in 'ib' and not field.mapped else _LENGTH):
        raise _Malformed(f'proto: wrong wireType = {wire} for field {field.name[0].upper()}{field.name[1:]}')
    if field.mapped:
        key, item = _entry(value, field, depth)  # type: ignore[arg-type]
        found.setdefault(field.name, {})[key] = item
    elif field.repeated:
        found.setdefault(field.name, []).append(_value(value, field.type, depth))
    else:
        item = _value(value, field.type, depth)
        if field.name[0] == '~':
            found.update(item)
        elif field.optional or item not in ('', 0, False, None, {}):
            found[field.name] = item


def _entry(data: bytes, field: _Field, depth: int) -> tuple[str, Any]:
    key, item, at = '', None, 0
    while at < len(data):
        tag, at = _read_varint(data, at)
        value, at = _read_value(data, at, tag & 7)
        if tag & 7 != _LENGTH:
            raise _Malformed(f'proto: wrong wireType = {tag & 7} for field {field.name}')
        if tag >> 3 == 1:
            key = _text(value)
        elif tag >> 3 == 2:
            item = _value(value, field.type, depth)
    return key, _value(b'', field.type, depth) if item is None else item


def _text(value: Any) -> str:
    return bytes(value).decode(errors='replace')


def _value(value: Any, kind: str, depth: int) -> Any:
    match kind:
        case 's':
            return _text(value)
        case 'i':
            return value - 2**64 if value >= 2**63 else value
        case 'b':
            return value != 0
        case 'y':
            return base64.b64encode(value).decode()
        case 'n':
            return _read(value, 'Quantity', depth).get('string', '0')
        case 'Time' | 'MicroTime':
            return _time(_read(value, kind, depth), micro=kind == 'MicroTime')
        case 'FieldsV1':
            return _fields_v1(_read(value, kind, depth))
        case 'IntOrString':
            read = _read(value, kind, depth)
            return read.get('strVal', '') if read.get('type') == 1 else read.get('intVal', 0)
        case 'ExtraValue':
            return _read(value, kind, depth).get('items', [])
    return _read(value, kind, depth + 1)


def _time(value: Json, *, micro: bool) -> str | None:
    if not value:
        return None
    try:
        moment = datetime.datetime.fromtimestamp(value.get('seconds', 0), datetime.UTC)
    except (ValueError, OverflowError, OSError):
        raise _Malformed('proto: the time is out of range') from None
    text = moment.strftime('%Y-%m-%dT%H:%M:%S')
    return f'{text}.{value.get("nanos", 0) // 1000:06d}Z' if micro else f'{text}Z'


def _fields_v1(value: Json) -> Any:
    try:
        return json.loads(base64.b64decode(value.get('raw', '')) or b'{}')
    except (ValueError, RecursionError):
        raise _Malformed('proto: the field sets are no JSON') from None


# --- writing


def encode(obj: Json) -> bytes:
    """Write an object of a kind that `is_writable`, with its envelope. Unknown keys are left out, as Go does."""
    api_version, kind = obj['apiVersion'], obj['kind']
    raw = _write(obj, KINDS[api_version, kind])
    meta = {'apiVersion': api_version, 'kind': kind}
    return _MAGIC + _write({'typeMeta': meta, 'raw': raw, 'contentEncoding': '', 'contentType': ''}, 'Unknown')


def encode_event(kind: str, obj: Json) -> bytes:
    """Write one event of a watch: a frame with its length before it."""
    event = _write({'type': kind, 'object': {'raw': encode(obj)}}, 'WatchEvent')
    return len(event).to_bytes(4, 'big') + event


def _write(value: Json, message: str) -> bytes:
    known, _ = _fields(message)
    parts: list[bytes] = []
    for name, field in sorted(known.items(), key=lambda each: each[1].number):
        item = value.get(name)
        if item is None:
            continue
        if field.mapped:
            parts.extend(_mapped(field, key, each) for key, each in item.items())
        elif field.repeated:
            parts.extend(_tagged(field.number, field.type, each) for each in item)
        else:
            parts.append(_tagged(field.number, field.type, item))
    return b''.join(parts)


def _mapped(field: _Field, key: str, value: Any) -> bytes:
    entry = _tagged(1, 's', key) + _tagged(2, field.type, value)
    return _length(field.number, entry)


def _length(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | _LENGTH) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    value &= 2**64 - 1
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)


def _tagged(number: int, kind: str, value: Any) -> bytes:
    if kind in ('i', 'b'):
        return _varint(number << 3 | _VARINT) + _varint(int(value))
    return _length(number, _written(kind, value))


def _written(kind: str, value: Any) -> bytes:
    match kind:
        case 's':
            return str(value).encode(errors='surrogatepass')
        case 'y':
            return value if isinstance(value, bytes) else _unbase64(value)
        case 'n':
            return _write({'string': str(value)}, 'Quantity')
        case 'Time' | 'MicroTime':
            return _write(_instant(value), kind)
        case 'FieldsV1':
            return _write({'raw': json.dumps(value, separators=(',', ':')).encode()}, kind)
        case 'IntOrString':
            return _write({'type': 1, 'strVal': value} if isinstance(value, str) else {'intVal': value}, kind)
        case 'ExtraValue':
            return _write({'items': value}, kind)
    return _write(value, kind)


def _unbase64(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except (binascii.Error, ValueError):
        return b''


def _instant(text: str) -> Json:
    moment = datetime.datetime.fromisoformat(text)
    return {'seconds': int(moment.timestamp()), 'nanos': moment.microsecond * 1000}
