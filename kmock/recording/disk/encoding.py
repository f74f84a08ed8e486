"""One frame as bytes, and back: layout, checksums, limits, versions. Nothing of files; see `format.py` for the whole.

A file is a magic of eight bytes and then frames. A frame is

    sync      2 bytes that never occur in UTF-8, so that the next frame can be found after damage
    checksum  4 bytes, big-endian: CRC-32 of the length field and the payload
    length    4 bytes, big-endian: of the payload
    payload   a msgpack array; its first item is a small int that says what kind of frame it is

Headers lie in a frame as a flat array (name, value, name, value), so that no kind needs nested containers but one.
What is of free form (the server's version, rules of matching) is JSON in a string: its nesting costs nothing until
it is parsed. Strings may hold lone surrogates (what an HTTP parser makes of bytes that are not UTF-8), and keep them.

Whatever is read here may come from a stranger: no declared length is believed before it is checked, and what a
payload may cost once it is unpacked is bounded by its own length.
"""

import json
import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgpack

from kmock.messages import Outcome
from kmock.recording.frames import (
    BodyFrame,
    ChunkFrame,
    DataFrame,
    EndFrame,
    Frame,
    Header,
    Headers,
    NoteFrame,
    RequestFrame,
    ResponseFrame,
    TunnelFrame,
    detach_body,
    split,
)

__all__ = [
    'CHUNK',
    'FORMAT',
    'HEAD',
    'MAGIC',
    'MAX_DATA',
    'MAX_ID',
    'MAX_PAYLOAD',
    'MAX_TIME',
    'MIGRATIONS',
    'SYNC',
    'VERSION',
    'Encoder',
    'build',
    'build_header',
    'checksum',
    'header_version',
    'unpack',
    'upgrade',
]

MAGIC: Final = b'\x89KMOCK\r\n'
"""As in PNG, a byte above 127 and a CR LF, so that a transfer in text mode is noticed."""

FORMAT: Final = 'kmock-cassette'
VERSION: Final = 1
SYNC: Final = b'\xc1\xfe'
HEAD: Final = struct.Struct('>2sII')

HEADER, REQUEST, BODY, RESPONSE, CHUNK, TUNNEL, END, NOTE = range(8)

MAX_DATA: Final = 16 * 1024 * 1024
"""The most bytes of a body in one frame; the encoder splits what is longer."""

MAX_META: Final = 1024 * 1024
"""The longest payload of a frame that carries no bytes of a body: its containers may cost 80 times as much."""

MAX_INLINE: Final = 512 * 1024
"""A request body longer than this lies in frames of its own."""

MAX_PAYLOAD: Final = MAX_DATA + 1024

MAX_ID: Final = 2**63 - 1
"""The highest id; unsigned 64-bit numbers would not fit into other tools."""

MAX_TIME: Final = 2**50
"""The latest time, in microseconds: 35 years, as far as seconds in a float tell one microsecond from the next."""

_LENGTH = struct.Struct('>I')

MIGRATIONS: dict[int, Callable[[tuple[Any, ...]], tuple[Any, ...]]] = {}
"""For each older version, what makes of an unpacked payload (the header's, too) one of the next version."""


def checksum(payload: bytes | memoryview) -> int:
    """The checksum of a frame: over the length field, too, so that a wrong length can't pass for a right one."""
    return zlib.crc32(payload, zlib.crc32(_LENGTH.pack(len(payload))))


# --- frame → bytes


