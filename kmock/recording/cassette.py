"""Cassette and Exchange: a recording as it is read, gathered from frames. Nothing of how it lies on disk.

A cassette keeps the positions of its frames, and reads a frame when it is asked for: its memory does not grow with
the bytes that were recorded. The frames themselves are in `frames.py`; their names can be imported from here, too.
"""

import dataclasses
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol, Self, overload

from kmock.messages import Outcome
from kmock.recording.frames import (
    BodyFrame,
    ChunkFrame,
    EndFrame,
    Frame,
    Header,
    Headers,
    NoteFrame,
    RequestFrame,
    ResponseFrame,
    TunnelFrame,
)
from kmock.recording.index import ABSENT, FrameIndex

__all__ = [
    'BodyFrame',
    'Cassette',
    'ChunkFrame',
    'EndFrame',
    'Exchange',
    'Frame',
    'FrameSource',
    'Header',
    'Headers',
    'NoteFrame',
    'Problems',
    'RequestFrame',
    'ResponseFrame',
    'TunnelFrame',
    'apply_note',
]


class FrameSource(Protocol):
    """Where a cassette's frames are."""

    def read(self, position: int) -> Frame:
        """The frame at a position that was indexed. Raises CassetteError if it is not there any more."""

    def close(self) -> None:
        """Let the file go. Closing twice is fine."""


class Problems:
    """What is wrong with a cassette, a line each; only so many lines are kept, the rest is counted."""

    LIMIT = 100

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._count = 0

    def add(self, line: str) -> None:
        self._count += 1
        if self._count <= self.LIMIT:
            self._lines.append(line)

    def lines(self) -> list[str]:
        more = self._count - self.LIMIT
        return [*self._lines, f'and {more} more problems of such kinds'] if more > 0 else list(self._lines)


class Exchange:
    """One request and all that belongs to it; a handle that reads from the cassette what it is asked for."""

    __slots__ = ('_index', '_read', '_request', '_row')

    def __init__(self, index: FrameIndex, row: int, read: Callable[[int], Frame]) -> None:
        self._index = index
        self._row = row
        self._read = read
        self._request: RequestFrame | None = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Exchange):
            return NotImplemented
        return self._index is other._index and self._row == other._row

    def __hash__(self) -> int:
        return hash((id(self._index), self._row))

    def __repr__(self) -> str:
        return f'<Exchange {self.id}: {self.method} {self.target}>'

    @property
    def request(self) -> RequestFrame:
        """The request, read once and kept by this handle."""
        if self._request is None:
            frame = self._read(self._index.requests[self._row])
            assert isinstance(frame, RequestFrame)
            self._request = frame
        return self._request

    @property
    def id(self) -> int:
        return self.request.id

    @property
    def at_us(self) -> int:
        """When the request came, in microseconds since the start of the recording."""
        return self.request.at_us

    @property
    def method(self) -> str:
        return self.request.method

    @property
    def target(self) -> str:
        """The raw path and query."""
        return self.request.target

    @property
    def response(self) -> ResponseFrame | None:
        """The head of the response; None if there was none."""
        position = self._index.responses[self._row]
        if position == ABSENT:
            return None
        frame = self._read(position)
        assert isinstance(frame, ResponseFrame)
        return frame

    @property
    def end(self) -> EndFrame | None:
        """How and when it ended; None if the recording ended first."""
        position = self._index.ends[self._row]
        if position == ABSENT:
            return None
        frame = self._read(position)
        assert isinstance(frame, EndFrame)
        return frame

    @property
    def outcome(self) -> Outcome:
        """How it ended; UNFINISHED also if the recording was killed before."""
        end = self.end
        return Outcome.UNFINISHED if end is None else end.outcome

    @property
    def chunk_count(self) -> int:
        """The number of pieces of the response's body."""
        return len(self._index.chunks(self._row))

    @property
    def body_size(self) -> int:
        """The length of the response's body in bytes, as far as it was recorded."""
        return self._index.body_sizes[self._row]

    @property
    def request_body_complete(self) -> bool:
        """False if a request's body came in pieces and the last one was never seen."""
        return not self._index.is_streaming(self._row)

    def request_body(self) -> bytes | None:
        """The request's body as far as it was recorded; None if none was announced."""
        if not self.request.streamed:
            return self.request.body
        return b''.join(piece.data for piece in self.request_pieces())

    def request_pieces(self) -> Iterator[BodyFrame]:
        """The pieces of a streamed request body."""
        for frame in map(self._read, self._index.pieces(self._row)):
            assert isinstance(frame, BodyFrame)
            yield frame

    def chunks(self) -> Iterator[ChunkFrame]:
        """The pieces of the response's body, each read when it is asked for."""
        for frame in map(self._read, self._index.chunks(self._row)):
            assert isinstance(frame, ChunkFrame)
            yield frame

    def tunnel(self) -> Iterator[TunnelFrame]:
        """What passed through the upgraded connection, in both directions."""
        for frame in map(self._read, self._index.tunnel(self._row)):
            assert isinstance(frame, TunnelFrame)
            yield frame

    def body(self, limit: int | None = None) -> bytes:
        """The response's body, or its first `limit` bytes."""
        pieces: list[bytes] = []
        size = 0
        for chunk in self.chunks():
            pieces.append(chunk.data)
            size += len(chunk.data)
            if limit is not None and size >= limit:
                break
        return b''.join(pieces)[:limit]


