"""FrameIndex: which frame belongs to which exchange, and where it is. No frame is kept, only positions.

A position is a number by which a frame source finds its frame again: an offset in a file, a place in a list.
The index also judges what makes no sense (a chunk without a response, a second end): such a frame is refused.
"""

from array import array

from kmock.recording.frames import (
    BodyFrame,
    ChunkFrame,
    EndFrame,
    Frame,
    NoteFrame,
    RequestFrame,
    ResponseFrame,
    TunnelFrame,
)

__all__ = ['ABSENT', 'MAX_EXCHANGES', 'FrameIndex']

ABSENT = 2**64 - 1
"""The position of a frame that is not there."""

MAX_EXCHANGES = 500_000
"""A bound for what a cassette may cost in memory before anything of it is used."""

_NOWHERE = array('Q')


class FrameIndex:
    """Positions of frames in columns, one row for each exchange, so that a million chunks cost eight megabytes twice.

    Each method that adds a frame returns None, or says in a few words why the frame is refused.
    """

    def __init__(self) -> None:
        self.order = array('Q')
        """The positions of all accepted frames, in the order of the file."""
        self.requests = array('Q')
        self.responses = array('Q')
        self.ends = array('Q')
        self.body_sizes = array('Q')
        """How long each response's body is, as far as it was recorded."""
        self.duration_us = 0
        self._rows: dict[int, int] = {}
        self._chunks: dict[int, array[int]] = {}
        self._pieces: dict[int, array[int]] = {}
        self._tunnels: dict[int, array[int]] = {}
        self._streaming: set[int] = set()

    def __len__(self) -> int:
        return len(self.requests)

    def chunks(self, row: int) -> 'array[int]':
        """The positions of the chunks of the response's body."""
        return self._chunks.get(row, _NOWHERE)

    def pieces(self, row: int) -> 'array[int]':
        """The positions of the pieces of the request's body."""
        return self._pieces.get(row, _NOWHERE)

    def tunnel(self, row: int) -> 'array[int]':
        """The positions of what passed through the upgraded connection."""
        return self._tunnels.get(row, _NOWHERE)

    def is_streaming(self, row: int) -> bool:
        """Whether the request's body came in pieces, of which the last one is missing."""
        return row in self._streaming

    def add(self, position: int, frame: Frame) -> str | None:
        """Add a frame of any kind."""
        match frame:
            case ChunkFrame():
                return self.add_chunk(position, frame.id, frame.at_us, len(frame.data))
            case RequestFrame():
                return self._add_request(position, frame)
            case ResponseFrame():
                return self._add_response(position, frame)
            case EndFrame():
                return self._add_end(position, frame)
            case BodyFrame():
                return self._add_piece(position, frame)
            case TunnelFrame():
                return self._add_tunnel(position, frame)
            case NoteFrame():
                self._accept(position, frame.at_us)
                return None

    def add_chunk(self, position: int, id: int, at_us: int, size: int) -> str | None:
        """Add a chunk; the most frequent of all frames, so it needs no object."""
        row = self._rows.get(id)
        if row is None:
            return f'a chunk of exchange {id}, which has no request'
        if self.ends[row] != ABSENT:
            return f'a chunk of exchange {id}, which has ended before'
        if self.responses[row] == ABSENT:
            return f'a chunk of exchange {id} before its response'
        positions = self._chunks.get(row)
        if positions is None:
            positions = self._chunks[row] = array('Q')
        positions.append(position)
        self.body_sizes[row] += size
        self._accept(position, at_us)
        return None

    def _add_request(self, position: int, frame: RequestFrame) -> str | None:
        if frame.id in self._rows:
            return f'a second request with the id {frame.id}'
        row = len(self.requests)
        if row >= MAX_EXCHANGES:
            return f'exchange {frame.id}: a cassette holds up to {MAX_EXCHANGES:,} exchanges'
        self._rows[frame.id] = row
        self.requests.append(position)
        self.responses.append(ABSENT)
        self.ends.append(ABSENT)
        self.body_sizes.append(0)
        if frame.streamed:
            self._streaming.add(row)
        self._accept(position, frame.at_us)
        return None

    def _add_response(self, position: int, frame: ResponseFrame) -> str | None:
        row, problem = self._open_row(frame.id, 'a response')
        if problem is None and self.responses[row] != ABSENT:
            problem = f'a second response in exchange {frame.id}'
        if problem is None:
            self.responses[row] = position
            self._accept(position, frame.at_us)
        return problem

    def _add_end(self, position: int, frame: EndFrame) -> str | None:
        row, problem = self._open_row(frame.id, 'an end')
        if problem is None:
            self.ends[row] = position
            self._accept(position, frame.at_us)
        return problem

    def _add_piece(self, position: int, frame: BodyFrame) -> str | None:
        row, problem = self._open_row(frame.id, 'a piece of a request body')
        if problem is None and row not in self._streaming:
            problem = f'a piece of a request body in exchange {frame.id}, which awaits none'
        if problem is None:
            self._pieces.setdefault(row, array('Q')).append(position)
            self._accept(position, frame.at_us)
            if frame.last:
                self._streaming.discard(row)
        return problem

    def _add_tunnel(self, position: int, frame: TunnelFrame) -> str | None:
        row, problem = self._open_row(frame.id, 'a tunnel frame')
        if problem is None:
            self._tunnels.setdefault(row, array('Q')).append(position)
            self._accept(position, frame.at_us)
        return problem

    def _open_row(self, id: int, what: str) -> tuple[int, str | None]:
        row = self._rows.get(id)
        if row is None:
            return 0, f'{what} of exchange {id}, which has no request'
        if self.ends[row] != ABSENT:
            return 0, f'{what} of exchange {id}, which has ended before'
        return row, None

    def _accept(self, position: int, at_us: int) -> None:
        self.order.append(position)
        if at_us > self.duration_us:
            self.duration_us = at_us
