"""A scripted HTTP/1.1 client: repeats the requests of a cassette over raw streams, and notes every byte that it gets.

It shares no code with the server and the client under test: it has its own reading of heads, chunks and endings.
Each request has a connection of its own. What was seen comes back as a cassette, with the ids of the script,
to be compared with the script by `comparing.py`.
"""

import asyncio
import contextlib
import dataclasses
import ssl
from collections.abc import AsyncIterator, Iterable
from urllib.parse import urlsplit

from kmock.messages import Outcome
from kmock.recording.cassette import Cassette, ChunkFrame, EndFrame, Exchange, Frame, Header, ResponseFrame

__all__ = ['play_script']

PIECE_SIZE = 65536
PATIENCE_SECONDS = 90
UNANSWERED_SECONDS = 0.1
HOP_BY_HOP = frozenset(
    {'connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade'}
)
LEAVING = frozenset({Outcome.CLIENT_CLOSED, Outcome.UNFINISHED})


async def play_script(
    script: Cassette, url: str, *, speed: float | None = None, tls: ssl.SSLContext | None = None
) -> Cassette:
    """Repeat the requests of the script against the server at this URL, and return what came back.

    Args:
        speed: how many times faster than recorded; None is as fast as the order allows: a request waits for those
            responses and ends that had come before it in the recording, and for nothing else.
    """
    run = _Run(script, url, speed, tls)
    async with asyncio.timeout(PATIENCE_SECONDS), asyncio.TaskGroup() as group:
        for exchange in script.exchanges:
            await run.wait_for_turn(exchange)
            group.create_task(run.play(exchange))
            await run.sent[exchange.id].wait()
    return Cassette.from_frames(Header(created=script.header.created), run.frames)


class _Run:
    """One run of a script: what was seen so far, and who waits for whom."""

    def __init__(self, script: Cassette, url: str, speed: float | None, tls: ssl.SSLContext | None) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname, parts.port)
        self._tls = tls
        self._speed = speed
        exchanges = tuple(script.exchanges)
        self._responses = [(each.id, frame.at_us) for each in exchanges if (frame := each.response) is not None]
        self._ends = [(each.id, frame.at_us) for each in exchanges if (frame := each.end) is not None]
        self._clock = asyncio.get_running_loop().time
        self._started = self._clock()
        self.sent = {exchange.id: asyncio.Event() for exchange in exchanges}
        self._answered = {exchange.id: asyncio.Event() for exchange in exchanges}
        self._ended = {exchange.id: asyncio.Event() for exchange in exchanges}
        self.frames: list[Frame] = []

    @property
    def now_us(self) -> int:
        return round((self._clock() - self._started) * 1_000_000)

    async def wait_for_turn(self, exchange: Exchange) -> None:
        if self._speed is not None:
            await asyncio.sleep(exchange.at_us / 1_000_000 / self._speed - (self._clock() - self._started))
            return
        for number, at_us in self._ends:
            if at_us <= exchange.at_us:
                await self._ended[number].wait()
        for number, at_us in self._responses:
            if at_us <= exchange.at_us:
                await self._answered[number].wait()

    async def play(self, exchange: Exchange) -> None:
        outcome = await self._converse(exchange)
        self.frames.append(EndFrame(id=exchange.id, at_us=self.now_us, outcome=outcome))
        for event in (self.sent, self._answered, self._ended):
            event[exchange.id].set()

    async def _converse(self, exchange: Exchange) -> Outcome:
        """Send the request, receive the response, and tell how it ended."""
        try:
            reader, writer = await asyncio.open_connection(*self._address, ssl=self._tls)
        except OSError:
            self._note_request(exchange)
            return Outcome.ERROR
        try:
            self._note_request(exchange)
            writer.write(_encode(exchange))
            await writer.drain()
            self.sent[exchange.id].set()
            await self._receive(exchange, _Incoming(reader, self._moment_of_leaving(exchange)))
        except _Leaving:
            return Outcome.CLIENT_CLOSED
        except EOFError:
            return Outcome.SERVER_CLOSED if self._answered[exchange.id].is_set() else Outcome.ERROR
        except ConnectionError:
            return Outcome.RESET if self._answered[exchange.id].is_set() else Outcome.ERROR
        else:
            return Outcome.COMPLETE
        finally:
            writer.close()
            with contextlib.suppress(OSError, ssl.SSLError):  # it has ended one way or the other: noted above
                await writer.wait_closed()

    def _note_request(self, exchange: Exchange) -> None:
        """Its time is that of sending: how long it took to connect is no part of the exchange."""
        body = exchange.request_body()
        self.frames.append(dataclasses.replace(exchange.request, at_us=self.now_us, body=body, streamed=False))

    def _moment_of_leaving(self, exchange: Exchange) -> '_Departure | None':
        if exchange.outcome not in LEAVING:
            return None
        if self._speed is not None and exchange.end is not None:
            when = self._clock() + (exchange.end.at_us - exchange.at_us) / 1_000_000 / self._speed
        else:
            when = self._clock() + (UNANSWERED_SECONDS if exchange.response is None else 0)
        return _Departure(when=when, answered=exchange.response is not None, size=exchange.body_size)

    async def _receive(self, exchange: Exchange, incoming: '_Incoming') -> None:
        status, reason, headers = await incoming.head()
        while 100 <= status < 200 and status != 101:
            status, reason, headers = await incoming.head()
        told = tuple((name, value) for name, value in headers if name.lower() not in HOP_BY_HOP)
        self.frames.append(ResponseFrame(id=exchange.id, at_us=self.now_us, status=status, reason=reason, headers=told))
        self._answered[exchange.id].set()
        incoming.answered = True
        async for data, partial in incoming.body(exchange.method, status, headers):
            self.frames.append(ChunkFrame(id=exchange.id, at_us=self.now_us, data=data, partial=partial))
            incoming.taken += len(data)


