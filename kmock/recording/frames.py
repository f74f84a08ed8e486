"""Frames: what happened at one moment of a recording, and the header of the recording as a whole. Plain data.

A frame is one thing that happened at one moment. Frames of parallel exchanges are interleaved; `id` ties them together.
Times (`at_us`) are whole microseconds since the start of the recording, by a monotonic clock.
How frames are gathered into exchanges is known to `cassette.py`, how they look on disk to `encoding.py`,
and as JSON Lines to `interchange.py`.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from kmock.messages import Outcome

__all__ = [
    'BodyFrame',
    'ChunkFrame',
    'DataFrame',
    'EndFrame',
    'Frame',
    'Header',
    'Headers',
    'NoteFrame',
    'RequestFrame',
    'ResponseFrame',
    'TunnelFrame',
    'detach_body',
    'split',
]

Headers = tuple[tuple[str, str], ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What is known of a recording as a whole.

    Attributes:
        created: when the recording began, RFC 3339, UTC.
        server: the server's `/version`, or a part of it; None if it was not asked or did not answer.
        redacted: what was replaced, a line each, e.g. `header Authorization`, `Secret data`.
        key: the key from which the placeholders of this recording are derived; empty if nothing is redacted.
        matching: which rules of matching were in force; empty for the default ones.
        extra: whatever else a foreign recorder has put there; kept for lossless interchange.
    """

    created: str
    server: Mapping[str, Any] | None = None
    redacted: tuple[str, ...] = ()
    key: bytes = b''
    matching: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    extra: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RequestFrame:
    """The head of a request, and its body if that was at hand at once.

    Attributes:
        target: the raw path and query, as in the request line.
        headers: those of the client, without hop-by-hop ones.
        body: None if the request announced no body, or if the body follows in BodyFrames (then `streamed`).
    """

    id: int
    at_us: int
    method: str
    target: str
    headers: Headers = ()
    body: bytes | None = None
    streamed: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class BodyFrame:
    """A piece of a streamed request body; `last` marks that the body is complete (the piece may be empty then)."""

    id: int
    at_us: int
    data: bytes
    last: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ResponseFrame:
    """The head of a response, without hop-by-hop headers."""

    id: int
    at_us: int
    status: int
    reason: str = ''
    headers: Headers = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ChunkFrame:
    """A piece of a response body; `partial` marks that its HTTP chunk goes on in the next piece."""

    id: int
    at_us: int
    data: bytes
    partial: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TunnelFrame:
    """Bytes of an upgraded connection, in one of the two directions; empty when that direction ended."""

    id: int
    at_us: int
    data: bytes
    from_client: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EndFrame:
    """How an exchange ended. `error` is for people: what the system said, if anything."""

    id: int
    at_us: int
    outcome: Outcome
    error: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class NoteFrame:
    """Something about the recording as a whole that became known only later.

    `changes` are new values for fields of the header (`redacted`, `server`); `text` is for people,
    e.g. `stopped: the disk is full`.
    """

    at_us: int
    text: str = ''
    changes: Mapping[str, Any] = dataclasses.field(default_factory=dict)


Frame = RequestFrame | BodyFrame | ResponseFrame | ChunkFrame | TunnelFrame | EndFrame | NoteFrame

DataFrame = BodyFrame | ChunkFrame | TunnelFrame


def split(frame: DataFrame, size: int) -> Iterator[DataFrame]:
    """The frame in parts of up to so many bytes, marked as belonging together; itself if it is short enough."""
    if len(frame.data) <= size:
        yield frame
        return
    for start in range(0, len(frame.data), size):
        data = frame.data[start : start + size]
        inner = start + size < len(frame.data)
        match frame:
            case BodyFrame():
                yield dataclasses.replace(frame, data=data, last=frame.last and not inner)
            case ChunkFrame():
                yield dataclasses.replace(frame, data=data, partial=frame.partial or inner)
            case TunnelFrame():
                yield dataclasses.replace(frame, data=data)


def detach_body(frame: RequestFrame) -> tuple[RequestFrame, BodyFrame]:
    """A request with its body as one with a streamed body, and that body."""
    body = BodyFrame(id=frame.id, at_us=frame.at_us, data=frame.body or b'', last=True)
    return dataclasses.replace(frame, body=None, streamed=True), body