class _Exchanges(Sequence[Exchange]):
    """The exchanges of a cassette; each item is a new handle, so that none costs anything while nobody looks."""

    def __init__(self, index: FrameIndex, read: Callable[[int], Frame]) -> None:
        self._index = index
        self._read = read

    def __len__(self) -> int:
        return len(self._index)

    @overload
    def __getitem__(self, item: int) -> Exchange: ...
    @overload
    def __getitem__(self, item: slice) -> list[Exchange]: ...
    def __getitem__(self, item: int | slice) -> Exchange | list[Exchange]:
        rows = range(len(self._index))[item]
        if isinstance(rows, range):
            return [Exchange(self._index, row, self._read) for row in rows]
        return Exchange(self._index, rows, self._read)


class _MemorySource:
    """Frames in a list; a position is the place in it."""

    def __init__(self, frames: list[Frame]) -> None:
        self._frames = frames

    def read(self, position: int) -> Frame:
        return self._frames[position]

    def close(self) -> None:
        pass


class Cassette:
    """A recording: a header and the exchanges in the order of their arrival. Close it, or use it in a `with`.

    Attributes:
        header: what is known of the recording as a whole, the changes by notes included.
        exchanges: in the order in which the requests came; each item is read from the file on demand.
        notes: what was noted on the way, e.g. why the recording stopped.
        problems: what is wrong with the file, a line each; such parts are left out.
        name: how to call the cassette in messages: its path, where it has one.
    """

    def __init__(
        self,
        header: Header,
        index: FrameIndex,
        source: FrameSource,
        *,
        notes: Iterable[NoteFrame] = (),
        problems: Iterable[str] = (),
        name: str = 'the cassette',
    ) -> None:
        self.header = header
        self.exchanges: Sequence[Exchange] = _Exchanges(index, source.read)
        self.notes: tuple[NoteFrame, ...] = tuple(notes)
        self.problems: list[str] = list(problems)
        self.name = name
        self._index = index
        self._source = source

    @classmethod
    def from_frames(cls, header: Header, frames: Iterable[Frame], *, name: str = 'the cassette') -> 'Cassette':
        """A cassette in memory, for tests and small things."""
        kept = list(frames)
        index = FrameIndex()
        problems = Problems()
        notes: list[NoteFrame] = []
        for position, frame in enumerate(kept):
            problem = index.add(position, frame)
            if problem is not None:
                problems.add(f'Frame {position} is left out: {problem}.')
            elif isinstance(frame, NoteFrame):
                notes.append(frame)
                header = apply_note(header, frame, problems)
        return cls(header, index, _MemorySource(kept), notes=notes, problems=problems.lines(), name=name)

    def __repr__(self) -> str:
        return f'<Cassette {self.name}: {len(self.exchanges)} exchanges>'

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def duration_us(self) -> int:
        """When the last thing happened, in microseconds since the start."""
        return self._index.duration_us

    @property
    def positions(self) -> 'array[int]':
        """Where the accepted frames are, in the order of the file."""
        return self._index.order

    def read(self, position: int) -> Frame:
        """The frame at one of the positions."""
        return self._source.read(position)

    def frames(self) -> Iterator[Frame]:
        """All frames in the order of the file, each read when it is asked for."""
        return map(self._source.read, self._index.order)

    def close(self) -> None:
        """Close the file. What was read remains usable, the rest does not. Closing twice is fine."""
        self._source.close()


def apply_note(header: Header, note: NoteFrame, problems: Problems) -> Header:
    """The header with the changes that a note brings; what it can't change is reported."""
    changes: dict[str, Any] = {}
    for name, value in note.changes.items():
        if name == 'redacted' and isinstance(value, list | tuple) and all(isinstance(line, str) for line in value):
            changes[name] = tuple(value)
        elif (name == 'server' and value is None) or (name in {'server', 'matching'} and isinstance(value, Mapping)):
            changes[name] = value
        else:
            problems.add(f'A note can not change {name!r} of the header to {value!r:.60}.')
    return dataclasses.replace(header, **changes) if changes else header