class _Leaving(Exception):
    """The script says that the client leaves here."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Departure:
    """When a client leaves: at this moment, but not before it has got so much."""

    when: float
    answered: bool
    size: int


class _Incoming:
    """What comes from the server, read by the grammar of RFC 9112."""

    def __init__(self, reader: asyncio.StreamReader, departure: _Departure | None) -> None:
        self._reader = reader
        self._departure = departure
        self._buffer = b''
        self.answered = False
        self.taken = 0

    async def head(self) -> tuple[int, str, list[tuple[str, str]]]:
        lines = []
        while line := await self._line():
            lines.append(line.decode('utf-8', 'surrogateescape'))
        version, status, *reason = lines[0].split(' ', 2)
        assert version in {'HTTP/1.1', 'HTTP/1.0'}, lines[0]
        headers = [line.split(':', 1) for line in lines[1:]]
        return int(status), ''.join(reason), [(name, value.strip()) for name, value in headers]

    async def body(
        self, method: str, status: int, headers: Iterable[tuple[str, str]]
    ) -> AsyncIterator[tuple[bytes, bool]]:
        """The pieces of the body; the flag tells that the HTTP chunk goes on in the next piece."""
        known = {name.lower(): value for name, value in headers}
        if method == 'HEAD' or status in {101, 204, 304}:
            return
        if known.get('transfer-encoding', '').lower() == 'chunked':
            async for piece in self._chunked():
                yield piece
        elif 'content-length' in known:
            async for data, _ in self._sized(int(known['content-length'])):
                yield data, False
        else:
            with contextlib.suppress(EOFError):  # here, it is the end of the body
                while data := await self._some(PIECE_SIZE):
                    yield data, False

    async def _chunked(self) -> AsyncIterator[tuple[bytes, bool]]:
        while size := int((await self._line()).split(b';')[0], 16):
            async for piece in self._sized(size):
                yield piece
            assert await self._line() == b'', 'A chunk is longer than its size says.'
        while await self._line():
            pass

    async def _sized(self, size: int) -> AsyncIterator[tuple[bytes, bool]]:
        while size:
            data = await self._some(size)
            size -= len(data)
            yield data, bool(size)

    async def _line(self) -> bytes:
        while b'\r\n' not in self._buffer:
            self._buffer += await self._read()
        line, self._buffer = self._buffer.split(b'\r\n', 1)
        return line

    async def _some(self, limit: int) -> bytes:
        if not self._buffer:
            self._buffer = await self._read()
        data, self._buffer = self._buffer[:limit], self._buffer[limit:]
        return data

    async def _read(self) -> bytes:
        """The next bytes from the socket; raises EOFError at their end, and _Leaving when the time has come."""
        leave = self._departure
        when = None
        if leave is not None and self.taken >= leave.size and self.answered >= leave.answered:
            when = leave.when
        try:
            async with asyncio.timeout_at(when):
                data = await self._reader.read(PIECE_SIZE)
        except TimeoutError:
            raise _Leaving from None
        if not data:
            raise EOFError
        return data


def _encode(exchange: Exchange) -> bytes:
    """The request as on the wire. A body without a recorded length was sent in chunks."""
    request, body = exchange.request, exchange.request_body()
    names = {name.lower() for name, _ in request.headers}
    lines = [f'{request.method} {request.target} HTTP/1.1']
    lines += [f'{name}: {value}' for name, value in request.headers]
    if 'host' not in names:
        lines.append('Host: scripted.example')
    if body is not None and 'content-length' not in names:
        lines.append('Transfer-Encoding: chunked')
        body = b'%x\r\n%b\r\n0\r\n\r\n' % (len(body), body) if body else b'0\r\n\r\n'
    return '\r\n'.join([*lines, '', '']).encode('utf-8', 'surrogateescape') + (body or b'')
