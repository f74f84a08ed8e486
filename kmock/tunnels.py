"""What aiohttp's parser may see of a connection; and connections that stop speaking HTTP, which are tunnelled.

aiohttp knows only WebSocket upgrades, and parses or drops what follows any other upgrade request. So a `Connection`
feeds aiohttp up to the end of each head, and holds back what comes behind an upgrade request until it is answered:
after a 101 the transport is taken over by a `Tunnel`; after any other answer the bytes go to aiohttp as usual.

Its parser also knows a fixed list of methods only. Any other one (RFC 9110, 9.1, leaves the list open) is passed off
as POST, which means nothing to the parser, and put right in the message that comes out.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import StreamReader, web
from aiohttp.http import HttpProcessingError, RawRequestMessage

from kmock.messages import BodyInterrupted, Duplex, Ending, Outcome

__all__ = ['Connection', 'Tunnel']

logger = logging.getLogger('kmock')

_HEAD_END = b'\r\n\r\n'
_METHOD = re.compile(rb"(?:\r\n)?([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64})")  # an empty line may precede (RFC 9112, 2.2)
_STANDARD = frozenset({b'GET', b'HEAD', b'POST', b'PUT', b'PATCH', b'DELETE', b'OPTIONS', b'CONNECT', b'TRACE'})
_ACCEPTED = b'POST'
_FRAMING = re.compile(rb'\n(?:(content-length)|upgrade|transfer-encoding)[ \t]*:[ \t]*(\d*)', re.IGNORECASE)
_BLANK = ord(' ')
_HIGH_WATER = 64 * 1024
_GRACE_SECONDS = 2.0
"""How long the other direction of a tunnel may be silent after one has ended."""


def _is_one_request(method: bytes, data: bytes, start: int) -> bool:
    """Whether a request that begins there is all that the bytes hold: a head and its body, and no upgrade."""
    head = data.find(_HEAD_END, start)
    rest = len(data) - head - len(_HEAD_END)
    if head < 0 or not rest or method == b'CONNECT':
        return False
    framing = _FRAMING.findall(data, start, head + 2)
    return len(framing) == 1 and framing[0][0] != b'' and framing[0][1].isdigit() and int(framing[0][1]) == rest


class Connection(web.RequestHandler):
    """One connection of a client, as aiohttp's server has it."""

    # Names that no version of aiohttp has for its own attributes.
    __slots__ = (
        '_awaited_upgrade',
        '_begun_method',
        '_crowded',
        '_held_bytes',
        '_held_for',
        '_last_content',
        '_last_length',
        '_last_message',
        '_odd_method',
        '_on_lost',
        '_on_made',
        '_own_transport',
        '_segment_end',
        '_within_head',
    )

    def __init__(
        self,
        *args: Any,
        on_made: Callable[[asyncio.Transport], None],
        on_lost: Callable[[asyncio.Transport], None],
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self._on_made = on_made
        self._on_lost = on_lost
        self._own_transport: asyncio.Transport | None = None  # aiohttp forgets its own when it closes it
        self._held_bytes: bytearray | None = None
        self._held_for: Mapping[str, str] | None = None
        self._last_content: StreamReader | None = None  # the last request's body
        self._awaited_upgrade: Mapping[str, str] | None = None  # the headers of an upgrade request without all its body
        self._segment_end = b''
        self._last_length: int | None = None  # its Content-Length
        self._last_message: object = None
        self._within_head = False  # whether aiohttp has a part of a request's head
        self._begun_method = b''  # the first bytes of a request, as long as they do not tell its method
        self._odd_method: str | None = None  # that of the request on its way, if the parser may not know it
        self._crowded = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._own_transport = transport
        self._on_made(transport)
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        if self._own_transport is not None:
            self._on_lost(self._own_transport)
            self._own_transport = None

    def data_received(self, data: bytes) -> None:
        if not data:  # so aiohttp tells itself to go on with what it has
            super().data_received(data)
            self._notice()
            return
        if self._begun_method:
            data, self._begun_method = self._begun_method + data, b''
        start, size = 0, len(data)
        while start < size and self._held_bytes is None:
            method = self._method_at(data, start)
            if method is not None and method.end() == size:
                self._begun_method, self._segment_end = data[start:], b''
                return
            if method is not None and _is_one_request(method[1], data, start):
                end = size
            else:
                end = self._portion_end(data, start)
            portion = data if end - start == size else data[start:end]
            if method is not None and data[method.end()] == _BLANK and method[1] not in _STANDARD:
                self._odd_method = method[1].decode()
                portion = _ACCEPTED + data[method.end() : end]
            self._within_head = self._within_head or (self._between_requests and portion.strip(b'\r\n') != b'')
            super().data_received(portion)
            self._notice()
            start = end
        # A head may end within the next bytes.
        self._segment_end = b'' if data.endswith(_HEAD_END) else (self._segment_end + data[-3:])[-3:]
        if start < size:
            self._hold(data[start:])

    @property
    def _between_requests(self) -> bool:
        return not self._within_head and (self._last_content is None or self._last_content.is_eof())

    def _method_at(self, data: bytes, start: int) -> re.Match[bytes] | None:
        """The method, or the beginning of one, if a request begins there."""
        # aiohttp reads no more while its queue is full, and then nobody can tell where requests begin.
        self._crowded = self._crowded or getattr(self, '_buffer_paused', False)
        return _METHOD.match(data, start) if self._between_requests and not self._crowded else None

    def _portion_end(self, data: bytes, start: int) -> int:
        """Where the bytes end that aiohttp may see at once: a head or a body has ended there, or the data."""
        if self._last_content is not None and not self._last_content.is_eof():
            if self._last_length is not None:
                return min(len(data), start + max(1, self._last_length - self._last_content.total_bytes))
            if self._awaited_upgrade is not None:  # a body of unknown length is taken to last
                return len(data)
        if start == 0 and self._segment_end:
            position = (self._segment_end + data[:3]).find(_HEAD_END)
            if position >= 0:
                return position + len(_HEAD_END) - len(self._segment_end)
        position = data.find(_HEAD_END, start)
        return len(data) if position < 0 else position + len(_HEAD_END)

    def _notice(self) -> None:
        """Look at what aiohttp has made of a portion: a request, an upgrade request if complete, or a broken body."""
        if self._messages and self._messages[-1] is not self._last_message:
            self._notice_message(*self._messages[-1])
            self._last_message = self._messages[-1]
            self._within_head = False
        if self._awaited_upgrade is not None and self._last_content is not None and self._last_content.is_eof():
            self._held_for, self._awaited_upgrade = self._awaited_upgrade, None
            self._held_bytes = bytearray()

    def _notice_message(self, message: Any, content: StreamReader) -> None:
        odd_method, self._odd_method = self._odd_method, None
        if isinstance(message, RawRequestMessage):
            if odd_method is not None:
                message = message._replace(method=odd_method)
                self._messages[-1] = message, content
            length = message.headers.get('Content-Length')
            self._last_length = None if length is None else int(length)
            self._last_content = content
            self._awaited_upgrade = message.headers if message.upgrade else None
        elif self._last_content is not None and not self._last_content.is_eof():
            # aiohttp would answer this as the next request, and let the present one wait for its body for ever.
            self._last_content.set_exception(web.RequestPayloadError(message.message))

    def _hold(self, data: bytes) -> None:
        assert self._held_bytes is not None
        self._held_bytes += data
        if len(self._held_bytes) > _HIGH_WATER and self._own_transport is not None:
            self._own_transport.pause_reading()

    def holds_for(self, request: web.BaseRequest) -> bool:
        """Whether this is the upgrade request behind which bytes are held back."""
        return self._held_bytes is not None and self._held_for is request.headers

    def release(self) -> None:
        """Let aiohttp have what was held back: the upgrade request was answered as any other."""
        if self._held_bytes is None:
            return
        held, self._held_bytes = bytes(self._held_bytes), None
        if self._own_transport is not None and not self._own_transport.is_closing():
            if len(held) > _HIGH_WATER:
                self._own_transport.resume_reading()
            if held:
                self.data_received(held)

    def surrender(self) -> tuple[asyncio.Transport, bytes]:
        """Give the transport away for good, and the bytes held back so far.

        The new owner calls `connection_lost` when the transport does.

        Raises:
            ConnectionResetError: the client has left already.
        """
        if self._own_transport is None or self._own_transport.is_closing():
            raise ConnectionResetError('The client left before the connection was upgraded.')
        early, self._held_bytes = bytes(self._held_bytes or b''), bytearray()
        return self._own_transport, early

    def log_exception(self, *args: Any, **kwargs: Any) -> None:
        """Called by aiohttp; a request that can't be parsed is the client's mistake, and worth one line."""
        error = kwargs.get('exc_info')
        if isinstance(error, HttpProcessingError | web.RequestPayloadError):
            text = ' '.join(str(error).split())
            logger.warning('A malformed request was refused: %s', text)
        else:
            logger.error(*args, exc_info=error)


class ClientLeftError(ConnectionResetError):
    """The client's side of a tunnel is gone."""


class Tunnel(asyncio.Protocol):
    """The client's side of an upgraded connection; it owns the transport."""

    def __init__(self, connection: Connection) -> None:
        transport, early = connection.surrender()
        self._loop = asyncio.get_running_loop()
        self._connection = connection
        self._transport = transport
        self._received = [early] if early else []
        self._size = len(early)
        self._eof = False
        self._reading_paused = False
        self._writing_paused = connection.writing_paused
        self._error: BaseException | None = None
        self._lost = False
        self._gone: asyncio.Future[None] = self._loop.create_future()
        self._moved = 0
        self._finished = False
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        transport.set_protocol(self)
        transport.resume_reading()

    @property
    def transport(self) -> asyncio.Transport:
        return self._transport

    # --- what the transport calls

    def data_received(self, data: bytes) -> None:
        self._received.append(data)
        self._size += len(data)
        if self._size > _HIGH_WATER and not self._reading_paused:
            self._reading_paused = True
            self._transport.pause_reading()
        self._wake(self._reader)

    def eof_received(self) -> bool:
        self._eof = True
        self._wake(self._reader)
        return self._transport.can_write_eof()  # TLS can't be half-closed: its transport closes itself

    def connection_lost(self, exc: BaseException | None) -> None:
        self._lost = self._eof = True
        self._error = exc
        self._wake(self._gone)
        self._wake(self._reader)
        self._wake(self._writer)
        if self._finished:
            self._connection.connection_lost(exc)

    def pause_writing(self) -> None:
        self._writing_paused = True

    def resume_writing(self) -> None:
        self._writing_paused = False
        self._wake(self._writer)

    @staticmethod
    def _wake(waiter: asyncio.Future[None] | None) -> None:
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    # --- the client's side as a duplex

    async def read(self) -> bytes:
        """The next bytes from the client; empty at their end. Raises ConnectionError if the client broke off."""
        while not self._received and not self._eof:
            self._reader = self._loop.create_future()
            await self._reader
        if not self._received:
            if self._error is not None:
                raise ClientLeftError('The client broke the upgraded connection off.') from self._error
            return b''
        data = b''.join(self._received)
        self._received.clear()
        self._size = 0
        if self._reading_paused and not self._lost:
            self._reading_paused = False
            self._transport.resume_reading()
        return data

    async def write(self, data: bytes) -> None:
        """Send bytes to the client; waits while its buffers are full. Raises ConnectionError if it has left."""
        if not self._lost and not self._transport.is_closing():
            self._transport.write(data)
            while self._writing_paused and not self._lost:
                self._writer = self._loop.create_future()
                await self._writer
        if self._lost:
            raise ClientLeftError('The client left the upgraded connection.')

    async def write_eof(self) -> None:
        """Tell the client that nothing more is sent, where the transport can."""
        if not self._lost and not self._transport.is_closing() and self._transport.can_write_eof():
            try:
                self._transport.write_eof()
            except OSError as error:  # the connection is reset, which the loop will tell of
                raise ClientLeftError('The client left the upgraded connection.') from error

    async def close(self) -> None:
        """Leave the client, after what was written has gone out."""
        if not self._lost:
            self._transport.close()

    def finish(self) -> None:
        """Let aiohttp finish its connection as soon as it is lost: it cancels the task that serves it then."""
        self._finished = True
        if self._lost:
            self._loop.call_soon(self._connection.connection_lost, self._error)

    # --- pumping

    async def pump(self, far: Duplex) -> tuple[Outcome, Ending]:
        """Pass bytes in both directions until the tunnel is over; tell how it ended, and how to leave the client.

        When one side ends, the other is told, and may still say something until it is silent for a while.
        """
        inward = self._loop.create_task(self._copy(self, far), name='kmock tunnel from client')
        outward = self._loop.create_task(self._copy(far, self), name='kmock tunnel to client')
        try:
            await self._settle(inward, outward)
        finally:
            inward.cancel()
            outward.cancel()
            await asyncio.gather(inward, outward, return_exceptions=True)
        for task in (inward, outward):
            if not task.cancelled() and (error := task.exception()) is not None:
                return self._judge(error)
        return Outcome.COMPLETE, Ending.CLEAN

    async def _copy(self, source: Duplex, sink: Duplex) -> None:
        while data := await source.read():
            await sink.write(data)
            self._moved += len(data)
        await sink.write_eof()

    async def _settle(self, inward: asyncio.Task[None], outward: asyncio.Task[None]) -> None:
        timeout = None
        while True:
            pending: set[asyncio.Future[None]] = {each for each in (inward, outward) if not each.done()}
            if self._lost:
                pending.discard(outward)
            failed = any(each.done() and each.exception() is not None for each in (inward, outward))
            untold = outward.done() and not self._transport.can_write_eof()
            if not pending or failed or untold:
                return
            if not self._lost:
                pending.add(self._gone)
            moved = self._moved
            done, _ = await asyncio.wait(pending, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if not done and self._moved == moved:
                return
            timeout = _GRACE_SECONDS

    def _judge(self, error: BaseException) -> tuple[Outcome, Ending]:
        match error:
            case ClientLeftError():
                return Outcome.CLIENT_CLOSED, Ending.CLEAN
            case ConnectionResetError() | BodyInterrupted(ending=Ending.RESET):
                return Outcome.RESET, Ending.RESET
            case ConnectionError() | BodyInterrupted():
                return Outcome.SERVER_CLOSED, Ending.CLEAN
            case _:
                logger.error('An upgraded connection failed.', exc_info=error)
                return Outcome.SERVER_CLOSED, Ending.CLEAN
