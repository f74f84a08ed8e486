"""Secrets in protobuf: just enough of the wire format to replace fields by their numbers, and the Kubernetes envelope.

Source: the protocol buffers encoding; apimachinery's `runtime.Unknown` behind the magic `k8s\\0`; the generated
`.proto` files of the API (`core/v1`, `authentication/v1`, `meta/v1`), whose field numbers never change.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Union

__all__ = ['MAGIC', 'ProtobufError', 'redact_envelope', 'redact_watch_event']

MAGIC = b'k8s\x00'

Replace = Callable[[bytes], bytes]
Fields = Mapping[int, Union[Replace, 'Fields']]
"""What to do with which fields of a message: replace the bytes, or go into the message."""


class ProtobufError(ValueError):
    """The bytes are no such message, or one of a kind that is not known here."""


def redact_envelope(
    data: bytes, secret: Replace, token: Replace, annotation: Replace, *, other: Replace | None = None
) -> bytes:
    """Redact one enveloped object.

    Args:
        secret: replaces a value of a Secret's data.
        token: replaces the token of a TokenRequest or TokenReview.
        annotation: redacts an annotation that may hold JSON.
        other: redacts the object of a kind that holds no secrets by its structure.

    Raises:
        ProtobufError: it is malformed; or it is of another kind, and there is no `other`.
    """
    if not data.startswith(MAGIC):
        raise ProtobufError('The magic number is missing.')
    body = data[len(MAGIC) :]
    kind = b''.join(value for number, value in _strings(body) if number == 1)
    kind = b''.join(value for number, value in _strings(kind) if number == 2)

    metadata: Fields = {12: {2: annotation}}
    a_secret: Fields = {1: metadata, 2: {2: secret}, 4: {2: secret}}

    def enveloped(raw: bytes) -> bytes:
        return redact_envelope(raw, secret, token, annotation, other=other)

    known: dict[bytes, Fields] = {
        b'Secret': a_secret,
        b'SecretList': {2: a_secret},
        b'TokenRequest': {3: {1: token}},
        b'TokenReview': {2: {1: token}},
        b'PartialObjectMetadata': {1: metadata},
        b'PartialObjectMetadataList': {2: {1: metadata}},
        b'List': {2: {1: enveloped}},
        b'Status': {},
        b'DeleteOptions': {},
    }
    raw: Replace | Fields
    if kind in known:
        raw = known[kind]
    elif other is not None:
        raw = other
    else:
        raise ProtobufError(f'The kind {kind.decode("utf-8", "replace")!r} is not known.')
    return MAGIC + _rewrite(body, {2: raw})


def redact_watch_event(data: bytes, redact_object: Replace) -> bytes:
    """Redact the object of one frame of a watch: a bare WatchEvent that holds an enveloped object.

    Raises:
        ProtobufError: it is malformed.
    """
    return _rewrite(data, {2: {1: redact_object}})


def _rewrite(message: bytes, fields: Fields) -> bytes:
    """The message with some fields replaced; all others stay as they were, byte for byte."""
    parts: list[bytes] = []
    for start, end, number, value in _walk(message):
        action = fields.get(number)
        if action is None:
            parts.append(message[start:end])
            continue
        if value is None:
            raise ProtobufError(f'The field {number} is not of the expected type.')
        replaced = action(value) if callable(action) else _rewrite(value, action)
        if replaced == value:
            parts.append(message[start:end])
        else:
            parts.append(_encode_varint(number << 3 | 2) + _encode_varint(len(replaced)) + replaced)
    return b''.join(parts)


def _strings(message: bytes) -> Iterator[tuple[int, bytes]]:
    return ((number, value) for _, _, number, value in _walk(message) if value is not None)


def _walk(message: bytes) -> Iterator[tuple[int, int, int, bytes | None]]:
    """The fields of a message: start, end, number, and the bytes if it is of such a type."""
    place = 0
    while place < len(message):
        start = place
        tag, place = _decode_varint(message, place)
        value: bytes | None = None
        match tag & 7:
            case 0:  # a varint
                _, place = _decode_varint(message, place)
            case 1:  # 64 bits
                place += 8
            case 2:  # bytes, a string, a message
                size, place = _decode_varint(message, place)
                value = message[place : place + size]
                place += size
            case 5:  # 32 bits
                place += 4
            case wire_type:
                raise ProtobufError(f'The wire type {wire_type} at {start} is not used in the Kubernetes API.')
        if place > len(message) or tag >> 3 == 0:
            raise ProtobufError(f'The field at {start} is broken.')
        yield start, place, tag >> 3, value


def _decode_varint(data: bytes, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= len(data):
            raise ProtobufError('It ends within a number.')
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
    raise ProtobufError('A number is too long.')


def _encode_varint(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