class Encoder:
    """Frames to bytes. One encoder may be used by one thread at a time."""

    def __init__(self) -> None:
        self._pack: Callable[[Any], bytes] = msgpack.Packer(unicode_errors='surrogatepass').pack

    def header(self, header: Header) -> bytes:
        """The magic and the header frame: how every file begins."""
        fields = (
            FORMAT,
            VERSION,
            header.created,
            None if header.server is None else _json(header.server),
            tuple(header.redacted),
            header.key,
            _json(header.matching),
            _json(header.extra),
        )
        return MAGIC + self._frame((HEADER, *fields))

    def encode(self, frame: Frame) -> bytes:
        """A frame as bytes, which are several frames if its data are too long for one.

        Raises:
            ValueError: it can't be stored: a number out of range, or heads of an absurd length.
        """
        if not 0 <= frame.at_us <= MAX_TIME:
            raise ValueError(f'a frame at {frame.at_us} µs, before the recording began or decades later')
        if not isinstance(frame, NoteFrame) and not 0 <= frame.id <= MAX_ID:
            raise ValueError(f'an exchange with the id {frame.id}')
        if isinstance(frame, RequestFrame) and frame.body is not None and len(frame.body) > MAX_INLINE:
            return b''.join(self.encode(part) for part in detach_body(frame))
        if isinstance(frame, DataFrame) and len(frame.data) > MAX_DATA:
            return b''.join(self.encode(part) for part in split(frame, MAX_DATA))
        return self._frame(_fields(frame))

    def _frame(self, fields: tuple[Any, ...]) -> bytes:
        try:
            payload = self._pack(fields)
        except OverflowError as error:
            raise ValueError(f'a number out of range: {error}') from None
        length = len(payload)
        if length > MAX_META and (fields[0] not in _BULKY or length > MAX_PAYLOAD):
            raise ValueError(f'a frame of {length:,} bytes, the most is {MAX_META:,} without the data of bodies')
        return HEAD.pack(SYNC, zlib.crc32(payload, zlib.crc32(_LENGTH.pack(length))), length) + payload


_BULKY = frozenset({BODY, CHUNK, TUNNEL})


def _fields(frame: Frame) -> tuple[Any, ...]:
    match frame:
        case ChunkFrame():
            return CHUNK, frame.id, frame.at_us, frame.data, frame.partial
        case RequestFrame():
            head = (REQUEST, frame.id, frame.at_us, frame.method, frame.target, _flat(frame.headers))
            return *head, frame.body, frame.streamed
        case ResponseFrame():
            return RESPONSE, frame.id, frame.at_us, frame.status, frame.reason, _flat(frame.headers)
        case BodyFrame():
            return BODY, frame.id, frame.at_us, frame.data, frame.last
        case TunnelFrame():
            return TUNNEL, frame.id, frame.at_us, frame.data, frame.from_client
        case EndFrame():
            return END, frame.id, frame.at_us, str(frame.outcome), frame.error
        case NoteFrame():
            return NOTE, frame.at_us, frame.text, _json(frame.changes)


def _flat(headers: Headers) -> tuple[str, ...]:
    return tuple(item for pair in headers for item in pair)


def _json(value: Mapping[str, Any]) -> str:
    try:
        return json.dumps(dict(value), separators=(',', ':'))
    except (TypeError, RecursionError) as error:
        raise ValueError(f'a header that is no JSON: {error}') from None


# --- bytes → frame


def unpack(payload: bytes | memoryview) -> tuple[Any, ...]:
    """The items of a payload. They are of the right types for the kind of frame, once `build` has accepted them.

    Raises:
        ValueError: it is no msgpack, or would cost more than it should.
    """
    if len(payload) <= MAX_META:
        items = msgpack.unpackb(payload, use_list=False, unicode_errors='surrogatepass', max_map_len=0, max_ext_len=0)
    else:
        items = msgpack.unpackb(
            payload,
            use_list=False,
            unicode_errors='surrogatepass',
            max_array_len=8,
            max_map_len=0,
            max_ext_len=0,
            list_hook=_refuse_nesting,
        )
        if type(items) is tuple and items and items[0] not in _BULKY:
            raise ValueError('longer than any frame of its kind')
    if type(items) is not tuple or not items:
        raise ValueError('not an array')
    return items


def _refuse_nesting(items: tuple[Any, ...]) -> tuple[Any, ...]:
    """Called from the inside out, so the first array within an array is the last that is made."""
    if any(type(item) is tuple for item in items):
        raise ValueError('arrays where there should be none')
    return items


def build(items: tuple[Any, ...]) -> Frame:
    """The frame of an unpacked payload of the present version.

    Raises:
        ValueError: it is none.
    """
    builder = _BUILDERS.get(items[0]) if type(items[0]) is int else None
    if builder is None:
        raise ValueError(f'a frame of an unknown kind ({items[0]!r:.20})')
    shapes, make = builder
    if tuple(map(type, items)) not in shapes:
        raise ValueError(f'a frame of kind {items[0]} with the wrong fields')
    if not (0 <= items[1] <= MAX_TIME if items[0] == NOTE else 0 <= items[1] <= MAX_ID and 0 <= items[2] <= MAX_TIME):
        raise ValueError('a frame with a negative or absurd id or time')
    return make(*items[1:])


