"""When each piece of a recorded exchange is due in a replay, and how the exchange ends: pace, pieces, endings.

A piece is due at *the request's arrival in this replay + the recorded distance from the request*. Nothing is counted
from one piece to the next, so an error never adds up over a stream.
"""

import dataclasses
from collections.abc import Iterable, Iterator

from kmock.clock import Clock, InstantClock, ScaledClock
from kmock.messages import ChunkPart, Ending, Outcome
from kmock.recording.cassette import ChunkFrame, Exchange

__all__ = ['JOINED_BYTES', 'Piece', 'Schedule', 'ending_of', 'pace_clock', 'pieces_of']

JOINED_BYTES = 64 * 1024
"""An HTTP chunk of up to this size is delivered whole, however many pieces it came in."""

_BODILESS = frozenset({204, 304})


def pace_clock(pace: str | float, clock: Clock) -> Clock:
    """The clock on which a replay runs.

    Args:
        pace: `original`, `instant`, or a number: how many times as fast as the recording (a text with a number, too).
        clock: the clock by which requests arrive.

    Raises:
        ValueError: it is none of these.
    """
    if pace == 'original':
        return clock
    if pace == 'instant':
        return InstantClock(clock)
    try:
        return ScaledClock(clock, float(pace))
    except ValueError:
        raise ValueError(f"The pace is 'original', 'instant', or a number above zero, not {pace!r}.") from None


class Schedule:
    """Translates the times of one recorded exchange into those of the present replay.

    Args:
        exchange: what was recorded.
        clock: the clock of the replay, see `pace_clock`.
        arrived: when the request arrived in this replay, by the clock that was given to `pace_clock`.
    """

    def __init__(self, exchange: Exchange, clock: Clock, arrived: float) -> None:
        self._clock = clock
        self._start = clock.at(arrived) if isinstance(clock, ScaledClock) else arrived
        self._origin_us = exchange.at_us

    def due(self, at_us: int) -> float:
        """The moment, on the clock of the replay, of what was recorded at so many microseconds."""
        return self._start + (at_us - self._origin_us) / 1_000_000

    async def sleep_until(self, at_us: int) -> None:
        """Wait for the moment of what was recorded at so many microseconds."""
        await self._clock.sleep_until(self.due(at_us))


@dataclasses.dataclass(frozen=True, slots=True)
class Piece:
    """What to send, and when (in recorded microseconds). A ChunkPart does not end its HTTP chunk; other bytes do."""

    at_us: int
    data: bytes


def pieces_of(chunks: Iterable[ChunkFrame]) -> Iterator[Piece]:
    """The pieces of a body as they are to be sent; looks ahead by no more than `JOINED_BYTES` and one piece.

    The pieces of an HTTP chunk are joined, and due when the last of them came. Those of a chunk that is larger,
    or that never came to its end, are passed on one by one. What is empty is skipped: HTTP has no empty chunks.
    """
    held: list[ChunkFrame] = []  # the unfinished chunk, as far as it can still be joined
    size = 0
    joining = True
    for chunk in chunks:
        if chunk.data:
            held.append(chunk)
            size += len(chunk.data)
        if not chunk.partial:
            if joining and held:
                yield Piece(chunk.at_us, b''.join(each.data for each in held))
            else:
                yield from _parts(held[:-1])
                yield from (Piece(each.at_us, each.data) for each in held[-1:])
            held, size, joining = [], 0, True
        elif size > JOINED_BYTES:
            # The last piece waits: it ends the chunk if nothing but the end follows.
            joining = False
            yield from _parts(held[:-1])
            held = held[-1:]
    yield from _parts(held)


def _parts(chunks: Iterable[ChunkFrame]) -> Iterator[Piece]:
    return (Piece(chunk.at_us, ChunkPart(chunk.data)) for chunk in chunks)


def is_bodiless(method: str, status: int) -> bool:
    """Whether a response ends with its head, whatever its headers announce (RFC 9112, 6.3)."""
    return method.upper() == 'HEAD' or status in _BODILESS or 100 <= status < 200


def announced_length(exchange: Exchange) -> int | None:
    """The Content-Length of the recorded response; None if there is none, or no valid one."""
    if exchange.response is None:
        return None
    values = {value.strip() for name, value in exchange.response.headers if name.lower() == 'content-length'}
    value = values.pop() if len(values) == 1 else ''
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None


def ending_of(exchange: Exchange) -> Ending:
    """How the server leaves the response to this exchange.

    A client that left, or a recording that was stopped, says nothing about the server: it would have gone on,
    so the response is held open, unless it was complete by then.
    """
    if exchange.response is not None and is_bodiless(exchange.method, exchange.response.status):
        return Ending.CLEAN
    match exchange.outcome:
        case Outcome.COMPLETE:
            return Ending.CLEAN
        case Outcome.RESET:
            return Ending.RESET
        case Outcome.SERVER_CLOSED | Outcome.ERROR:
            return Ending.CUT
        case Outcome.CLIENT_CLOSED | Outcome.UNFINISHED:
            length = announced_length(exchange)
            return Ending.CLEAN if length is not None and exchange.body_size >= length else Ending.HELD