def _make_request(
    id: int, at_us: int, method: str, target: str, headers: tuple[Any, ...], body: bytes | None, streamed: bool
) -> Frame:
    pairs = _pairs(headers)
    return RequestFrame(id=id, at_us=at_us, method=method, target=target, headers=pairs, body=body, streamed=streamed)


def _make_response(id: int, at_us: int, status: int, reason: str, headers: tuple[Any, ...]) -> Frame:
    if not 100 <= status <= 999:
        raise ValueError(f'a response with the status {status}')
    return ResponseFrame(id=id, at_us=at_us, status=status, reason=reason, headers=_pairs(headers))


def _make_body(id: int, at_us: int, data: bytes, last: bool) -> Frame:
    return BodyFrame(id=id, at_us=at_us, data=data, last=last)


def _make_chunk(id: int, at_us: int, data: bytes, partial: bool) -> Frame:
    return ChunkFrame(id=id, at_us=at_us, data=data, partial=partial)


def _make_tunnel(id: int, at_us: int, data: bytes, from_client: bool) -> Frame:
    return TunnelFrame(id=id, at_us=at_us, data=data, from_client=from_client)


def _make_end(id: int, at_us: int, outcome: str, error: str | None) -> Frame:
    return EndFrame(id=id, at_us=at_us, outcome=Outcome(outcome), error=error)


def _make_note(at_us: int, text: str, changes: str) -> Frame:
    return NoteFrame(at_us=at_us, text=text, changes=_mapping(changes))


_BUILDERS: dict[int, tuple[frozenset[tuple[type, ...]], Callable[..., Frame]]] = {
    REQUEST: (
        frozenset((int, int, int, str, str, tuple, body, bool) for body in (bytes, type(None))),
        _make_request,
    ),
    BODY: (frozenset({(int, int, int, bytes, bool)}), _make_body),
    RESPONSE: (frozenset({(int, int, int, int, str, tuple)}), _make_response),
    CHUNK: (frozenset({(int, int, int, bytes, bool)}), _make_chunk),
    TUNNEL: (frozenset({(int, int, int, bytes, bool)}), _make_tunnel),
    END: (frozenset((int, int, int, str, error) for error in (str, type(None))), _make_end),
    NOTE: (frozenset({(int, int, str, str)}), _make_note),
}


def header_version(items: tuple[Any, ...]) -> int:
    """The version in an unpacked header; its place is the same in all versions.

    Raises:
        ValueError: it is no header.
    """
    if len(items) < 3 or items[0] != HEADER or items[1] != FORMAT or type(items[2]) is not int or items[2] < 1:
        raise ValueError('not the header of a cassette')
    return items[2]


def build_header(items: tuple[Any, ...]) -> Header:
    """The header of an unpacked payload of the present version.

    Raises:
        ValueError: it is none.
    """
    shapes = {(int, str, int, str, server, tuple, bytes, str, str) for server in (str, type(None))}
    if tuple(map(type, items)) not in shapes or not all(type(line) is str for line in items[5]):
        raise ValueError('a header with the wrong fields')
    _, _, _, created, server, redacted, key, matching, extra = items
    return Header(
        created=created,
        server=None if server is None else _mapping(server),
        redacted=redacted,
        key=key,
        matching=_mapping(matching),
        extra=_mapping(extra),
    )


def upgrade(items: tuple[Any, ...], version: int) -> tuple[Any, ...]:
    """An unpacked payload of an older version as one of the present version, by one migration a step."""
    for step in range(version, VERSION):
        items = MIGRATIONS[step](items)
    return items


def _pairs(flat: tuple[Any, ...]) -> Headers:
    if len(flat) % 2 or not all(type(item) is str for item in flat):
        raise ValueError('headers that are no pairs of strings')
    return tuple(zip(flat[::2], flat[1::2], strict=True))


def _mapping(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError('JSON nested too deep') from None
    if type(value) is not dict:
        raise ValueError('JSON that is no object')
    return value
